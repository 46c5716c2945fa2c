"""What a worker takes of its machine's own memory, part by part; ``tests/trial/test_tryout.py`` measures it."""

from __future__ import annotations

from dataclasses import replace

from tune_polar.model.encoder_shape import PUBLISHED_CONFIGS, shape_of_config
from tune_polar.model.footprint import WORKSPACE_BYTES, AdapterLoad, StageLoad, stage_peak
from tune_polar.model.host_footprint import host_peak_bytes, pretrained_bytes

SHAPE = shape_of_config(PUBLISHED_CONFIGS["nghuyong/ernie-3.0-xbase-zh"])
LOAD = StageLoad(SHAPE, SHAPE.parameters, batch_rows=8, longest_tokens=80, half_precision=False, fgm=True)
WEIGHTS = 4 * LOAD.parameters
LARGEST = 4 * SHAPE.word_embeddings
LIBRARIES = 80 * 2**20


def counted(load: StageLoad = LOAD, *, on_cpu: bool = True, keeps_best: bool = True) -> int:
    return host_peak_bytes(load, load.batch_rows, False, on_cpu=on_cpu, keeps_best=keeps_best)


def test_one_pretrained_copy_the_best_weights_and_what_training_takes() -> None:
    for load in (LOAD, replace(LOAD, batch_rows=128)):
        training = stage_peak(load, load.batch_rows, recompute=False) - WORKSPACE_BYTES
        assert counted(load) == LIBRARIES + 2 * WEIGHTS + training
        assert counted(load, keeps_best=False) == LIBRARIES + WEIGHTS + training


def test_beside_a_gpu_weights_pass_through_and_checkpoints_add_their_largest_array() -> None:
    assert counted(on_cpu=False) == LIBRARIES + 2 * WEIGHTS + LARGEST
    assert counted(on_cpu=False, keeps_best=False) == LIBRARIES + 2 * WEIGHTS
    assert counted(replace(LOAD, batch_rows=128), on_cpu=False) == counted(on_cpu=False), "its activations are there"


def test_a_pretrained_encoder_is_kept_in_32_bits_or_as_the_base_that_it_is() -> None:
    assert pretrained_bytes(LOAD) == WEIGHTS
    assert pretrained_bytes(replace(LOAD, parameters=LOAD.parameters + 5000)) == WEIGHTS, "a head is the stage's own"
    base = replace(LOAD, frozen=SHAPE.parameters, frozen_bytes=0.75, adapter=AdapterLoad(8, 4, 4096))
    assert pretrained_bytes(base) == int(0.75 * SHAPE.parameters)
