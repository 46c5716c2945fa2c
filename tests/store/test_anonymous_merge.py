"""A store to share: nothing of the machine, the user, the places and the commands is in its bytes, and it works."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from tests.cli.conftest import Ran, run  # noqa: F401 (a fixture)
from tests.store.made_recipes import regression, two_stages
from tests.store.made_store import PROVENANCE, MadeStore, made_store
from tune_polar.evaluate.manifest_facts import manifest_facts
from tune_polar.evaluate.summary import summarise
from tune_polar.store.codec import decode_json, encode_json
from tune_polar.store.merge import merge
from tune_polar.store.store import open_store

# Each stands in the original store's bytes: host, user, places, words of the command, what an error said.
SECRETS = ("gauss-lab", "carla", "/home", "encoders", "ernie-own", "tweets", "later.csv", "--target", "no space left")
Run = Callable[..., Ran]


@pytest.fixture
def original(tmp_path: Path) -> MadeStore:
    """A finished search of an encoder, a table and an evaluation set in somebody's home folder, with a failure."""
    home = "/home/carla"
    recipe = regression(
        encoder__name=f"{home}/encoders/ernie-own",
        data__evaluate={"later": f"{home}/later.csv"},
    )
    made = made_store(tmp_path / "own", recipe)
    about = made.store.manifest()
    about["command"] = f"tune-polar search regressor --data {home}/tweets.csv --target closeness"
    about["variant_inputs"] = {}
    about["tried"] = [{"encoder.name": f"{home}/encoders/ernie-own", "model.optimizer.lr": 0.01}]
    about["data"] |= {"name": "tweets", "files": {f"{home}/later.csv": f"{home}/later.csv"}}
    about["data"]["source"] |= {"path": f"{home}/tweets.csv", "files": {"train": [f"{home}/tweets.csv"]}}
    (made.folder / "manifest.json").write_bytes(encode_json(about))
    made.provenance = dataclasses.replace(PROVENANCE, host="gauss-lab", pid=4194271)
    made.finish(made.configuration("published"), 0.5)
    best = made.configuration({"model.optimizer.lr": 0.01})
    made.finish(best, 0.7)
    failed = made.configuration({"model.optimizer.lr": 0.02})
    made.fail(failed, f"no space left on device: '{home}/x'")
    fold = next(each for each in made.store.folds() if each.configuration_id == best.id)
    record = made.store.stage(fold.stages["model"])
    assert record is not None
    made.store.put_stage(record, {"w": np.ones(2, dtype=np.float32)})
    return made


def everything(folder: Path) -> bytes:
    """Names and bytes of all files below ``folder``."""
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    assert files
    return b"".join(str(path.relative_to(folder)).encode() + path.read_bytes() for path in files)


def test_nothing_of_people_and_machines_is_in_its_bytes(original: MadeStore, run: Run, tmp_path: Path) -> None:  # noqa: F811
    for secret in SECRETS:
        assert secret.encode() in everything(original.folder), secret
    done = run("merge", "own", "-o", "shared", "--anonymous")
    assert (done.code, done.err) == (0, "")
    assert (tmp_path / "shared/weights").is_dir()
    told = everything(tmp_path / "shared")
    host = Path("/proc/sys/kernel/hostname").read_text().strip()
    # Two letters stand in any weights
    for secret in (*SECRETS, "4194271", host if len(host) > 4 else json.dumps(host)):
        assert secret.encode() not in told, secret


def test_it_says_the_same_scores_and_merging_again_adds_nothing(original: MadeStore, run: Run, tmp_path: Path) -> None:  # noqa: F811
    run("merge", "own", "-o", "shared", "--anonymous")
    before, after = original.summary(), summarise(open_store(tmp_path / "shared"))
    assert [each.scores for each in after.configurations] == [each.scores for each in before.configurations]
    assert [each.state for each in after.configurations] == [each.state for each in before.configurations]
    assert "0 records added" in run("merge", "own", "-o", "shared", "--anonymous").out
    again = run("merge", "shared", "-o", "twice", "--anonymous")
    assert (again.code, again.err) == (0, "")
    shared, twice = open_store(tmp_path / "shared"), open_store(tmp_path / "twice")
    assert [each.id for each in twice.configurations()] == [each.id for each in shared.configurations()]
    recipe = manifest_facts(shared.manifest(), "shared").recipe
    assert (recipe.stages["model"].encoder.name, recipe.data.evaluate["later"].path) == ("./encoder-1", "./file-1.csv")
    points = [{"encoder.name": "./encoder-1", "model.optimizer.lr": 0.01}]
    assert [part["tried"] for part in (shared.manifest(), *twice.manifest()["merged"])] == [points, points]


def test_status_and_report_read_it_and_resume_asks_for_the_data(original: MadeStore, run: Run) -> None:  # noqa: F811
    run("merge", "own", "-o", "shared", "--anonymous")
    status = run("status", "shared")
    assert (status.code, status.err) == (0, "")
    assert "anonymous" in status.out
    assert run("report", "shared", "-o", "page.html").code == 0
    resumed = run("resume", "shared")
    assert resumed.code == 2
    assert "must be told where its data lies, for it was merged with --anonymous" in resumed.err
    assert "--data" in resumed.err


@pytest.mark.parametrize("variants", [{"no_x": {}}, [["no_x"]], "no_x", None])
def test_a_manifest_whose_variants_are_none_is_refused(
    original: MadeStore,
    run: Run,  # noqa: F811
    tmp_path: Path,
    variants: object,
) -> None:
    (original.folder / "manifest.json").write_bytes(encode_json({**original.store.manifest(), "variants": variants}))
    done = run("merge", "own", "-o", "shared", "--anonymous")
    assert done.code == 2
    assert "manifest.json must describe a search, but: variants" in done.err
    assert not (tmp_path / "shared").exists()


def test_a_target_with_named_records_is_refused(original: MadeStore, run: Run, tmp_path: Path) -> None:  # noqa: F811
    assert run("merge", "own", "-o", "named").code == 0
    done = run("merge", "own", "-o", "named", "--anonymous")
    assert done.code == 2
    assert "must be new or an earlier merge" in done.err
    (tmp_path / "named/manifest.json").unlink()
    done = run("merge", "own", "-o", "named", "--anonymous")
    assert done.code == 2
    assert "must be new for an anonymous merge" in done.err


def test_a_recipe_without_paths_keeps_its_ids_and_an_encoder_of_the_hub_its_name(tmp_path: Path) -> None:
    made = made_store(tmp_path / "own", two_stages(encoder__name="nghuyong/ernie-3.0-xbase-zh"))
    first = made.finish(made.configuration("published"), 0.5)
    given_up = made.configuration({"sorter.optimizer.lr": 0.01})
    made.abandon(given_up, first)
    target = open_store(tmp_path / "shared")
    merge([made.store], target, anonymous=True)
    assert {each.id for each in target.configurations()} == {first.id, given_up.id}
    assert target.abandonments() == made.store.abandonments()
    found = manifest_facts(target.manifest(), "shared").recipe
    assert found.stages["finder"].encoder.name == "nghuyong/ernie-3.0-xbase-zh"
    folds = [decode_json(path.read_bytes()) for path in (tmp_path / "shared/folds").glob("*.json")]
    assert {fold["provenance"]["host"] for fold in folds} == {"anonymous"}
