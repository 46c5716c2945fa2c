"""A running search where nothing can be redrawn: a line for each fold trial and configuration that ends."""

from __future__ import annotations

from rich.console import Console

from tune_polar.api.headline import cell_columns_note, headline, page_hint, stage_words, total
from tune_polar.api.pace import Pace, clock
from tune_polar.report.words import CellWords
from tune_polar.search.configuration_progress import cell_of
from tune_polar.search.fold_dispatch import FoldDispatch
from tune_polar.search.search_plan import SearchPlan
from tune_polar.search.stopping.limits import Limits
from tune_polar.trial.fold_trial import FoldTrial
from tune_polar.trial.progress import Progress


class PlainLines:
    """For logs and pipes."""

    def __init__(
        self, console: Console, core: FoldDispatch, plan: SearchPlan, store: str, limits: Limits, *, verbose: bool
    ) -> None:
        self._console = console
        self._verbose = verbose
        self._plan = plan
        self._words = CellWords(plan.cells)
        self._pace = Pace(total(plan, limits), cells=plan.cells)
        # Those of before a resume have been told of then.
        self._given_up = {key for key, progress in core.progress.items() if progress.abandonment is not None}
        self._say(headline(plan, store, limits))
        self._say(cell_columns_note(plan, {}))
        self._say(page_hint(store))
        if not core.done:
            self._say(self._pace.line(core))

    def started(self, trial: FoldTrial) -> None:
        """Say so where asked to say everything."""
        self._pace.started(trial)
        if self._verbose:
            self._say(f"{trial.configuration_id} {self._words.name(trial.cell)}: started")

    def progressed(self, trial: FoldTrial, progress: Progress) -> None:
        """The first step of all; every one where asked to say everything."""
        if self._pace.progressed():
            self._say(f"training · elapsed {clock(self._pace.elapsed)}")
        if self._verbose:
            value = "" if progress.value is None else f", {progress.value:.4f}"
            self._say(
                f"{trial.configuration_id} {self._words.name(trial.cell)}: {progress.stage} step {progress.step}"
                f"/{progress.total_steps}{value}"
            )

    def ended(self, trial: FoldTrial, core: FoldDispatch) -> None:
        """One line a fold trial, one more when its configuration is through."""
        self._pace.ended(trial, core)
        progress = core.progress[trial.configuration_id]
        name = f"#{progress.configuration.number} {trial.configuration_id}"
        cell = self._words.name(trial.cell)
        record = progress.finished.get(trial.cell)
        if record is not None:
            reused = f", {' and '.join(record.reused)} reused" if record.reused else ""
            self._say(
                f"{name} {cell}: {stage_words(record, self._plan.recipe)} in {record.seconds:.1f} s{reused} · "
                f"{self._pace.line(core)}"
            )
        elif progress.failure is not None and cell_of(progress.failure) == trial.cell:
            self._say(f"{name} {cell}: failed: {progress.failure.first_line}")
        elif progress.state != "abandoned":
            self._say(f"{name} {cell}: stopped, will run again")
        self._say_given_up(core)
        if record is not None and progress.score is not None:
            self._say(f"{name}: {progress.configuration.origin}, score {progress.score:.4f}")

    def _say_given_up(self, core: FoldDispatch) -> None:
        """Configurations that racing has given up since the last time."""
        for key, progress in core.progress.items():
            if progress.abandonment is not None and key not in self._given_up:
                self._given_up.add(key)
                record = progress.abandonment
                self._say(
                    f"#{progress.configuration.number} {key}: stopped after {self._words.count(len(record.cells))}: "
                    f"expected {record.predicted:.4f}, best so far {record.incumbent_score:.4f}"
                )

    def _say(self, text: str) -> None:
        self._console.print(text, soft_wrap=True)
