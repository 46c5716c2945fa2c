"""What a person sees while a search runs: a live table in a terminal, plain lines elsewhere."""

from __future__ import annotations

import contextlib
from types import TracebackType

from rich.console import Console, Group
from rich.live import Live
from rich.table import Table
from rich.text import Text

from tune_polar.cli.pace import Pace, clock
from tune_polar.search.configuration_progress import ConfigurationProgress
from tune_polar.search.core import SearchCore
from tune_polar.search.limits import Limits
from tune_polar.search.plan import SearchPlan
from tune_polar.spec.fold_trial import FoldTrial
from tune_polar.store.record import FoldRecord
from tune_polar.trial.progress import Progress

# A fold's own number flatters and is another measure than the score: both are said to be what they are.
FOLD_COLUMNS = (
    "fold: its best checkpoint's own metric (P@1, or F1 with the fold's own best thresholds) "
    "· score: cross-fitted over all folds"
)
_STAGE_LETTER = {"detector": "D", "classifier": "C"}


def fold_score(record: FoldRecord) -> float:
    """The score of one fold that is worth a glance: its last stage's checkpoint metric."""
    return record.scores.get("fold_macro_f1", record.scores["precision_at_1"])


def headline(plan: SearchPlan, store: str, limits: Limits) -> str:
    """What is being run, in one line."""
    rows = len(plan.corpus.train)
    ends = [] if limits.is_open_ended else [f"{plan.trials} configurations × {plan.folds} folds"]
    ends += [] if limits.seconds is None else [f"for {clock(limits.seconds)}"]
    ends += ["until converged"] if limits.until_converged else []
    return (
        f"{plan.kind} {plan.recipe.recipe} · {' · '.join(ends)} · "
        f"{plan.corpus.name}, {rows} rows · encoder {plan.recipe.encoder.name} · records in {store}"
    )


def page_hint(store: str) -> str:
    """How to have the page while the search runs."""
    return f"page meanwhile: tune-polar report {store} --watch --open"


def _total(plan: SearchPlan, limits: Limits) -> int | None:
    """Folds that the search is to come to; None: that is left open."""
    return None if limits.is_open_ended else plan.trials * plan.folds


def _folds(number: int) -> str:
    return f"{number} fold" if number == 1 else f"{number} folds"


class LiveTable:
    """Configurations × folds, redrawn as they move."""

    def __init__(self, console: Console, core: SearchCore, plan: SearchPlan, store: str, limits: Limits) -> None:
        self._console = console
        self._limits = limits
        self._core = core
        self._plan = plan
        self._store = store
        self._pace = Pace(_total(plan, limits))
        self._running: dict[tuple[str, int], str] = {}
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
        """Show the fold as running."""
        self._pace.started(trial)
        self._running[trial.configuration_id, trial.fold] = "…"

    def progressed(self, trial: FoldTrial, progress: Progress) -> None:
        """Show stage and share of steps."""
        self._pace.progressed()
        share = f"{_STAGE_LETTER[progress.stage]} {100 * progress.step // progress.total_steps}%"
        self._running[trial.configuration_id, trial.fold] = share

    def ended(self, trial: FoldTrial, core: SearchCore) -> None:
        """Show its score."""
        self._running.pop((trial.configuration_id, trial.fold), None)
        self._pace.ended(trial, core)

    def _draw(self) -> Group:
        table = Table(box=None, pad_edge=False, header_style="bold")
        table.add_column("#", justify="right")
        table.add_column("configuration")
        for fold in range(self._plan.folds):
            table.add_column(f"fold {fold}", justify="right", min_width=6)
        table.add_column("score", justify="right")
        # A copy: the driving thread adds configurations while this one draws.
        rows = list(self._core.progress.values())
        best = max((p.score for p in rows if p.score is not None), default=None)
        room = max(5, self._console.height - 7)
        for progress in rows[-room:]:
            table.add_row(*self._cells(progress, best))
        hidden = f"({len(rows) - room} earlier configurations above)\n" if len(rows) > room else ""
        best_text = "" if best is None else f" · best {best:.4f}"
        return Group(
            Text(headline(self._plan, self._store, self._limits), style="dim"),
            Text(hidden, end=""),
            table,
            Text(self._pace.line(self._core) + best_text),
            Text(FOLD_COLUMNS, style="dim"),
            Text(page_hint(self._store), style="dim"),
        )

    def _cells(self, progress: ConfigurationProgress, best: float | None) -> list[Text]:
        configuration = progress.configuration
        cells = [Text(str(configuration.number)), Text(f"{configuration.id} {configuration.origin}")]
        finished = dict(progress.finished)
        for fold in range(self._plan.folds):
            if fold in finished:
                cells.append(Text(f"{fold_score(finished[fold]):.3f}"))
            elif (running := self._running.get((configuration.id, fold))) is not None:
                cells.append(Text(running, style="cyan"))
            else:
                cells.append(Text("·", style="dim"))
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


class PlainLines:
    """A line for each fold and configuration that ends: for logs and pipes."""

    def __init__(
        self, console: Console, core: SearchCore, plan: SearchPlan, store: str, limits: Limits, *, verbose: bool
    ) -> None:
        self._console = console
        self._verbose = verbose
        self._pace = Pace(_total(plan, limits))
        # Those of before a resume have been told of then.
        self._given_up = {key for key, progress in core.progress.items() if progress.abandonment is not None}
        self._say(headline(plan, store, limits))
        self._say(FOLD_COLUMNS)
        self._say(page_hint(store))
        if not core.done:
            self._say(self._pace.line(core))

    def started(self, trial: FoldTrial) -> None:
        """Say so where asked to say everything."""
        self._pace.started(trial)
        if self._verbose:
            self._say(f"{trial.configuration_id} fold {trial.fold}: started")

    def progressed(self, trial: FoldTrial, progress: Progress) -> None:
        """The first step of all; every one where asked to say everything."""
        if self._pace.progressed():
            self._say(f"training · elapsed {clock(self._pace.elapsed)}")
        if self._verbose:
            value = "" if progress.value is None else f", {progress.value:.4f}"
            self._say(
                f"{trial.configuration_id} fold {trial.fold}: {progress.stage} step {progress.step}"
                f"/{progress.total_steps}{value}"
            )

    def ended(self, trial: FoldTrial, core: SearchCore) -> None:
        """One line a fold, one more when its configuration is through."""
        self._pace.ended(trial, core)
        progress = core.progress[trial.configuration_id]
        name = f"#{progress.configuration.number} {trial.configuration_id}"
        record = progress.finished.get(trial.fold)
        if record is not None:
            reused = f", {' and '.join(record.reused)} reused" if record.reused else ""
            self._say(
                f"{name} fold {trial.fold}: checkpoint {fold_score(record):.4f} in {record.seconds:.1f} s{reused} · "
                f"{self._pace.line(core)}"
            )
        elif progress.failure is not None and progress.failure.fold == trial.fold:
            self._say(f"{name} fold {trial.fold}: failed: {progress.failure.first_line}")
        elif progress.state != "abandoned":
            self._say(f"{name} fold {trial.fold}: stopped, will run again")
        self._say_given_up(core)
        if record is not None and progress.score is not None:
            self._say(f"{name}: {progress.configuration.origin}, score {progress.score:.4f}")

    def _say_given_up(self, core: SearchCore) -> None:
        """Configurations that racing has given up since the last time."""
        for key, progress in core.progress.items():
            if progress.abandonment is not None and key not in self._given_up:
                self._given_up.add(key)
                record = progress.abandonment
                self._say(
                    f"#{progress.configuration.number} {key}: stopped after {_folds(len(record.folds))}: expected "
                    f"{record.predicted:.4f}, best so far {record.incumbent_score:.4f}"
                )

    def _say(self, text: str) -> None:
        self._console.print(text, markup=False, highlight=False, soft_wrap=True)
