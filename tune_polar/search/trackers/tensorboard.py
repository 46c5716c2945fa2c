"""Curves as TensorBoard event files, while a search runs and of a recorded one."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from tensorboardX import SummaryWriter
from tensorboardX.summary import hparams

from tune_polar.search.trackers.runs import (
    START_HAS_SEEN,
    ConfigurationEnd,
    ConfigurationRun,
    Evaluation,
    FoldEnd,
    FoldRun,
)


class TensorBoardTracker:
    """``FOLDER/NUMBER-ID/CELL/STAGE`` for every stage, and settings with scores in ``FOLDER/NUMBER-ID``."""

    def __init__(self, folder: Path) -> None:
        """Nothing is written before there is something to write."""
        self._folder = folder
        self._writers: dict[str, dict[str, SummaryWriter]] = {}  # by fold and stage

    def fold_started(self, run: FoldRun) -> None:
        """Nothing: a stage's file is made with its first point."""

    def evaluated(self, run: FoldRun, evaluation: Evaluation) -> None:
        """Write a point of both curves, at once."""
        writers = self._writers.setdefault(run.key, {})
        if evaluation.stage not in writers:
            place = self._folder / run.configuration.name / run.name / evaluation.stage
            # What a search that was killed wrote from this step on, TensorBoard passes over.
            again = evaluation.step if place.is_dir() and any(place.iterdir()) else None
            writers[evaluation.stage] = SummaryWriter(str(place), purge_step=again)
        write_point(writers[evaluation.stage], evaluation.numbers, evaluation.step)
        writers[evaluation.stage].flush()

    def fold_ended(self, run: FoldRun, end: FoldEnd) -> None:  # noqa: ARG002 (its curves say it)
        """Close its files."""
        for writer in self._writers.pop(run.key, {}).values():
            writer.close()

    def configuration_ended(self, run: ConfigurationRun, end: ConfigurationEnd) -> None:
        """Write its settings and score, for the tab HPARAMS."""
        settings = {name: "null" if value is None else value for name, value in run.settings.items()}
        seen = {START_HAS_SEEN: " ".join(end.start_has_seen)} if end.start_has_seen else {}
        with SummaryWriter(str(self._folder / run.name)) as writer:
            for summary in hparams({**settings, "state": end.state, **seen}, end.numbers):
                writer.file_writer.add_summary(summary)
            write_point(writer, end.numbers, run.configuration.number)

    def close(self) -> None:
        """Close what is open."""
        for writers in self._writers.values():
            for writer in writers.values():
                writer.close()
        self._writers.clear()


def write_point(writer: SummaryWriter, numbers: Mapping[str, float], step: int) -> None:
    """A point of each curve."""
    for name, value in numbers.items():
        writer.add_scalar(name, value, step)
