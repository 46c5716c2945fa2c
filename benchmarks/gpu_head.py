"""What `gpu.py` looks up and makes before its sections."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import torch
from gpu_process import About
from gpu_stage import GPU, SMALL, XBASE, texts

from tune_polar.model.footprint import GB
from tune_polar.model.random_encoder import write_random_encoder
from tune_polar.trial.gpus import Gpu
from tune_polar.trial.visible_gpus import is_simulated, look_for_gpus


def look() -> Gpu | str:
    """The first card that this process may use, or why there is none."""
    if is_simulated():
        return "TUNE_POLAR_GPU_GB is set, so those there are are not looked at"
    found = look_for_gpus()
    if not found.gpus:
        return "there is none" if found.problem is None else ": ".join(found.problem)
    return found.gpus[0]


def about(gpu: Gpu) -> About:
    """What there is to say of it, in a process that sees it alone."""
    free, _ = torch.cuda.mem_get_info(GPU)
    return About(gpu, free / GB, torch.__version__, _driver())


def _driver() -> str:
    tool = shutil.which("nvidia-smi")
    if tool is not None:
        words = [tool, "--query-gpu=driver_version", "--format=csv,noheader"]
        told = subprocess.run(words, capture_output=True, text=True, check=False).stdout.split()
        if told:
            return told[0]
    about = Path("/sys/module/nvidia/version")
    return about.read_text().strip() if about.exists() else "unknown"


def write_encoder(folder: Path, dry: bool) -> None:
    """Random weights of the published size; small ones for a dry run."""
    folder.mkdir()
    write_random_encoder(folder, SMALL if dry else XBASE, texts(1000).train.texts)
