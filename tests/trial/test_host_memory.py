"""Memory of this process on its machine: its peak, what is given back, and when."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from graph_bench import ONE_STAGE, Bench, recipe_of

from tune_polar.store.store import Store
from tune_polar.trial import checkpoints, worker_context
from tune_polar.trial.host_memory import give_back_freed, peak_bytes, reset_peak, resident_bytes
from tune_polar.trial.run_fold_trial import run_fold_trial

MB = 2**20
ON_LINUX = pytest.mark.skipif(not Path("/proc/self/clear_refs").exists(), reason="only Linux tells a peak anew")


@ON_LINUX
def test_the_peak_is_that_since_it_was_last_asked() -> None:
    reset_peak()
    before = peak_bytes()
    assert before == pytest.approx(resident_bytes(), abs=32 * MB)
    block = np.ones(200 * MB, np.uint8)
    assert peak_bytes() - before > 190 * MB
    del block
    assert peak_bytes() - before > 190 * MB, "what came and went counts"
    reset_peak()
    assert peak_bytes() - before < 32 * MB


@ON_LINUX
def test_what_lies_below_a_block_in_use_is_given_back() -> None:
    """As a step's freed activations lie below its gradients: by itself the C library keeps them."""
    blocks = [bytearray(100_000) for _ in range(2000)]  # below the size that is mapped by itself
    last = bytearray(100_000)
    del blocks
    before = resident_bytes()
    give_back_freed()
    assert before - resident_bytes() > 150 * MB
    assert len(last) == 100_000


def test_it_is_given_back_before_a_checkpoint_and_after_a_stage(graph: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """A checkpoint's bytes would come on top of it, and the next stage's beside it."""
    order: list[str] = []
    monkeypatch.setattr("tune_polar.trial.checkpoints._WRITING_SHARE", float("inf"))
    for module in (checkpoints, worker_context):
        monkeypatch.setattr(module, "give_back_freed", lambda: order.append("given back"))
    for name in ("put_checkpoint", "put_stage"):
        monkeypatch.setattr(Store, name, watched(order, name, getattr(Store, name)))
    recipe = recipe_of(ONE_STAGE)
    run_fold_trial(graph.trial(recipe), graph.context(recipe, 1e-9))
    assert order == ["given back", "put_checkpoint"] * 4 + ["put_stage", "given back"]


def watched(order: list[str], name: str, inner: object) -> object:
    def call(*arguments: object) -> object:
        order.append(name)
        assert callable(inner)
        return inner(*arguments)

    return call
