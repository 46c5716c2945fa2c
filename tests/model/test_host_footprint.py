"""What a worker takes of its machine's own memory, part by part; ``tests/trial/test_tryout.py`` measures it."""

from __future__ import annotations

from dataclasses import replace

from tune_polar.model.encoder_shape import PUBLISHED_CONFIGS, shape_of_config
from tune_polar.model.footprint import GB, WORKSPACE_BYTES, StageLoad, stage_footprint
from tune_polar.model.host_footprint import host_peak_bytes

SHAPE = shape_of_config(PUBLISHED_CONFIGS["nghuyong/ernie-3.0-xbase-zh"])
LOAD = StageLoad(SHAPE, SHAPE.parameters, batch_rows=8, longest_tokens=80, half_precision=False, fgm=True)
WEIGHTS = 4 * LOAD.parameters
LIBRARIES = 80 * 2**20


def counted(load: StageLoad = LOAD, *, on_cpu: bool = True, keeps_best: bool = True, starts: bool = False) -> int:
    return host_peak_bytes(load, load.batch_rows, False, on_cpu=on_cpu, keeps_best=keeps_best, starts_from_stage=starts)


def test_a_checkpoint_stands_beside_the_arrays_in_it() -> None:
    """Weights, two moments and best weights twice; the pretrained encoder; and on a CPU the gradients."""
    assert counted() == LIBRARIES + (1 + 2 * 4 + 1) * WEIGHTS
    assert counted(keeps_best=False) == LIBRARIES + (1 + 2 * 3 + 1) * WEIGHTS
    assert counted(starts=True) == LIBRARIES + (1 + 2 * 4 + 1 + 1) * WEIGHTS
    assert counted(on_cpu=False) == LIBRARIES + (1 + 2 * 4) * WEIGHTS
    assert counted(on_cpu=False, keeps_best=False, starts=True) == LIBRARIES + (1 + 2 * 3 + 1) * WEIGHTS


def test_steps_count_where_they_take_more_than_a_checkpoint() -> None:
    large = replace(LOAD, batch_rows=128)
    training = stage_footprint(large, 128, recompute=False).peak
    assert training > 10 * WEIGHTS
    assert counted(large) == LIBRARIES + WEIGHTS + training - WORKSPACE_BYTES
    assert counted(large, on_cpu=False) == counted(on_cpu=False), "a GPU's activations are not here"


def test_the_published_encoder_takes_what_was_measured() -> None:
    """By `doctor st3 --try --slots 1` on a CPU, with 0.48 GB before: 12.39 GB, and 12.80 for the classifier."""
    before = int(0.48 * GB)
    assert abs((before + counted(replace(LOAD, batch_rows=24))) / (12.39 * GB) - 1) < 0.15
    assert abs((before + counted(starts=True)) / (12.80 * GB) - 1) < 0.15
