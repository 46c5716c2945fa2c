"""`tune-polar doctor --try`: what two steps of every stage took, in words and as JSON, and what went wrong instead."""

from __future__ import annotations

import csv
import json
import multiprocessing
import os
import re
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tune_polar.api.pace import clock
from tune_polar.cli import doctor_try
from tune_polar.data.sample_corpus import sample_corpus
from tune_polar.model.encoder_shape import PUBLISHED_CONFIGS
from tune_polar.model.footprint import GB
from tune_polar.store.training_facts import MemoryUse
from tune_polar.trial.tryout_process import Told, Tryout
from tune_polar.trial.tryout_result import DeviceTried, StageFailed, StageTried
from tune_polar.trial.visible_gpus import SIMULATED

XBASE = "nghuyong/ernie-3.0-xbase-zh"
TINY = ("doctor", "st3", "--try", "--encoder", "tiny")
SEARCH = ("--trials", "7", "--slots", "2")
MODULES = ("torch", "ray", "transformers", "optuna")
Run = Callable[..., Any]


@pytest.fixture(autouse=True)
def _no_gpu_and_no_network(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")  # of the process that tries
    monkeypatch.setenv(SIMULATED, "")


@dataclass(frozen=True)
class Measured:
    """One tryout of the embedded encoder as ``--json`` tells it."""

    about: dict[str, Any]
    loaded: str  # libraries in the process that asked for it
    left_behind: list[Path]

    @property
    def told(self) -> list[Told]:
        """The same as the command was told it: all of it can be had from the JSON."""
        found: list[Told] = []
        for each in self.about["tried"]:
            data = dict(each)
            kind = data.pop("kind")
            if kind == "DeviceTried":
                found.append(DeviceTried(**data))
            elif kind == "StageTried":
                fold_seconds, memory = data.pop("fold_seconds"), MemoryUse(**data.pop("memory"))
                found.append(StageTried(**data, memory=memory))
                assert found[-1].fold_seconds == fold_seconds
        return found

    @property
    def stages(self) -> list[StageTried]:
        return [told for told in self.told if isinstance(told, StageTried)]


@pytest.fixture(scope="module")
def measured(tmp_path_factory: pytest.TempPathFactory) -> Measured:
    """``doctor st3 --try --encoder tiny --json``, in a process that tells what it has loaded."""
    folder = tmp_path_factory.mktemp("measured")
    program = (
        "import sys\nfrom tune_polar.cli.main import main\n"
        f"sys.argv = ['tune-polar', *{TINY!r}, *{SEARCH!r}, '--store', 'new/store', '--json']\n"
        f"main()\nprint(sorted({set(MODULES)!r} & set(sys.modules)), file=sys.stderr)\n"
    )
    environment = dict(os.environ) | {SIMULATED: "", "HF_HUB_OFFLINE": "1"}
    done = subprocess.run(
        [sys.executable, "-c", program],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )
    return Measured(json.loads(done.stdout), done.stderr.strip(), sorted(folder.rglob("*")))


def words_of(run: Run, monkeypatch: pytest.MonkeyPatch, told: list[Told], *words: str) -> Any:
    """The command's own words for what a tryout told."""
    monkeypatch.setattr(doctor_try, "try_out", lambda tryout: iter(told))
    return run(*TINY, *SEARCH, *words)


# -- what was measured -------------------------------------------------------------------------------------------


def test_both_stages_are_tried_on_this_machine(measured: Measured) -> None:
    device = measured.told[0]
    assert isinstance(device, DeviceTried)
    assert device.name.startswith("cpu")
    assert not device.is_gpu
    assert device.budget_bytes is None
    assert device.threads == measured.about["node"]["threads"]
    assert [stage.stage for stage in measured.stages] == ["detector", "classifier"]
    assert [stage.evaluations for stage in measured.stages] == [6, 5]
    for stage in measured.stages:
        assert stage.precision == "fp32"
        assert stage.memory.is_plain
        assert (stage.device_peak_bytes, stage.outside_torch_bytes) == (None, None)
        assert stage.step_seconds > 0
        assert stage.longest_step_seconds > 0
        assert stage.evaluation_seconds > 0
        assert stage.checkpoint_seconds > 0
        assert stage.steps > 0


def test_counted_memory_is_what_was_measured(measured: Measured) -> None:
    for stage in measured.stages:
        assert stage.host_predicted_bytes == pytest.approx(stage.host_peak_bytes, rel=0.15)


def test_hours_of_a_search_follow_from_seconds_of_a_fold(measured: Measured) -> None:
    found = measured.about["tried"][-1]
    assert found["kind"] == "SearchReckoned"
    assert (found["configurations"], found["cells"], found["slots"]) == (7, 5, 2)
    fold = sum(
        stage.steps * stage.step_seconds + (stage.evaluations + 1) * stage.evaluation_seconds
        for stage in measured.stages
    )
    assert found["fold_seconds"] == pytest.approx(fold)
    assert found["seconds"] == pytest.approx(fold * 5 * 7 / 2)


def test_whoever_asks_loads_neither_torch_nor_ray(measured: Measured) -> None:
    """Their seconds and half a GB are the trying process's alone, which is measured with them."""
    assert measured.loaded == "[]"


def test_nothing_is_left_behind_where_records_would_go(measured: Measured) -> None:
    assert measured.left_behind == []


# -- the same in words -------------------------------------------------------------------------------------------


def test_words_hold_the_facts_of_the_json(run: Run, measured: Measured, monkeypatch: pytest.MonkeyPatch) -> None:
    ran = words_of(run, monkeypatch, measured.told)
    assert (ran.code, ran.err) == (0, "")
    tried = ran.out[ran.out.index("try    ") :].splitlines()
    assert len(tried) == 1 + 2 * 4 + 1
    threads = "1 thread" if measured.about["node"]["threads"] == 1 else f"{measured.about['node']['threads']} threads"
    name = measured.about["tried"][0]["name"]
    assert tried[0] == f"try        on {name}, {threads}: memory and speed of a GPU are not measured here"
    for stage, lines in zip(measured.stages, (tried[1:5], tried[5:9]), strict=True):
        assert (
            lines[0]
            == f"{stage.stage:<11}fp32, batch {stage.memory.batch_rows} at once, at most {stage.longest_tokens} tokens"
        )
        peak, counted = stage.host_peak_bytes, stage.host_predicted_bytes
        assert lines[1].strip() == (
            f"this machine's memory at its peak: {peak / GB:.2f} GB, counted {counted / GB:.2f} "
            f"({counted / peak:.2f} of it)"
        )
        numbers = [float(number) for number in re.findall(r"\d+\.?\d*(?:e[-+]\d+)?", lines[2])]
        seconds = (stage.step_seconds, stage.longest_step_seconds)
        rest = [stage.evaluation_seconds, stage.checkpoint_seconds]
        assert numbers == pytest.approx([1 / each for each in seconds] + rest, rel=0.01)
        assert re.fullmatch(r" +\S+ steps a second \(\S+ on the longest rows\), an evaluation .* s, .* s", lines[2])
        assert lines[3].strip() == (
            f"a fold trial: at most {stage.steps} steps and {stage.evaluations} evaluations, "
            f"{clock(stage.fold_seconds)}"
        )
    whole = clock(measured.about["tried"][-1]["seconds"])
    assert tried[9].startswith(f"search     7 configurations of 5 folds on 2 slots: at most {whole}, if ")


def test_a_gpus_memory_is_told_apart(run: Run, measured: Measured, monkeypatch: pytest.MonkeyPatch) -> None:
    card = DeviceTried("a card", is_gpu=True, threads=4, budget_bytes=15 * GB // 2)
    stage = StageTried(
        **vars(measured.stages[0])
        | {"device_predicted_bytes": 6 * GB, "device_peak_bytes": 5 * GB, "outside_torch_bytes": GB // 2}
    )
    out = words_of(run, monkeypatch, [card, stage]).out
    assert "try        on a card, of which torch may allocate 7.50 GB\n" in out
    assert "GPU memory at its peak: 5.00 GB, counted 6.00 (1.20 of it); 0.50 GB outside torch\n" in out


def test_random_weights_are_told_as_such(run: Run, measured: Measured, monkeypatch: pytest.MonkeyPatch) -> None:
    tryouts: list[Tryout] = []

    def try_out(tryout: Tryout) -> Iterator[Told]:
        tryouts.append(tryout)
        return iter(measured.told)

    monkeypatch.setattr(doctor_try, "try_out", try_out)
    out = run("doctor", "st3", "--try").out
    assert f"try        random weights of the size of {XBASE}, which is not on this machine\n" in out
    assert tryouts[-1].configs == {XBASE: dict(PUBLISHED_CONFIGS[XBASE])}
    about = json.loads(run("doctor", "st3", "--try", "--json").out)
    assert about["tried"][0] == {"kind": "RandomWeights", "encoder": XBASE}
    assert "random weights" not in run(*TINY).out
    assert tryouts[-1].configs == {}
    assert "random weights" not in run("doctor", "st3", "--try", "--encoder", "someone/something").out
    assert tryouts[-1].configs == {}, "sizes that are not known are not guessed"


# -- other recipes and data --------------------------------------------------------------------------------------


def test_one_stage_of_own_texts(run: Run, tmp_path: Path) -> None:
    split = sample_corpus(1, rows_train=80, rows_dev=0, rows_test=0).train
    with (tmp_path / "tweets.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["tweet", "hateful"])
        for row, (text, label) in enumerate(zip(split.texts, split.values("polarization"), strict=True)):
            writer.writerow(["长" * 40 if row == 3 else text[:20], label])  # the longest row is theirs
    words = ("--data", "tweets.csv", "--column", "text=tweet", "--column", "polarization=hateful")
    steps = ("--set", "detector.optimizer.max_steps=30", "--set", "detector.optimizer.eval_every_steps=10")
    changes = (*steps, "--set", "folds.count=4")
    ran = run("doctor", "st1", "--try", "--encoder", "tiny", *words, *changes, "--trials", "3", "--slots", "1")
    assert (ran.code, ran.err) == (0, "")
    assert "\ndetector   fp32, batch 32 at once, at most 42 tokens\n" in ran.out
    assert "\nclassifier" not in ran.out
    assert "a fold trial: at most 6 steps and 1 evaluation, " in ran.out  # three epochs of 60 rows
    assert "\nsearch     3 configurations of 4 folds on 1 slot: at most " in ran.out
    assert sorted(path.name for path in tmp_path.iterdir()) == ["tweets.csv"]


def test_data_that_cannot_be_read_is_refused_before_anything_is_tried(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(doctor_try, "try_out", lambda tryout: pytest.fail("it was tried"))
    (tmp_path / "tweets.csv").write_text("tweet,hateful\nhello,yes\n")
    ran = run(*TINY, "--data", "tweets.csv", "--column", "text=tweet", "--column", "polarization=hateful")
    assert ran.code == 2
    assert "tweets.csv, row 2, column hateful" in ran.err


@pytest.mark.parametrize(
    ("trials", "message"),
    [
        ("0", "--trials must be at least 1, got 0"),
        ("-3", "--trials must be at least 1, got -3"),
        ("many", "--trials"),
        ("2.5", "--trials"),
    ],
)
def test_bad_numbers_of_configurations_are_refused(
    run: Run, trials: str, message: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(doctor_try, "try_out", lambda tryout: pytest.fail("it was tried"))
    ran = run(*TINY, "--trials", trials)
    assert ran.code == 2
    assert message in ran.err
    assert "Remedy: " in ran.err


# -- what cannot be trained --------------------------------------------------------------------------------------


def encoder_without_weights(folder: Path) -> Path:
    """Sizes are known, so that memory is counted; weights are missing, so that nothing loads."""
    folder.mkdir()
    small = {"num_hidden_layers": 1, "hidden_size": 32, "num_attention_heads": 2, "intermediate_size": 64}
    (folder / "config.json").write_text(json.dumps(dict(PUBLISHED_CONFIGS[XBASE]) | small))
    return folder


def test_a_stage_that_fails_tells_its_problem_and_remedy(run: Run, tmp_path: Path) -> None:
    words = ("doctor", "st3", "--try", "--encoder", str(encoder_without_weights(tmp_path / "encoder")))
    ran = run(*words)
    assert ran.code == 2
    assert ran.err == ""
    *_, device, failed, remedy = ran.out.splitlines()
    assert device.startswith("try        on cpu")
    assert failed.startswith("failed     detector: an encoder must come with its weights, ")
    assert remedy.startswith("           Remedy: ")
    assert "search  " not in ran.out, "nothing is reckoned from a stage that does not train"
    ran = run(*words, "--json")
    assert ran.code == 2
    tried = json.loads(ran.out)["tried"]
    assert [each["kind"] for each in tried] == ["DeviceTried", "StageFailed"]
    assert (tried[1]["stage"], f"           Remedy: {tried[1]['remedy']}") == ("detector", remedy)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["encoder"]


def killing(try_out: Callable[[Tryout], Iterator[Told]]) -> Callable[[Tryout], Iterator[Told]]:
    """A tryout whose process gets SIGKILL, as from a machine out of memory, once it has told its device."""

    def killed(tryout: Tryout) -> Iterator[Told]:
        for told in try_out(tryout):
            yield told
            for process in multiprocessing.active_children() if isinstance(told, DeviceTried) else ():
                assert process.pid is not None
                os.kill(process.pid, signal.SIGKILL)

    return killed


def test_a_process_that_is_killed_is_told_with_a_remedy(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(doctor_try, "try_out", killing(doctor_try.try_out))
    ran = run(*TINY, "--store", "new/store")
    assert ran.code == 2
    *_, device, failed, remedy = ran.out.splitlines()
    assert device.startswith("try        on cpu")
    assert failed == "failed     the process was ended by signal 9"
    assert remedy.startswith("           Remedy: Signal 9 is most often a machine whose memory ran out: ")
    assert list(tmp_path.iterdir()) == [], "its store is removed with it"
    assert multiprocessing.active_children() == []


def test_a_folder_that_cannot_be_written_is_told_with_a_remedy(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("tempfile.TemporaryDirectory", refuse)
    ran = run(*TINY)
    assert ran.code == 2
    assert f"failed     {tmp_path} must be a folder that can be written, but: No space left on device\n" in ran.out
    assert ran.out.endswith("           Remedy: Give another folder with --store.\n")


def test_a_second_stage_that_fails_is_told_after_what_the_first_took(
    run: Run, measured: Measured, monkeypatch: pytest.MonkeyPatch
) -> None:
    failed = StageFailed("classifier", "it must fit", "Make it smaller.")
    ran = words_of(run, monkeypatch, [*measured.told[:2], failed])
    assert ran.code == 2
    assert "\ndetector   fp32, batch 32 at once" in ran.out
    assert ran.out.endswith("failed     classifier: it must fit\n           Remedy: Make it smaller.\n")
