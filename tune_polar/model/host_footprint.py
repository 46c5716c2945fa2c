"""How much of a machine's own memory a worker takes at its peak, on a GPU or without one, counted beforehand."""

from __future__ import annotations

from tune_polar.model.footprint import FLOAT, WORKSPACE_BYTES, StageLoad, stage_footprint

# Of a checkpoint while it is read or written: the file's bytes, and those of each tensor.
_COPIES = 2
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
    kept = _LIBRARIES_BYTES + weights * (1 + keeps_best + starts_from_stage)
    moments = 2 * weights
    checkpoint = weights * (1 + keeps_best) + moments
    restoring = weights + _COPIES * checkpoint  # as they stood, in case that it does not fit
    if not on_cpu:
        return kept + restoring
    training = stage_footprint(load, micro_rows, recompute).peak - WORKSPACE_BYTES
    return kept + max(training, 2 * weights + moments + restoring)
