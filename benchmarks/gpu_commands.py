"""`gpu.py`, sections `try`, `search` and `trainer`: what a user types, on this card."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from gpu_process import Bench, in_process, missing
from gpu_recovery import Worker
from gpu_stage import SMALL, XBASE, folds, recipe_of, texts, trial_of

from tune_polar.model.footprint import GB
from tune_polar.store.record import FoldRecord
from tune_polar.store.store import Store, open_store
from tune_polar.trial.tryout_process import Tryout, try_out
from tune_polar.trial.tryout_result import DeviceTried, StageFailed, StageTried

SAMPLE_ROWS = 1000
_NEEDED = ("ray", "optuna", "iterstrat", "typer", "rich", "scipy", "pandas", "jinja2")  # by `tune-polar search`
_FEW_STEPS = {"encoder.tiny.hidden": 32, "detector.max_steps": 4, "classifier.max_steps": 4}  # of a dry run
_SCORED = re.compile(r"#\d+ \w+: .*score")
_END_SECONDS = 5.0  # for a command to end in order when its section's time is over


def try_(bench: Bench) -> None:
    """`tune-polar doctor st3 --try` with random weights of the published encoder's size."""
    recipe, corpus = recipe_of("nghuyong/ernie-3.0-xbase-zh", {"folds.count": 5}), texts(SAMPLE_ROWS)
    plan, slot = folds(corpus, recipe.folds.count), (bench.about.gpu.device, bench.slot_gb, bench.threads)
    tryout = Tryout(recipe, corpus, plan, plan, bench.folder, *slot, SMALL if bench.dry else XBASE)
    for told in try_out(tryout):
        if isinstance(told, DeviceTried):
            bench.tell("slot", f"torch may allocate {(told.budget_bytes or 0) / GB:.2f} GB on {told.name}")
        elif isinstance(told, StageFailed):
            bench.tell(told.stage or "all", f"{told.problem} Remedy: {told.remedy}", good=False)
        else:
            _tell_stage(bench, told)


def _tell_stage(bench: Bench, told: StageTried) -> None:
    counted, measured = told.device_predicted_bytes, told.device_peak_bytes or 0
    how = f"{told.precision}, {told.memory}, at most {told.longest_tokens} tokens"
    bench.tell(
        f"{told.stage}, {how}: memory",
        f"counted {counted / GB:.3f} GB, measured {measured / GB:.3f} GB at the peak "
        f"({counted / max(1, measured):.3f}); {(told.outside_torch_bytes or 0) / GB:.2f} GB outside torch",
    )
    bench.tell(
        f"{told.stage}: speed",
        f"{1 / told.step_seconds:.2f} steps a second ({1 / told.longest_step_seconds:.2f} on the longest rows), an "
        f"evaluation {told.evaluation_seconds:.2f} s, a checkpoint {told.checkpoint_seconds:.2f} s",
    )


def search(bench: Bench) -> None:
    """A search of the sample with the embedded encoder: through Ray, or its folds alone where Ray is missing."""
    folder = bench.folder / "search"
    absent = missing(*_NEEDED)
    began = time.monotonic()
    if absent:
        bench.tell("through Ray", f"left out: {', '.join(absent)} not installed; its folds run without")
        in_process(bench.left - 1, _folds_alone, bench, folder)
    else:
        words = ["search", "st3", "--trials", "2", "--folds", "2", "--racing", "none", "--store", str(folder)]
        if bench.dry:
            words += ["--slots", "1", *(f"--set={key}={value}" for key, value in _FEW_STEPS.items())]
        start = "from tune_polar.cli.main import main; main()"
        for line in lines_of([sys.executable, "-c", start, *words], bench.left - _END_SECONDS - 1):
            if _SCORED.match(line):
                bench.tell("configuration, by its cross-fitted macro-F1", line)
    store = open_store(folder, to_look=True)
    records = sorted(store.folds(), key=lambda record: (record.configuration_id, record.fold))
    for record in records:
        _tell_fold(bench, store, record)
    bench.tell("in all", f"{len(records)} of 4 folds in {time.monotonic() - began:.1f} s", good=len(records) == 4)


def _folds_alone(bench: Bench, folder: Path) -> None:
    few = _FEW_STEPS if bench.dry else {}
    worker = Worker(bench, corpus := texts(SAMPLE_ROWS), folder, 2, 60.0)
    for centers in (10, 5):
        recipe = recipe_of("tiny", {"folds.count": 2, "detector.centers": centers, **few})
        for fold in range(2):
            worker.run(trial_of(recipe, corpus, fold))


def _tell_fold(bench: Bench, store: Store, record: FoldRecord) -> None:
    stages = store.stages([key for key in (record.detector_key, record.classifier_key) if key is not None])
    bits = " and ".join(sorted({stage.precision for stage in stages.values()}))
    scores = ", ".join(f"{name} {value:.3f}" for name, value in record.scores.items())
    bench.tell(
        f"configuration {record.configuration_id}, fold {record.fold}",
        f"{record.provenance.device}, {bits}; {scores}; {record.seconds:.1f} s",
    )


def trainer(bench: Bench) -> None:
    """`throughput.py --gpu`: the Hugging Face Trainer beside ours, at the same cap and size."""
    absent = missing("accelerate")
    if absent:
        bench.tell("the Hugging Face Trainer", "left out: it wants accelerate, which is not installed")
        return
    bits = "bf16" if bench.about.gpu.bits == "bf16" else "fp32"  # the script knows these two
    words = ["--gpu", "--rounds", "1", "--memory-gb", str(bench.slot_gb), "--precision", bits]
    # A dry run takes the CPU: memory that is pinned for a card needs a real one.
    few = ["--device", "cpu", "--layers", "2", "--hidden", "64", "--steps", "2", "--warmup", "1", "--batch", "4"]
    words += few if bench.dry else ["--steps", "10", "--warmup", "3"]
    script = str(Path(__file__).with_name("throughput.py"))
    stage = ""
    for line in lines_of([sys.executable, script, *words], bench.left - _END_SECONDS - 1):
        if line.endswith("rows:"):
            stage = line.rstrip(":")
        elif stage and line.startswith("  "):
            name, _, figure = line.strip().partition("  ")
            bench.tell(f"{stage}: {name}", " ".join(figure.split()))


def lines_of(words: Sequence[str], seconds: float) -> Iterator[str]:
    """What a command prints, line by line; after ``seconds`` it is ended as a batch system would.

    Raises:
        RuntimeError: it ended with an error, or was ended.
    """
    environment = os.environ | {"HF_HUB_OFFLINE": "1", "PYTHONUNBUFFERED": "1", "COLUMNS": "200"}
    process = subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=environment)
    is_over = threading.Event()

    def end() -> None:
        is_over.set()
        process.terminate()
        try:
            process.wait(_END_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()

    timer = threading.Timer(max(0.0, seconds), end)
    timer.start()
    last = ""
    try:
        for line in process.stdout or ():
            last = line.strip() or last
            yield line.rstrip("\n")
        code = process.wait()
    finally:
        timer.cancel()
        process.kill()
        process.wait()
    if is_over.is_set():
        raise RuntimeError(f"it was ended after {seconds:.0f} s, when its last line was: {last}")
    if code != 0:
        raise RuntimeError(f"it ended with exit code {code}: {last}")
