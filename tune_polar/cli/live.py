"""What a person sees while a search runs: a live table in a terminal, plain lines elsewhere."""

from __future__ import annotations

import contextlib
import time
from types import TracebackType

from rich.console import Console, Group
from rich.live import Live
from rich.table import Table
from rich.text import Text

from tune_polar.search.core import ConfigurationProgress, SearchCore
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


def clock(seconds: float) -> str:
    """``75`` → ``1:15``, ``3700`` → ``1:01:40``."""
    minutes, rest = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d}" if hours else f"{minutes}:{rest:02d}"


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


class Pace:
    """Elapsed and remaining time, from the folds that have finished in this run."""

    def __init__(self, plan: SearchPlan, limits: Limits) -> None:
        self._started = time.monotonic()
        self._total = None if limits.is_open_ended else plan.trials * plan.folds
        self._finished_now = 0

    def count(self) -> None:
        """One more fold has finished."""
        self._finished_now += 1

    @property
    def elapsed(self) -> float:
        """Seconds since the run began."""
        return time.monotonic() - self._started

    def line(self, core: SearchCore) -> str:
        """``12/40 folds · elapsed 0:31 · about 1:10 left``."""
        done = sum(len(p.finished) for p in core.progress.values())
        if self._total is None:
            return f"{done} folds · elapsed {clock(self.elapsed)}"
        dropped = sum(
            len(p.order) - len(p.finished) for p in core.progress.values() if p.state in ("infeasible", "abandoned")
        )
        left = max(0, self._total - dropped - done)
        text = f"{done}/{self._total} folds · elapsed {clock(self.elapsed)}"
        if self._finished_now and left:
            text += f" · about {clock(left * self.elapsed / self._finished_now)} left"
        return text


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
        self._pace = Pace(plan, limits)
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
        self._running[trial.configuration_id, trial.fold] = "…"

    def progressed(self, trial: FoldTrial, progress: Progress) -> None:
        """Show stage and share of steps."""
        share = f"{_STAGE_LETTER[progress.stage]} {100 * progress.step // progress.total_steps}%"
        self._running[trial.configuration_id, trial.fold] = share

    def ended(self, trial: FoldTrial, core: SearchCore) -> None:  # noqa: ARG002 (the table draws from its own core)
        """Show its score."""
        self._running.pop((trial.configuration_id, trial.fold), None)
        self._pace.count()

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
        self._pace = Pace(plan, limits)
        # Those of before a resume have been told of then.
        self._given_up = {key for key, progress in core.progress.items() if progress.abandonment is not None}
        self._say(headline(plan, store, limits))
        self._say(FOLD_COLUMNS)
        self._say(page_hint(store))

    def started(self, trial: FoldTrial) -> None:
        """Say so where asked to say everything."""
        if self._verbose:
            self._say(f"{trial.configuration_id} fold {trial.fold}: started")

    def progressed(self, trial: FoldTrial, progress: Progress) -> None:
        """Say so where asked to say everything."""
        if self._verbose:
            value = "" if progress.value is None else f", {progress.value:.4f}"
            self._say(
                f"{trial.configuration_id} fold {trial.fold}: {progress.stage} step {progress.step}"
                f"/{progress.total_steps}{value}"
            )

    def ended(self, trial: FoldTrial, core: SearchCore) -> None:
        """One line a fold, one more when its configuration is through."""
        self._pace.count()
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
