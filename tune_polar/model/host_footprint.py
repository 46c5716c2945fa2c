"""How much of a machine's own memory a worker takes at its peak, on a GPU or without one, counted beforehand.

The peak is a step on a CPU, with its activations, or a checkpoint, written or read, whose bytes stand beside the arrays
in it. The two never add up: what a step has freed is given back before a checkpoint is written.
"""

from __future__ import annotations

from tune_polar.model.footprint import FLOAT, WORKSPACE_BYTES, StageLoad, stage_footprint

_LIBRARIES_BYTES = 80 * 2**20  # loaded by the first step that needs them


def host_peak_bytes(
    load: StageLoad, micro_rows: int, recompute: bool, *, on_cpu: bool, keeps_best: bool, starts_from_stage: bool
) -> int:
    """Bytes that a stage and the pretrained encoder it begins from add to a process that has loaded its libraries.

    Args:
        load: the stage.
        micro_rows, recompute: how its steps are computed (see ``stage_footprint``).
        on_cpu: whether it is computed on the CPU; else only copies of what the GPU holds are here.
        keeps_best: whether the best weights are kept.
        starts_from_stage: whether it starts from another stage, whose weights stay at hand.
    """
    weights = FLOAT * load.parameters
    kept = _LIBRARIES_BYTES + weights * (1 + starts_from_stage)
    checkpoint = weights + 2 * weights + weights * keeps_best  # AdamW has two moments
    if not on_cpu:
        return kept + 2 * checkpoint
    training = stage_footprint(load, micro_rows, recompute).peak - WORKSPACE_BYTES
    # One more of the weights: their gradients while it is written, the model's own while it is read.
    return kept + max(training, 2 * checkpoint + weights)
