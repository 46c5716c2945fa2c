"""Programs as a person would write them, each run in a process of its own: the package imported, nothing else."""

from __future__ import annotations

import subprocess
import sys
import textwrap
from pathlib import Path

from tests.e2e.conftest import environment

HEAD = """
import os, signal, sys, threading, time
import pandas as pd
import tune_polar

SAID = ("slow river", "bright morning", "angry crowd", "empty street")
TEXTS = [f"{SAID[row % 4]} {row} {SAID[row % 3]}" for row in range(90)]
TWEETS = pd.DataFrame({"tweet": TEXTS, "mood": ["calm" if row % 4 < 2 else "angry" for row in range(90)]})
SMALL = dict(text="tweet", target="mood", folds=2, slots=1, progress="none",
             set={"encoder.tiny.hidden": 32, "model.optimizer.max_steps": 6})

def begin(**more):
    return tune_polar.search("classifier", TWEETS, **{**SMALL, "trials": 2, **more})

def left():
    "Processes below this one that are still there."
    mine = os.popen(f"ps -o pid= -o comm= --ppid {os.getpid()}").read().split("\\n")
    return [line for line in mine if "ray" in line or "gcs" in line]
"""


def start(folder: Path, program: str) -> subprocess.Popen[str]:
    """The program, running in ``folder``."""
    code = HEAD + textwrap.dedent(program)
    return subprocess.Popen(
        [sys.executable, "-c", code],
        cwd=folder,
        env={name: value for name, value in environment().items() if name != "PYTHONWARNINGS"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def ran(folder: Path, program: str, seconds: int = 400) -> tuple[str, str]:
    """What a program that ends well says on standard output and standard error."""
    process = start(folder, program)
    out, err = process.communicate(timeout=seconds)
    assert process.returncode == 0, f"{out}\n{err}"
    return out, err
