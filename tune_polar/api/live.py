"""What a person sees while a search runs in a terminal: a table of configurations and their cells, redrawn."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from types import TracebackType

from rich.console import Console, Group
from rich.live import Live
from rich.table import Table
from rich.text import Text

from tune_polar.api.headline import cell_columns_note, headline, page_hint, short_names, stage_value, total
from tune_polar.api.pace import Pace
from tune_polar.decide.metrics import metric_named
from tune_polar.recipe.cells import Cell
from tune_polar.report.words import CellWords
from tune_polar.search.configuration_progress import ConfigurationProgress
from tune_polar.search.fold_dispatch import FoldDispatch
from tune_polar.search.search_plan import SearchPlan
from tune_polar.search.stopping.limits import Limits
from tune_polar.trial.fold_trial import FoldTrial
from tune_polar.trial.progress import Progress

MOST_COLUMNS = 8  # cells that have a column each; more are counted
RUNNING_SHOWN = 2  # of one configuration whose cells have no columns


class LiveTable:
    """Configurations × cells, redrawn as they move."""

    def __init__(self, console: Console, core: FoldDispatch, plan: SearchPlan, store: str, limits: Limits) -> None:
        self._console = console
        self._limits = limits
        self._core = core
        self._plan = plan
        self._store = store
        self._words = CellWords(plan.cells)
        self._short = short_names(plan.recipe.stages)
        self._has_columns = len(plan.cells) <= MOST_COLUMNS and self._words.one != "cell"
        self._pace = Pace(total(plan, limits), cells=plan.cells)
        self._running: dict[tuple[str, Cell], str] = {}
        self._live = Live(console=console, refresh_per_second=4, get_renderable=self._draw)

    def __enter__(self) -> LiveTable:
        self._live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with contextlib.suppress(OSError):  # the terminal may be gone
            self._live.stop()

    def started(self, trial: FoldTrial) -> None:
        """Show the fold trial as running."""
        self._pace.started(trial)
        self._running[trial.configuration_id, trial.cell] = "…"

    def progressed(self, trial: FoldTrial, progress: Progress) -> None:
        """Show stage and share of steps."""
        self._pace.progressed()
        name = self._short.get(progress.stage, progress.stage)
        self._running[trial.configuration_id, trial.cell] = f"{name} {100 * progress.step // progress.total_steps}%"

    def ended(self, trial: FoldTrial, core: FoldDispatch) -> None:
        """Show its score."""
        self._running.pop((trial.configuration_id, trial.cell), None)
        self._pace.ended(trial, core)

    def _draw(self) -> Group:
        table = Table(box=None, pad_edge=False, header_style="bold")
        table.add_column("#", justify="right")
        table.add_column("configuration")
        for name in map(self._words.name, self._plan.cells) if self._has_columns else (self._words.many, "in training"):
            table.add_column(name, justify="right", min_width=6)
        table.add_column("score", justify="right")
        # A copy: the driving thread adds configurations while this one draws.
        rows = list(self._core.progress.values())
        best = self._best(rows)
        room = max(5, self._console.height - 7)
        for progress in rows[-room:]:
            table.add_row(*self._row(progress, best))
        hidden = f"({len(rows) - room} earlier configurations above)\n" if len(rows) > room else ""
        best_text = "" if best is None else f" · best {best:.4f}"
        return Group(
            Text(headline(self._plan, self._store, self._limits), style="dim"),
            Text(hidden, end=""),
            table,
            Text(self._pace.line(self._core) + best_text),
            Text(cell_columns_note(self._plan, self._short), style="dim"),
            Text(page_hint(self._store), style="dim"),
        )

    def _best(self, rows: Sequence[ConfigurationProgress]) -> float | None:
        scores = [each.score for each in rows if each.score is not None]
        metric = metric_named(self._plan.recipe.score.metric)
        return max(scores, key=lambda score: metric.gain(score, 0.0), default=None)

    def _row(self, progress: ConfigurationProgress, best: float | None) -> list[Text]:
        configuration = progress.configuration
        cells = [Text(str(configuration.number)), Text(f"{configuration.id} {configuration.origin}")]
        cells += self._in_columns(progress) if self._has_columns else self._counted(progress)
        if progress.state == "abandoned":
            cells.append(Text("stopped", style="dim"))
        elif progress.state == "infeasible":
            cells.append(Text("failed", style="red"))
        elif progress.score is None:
            cells.append(Text(""))
        else:
            mark = " ★" if progress.score == best else ""
            cells.append(Text(f"{progress.score:.4f}{mark}", style="bold" if mark else ""))
        return cells

    def _in_columns(self, progress: ConfigurationProgress) -> list[Text]:
        found, finished = [], dict(progress.finished)
        for cell in self._plan.cells:
            if cell in finished:
                found.append(Text(f"{stage_value(finished[cell], self._plan.recipe):.3f}"))
            elif (running := self._running.get((progress.configuration.id, cell))) is not None:
                found.append(Text(running, style="cyan"))
            else:
                found.append(Text("·", style="dim"))
        return found

    def _counted(self, progress: ConfigurationProgress) -> list[Text]:
        running = [
            f"{self._words.name(cell)} {said}"
            for (name, cell), said in list(self._running.items())
            if name == progress.configuration.id
        ]
        more = f" +{len(running) - RUNNING_SHOWN}" if len(running) > RUNNING_SHOWN else ""
        told = "; ".join(running[:RUNNING_SHOWN]) + more
        return [Text(f"{len(progress.finished)}/{len(progress.order)}"), Text(told, style="cyan")]
