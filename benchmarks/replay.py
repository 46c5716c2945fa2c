"""A search over a recorded table: the search's own core and racing rules, with a clock instead of training."""

from __future__ import annotations

import heapq
from collections.abc import Callable, Container, Sequence
from dataclasses import dataclass, field

import numpy as np
from fold_tables import FoldTable

from tune_polar.decide.metrics import metric_named
from tune_polar.recipe.cells import Cell
from tune_polar.recipe.configuration import Configuration
from tune_polar.recipe.defaults import with_defaults
from tune_polar.recipe.fill import fill
from tune_polar.recipe.recipe import Recipe
from tune_polar.search.configuration_progress import ConfigurationProgress
from tune_polar.search.fold_dispatch import Budget, FoldDispatch
from tune_polar.search.racing.board_keeper import RACE, Scoreboard
from tune_polar.search.racing.pruner import NoRacing
from tune_polar.search.racing.running_race import Racing
from tune_polar.search.racing.verdicts import Race
from tune_polar.store.abandonment import Abandonment
from tune_polar.store.failures import FailureRecord
from tune_polar.store.records import FoldRecord, Provenance
from tune_polar.trial.fold_trial import FoldTrial, Inputs
from tune_polar.trial.progress import Progress

SEED = 42
STEPS = 1000  # of every stage, for the replay: curves are compared by share
STAGE = "replayed"
_INPUTS = Inputs({})
_PROVENANCE = Provenance("replay", 0, "none", "", {})
_MAX_STEPS = f"{STAGE}.optimizer.max_steps"  # in which the table's configurations differ


@dataclass(frozen=True)
class Order:
    """In which configurations are proposed, and folds numbered."""

    rows: tuple[int, ...]
    folds: tuple[int, ...]


@dataclass(frozen=True)
class Moment:
    """A configuration has finished: what had been spent by then."""

    row: int
    folds: int  # begun
    seconds: float  # on the clock
    busy_seconds: float  # of all slots together


@dataclass
class Run:
    """One replayed search."""

    finished: list[Moment] = field(default_factory=list)
    given_up: set[int] = field(default_factory=set)
    folds: int = 0
    seconds: float = 0.0
    busy_seconds: float = 0.0


class Stage:
    """A table made ready: its configurations as the core knows them, made once for all orders."""

    def __init__(self, table: FoldTable) -> None:
        self.table = table
        base = Recipe.model_validate(
            with_defaults(
                {
                    "recipe": "replayed",
                    "data": {"labels": ["label"]},
                    "folds": {"count": table.folds},
                    "stages": {STAGE: {"task": {"type": "binary", "target": "label"}, "keep": "positive_f1"}},
                }
            )
        )
        recipes = [fill(base, {_MAX_STEPS: row + 1}) for row in range(len(table.finals))]
        self.configurations = [Configuration(recipe, row, "sampled", {}) for row, recipe in enumerate(recipes)]
        self.rows = {configuration.id: row for row, configuration in enumerate(self.configurations)}

    def row(self, trial: FoldTrial) -> int:
        """Of the table."""
        return self.rows[trial.configuration_id]


class _InOrder:
    """Proposals: the table's configurations in one order."""

    def __init__(self, stage: Stage, rows: Sequence[int]) -> None:
        self._left = iter([stage.configurations[row] for row in rows])

    def next(self, number: int, known: Container[str]) -> Configuration | None:  # noqa: ARG002 (the interface)
        """The next one."""
        return next(self._left, None)


class Nowhere:
    """A ledger that keeps nothing: the table is the record."""

    def put_configuration(self, configuration: Configuration) -> bool:  # noqa: ARG002
        """Nothing."""
        return True

    def put_fold(self, record: FoldRecord) -> bool:  # noqa: ARG002
        """Nothing."""
        return True

    def put_failure(self, record: FailureRecord) -> bool:  # noqa: ARG002
        """Nothing."""
        return True

    def put_abandonment(self, record: Abandonment) -> bool:  # noqa: ARG002
        """Nothing."""
        return True


@dataclass(frozen=True)
class _Scores:
    """Hears of configurations that end."""

    on_finished: Callable[[ConfigurationProgress], float | None]

    def on_expected(self, progress: ConfigurationProgress, score: float) -> None:
        """Nobody proposes by it."""


class WatchedRacing(Racing):
    """A race whose board its clock may look at."""

    @property
    def keeper(self) -> Scoreboard:
        """Of the board."""
        return self._board

    @property
    def watches(self) -> bool:
        """Whether curves are looked at within folds."""
        return self._race.curves is not None


def cells_of(table: FoldTable) -> tuple[Cell, ...]:
    """The table's folds."""
    return tuple(Cell(fold, SEED) for fold in range(table.folds))


def replay(
    stage: Stage,
    order: Order,
    race: Race | None,
    *,
    slots: int = 1,
    reuse: bool = False,
    clock: Callable[..., Clock] | None = None,
) -> Run:
    """Run the table through the search core under ``race``.

    Args:
        stage: the table.
        order: of proposal.
        race: the rule, or None.
        slots: fold trials at once.
        reuse: a detector that has been trained costs nothing again.
        clock: another one than ``Clock``, which is asked with the same arguments.
    """
    table, run = stage.table, Run()

    def score(progress: ConfigurationProgress) -> float | None:
        row = stage.rows[progress.configuration.id]
        if progress.state == "abandoned":
            run.given_up.add(row)
            return None
        return float(table.finals[row])

    racing = None if race is None else WatchedRacing(race, cells_of(table), metric_named("macro_f1"))
    core = FoldDispatch(
        _InOrder(stage, order.rows),
        Nowhere(),
        Budget(len(order.rows), tuple(Cell(fold, SEED) for fold in order.folds), slots),
        lambda _: _INPUTS,
        _Scores(score),
        racing=NoRacing() if racing is None else racing,
    )
    (clock or Clock)(core, racing, stage, run, slots, reuse).go()
    return run


class Clock:
    """Slots, and what happens in them next."""

    def __init__(
        self, core: FoldDispatch, racing: WatchedRacing | None, stage: Stage, run: Run, slots: int, reuse: bool
    ) -> None:
        self._core, self._racing, self._stage, self._run = core, racing, stage, run
        self._slots, self._reuse = slots, reuse
        # When, tie break, evaluation or −1, which, and as what it was begun.
        self._events: list[tuple[float, int, int, FoldTrial, int]] = []
        self._began: dict[tuple[int, int], float] = {}
        self._begun_as: dict[tuple[int, int], int] = {}
        self._left: dict[tuple[int, int], list[tuple[float, int]]] = {}  # of what waits within a fold
        self._trained: set[str] = set()
        self._ticket = 0
        self._now = 0.0

    def go(self) -> None:
        """To the end of the table."""
        self._fill()
        while self._events:
            self._now, _, evaluation, trial, begun_as = heapq.heappop(self._events)
            if self._begun_as.get((self._stage.row(trial), trial.cell.fold)) != begun_as:
                continue  # stopped meanwhile
            if evaluation >= 0:
                self._evaluated(trial, evaluation)
            else:
                self._ended(trial)
            self._sweep()
            self._fill()
        self._run.seconds = self._now

    def _fill(self) -> None:
        while len(self._began) < self._slots and (trial := self._core.next_trial()) is not None:
            self._begin(trial)

    def _begin(self, trial: FoldTrial) -> None:
        place = self._stage.row(trial), trial.cell.fold
        self._ticket += 1
        self._began[place], self._begun_as[place] = self._now, self._ticket
        for after, evaluation in self._left.pop(place, None) or self._course(*place):
            self._ticket += 1
            heapq.heappush(self._events, (self._now + after, self._ticket, evaluation, trial, self._begun_as[place]))

    def _course(self, row: int, fold: int) -> list[tuple[float, int]]:
        """Evaluations and end of a fold that begins: after how long, and which."""
        self._run.folds += 1
        table = self._stage.table
        key = table.detector_keys[row][fold]
        detector = 0.0 if self._reuse and key in self._trained else float(table.detector_seconds[row, fold])
        classifier = float(table.classifier_seconds[row, fold])
        watches = self._racing is not None and self._racing.watches
        curve = table.curves[row][fold] if watches else []
        first, last = (detector, classifier) if table.classifier_seconds.any() else (0.0, detector)
        end = curve[-1][0] if curve else 1.0  # patience may have ended it before all steps
        self._trained.add(key)
        evaluations = [(first + last * share / end, place) for place, (share, _) in enumerate(curve[:-1])]
        return [*evaluations, (detector + classifier, -1)]

    def _pause(self, row: int, fold: int) -> None:
        """Stop a fold within: what is left of it waits."""
        begun_as = self._begun_as[row, fold]
        self._left[row, fold] = [
            (when - self._now, evaluation) for when, _, evaluation, _, own in sorted(self._events) if own == begun_as
        ]
        self._leave(row, fold)

    def _evaluated(self, trial: FoldTrial, evaluation: int) -> None:
        share, best = self._stage.table.curves[self._stage.row(trial)][trial.cell.fold][evaluation]
        told = Progress(STAGE, 0, trial.cell.fold, round(share * STEPS), STEPS, best, best)
        self._core.fold_evaluated(trial, told)

    def _ended(self, trial: FoldTrial) -> None:
        row, fold, table = self._stage.row(trial), trial.cell.fold, self._stage.table
        self._leave(row, fold)
        record = FoldRecord(
            trial.configuration_id,
            fold,
            trial.cell.seed,
            {STAGE: table.detector_keys[row][fold]},
            (),
            {RACE: float(table.scores[row, fold])},
            1.0,
            _PROVENANCE,
            curve=tuple(table.curves[row][fold]),
        )
        self._core.fold_finished(record)
        if self._core.progress[record.configuration_id].state == "finished":
            spent = self._run.busy_seconds + sum(self._now - began for began in self._began.values())
            self._run.finished.append(Moment(row, self._run.folds, self._now, spent))

    def _sweep(self) -> None:
        """Stop what racing gave up, as the scheduler does."""
        for row, fold in list(self._began):
            if self._core.progress[self._stage.configurations[row].id].state == "abandoned":
                self._leave(row, fold)

    def _leave(self, row: int, fold: int) -> None:
        del self._begun_as[row, fold]
        self._run.busy_seconds += self._now - self._began.pop((row, fold))


def stock(table: FoldTable, order: Order, slots: int = 1) -> Run:
    """Five folds inside one trial, every configuration whole, no stage reused: Ray Tune with OptunaSearch."""
    run, free = Run(), [(0.0, slot) for slot in range(slots)]
    heapq.heapify(free)
    whole = (table.detector_seconds + table.classifier_seconds).sum(axis=1)
    begun: list[tuple[float, int]] = []
    for row in order.rows:
        start, slot = heapq.heappop(free)
        heapq.heappush(free, (start + whole[row], slot))
        begun.append((start, row))
    for start, row in sorted(begun, key=lambda each: (each[0] + whole[each[1]], each[1])):
        end = start + whole[row]
        shares = [(min(end, s + whole[r]) - s) / whole[r] for s, r in begun if s < end]
        busy = sum(min(end, s + whole[r]) - s for s, r in begun if s < end)
        run.finished.append(Moment(row, int(np.ceil(table.folds * sum(shares) - 1e-9)), end, busy))
    run.folds, run.seconds, run.busy_seconds = (
        table.folds * len(order.rows),
        max(t for t, _ in free),
        float(whole.sum()),
    )
    return run


def foresight(table: FoldTable, order: Order, is_good: np.ndarray, *, reuse: bool = False) -> Run:
    """A good configuration is trained whole, every other one given up after a fold: what no rule can know so soon.

    One slot: the order of what is trained is the order of proposal.

    Args:
        table: the folds.
        order: of proposal.
        is_good: (configurations,).
        reuse: a detector that has been trained costs nothing again.
    """
    run, trained = Run(), set[str]()
    for row in order.rows:
        for fold in order.folds if is_good[row] else order.folds[:1]:
            key = table.detector_keys[row][fold]
            run.folds += 1
            run.busy_seconds += float(table.classifier_seconds[row, fold])
            if not (reuse and key in trained):
                run.busy_seconds += float(table.detector_seconds[row, fold])
            trained.add(key)
        if is_good[row]:
            run.finished.append(Moment(row, run.folds, run.busy_seconds, run.busy_seconds))
        else:
            run.given_up.add(row)
    run.seconds = run.busy_seconds
    return run


def random_orders(table: FoldTable, count: int, seed: int = 0) -> list[Order]:
    """Orders of proposal by chance."""
    found = []
    for number in range(count):
        rng = np.random.default_rng((seed, number))
        rows, folds = rng.permutation(len(table.finals)), rng.permutation(table.folds)
        found.append(Order(tuple(rows.tolist()), tuple(folds.tolist())))
    return found
