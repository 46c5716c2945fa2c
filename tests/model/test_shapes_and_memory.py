"""Texts of ever other lengths leave nothing behind in memory."""

from __future__ import annotations

import subprocess
import sys

PROGRAM = """
import numpy as np, torch
from tune_polar.data.batching import TokenRows
from tune_polar.data.sample_corpus import sample_corpus
from tune_polar.recipe.recipe_file import RecipeOptions, load_recipe
from tune_polar.trial.encoder_source import EncoderSource
from tune_polar.trial.host_memory import resident_bytes
from tune_polar.trial.forward_pass import predict

torch.set_num_threads(1)
stage = load_recipe("st1", RecipeOptions(encoder="tiny")).recipe.stages["detector"]
encoder = EncoderSource(stage.encoder, sample_corpus(0)).start(np.arange(300), 1, stage).eval()
rng = np.random.default_rng(0)
for number in range(600):
    if number == 50:
        before = resident_bytes()
    rows = TokenRows([rng.integers(1, 50, size=length) for length in rng.integers(20, 60, size=64)])
    steps = predict(encoder, rows, np.arange(64), 0, torch.device("cpu"))
    while next(steps, 1) != 1:
        pass
print((resident_bytes() - before) / 2**20)
"""


def test_the_cpus_programs_of_old_shapes_are_let_go() -> None:
    done = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True, timeout=120, check=True)
    assert float(done.stdout) < 60, "MiB more after 550 batches, each of a shape of its own"
