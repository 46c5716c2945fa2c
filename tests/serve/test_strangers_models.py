"""Models in a stranger's store: what is read is what its name says, or is refused with file, rule and remedy."""

from __future__ import annotations

import json
import os
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import tune_polar
from tests.cli.conftest import Ran
from tests.cli.conftest import run as run  # a fixture
from tests.store.trained_store import trained_store, with_models_of_all_rows
from tune_polar.errors import DataError, SpecError, StoreError
from tune_polar.store.codec import array_parts, decode_json, encode_json
from tune_polar.store.stored_arrays import StoredArrays

Run = Callable[..., Ran]
ALL = "--all-rows"


@pytest.fixture(scope="module")
def fitted(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A trained store, both of whose configurations have a model of all rows too."""
    place = tmp_path_factory.mktemp("trained")
    store = trained_store(place / "store")
    with_models_of_all_rows(store)
    return place


@pytest.fixture
def store(fitted: Path, tmp_path: Path) -> Path:
    shutil.copytree(fitted / "store", tmp_path / "store")
    shutil.copy(fitted / "own.csv", tmp_path / "own.csv")
    (tmp_path / "new.csv").write_text("id,text\na,text 1\nb,text 2\n", encoding="utf-8")
    return tmp_path / "store"


def ids(store: Path) -> tuple[str, str]:
    """The best configuration and the other one."""
    winner = (store / "winner.yaml").read_text(encoding="utf-8")
    found = sorted(path.stem for path in (store / "configurations").iterdir())
    return tuple(sorted(found, key=lambda each: each not in winner))  # type: ignore[return-value]


def keys(store: Path, configuration: str, fold: int = 0) -> dict[str, str]:
    found: dict[str, str] = decode_json((store / f"folds/{configuration}-f{fold}-s42.json").read_bytes())["stages"]
    return found


def forge_weights(store: Path, change: Callable[[dict[str, Any]], object]) -> Path:
    """Of the winner's finder, with a hash that fits."""
    return forge(store / f"weights/{keys(store, ids(store)[0])['finder']}.safetensors", change)


def forge(path: Path, change: Callable[[dict[str, Any]], object]) -> Path:
    stored = StoredArrays(os.open(path, os.O_RDONLY))
    header, arrays = dict(stored.header), {name: np.array(stored[name]) for name in stored}
    change(arrays)
    path.write_bytes(b"".join(bytes(part) for part in array_parts(header, arrays)))
    return path


def forge_model(store: Path, change: Callable[[dict[str, Any]], object]) -> None:
    path = store / f"models/{ids(store)[0]}-all.json"
    body = decode_json(path.read_bytes())
    change(body["composition"])
    path.write_bytes(encode_json(body))


SIZE = "a vector of 8 finite numbers"
VECTORS, CLASSES, CHARACTERS = "neighbours/vectors", "neighbours/classes", "tokenizer/characters"
FORGED_WEIGHTS: dict[str, tuple[Callable[[dict[str, Any]], object], str]] = {
    "vectors of another size": (lambda a: a.update({VECTORS: a[VECTORS][:, :3].copy()}), SIZE),
    "NaN among vectors": (lambda a: a[VECTORS].__setitem__((0, 0), np.nan), SIZE),
    "infinite vectors": (lambda a: a[VECTORS].fill(np.inf), SIZE),
    "classes of none": (lambda a: a[CLASSES].fill(7), "a class below 2"),
    "no vectors": (lambda a: a.pop(VECTORS), "must come with the vectors of its training rows"),
    "NaN in the head": (lambda a: a["head.layers.0.weight"].fill(np.nan), "must be finite, got NaN or infinity"),
    "another shape": (lambda a: a.update({"head.layers.0.bias": np.zeros(3, np.float32)}), "has shape (3,)"),
    "an unknown name": (lambda a: a.update({"head.x\x1b[2J": np.zeros(3, np.float32)}), "x\\u001b[2J is unknown"),
    "half a surrogate pair": (lambda a: a[CHARACTERS].__setitem__(0, 0xD800), "code points, got one that is none"),
}  # fmt: skip


@pytest.mark.parametrize("case", FORGED_WEIGHTS)
def test_weights_that_are_none_of_the_stage(run: Run, store: Path, case: str) -> None:
    change, rule = FORGED_WEIGHTS[case]
    path = forge_weights(store, change)
    for words in (("predict", "store", "new.csv"), ("export", "store", "--model", "model")):
        ran = run(*words)
        assert ran.code == 2, ran.err
        assert f"store/weights/{path.name}: " in ran.err
        assert rule in ran.err
        assert "Remove that file and have it made anew: `tune-polar fit store`" in ran.err
    path.unlink()
    assert run("fit", "store", "--quiet").code == 0
    assert run("predict", "store", "new.csv").code == 0


def test_a_configuration_goes_by_the_same_names_everywhere(run: Run, store: Path) -> None:
    found = tune_polar.open(store)
    numbers = {str(row.configuration): int(row.number) for row in found.configurations().itertuples()}
    best, other = ids(store)
    by_id = found.predict(["text 1", "text 2"], configuration=best, all_rows=True)
    for name in ("winner", numbers[best], str(numbers[best])):
        assert found.predict(["text 1", "text 2"], configuration=name, all_rows=True).equals(by_id)
    assert found.predictions(numbers[best]).equals(found.predictions("winner"))
    assert found.predictions(str(numbers[other])).equals(found.predictions(other))
    for name in (other, str(numbers[other])):
        words = ("predict", "store", "new.csv", ALL, "--configuration", name, "-o", f"{name}.csv")
        assert run(*words).code == 0
    assert (store.parent / f"{other}.csv").read_bytes() == (store.parent / f"{numbers[other]}.csv").read_bytes()
    wrong = run("predict", "store", "new.csv", "--configuration", "77")
    assert (wrong.code, "or the id or number of one of the 2 configurations of store, got '77'" in wrong.err) == (
        2,
        True,
    )


def test_damaged_weights_are_trained_again_by_fit(run: Run, store: Path) -> None:
    assert run("predict", "store", "new.csv", "-o", "before.csv").code == 0
    mine = keys(store, ids(store)[0])
    path = store / f"weights/{mine['finder']}.safetensors"
    shutil.copy(store / f"weights/{mine['sorter']}.safetensors", path)  # whole, and another stage's
    assert "must be there and undamaged" in run("predict", "store", "new.csv").err
    assert "to train: finder of f0-s42" in run("fit", "store").err
    assert run("predict", "store", "new.csv", "-o", "after.csv").code == 0
    assert (store.parent / "after.csv").read_bytes() == (store.parent / "before.csv").read_bytes()


def test_ids_are_found_as_the_search_was_told_to(run: Run, store: Path) -> None:
    path = store / "manifest.json"
    body = decode_json(path.read_bytes())
    body["data"]["source"]["columns"] = {"id": "Tweet ID"}
    path.write_bytes(encode_json(body))
    (store.parent / "new.csv").write_text("Tweet ID,text\na7,text 1\nb8,text 2\n", encoding="utf-8")
    for asked in ((), ("--ensemble",)):
        assert [line.split(",")[0] for line in run("predict", "store", "new.csv", *asked).out.split()] == [
            *("id", "a7", "b8")
        ]


def test_submit_names_the_option_for_ids_and_refuses_columns_that_it_does_not_read(run: Run, store: Path) -> None:
    (store.parent / "new.csv").write_text("Tweet ID,text\na7,text 1\n", encoding="utf-8")
    words = ("submit", "store", "new.csv", "-o", "own.zip")
    assert "Remedy: `--id COLUMN` names the column with the ids." in run(*words).err
    named = run(*words, "--column", "id=Tweet ID").err
    assert "--column must name one of the columns that rows go by (none), got 'id'" in named
    assert "that of the ids by `--id COLUMN`" in named
    assert run(*words, "--id", "Tweet ID").code == 0


def test_python_is_told_in_its_own_words(store: Path) -> None:
    found, other = tune_polar.open(store), keys(store, ids(store)[1])["sorter"]
    with pytest.raises(StoreError, match="folder= must name a new or empty folder"):
        found.export(store)
    with pytest.raises(SpecError, match=r"^columns must map the recipe's names to the data's, got 'x=y'"):
        found.predict(["a"], columns="x=y")  # type: ignore[arg-type]
    with pytest.raises(SpecError, match=r"^columns= must name one of the columns that rows go by \(none\), got 'x'"):
        found.predict(["a"], columns={"x": "y"})
    with pytest.raises(DataError) as lacking:
        found.predict(pd.DataFrame({"said": ["a"]}), id="row")
    assert lacking.value.remedy == (
        "`text=COLUMN` names the column with the texts; `id=COLUMN` names the column with the ids."
    )
    (store / f"weights/{other}.safetensors").unlink()
    with pytest.raises(StoreError) as gone:
        found.predict(["a"], configuration=ids(store)[1])
    assert gone.value.remedy == f"Have them trained again: `tune-polar fit {store} --configuration {ids(store)[1]}`."


def models_keys(store: Path, words: tuple[str, ...]) -> dict[str, str]:
    """Of the first cell of a model."""
    best, other = ids(store)
    if ALL in words:
        cells = decode_json((store / f"models/{other if other in words else best}-all.json").read_bytes())
        found: dict[str, str] = cells["composition"]["cells"][0]["stages"]
        return found
    return keys(store, other)  # which is a member of the ensemble, too


@pytest.mark.parametrize("how", ["torn", "NaN"])
@pytest.mark.parametrize(
    "asked", [(ALL,), ("--configuration", "OTHER"), ("--configuration", "OTHER", ALL), ("--ensemble",)]
)
def test_the_remedy_for_damaged_weights_names_the_model_and_helps(
    run: Run, store: Path, caplog: pytest.LogCaptureFixture, asked: tuple[str, ...], how: str
) -> None:
    words = tuple(ids(store)[1] if word == "OTHER" else word for word in asked)
    key = models_keys(store, words)["sorter"]
    path = store / f"weights/{key}.safetensors"
    if how == "torn":
        path.write_bytes(path.read_bytes()[:-9])
    else:
        forge(path, lambda arrays: next(a for name, a in arrays.items() if "head." in name).fill(np.nan))
    ran = run("predict", "store", "new.csv", *words)
    assert ran.code == 2, ran.err
    (command,) = re.findall("`tune-polar (fit store[^`]*)`", ran.err.partition("Remedy")[2])
    assert sorted(command.split()[2:]) == sorted(words)
    if how == "torn":
        assert f"weights/{key}.safetensors is damaged" in caplog.text
        assert "left out; `tune-polar fit` trains them again" in caplog.text
    else:
        assert "Remove that file" in ran.err
        path.unlink()
    assert "to train: sorter" in run(*command.split()).err
    assert run("predict", "store", "new.csv", *words).code == 0


def others_keys(store: Path) -> dict[str, str]:
    cells = decode_json((store / f"models/{ids(store)[1]}-all.json").read_bytes())["composition"]["cells"]
    found: dict[str, str] = cells[0]["stages"]
    return found


def swapped(stages: dict[str, str]) -> dict[str, str]:
    return dict(zip(stages, [*stages.values()][::-1], strict=True))


FORGED_MODELS: dict[str, Callable[[Path], object]] = {
    "another configuration's stages": lambda s: forge_model(s, lambda c: c["cells"][0].update(stages=others_keys(s))),
    "stages of a fold": lambda s: forge_model(s, lambda c: c["cells"][0].update(stages=keys(s, ids(s)[0]))),
    "swapped stages": lambda s: forge_model(s, lambda c: c["cells"][0].update(stages=swapped(c["cells"][0]["stages"]))),
    "another configuration's name": lambda s: forge_model(s, lambda c: c.update(configuration=ids(s)[1])),
    "models of folds": lambda s: forge_model(s, lambda c: c.update(rows="folds")),
    "two cells": lambda s: forge_model(s, lambda c: c.update(cells=c["cells"] * 2)),
    "no composition": lambda s: forge_model(s, lambda c: c.clear()),
    "another configuration's record": lambda s: shutil.copy(
        s / f"models/{ids(s)[1]}-all.json", s / f"models/{ids(s)[0]}-all.json"
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", FORGED_MODELS)
def test_a_record_of_a_model_that_is_another_ones(run: Run, store: Path, case: str) -> None:
    FORGED_MODELS[case](store)
    for words in (("predict", "store", "new.csv"), ("submit", "store", "new.csv", "-o", "x.zip")):
        ran = run(*words, ALL)
        assert ran.code == 2, ran.err
        assert "must have a model of all rows, but none was trained" in ran.err
    assert run("fit", "store", ALL, "--quiet").code == 0
    assert run("predict", "store", "new.csv", ALL).code == 0


FORGED_ENSEMBLES: dict[str, tuple[Callable[[str], str], str]] = {
    "members of nowhere": (lambda t: t.replace("- configuration: ", "- configuration: x"), "must be configurations of"),
    "another metric": (lambda t: t.replace("metric: macro_f1", "metric: rmse"), "must be scored by macro_f1 of system"),
    "a gain of its own": (lambda t: re.sub("gain: .*", "gain: 1.0e+300", t), "its gain must be that of"),
    "infinite weights": (lambda t: t.replace("weight: 0.", "weight: 1.0e+999 # "), "must be a finite number"),
    "a tag": (lambda t: "x: !!python/object/apply:os.system [true]\n" + t, "without the tag"),
    "steering": (lambda t: '"\\e]0;x\\a\\u202e": 1\n' + t, "\\u001b]0;x\\u0007\\u202e: must be a known key"),
}


@pytest.mark.parametrize("case", FORGED_ENSEMBLES)
def test_an_ensemble_that_a_stranger_wrote(run: Run, store: Path, case: str) -> None:
    change, rule = FORGED_ENSEMBLES[case]
    path = store / "ensemble.yaml"
    path.write_text(change(path.read_text(encoding="utf-8")), encoding="utf-8")
    ran = run("status", "store")
    assert ran.code == 0, ran.err
    assert rule in " ".join(ran.out.split())
    assert "ensemble of 2 configurations" not in ran.out


@pytest.mark.parametrize("name", ["ensemble.yaml", "winner.yaml", "report.html"])
def test_what_lies_beside_the_records_is_no_link(run: Run, store: Path, tmp_path: Path, name: str) -> None:
    witness = tmp_path / "witness"
    (store / name).touch()
    (store / name).rename(witness)
    (store / name).symlink_to(witness)
    before = witness.read_bytes()
    ran = run("status", "store")
    assert ran.code == 0, ran.err
    assert ("must be a file of the store's own, and is a symbolic link" in ran.out) == (name == "ensemble.yaml")
    assert f"page      store/{name}" not in ran.out
    assert run("report", "store").code == 0
    assert witness.read_bytes() == before


@pytest.mark.parametrize("merged", [5, ["x"], [{"created": 1}], [None]])
def test_merged_searches_that_are_none(run: Run, store: Path, merged: object) -> None:
    path = store / "manifest.json"
    path.write_bytes(encode_json({**decode_json(path.read_bytes()), "merged": merged}))
    ran = run("status", "store")
    assert ran.code == 2, ran.out
    assert "manifest.json must describe a search, but: merged" in ran.err


FORGED_FOLDERS: dict[str, tuple[Callable[[Path], object], str]] = {
    "a head of another kind": (lambda m: forge_shape(m, head="__import__"), "the head must be one of"),
    "a head too large": (lambda m: forge_shape(m, head_settings={"size": 10**9}), "size: "),
    "an encoder too large": (lambda m: forge_shape(m, tiny=[32_000_000, 100]), "hidden: "),
    "texts too long": (lambda m: forge_shape(m, max_length_tokens=10**9), "max_length_tokens must be 4 to 4096"),
    "a large file": (lambda m: os.truncate(m / "model.json", 20 * 2**30), "must be a file of at most 67,108,864 bytes"),
    "a pipe": (lambda m: pipe_in_place_of(m, "characters.json"), "must be a file of at most 67,108,864 bytes"),
    "another pipe": (lambda m: pipe_in_place_of(m, "head.safetensors"), "it is no file"),
}


def forge_shape(model: Path, **about: object) -> None:
    told = json.loads((model / "model.json").read_text(encoding="utf-8"))
    told["composition"]["shapes"]["finder"] |= about
    (model / "model.json").write_text(json.dumps(told), encoding="utf-8")


def pipe_in_place_of(model: Path, name: str) -> None:
    path = next(iter(sorted(model.rglob(name))))
    path.unlink()
    os.mkfifo(path)


@pytest.mark.parametrize("case", FORGED_FOLDERS)
def test_a_models_folder_that_a_stranger_made(run: Run, store: Path, case: str) -> None:
    change, rule = FORGED_FOLDERS[case]
    assert run("export", "store", "--model", "model").code == 0
    change(store.parent / "model")
    ran = run("predict", "model", "new.csv")
    assert ran.code == 2, ran.out
    assert rule in ran.err
    assert "Remedy" in ran.err
