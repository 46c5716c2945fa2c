"""Training curves of a recorded search as TensorBoard event files.

In this floor and not among the report's tables because the writer loads torch where it finds it.
"""

from __future__ import annotations

from pathlib import Path

from tensorboardX import SummaryWriter

from tune_polar.errors import SearchError
from tune_polar.report.tables import stages_of
from tune_polar.store.store import Store
from tune_polar.store.summary import SearchSummary


def export_tensorboard(store: Store, summary: SearchSummary, folder: Path) -> int:
    """Write ``folder/NUMBER-ID/foldF/STAGE`` for every stage and return how many.

    Raises:
        SearchError: the folder cannot be written.
    """
    count = 0
    try:
        for row, stage in stages_of(store, summary):
            name = f"{row.configuration.number:05d}-{row.configuration.id}/fold{stage.fold}/{stage.stage}"
            with SummaryWriter(str(folder / name), write_to_disk=True) as writer:
                for point in stage.curve:
                    writer.add_scalar("training_loss", point.training_loss, point.step)
                    writer.add_scalar("checkpoint_metric", point.value, point.step)
            count += 1
    except OSError as error:
        raise SearchError(
            f"{folder} must be written, but: {error.strerror or error}", "Free space or mend permissions there."
        ) from error
    return count
