"""What ensembles of configurations are worth beside the one that would be picked."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from tune_polar.decide.configuration_ensembles import Ensemble, EnsembleBench, greedy, only, uniform
from tune_polar.decide.ensemble_fit import Weigh
from tune_polar.decide.judgement import Scored
from tune_polar.decide.metrics import Metric
from tune_polar.decide.rows import Rows
from tune_polar.errors import DecisionError
from tune_polar.stats.bbc_cv import BbcCv, Candidate, bbc_cv
from tune_polar.stats.intervals import Interval
from tune_polar.stats.paired import text_paired_bootstrap

LEVEL, ROUNDS, SEED = 0.90, 1000, 0
TIE = 1e-9  # scores that are equal, computed along two ways
Kind = Literal["seeds", "uniform", "greedy"]


@dataclass(frozen=True, eq=False)
class EnsembleEntry:
    """One ensemble beside the pick."""

    kind: Kind
    score: float  # cross-fitted: weights and settings of each fold's rows chosen on the other folds
    gain: float  # over the pick in the metric's own unit, larger is better
    interval: Interval  # of the gain, texts resampled
    members: tuple[tuple[int, float], ...]  # (place among the candidates, weight), the heaviest first; weights sum to 1
    ensemble: Ensemble
    decided: NDArray[Any]  # the same decisions on each of the pick's judged rows

    @property
    def is_better(self) -> bool:
        """Whether the interval of its gain lies above 0."""
        return self.interval.low > 0


@dataclass(frozen=True, eq=False)
class EnsembleReport:
    """The pick, ensembles beside it, and what the best of all is worth once the choice is corrected for."""

    metric: Metric
    pick: Candidate
    pick_place: int  # among the candidates
    pick_score: float
    names: tuple[str, ...]  # of the candidates
    entries: tuple[EnsembleEntry, ...]  # the greedy ensemble last
    runs: tuple[frozenset[str], ...] | None  # of each candidate its models, a shared one by one name; None: unknown
    corrected: BbcCv | str  # of choosing the best among all configurations and ensembles, or why there is none
    bench: EnsembleBench
    flaw: str = ""  # why no score here is honest

    def passes(self, places: Sequence[int]) -> int | None:
        """Forward passes that a text costs where these candidates answer together; None: their models are unknown."""
        return None if self.runs is None else len(frozenset[str]().union(*(self.runs[place] for place in places)))

    @property
    def is_chosen(self) -> bool:
        """Whether no other is better than the greedy ensemble, so that ``corrected`` is its score corrected."""
        found = self.corrected
        return not isinstance(found, str) and self.metric.gain(found.raw_best, float(found.whole[-1])) <= TIE

    @property
    def folds(self) -> int:
        """In which rows are held out."""
        return len(self.bench.judged.parts)

    @property
    def greedy(self) -> EnsembleEntry:
        """That is offered for use."""
        return self.entries[-1]


@dataclass(frozen=True, eq=False)
class Pick:
    """The configuration that would be used without an ensemble."""

    place: int  # among the bench's candidates
    rows: Rows  # that its decisions are judged on; several seeds' one below the other
    scored: Scored
    seeds: int = 1


def ensemble_report(
    bench: EnsembleBench,
    pick: Pick,
    others: Sequence[Candidate],
    runs: Sequence[frozenset[str]] | None,
    *,
    rounds: int = ROUNDS,
    seed: int = SEED,
) -> EnsembleReport:
    """Choose, cross-fit and compare; equal records and seed give equal numbers.

    Args:
        bench: with at least two candidates.
        pick: one of them.
        others: decisions of every configuration with every setting, the pick's among them, on ``pick.rows``.
        runs: of each candidate of the bench, the names of its models; None: they are unknown.
        rounds: of resampling.
        seed: of resampling.

    Raises:
        DecisionError: an ensemble cannot be cross-fitted, such as with one fold of two rows.
    """
    ways: list[tuple[Kind, Weigh]] = [("uniform", uniform), ("greedy", greedy)]
    if pick.seeds > 1:
        ways.insert(0, ("seeds", only(pick.place)))
    place, name = _places(bench, pick.rows), bench.candidates[pick.place].name
    picked = Candidate(name, "pick", pick.scored.decided)
    found = bench.ensembles([weigh for _, weigh in ways])
    entries = tuple(
        _entry(each, bench.metric, pick, kind, place, rounds, seed) for (kind, _), each in zip(ways, found, strict=True)
    )
    every = [*others, *(Candidate(each.kind, "ensemble", each.decided) for each in entries)]
    try:
        rng = np.random.default_rng(seed)
        corrected: BbcCv | str = bbc_cv(pick.rows, every, rng, metric=bench.metric, rounds=rounds, level=LEVEL)
    except DecisionError as error:
        corrected = error.problem
    names = tuple(each.name for each in bench.candidates)
    return EnsembleReport(
        bench.metric,
        picked,
        pick.place,
        pick.scored.score,
        names,
        entries,
        None if runs is None else tuple(runs),
        corrected,
        bench,
    )


def _entry(
    found: Ensemble, metric: Metric, pick: Pick, kind: Kind, place: NDArray[np.int64], rounds: int, seed: int
) -> EnsembleEntry:
    decided, rng = found.scored.decided[place], np.random.default_rng(seed)
    paired = text_paired_bootstrap(pick.rows, decided, pick.scored.decided, metric, rng, rounds=rounds, level=LEVEL)
    weights = found.deployed.weights
    order = [int(each) for each in np.argsort(-weights, kind="stable") if weights[each] > 0]
    members = tuple((each, float(weights[each])) for each in order)
    return EnsembleEntry(kind, found.scored.score, paired.difference, paired.interval, members, found, decided)


def _places(bench: EnsembleBench, rows: Rows) -> NDArray[np.int64]:
    """Where each of the pick's judged rows stands among the bench's."""
    own = bench.judged
    known = {key: place for place, key in enumerate(zip(own.part.tolist(), own.ids.tolist(), strict=True))}
    return np.array([known[key] for key in zip(rows.part.tolist(), rows.ids.tolist(), strict=True)], dtype=np.int64)
