"""A search without training: slots with durations of their own, invented scores, records kept in memory."""

from __future__ import annotations

import heapq
import json
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import Any

from tune_polar.recipe.cells import Cell
from tune_polar.recipe.configuration import Configuration
from tune_polar.recipe.defaults import with_defaults
from tune_polar.recipe.fill import fill
from tune_polar.recipe.recipe import Recipe
from tune_polar.search.configuration_progress import ConfigurationProgress
from tune_polar.search.fold_dispatch import Budget, FoldDispatch, Proposals
from tune_polar.search.optuna.sampler import Sampler
from tune_polar.search.proposals import FixedProposals
from tune_polar.store.abandonment import Abandonment
from tune_polar.store.failures import WORKER_LOST, FailureRecord, Reached
from tune_polar.store.records import FoldRecord, Provenance
from tune_polar.store.stage_inputs import StageInputs
from tune_polar.trial.fold_trial import FoldTrial, Inputs

SEED = 42
PROVENANCE = Provenance("here", 1, "cpu", "2026-01-02T03:04:05+00:00", {})
INPUTS = Inputs({"finder": StageInputs("rows", "splits", "tiny", tuple(f"fold {fold}" for fold in range(9)))})
SMALL: Mapping[str, Any] = {
    "recipe": "small",
    "data": {"labels": ["rude"]},
    "folds": {"count": 3},
    "encoder": {"name": "tiny"},
    "stages": {
        "finder": {
            "task": {"type": "binary", "target": "rude"},
            "head": {"type": "projection", "size": 16},
            "losses": {"soft_triple": {"centers": 6}},
            "batches": {"type": "shuffled", "size": 8},
            "optimizer": {"lr": 0.01},
        }
    },
    "decide": {"vote": {"type": "knn_vote", "of": "finder", "k": 5, "tau": 0.4}},
    "score": {"of": "vote", "metric": "macro_f1"},
}

Outcome = str | None  # of a fold trial: the kind of its failure, or None where it finishes
Pair = tuple[str, Cell]  # configuration id and cell
Entry = Configuration | FoldRecord | FailureRecord | Abandonment


def recipe_of(values: Mapping[str, Any]) -> Recipe:
    return Recipe.model_validate(with_defaults(json.loads(json.dumps(values))))


RECIPE = recipe_of(SMALL)


def cells_of(folds: int, seeds: Sequence[int] = (SEED,)) -> tuple[Cell, ...]:
    return tuple(Cell(fold, seed) for seed in seeds for fold in range(folds))


@cache
def numbered(number: int) -> Recipe:
    """Recipes that differ in one setting."""
    return fill(RECIPE, {"finder.optimizer.max_steps": 100 + number})


def number_of(trial: FoldTrial) -> int:
    return trial.recipe.stages["finder"].optimizer.max_steps - 100


@cache
def id_of(number: int) -> str:
    return Configuration(numbered(number), number, "").id


def open_recipes(numbers: Sequence[int]) -> list[tuple[str, Recipe]]:
    return [(f"number {number}", numbered(number)) for number in numbers]


def finished(configuration_id: str, cell: Cell, **about: Any) -> FoldRecord:
    plain: dict[str, Any] = {"stages": {"finder": "key"}, "reused": (), "scores": {}, "seconds": 1.0}
    return FoldRecord(configuration_id, cell.fold, cell.seed, **{**plain, "provenance": PROVENANCE, **about})


def failed(configuration_id: str, cell: Cell, kind: str, attempt: int = 0, step: int | None = None) -> FailureRecord:
    reached = None if step is None else Reached("finder", 0, step)
    told = "so it goes", "Traceback", PROVENANCE, reached
    return FailureRecord(configuration_id, cell.fold, cell.seed, attempt, kind, *told)


def losses(configuration_id: str, cell: Cell, steps: Sequence[int | None]) -> list[FailureRecord]:
    """Lost workers of one cell, attempt by attempt, each at a step."""
    return [failed(configuration_id, cell, WORKER_LOST, attempt, step) for attempt, step in enumerate(steps)]


@dataclass
class MemoryLedger:
    """Everything the core recorded, in order."""

    entries: list[Entry] = field(default_factory=list)

    def put_configuration(self, configuration: Configuration) -> bool:
        self.entries.append(configuration)
        return True

    def put_fold(self, record: FoldRecord) -> bool:
        self.entries.append(record)
        return True

    def put_failure(self, record: FailureRecord) -> bool:
        self.entries.append(record)
        return True

    def put_abandonment(self, record: Abandonment) -> bool:
        self.entries.append(record)
        return True

    @property
    def configurations(self) -> list[Configuration]:
        return [entry for entry in self.entries if isinstance(entry, Configuration)]

    @property
    def folds(self) -> list[FoldRecord]:
        return [entry for entry in self.entries if isinstance(entry, FoldRecord)]

    @property
    def failures(self) -> list[FailureRecord]:
        return [entry for entry in self.entries if isinstance(entry, FailureRecord)]

    @property
    def abandonments(self) -> list[Abandonment]:
        return [entry for entry in self.entries if isinstance(entry, Abandonment)]


@dataclass
class Listening:
    """Hears of configurations and gives each a score."""

    score: Callable[[ConfigurationProgress], float | None] = lambda progress: None
    expect: Callable[[ConfigurationProgress, float], None] = lambda progress, score: None

    def on_finished(self, progress: ConfigurationProgress) -> float | None:
        return self.score(progress)

    def on_expected(self, progress: ConfigurationProgress, score: float) -> None:
        self.expect(progress, score)


def new_core(
    proposals: Proposals | Sequence[tuple[str, Recipe]],
    budget: Budget,
    ledger: MemoryLedger | None = None,
    score: Callable[[ConfigurationProgress], float | None] = lambda progress: None,
    **about: Any,
) -> FoldDispatch:
    """A core over a list of recipes, or over proposals."""
    source = FixedProposals(proposals) if isinstance(proposals, list) else proposals
    listener = about.pop("listener", None) or Listening(score)
    return FoldDispatch(source, ledger or MemoryLedger(), budget, lambda _: INPUTS, listener, **about)  # type: ignore[arg-type]


def invented_score(recipe: Recipe) -> float:
    """Best at lr 0.01 and 6 centers; soft_triple is better than cross_entropy."""
    finder = recipe.stages["finder"]
    lr = -((math.log10(finder.optimizer.lr) + 2) ** 2)
    if "soft_triple" not in finder.losses:
        return 0.7 + lr
    return 1.0 + lr - 0.01 * abs(finder.losses["soft_triple"].centers - 6)


def teller(sampler: Sampler) -> Callable[[ConfigurationProgress], float | None]:
    """Scores by settings, and tells with them a value that cost no training, as the study does."""

    def on_finished(progress: ConfigurationProgress) -> float | None:
        configuration = progress.configuration
        if progress.state == "infeasible":
            sampler.tell_infeasible(configuration)
            return None
        score = invented_score(configuration.recipe)
        sampler.tell(configuration, score, {**configuration.point, "decide.vote.k": 11})
        return score

    return on_finished


@dataclass
class Simulation:
    """Drives a core as the engine would: fills free slots, takes in whatever ends first."""

    core: FoldDispatch
    ledger: MemoryLedger
    slots: int
    duration: Callable[[FoldTrial], float] = lambda trial: 1.0
    outcome: Callable[[FoldTrial, int], Outcome] = lambda trial, attempt: None
    handed_out: list[Pair] = field(default_factory=list)
    _now: float = 0.0
    _running: list[tuple[float, int, FoldTrial]] = field(default_factory=list)

    def run(self, events: int | None = None) -> None:
        """To the end, or until ``events`` fold trials have ended."""
        ended = 0
        self._fill()
        while self._running and ended != events:
            self._now, _, trial = heapq.heappop(self._running)
            self._end(trial)
            ended += 1
            self._fill()
        if events is None:
            assert self.core.done

    def _fill(self) -> None:
        while len(self._running) < self.slots:
            trial = self.core.next_trial()
            if trial is None:
                self._check_nothing_is_left()
                return
            assert trial.configuration_id in {c.id for c in self.ledger.configurations}, "recorded after its first cell"
            self.handed_out.append((trial.configuration_id, trial.cell))
            heapq.heappush(self._running, (self._now + self.duration(trial), len(self.handed_out), trial))

    def _check_nothing_is_left(self) -> None:
        waiting = [p for p in self.core.progress.values() if p.state == "open" and p.waiting]
        assert not waiting, "a slot is idle while a cell waits"

    def _end(self, trial: FoldTrial) -> None:
        attempt = self.core.attempt(trial)
        kind = self.outcome(trial, attempt)
        if kind is None:
            self.core.fold_finished(finished(trial.configuration_id, trial.cell))
        else:
            self.core.fold_failed(failed(trial.configuration_id, trial.cell, kind, attempt))
