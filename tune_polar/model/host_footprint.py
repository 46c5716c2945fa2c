"""How much of a machine's own memory a worker takes at its peak, on a GPU or without one, counted beforehand.

Beside the pretrained encoder and the best weights so far there are the stage's own weights, gradients, moments and
activations on a CPU; where a GPU has those, its weights pass through this machine's memory when the stage is built.
Checkpoints and weights are written and read one array at a time, so that they add the largest one. A worker has every
pretrained encoder that its recipe names, each once: ``pretrained_bytes`` of the others come on top.
"""

from __future__ import annotations

from tune_polar.model.footprint import FLOAT, WORKSPACE_BYTES, StageLoad, stage_peak

_LIBRARIES_BYTES = 80 * 2**20  # loaded by the first step that needs them


def host_peak_bytes(load: StageLoad, micro_rows: int, recompute: bool, *, on_cpu: bool, keeps_best: bool) -> int:
    """Bytes that a stage and the pretrained encoder it begins from add to a process that has loaded its libraries.

    Args:
        load: the stage.
        micro_rows, recompute: how its steps are computed (see ``stage_peak``).
        on_cpu: whether it is computed on the CPU; else only copies of what the GPU holds are here.
        keeps_best: whether the best weights are kept.
    """
    trained, still = FLOAT * (load.parameters - load.frozen), int(load.frozen_bytes * load.frozen)
    weights, largest = trained + still, FLOAT * load.encoder.word_embeddings
    if load.adapter is not None:  # the largest array that is kept is one of its own; the base is nobody's copy
        largest = trained
    pretrained, best = _LIBRARIES_BYTES + weights, trained * keeps_best
    if not on_cpu:
        return pretrained + max(weights, best + largest)
    if load.adapter is not None:
        pretrained = _LIBRARIES_BYTES
    training = stage_peak(load, micro_rows, recompute) - WORKSPACE_BYTES
    return pretrained + best + training


def pretrained_bytes(load: StageLoad) -> int:
    """Bytes of the pretrained encoder that a stage begins from, as the worker keeps it."""
    if load.adapter is not None:  # a base as it is stored, or packed
        return int(load.frozen_bytes * load.frozen)
    return FLOAT * load.encoder.parameters
