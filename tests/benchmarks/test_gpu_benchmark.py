"""The benchmark for GPUs: without one it says so, and on a pretended card it runs from end to end."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
import torch

SCRIPT = Path(__file__).resolve().parents[2] / "benchmarks" / "gpu.py"
# What each section must have printed.
FIGURES = {
    "try": [
        "slot: torch may allocate 7.38 GB",
        "detector, bf16, batch 24 at once, at most 80 tokens: memory: counted 0.082 GB, measured 0.0",
        "classifier, bf16, batch 8 at once, at most 80 tokens: memory: counted 0.081 GB, measured 0.0",
        "classifier: speed: ",
    ],
    "search": [
        "configuration, by its cross-fitted macro-F1: #1 ",
        "fold 1: a pretended card, bf16; classifier.best_threshold_f1 0.",
        "in all: 4 of 4 folds in ",
    ],
    "peaks": [
        "detector batch 24, FGM: counted 0.0",
        "detector batch 24, FGM, parts of 12, checkpointing: counted 0.0",
        "classifier batch 8, no FGM: counted 0.0",
        "in 6 cases; the band is 0.97 to 1.10",
    ],
    "trainer": ["the Hugging Face Trainer: left out", "ours / tuned: "],  # one of them
    "neighbours": ["1 at once: ", "2 at once: ", "of one alone; steps a second of each: detector "],
    "recovery": [
        "a cap below the peak of two passes: 0.",
        "GB: OutOfMemoryError: CUDA out of memory.",
        "the probe of a stage under it: chose batch 24 in parts of 12",
        "the error: OutOfMemoryError: detector at step ",
        "the fold: after batch 24 at once, from step ",
        ": finished as batch 24 in parts of 12",
        "the next fold in this process, with its slot again: finished as batch 24 at once",
    ],
    "kill": [
        "killed: after step ",
        "5 steps done again",
        "two runs that nothing ended: curve and predictions are the same bits",
        "the killed run and one that nothing ended: curve and predictions are the same bits",
    ],
}


def run(*words: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """The script, as a user starts it."""
    return subprocess.run(
        [sys.executable, str(SCRIPT), *words],
        env=os.environ | environment,
        capture_output=True,
        text=True,
        timeout=500,
        check=False,
    )


def test_without_a_gpu_it_says_so() -> None:
    done = run(CUDA_VISIBLE_DEVICES="", HIP_VISIBLE_DEVICES="")
    assert done.returncode == 2
    assert done.stdout == ""
    assert "no GPU here: nothing can be measured" in done.stderr
    assert "--dry" in done.stderr


@pytest.mark.e2e
@pytest.mark.skipif(torch.backends.cuda.is_built(), reason="the stand-in needs a torch built for the CPU")
def test_every_section_runs_on_a_pretended_card() -> None:
    done = run("--dry", "--times", "4")
    assert done.returncode == 0, done.stdout + done.stderr
    lines = done.stdout.splitlines()
    assert all(line.startswith("dry run | ") for line in lines), "no figure may be taken for a measurement"
    assert "a pretended card, capability 8.9, 24.00 GB, 23.75 GB free" in lines[1]
    told, rows = {}, [line for line in lines if line.startswith("dry run | | ")]
    for section, figures in FIGURES.items():
        said = "\n".join(line for line in lines if re.match(rf"dry run \| {section} ", line))
        told[section] = said.count("\n") + 1
        missing = [figure for figure in figures if figure not in said]
        assert len(missing) == (1 if section == "trainer" else 0), f"{section} must tell {missing}:\n{said}"
    assert rows[:2] == ["dry run | | section | what | figure |", "dry run | | --- | --- | --- |"]
    assert len(rows) == 2 + sum(told.values()), "every figure stands in the table again"
