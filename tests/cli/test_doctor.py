"""`tune-polar doctor`: the machine, what a fold needs, and what is missing, as it is and not otherwise."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tune_polar.model.encoder_shape import PUBLISHED_CONFIGS
from tune_polar.search.resources import diagnosis, node
from tune_polar.trial.visible_gpus import SIMULATED

XBASE = "nghuyong/ernie-3.0-xbase-zh"
Run = Callable[..., Any]


@pytest.fixture(autouse=True)
def room(monkeypatch: pytest.MonkeyPatch) -> None:
    """Disk and memory of a machine that could hold the simulated cards."""
    monkeypatch.setattr(diagnosis, "free_bytes", lambda place: 2**44)
    monkeypatch.setattr(node, "memory_gb", lambda: 512.0)


@pytest.fixture(autouse=True)
def _no_network(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv(SIMULATED, "")


def told(run: Run, *words: str) -> dict[str, Any]:
    ran = run("doctor", *words, "--json")
    assert (ran.code, ran.err) == (0, "")
    about: dict[str, Any] = json.loads(ran.out)
    return about


def missing(about: dict[str, Any]) -> list[str]:
    return [each["what"].partition(":")[0] for each in about["missing"]]


def test_folds_are_counted_where_the_recipe_says_how_many(run: Run) -> None:
    for words, folds in (
        (("st1",), 5),
        (("st1", "--folds", "3"), 3),
        (("zhegu",), 5),
        (("zhegu", "--set", "folds.draws=null"), None),
        (("zhegu", "--set", "folds.draws=10"), 10),
    ):
        assert told(run, *words)["folds"] == folds, words
    assert (
        "50 configurations × 1 fold (the data say how many there are): "
        in run("doctor", "zhegu", "--set", "folds.draws=null").out
    )


def test_a_machine_without_gpu_and_network_says_so(run: Run) -> None:
    about = told(run)
    assert missing(about) == ["GPU", "encoder"]
    assert "HF_HUB_OFFLINE" in about["missing"][1]["what"]
    assert not about["ready"]
    (encoder,) = about["encoders"]
    assert (encoder["name"], encoder["parameters"]) == (XBASE, 294_990_848)
    assert encoder["sizes_from"] == "its published config.json"
    assert not encoder["is_here"]
    detector, classifier = about["stages"]
    assert (detector["batch_rows"], classifier["batch_rows"]) == (24, 8)
    assert all(stage["fits"] and stage["planned"].endswith("at once") for stage in about["stages"])
    assert (
        about["node"]["ray_start"] == f"ray start --address=HEAD:6379 --num-cpus={about['node']['slots']} --num-gpus=0"
    )


def test_a_folder_of_the_embedded_encoders_name_is_another(run: Run, tmp_path: Path) -> None:
    (tmp_path / "tiny").mkdir()
    assert missing(told(run, "--encoder", "tiny")) == []
    assert missing(told(run, "--encoder", "./tiny")) == ["GPU", "encoder"]


def test_nothing_is_missing_for_the_embedded_encoder(run: Run) -> None:
    about = told(run, "--encoder", "tiny")
    assert about["missing"] == []
    assert about["ready"]
    assert max(stage["whole_gb"] for stage in about["stages"]) < 0.2


def test_gpus_slots_and_the_words_that_join_a_cluster(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(SIMULATED, "8,24")
    about = told(run)
    assert missing(about) == ["encoder"]
    node = about["node"]
    assert (node["slots"], node["devices"]) == (4, ["0", "1", "1", "1"])
    assert node["ray_start"].startswith("CUDA_VISIBLE_DEVICES=0,1,1,1 ray start --address=HEAD:6379 --num-cpus=")
    assert node["ray_start"].endswith("--num-gpus=4")
    text = run("doctor").out
    assert "simulated, 24 GB, 24.0 GB, bf16: 3 slots" in text
    assert "Remedy: " in text


def test_small_slots_change_the_plan_or_are_missed(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(SIMULATED, "24")
    detector = told(run, "--slot-gb", "6.8")["stages"][0]
    assert detector["planned"] == "batch 24 in parts of 12"
    about = told(run, "--slot-gb", "2")
    assert missing(about) == ["encoder", "memory"]
    assert not about["stages"][0]["fits"]
    monkeypatch.setenv(SIMULATED, "6")
    assert missing(told(run)) == ["GPU", "encoder"]


def test_an_encoder_in_a_folder_needs_no_hub(run: Run, tmp_path: Path) -> None:
    folder = tmp_path / "encoder"
    folder.mkdir()
    (folder / "config.json").write_text(json.dumps(dict(PUBLISHED_CONFIGS[XBASE]) | {"num_hidden_layers": 4}))
    about = told(run, "--encoder", str(folder))
    assert missing(about) == ["GPU", "encoder"], "what is there is tried, and there are no weights"
    assert "weights" in about["missing"][1]["what"]
    assert about["encoders"][0]["parameters"] < 100_000_000
    (folder / "config.json").write_text("{}")
    assert missing(told(run, "--encoder", str(folder))) == ["GPU", "encoder"]


def test_an_encoder_of_unknown_size_is_not_guessed(run: Run) -> None:
    about = told(run, "--encoder", "someone/something")
    (encoder,) = about["encoders"]
    assert encoder["parameters"] is None
    assert about["stages"] == []
    assert "is not on this machine" in encoder["sizes_from"]


def test_stages_of_a_recipe_of_ones_own_go_by_their_names(run: Run, tmp_path: Path) -> None:
    (tmp_path / "two.yaml").write_text(
        "recipe: two\ndata: {labels: [rude, loud]}\nencoder: tiny\nstages:\n"
        "  finds_what_is_rude: {task: {type: binary, target: rude}}\n"
        "  large: {task: {type: multilabel, targets: [rude, loud]}, encoder: {name: someone/something}}\n"
        "score: finds_what_is_rude\n"
    )
    about = told(run, "./two.yaml")
    assert {each["name"] for each in about["encoders"]} == {"tiny", "someone/something"}
    assert [each["stage"] for each in about["stages"]] == ["finds_what_is_rude"]
    assert "finds_what_is_rude bf16, batch 32 needs" in run("doctor", "./two.yaml").out


def test_a_recipe_whose_column_comes_later_can_be_looked_at(run: Run) -> None:
    assert told(run, "classifier")["ready"]
    assert told(run, "regressor", "--encoder", "tiny")["stages"][0]["stage"] == "model"


def test_a_store_that_cannot_be_written_is_named(run: Run, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    assert missing(told(run, "--encoder", "tiny", "--store", "file")) == ["store"]
    assert missing(told(run, "--encoder", "tiny", "--store", "file/below")) == ["store"]
    before = sorted(tmp_path.rglob("*"))
    assert missing(told(run, "--encoder", "tiny", "--store", "new/folder")) == []
    assert sorted(tmp_path.rglob("*")) == before, "a look leaves nothing behind"


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--slot-gb", "0"), "--slot-gb must be from 1 to 10,000 GB, got 0"),
        (("--slots", "0"), "--slots must be at least 1, got 0"),
        (("st9",), "recipe must be one of"),
    ],
)
def test_bad_words_end_in_a_remedy(run: Run, words: tuple[str, ...], message: str) -> None:
    ran = run("doctor", *words)
    assert ran.code == 2
    assert message in ran.err
    assert "Remedy: " in ran.err


def test_it_loads_neither_torch_nor_ray() -> None:
    """Both take seconds, and there is nothing to ask them on a machine without a GPU."""
    program = (
        "import os, sys; os.environ['TUNE_POLAR_GPU_GB'] = ''\n"
        "import tune_polar.cli.doctor_command, tune_polar.cli.main\n"
        "from tune_polar.search.resources.diagnosis import diagnose\n"
        "from tune_polar.recipe.recipe_file import RecipeOptions, load_recipe\n"
        "diagnose(load_recipe('st3', RecipeOptions('tiny')).recipe, 'searches', 8.0)\n"
        "print(sorted({'torch', 'ray', 'transformers', 'optuna'} & set(sys.modules)))\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout.strip() == "[]"
    assert diagnosis.HUB_SECONDS <= 1


def test_a_whole_search_is_told_and_what_cannot_fit_is_missing(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    found = told(run, "st3", "--slots", "1", "--trials", "50", "--disk-gb", "20")
    assert [each["what"].partition(":")[0] for each in found["missing"]] == ["GPU", "encoder"]
    needs = found["needs"]
    assert needs["disk_peak"] == 20 * 2**30
    assert needs["disk_end"] == 5 * needs["fold"]["weights"]
    assert "hours unknown until the first fold" in run("doctor", "st3").out
    small = told(run, "st3", "--slots", "1", "--disk-gb", "3")["missing"]
    assert small[-1]["what"].startswith("disk: weights and checkpoints of 1 fold trial at once take 11.")
    assert "--disk-gb" in small[-1]["remedy"]
    monkeypatch.setattr(node, "memory_gb", lambda: 8.0)
    assert told(run, "st3", "--slots", "1")["missing"][-1]["what"].startswith("memory: 1 slot takes")


def test_data_that_no_search_takes_is_said_here_too(run: Run, tmp_path: Path) -> None:
    rows = [f"text {number},{int(number == 3)}" for number in range(40)]
    (tmp_path / "one.csv").write_text("\n".join(["text,rude", *rows]))
    done = run("doctor", "classifier", "--data", "one.csv", "--target", "rude", "--encoder", "tiny")
    said = "every label must have at least 2 rows for 5 folds, got 'rude = 1' with 1"
    assert f"missing    data: {said}" in done.out
    searched = run("search", "classifier", "--data", "one.csv", "--target", "rude", "--store", "store")
    assert (searched.code, searched.err.splitlines()[0]) == (2, f"error: {said}")


def test_more_slots_than_memory_holds_are_said_before_ray(run: Run, tmp_path: Path) -> None:
    said = "--slots must be at most "
    assert f"missing    memory: {said}" in run("doctor", "st1", "--encoder", "tiny", "--slots", "100000").out
    searched = run("search", "st1", "--slots", "100000", "--store", "store")
    assert searched.code == 2
    assert said in searched.err
    assert not (tmp_path / "store").exists()


def test_validate_looks_at_a_folder_with_an_encoder_as_search_does(run: Run, tmp_path: Path) -> None:
    (tmp_path / "enc").mkdir()
    (tmp_path / "enc/config.json").write_text('{"model_type": "foonet"}')
    (tmp_path / "mine.yaml").write_text(
        "recipe: mine\ndata: {labels: [rude]}\nencoder: {name: ./enc}\n"
        "stages: {model: {task: {type: binary, target: rude}}}\n"
    )
    done = run("validate", "mine.yaml")
    assert done.code == 2
    assert "config.json must name a model that transformers knows" in done.err
