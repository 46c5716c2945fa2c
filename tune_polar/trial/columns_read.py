"""Which columns of train a stage reads. Torch-free: keys are made where nothing is trained."""

from __future__ import annotations

from tune_polar.recipe.clustering import clustering_of
from tune_polar.recipe.components.batches import STRATA
from tune_polar.recipe.sections import Data, Stage

CLASSES = "classes"  # batches balanced by those of the target


def columns_read(data: Data, stage: Stage) -> tuple[str, ...]:
    """The columns that a stage's training and its kept weights depend on, each once."""
    by, group = balanced_by(stage), group_column(data, stage)
    balanced = data.strata if by == STRATA else () if by in (None, CLASSES) else (by,)
    named = [column for column in (group, pair_column(stage)) if column is not None]
    return tuple(dict.fromkeys([*stage.columns, *stage.rows, *balanced, *named]))


def balanced_by(stage: Stage) -> str | None:
    """What a stage's batches are balanced by: strata, the target's classes or a column; None: they are not."""
    by = getattr(stage.batches, "by", None)
    return CLASSES if by == STRATA and stage.task.gold == "class" else by


def group_column(data: Data, stage: Stage) -> str | None:
    """The column of groups that a loss reads: the first of ``data.groups``, where a loss says that it reads groups."""
    reads = any(getattr(loss, "reads_groups", False) for loss in stage.losses.values())
    return data.groups[0] if reads and data.groups else None


def pair_column(stage: Stage) -> str | None:
    """The column of positive texts that a loss of a stage reads; None: none does, or rows of the cluster stand in."""
    if clustering_of(stage) is not None or all(loss.positives is None for loss in stage.losses.values()):
        return None
    return getattr(stage.batches, "text", None)
