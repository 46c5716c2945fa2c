"""A search without training: slots with durations of their own, invented scores, records kept in memory."""

from __future__ import annotations

import heapq
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from tune_polar.search.configuration_progress import ConfigurationProgress
from tune_polar.search.core import Budget, SearchCore
from tune_polar.search.sampler import Sampler
from tune_polar.spec.configuration import Configuration
from tune_polar.spec.fold_trial import FoldTrial, Inputs
from tune_polar.spec.recipe import Recipe
from tune_polar.store.record import WORKER_LOST, FailureRecord, FoldRecord, Provenance, StageName

PROVENANCE = Provenance("here", 1, "cpu", "2026-01-02T03:04:05+00:00", {})
INPUTS = Inputs("data", "plan", "plan", "tiny")
RECIPE = Recipe.model_validate(
    {
        "recipe": "small",
        "task": {"subtask": "st1", "target": "polarization"},
        "folds": {"count": 3},
        "encoder": {"name": "tiny"},
        "detector": {"lr": 0.01, "xi": 1.0, "batch_size": 8, "fgm_epsilon": 0.0, "centers_lr": 0.01, "centers": 6},
        "decision": {"k": 5, "tau": 0.4, "objective": "detector"},
    }
)

Outcome = str | None  # of a fold trial: the kind of its failure, or None where it finishes
Pair = tuple[str, int]  # configuration id and fold


def with_seed(seed: int) -> Recipe:
    """Recipes that differ in one setting."""
    return RECIPE.model_copy(update={"seed": seed})


def finished(configuration_id: str, fold: int) -> FoldRecord:
    return FoldRecord(configuration_id, fold, 42, "detector", None, (), {"precision_at_1": 0.5}, 1.0, PROVENANCE)


def failed(configuration_id: str, fold: int, kind: str, attempt: int = 0, step: int | None = None) -> FailureRecord:
    reached: tuple[StageName, int] | None = None if step is None else ("detector", step)
    return FailureRecord(configuration_id, fold, 42, attempt, kind, "so it goes", "Traceback", PROVENANCE, reached)


def losses(configuration_id: str, fold: int, steps: Sequence[int | None]) -> list[FailureRecord]:
    """Lost workers of one fold, attempt by attempt, each at a step."""
    return [failed(configuration_id, fold, WORKER_LOST, attempt, step) for attempt, step in enumerate(steps)]


@dataclass
class MemoryLedger:
    """Everything the core recorded, in order."""

    entries: list[Configuration | FoldRecord | FailureRecord] = field(default_factory=list)

    def put_configuration(self, configuration: Configuration) -> bool:
        self.entries.append(configuration)
        return True

    def put_fold(self, record: FoldRecord) -> bool:
        self.entries.append(record)
        return True

    def put_failure(self, record: FailureRecord) -> bool:
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


def invented_score(recipe: Recipe) -> float:
    """Best at lr 0.01 and 6 centers; soft_triple is better than cross_entropy."""
    detector = recipe.detector
    loss = 0.0 if detector.loss == "soft_triple" else 0.3
    return 1.0 - (math.log10(detector.lr) + 2) ** 2 - 0.01 * abs(detector.centers - 6) - loss


def teller(sampler: Sampler) -> Callable[[ConfigurationProgress], float | None]:
    """Scores by settings, and tells one free trial besides, as the study does."""

    def on_finished(progress: ConfigurationProgress) -> float | None:
        configuration = progress.configuration
        if progress.state == "infeasible":
            sampler.tell_infeasible(configuration)
            return None
        score = invented_score(configuration.recipe)
        sampler.tell(configuration, score)
        sampler.tell_also(configuration, {**configuration.point, "decision.k": 11}, score + 0.01)
        return score

    return on_finished


@dataclass
class Simulation:
    """Drives a core as the engine would: fills free slots, takes in whatever ends first."""

    core: SearchCore
    ledger: MemoryLedger
    budget: Budget
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
            assert trial.configuration_id in {c.id for c in self.ledger.configurations}, "recorded after its first fold"
            self.handed_out.append((trial.configuration_id, trial.fold))
            heapq.heappush(self._running, (self._now + self.duration(trial), len(self.handed_out), trial))

    def _check_nothing_is_left(self) -> None:
        waiting = [p for p in self.core.progress.values() if p.state == "open" and p.waiting]
        assert not waiting, "a slot is idle while a fold waits"

    def _end(self, trial: FoldTrial) -> None:
        attempt = self.core.attempt(trial)
        kind = self.outcome(trial, attempt)
        if kind is None:
            self.core.fold_finished(finished(trial.configuration_id, trial.fold))
        else:
            self.core.fold_failed(failed(trial.configuration_id, trial.fold, kind, attempt))


def open_recipes(seeds: Sequence[int]) -> list[tuple[str, Recipe]]:
    return [(f"seed {seed}", with_seed(seed)) for seed in seeds]


__all__ = ["WORKER_LOST", "MemoryLedger", "Simulation"]
