"""Training curves of a recorded search as TensorBoard event files, as `--track tensorboard` writes them meanwhile.

In this floor and not among the report's tables because the writer loads torch where it finds it.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from tensorboardX import SummaryWriter

from tune_polar.errors import SearchError
from tune_polar.evaluate.summary import SearchSummary
from tune_polar.search.trackers.runs import Evaluation, cell_name, configuration_name
from tune_polar.search.trackers.tensorboard import write_point
from tune_polar.store.records import StageRecord
from tune_polar.store.store import Store


def export_tensorboard(store: Store, summary: SearchSummary, folder: Path) -> int:
    """Write ``folder/NUMBER-ID/CELL/STAGE`` for every stage and return how many.

    Raises:
        SearchError: the folder cannot be written.
    """
    count = 0
    try:
        for name, stage in _curves(store, summary):
            with SummaryWriter(str(folder / name), write_to_disk=True) as writer:
                for point in stage.curve:
                    evaluation = Evaluation(stage.stage, point.step, point.training_loss, point.value)
                    write_point(writer, evaluation.numbers, point.step)
            count += 1
    except OSError as error:
        raise SearchError(
            f"{folder} must be written, but: {error.strerror or error}", "Free space or mend permissions there."
        ) from error
    return count


def _curves(store: Store, summary: SearchSummary) -> Iterator[tuple[str, StageRecord]]:
    """Folder and record of every stage; one that several configurations share is read again for each."""
    for row in summary.configurations:
        for fold in row.folds:
            stages = store.stages(list(fold.stages.values()), row.configuration.recipe)
            for name, key in fold.stages.items():
                if key in stages:
                    cell = cell_name(fold.fold, fold.seed)
                    yield f"{configuration_name(row.configuration)}/{cell}/{name}", stages[key]
