"""Ensembles of what a search has trained: its best configurations, and as far as they came those stopped early."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from weakref import WeakKeyDictionary

import numpy as np

from tune_polar.decide.array_checks import BoolArray, IntArray
from tune_polar.decide.configuration_ensembles import EnsembleBench
from tune_polar.decide.ensemble_fit import EnsembleCandidate
from tune_polar.decide.evidence import Evidence
from tune_polar.decide.member_tables import shares
from tune_polar.decide.rows import Rows
from tune_polar.decide.tables import Table
from tune_polar.errors import DecisionError
from tune_polar.evaluate.outcome import TRAIN, Outcome
from tune_polar.evaluate.predicted_rows import CellRecords, out_of_fold
from tune_polar.evaluate.summary import ConfigurationSummary, SearchSummary
from tune_polar.recipe.recipe import Recipe
from tune_polar.recipe.seen_starts import CODE as SEEN
from tune_polar.recipe.seen_starts import seen_starts, seen_words
from tune_polar.stats.bbc_cv import Candidate
from tune_polar.stats.ensemble_report import EnsembleReport, Pick, ensemble_report

MOST = 50  # configurations that are combined: the best so many, then those stopped early, the furthest first
NOT_A_SEARCH = "an ablation compares configurations and picks none"
NONE_FINISHED = "no configuration has finished all its folds yet"
ONE_ALONE = (
    "there is one configuration's predictions alone; others share its models, or have not finished: there is nothing "
    "to combine"
)
ONE_HONEST = (
    "there is one configuration’s predictions alone; the starts of others have seen texts that are scored here "
    f"({SEEN}), or they share its models, or have not finished: there is nothing to combine"
)
_FOUND: WeakKeyDictionary[SearchSummary, EnsembleReport | str] = WeakKeyDictionary()


def ensembles_of(summary: SearchSummary) -> EnsembleReport | str:
    """The pick and ensembles beside it, or why there are none; computed once a summary.

    Configurations that differ only in settings of decisions count once. Those whose predictions have not been read do
    not enter, nor beside an honest pick those whose start has seen validated texts: weights would be theirs for that.
    """
    if summary not in _FOUND:
        try:
            _FOUND[summary] = _ensembles(summary)
        except DecisionError as error:
            _FOUND[summary] = error.problem
    return _FOUND[summary]


def _ensembles(summary: SearchSummary) -> EnsembleReport | str:
    if summary.facts.kind != "search":
        return NOT_A_SEARCH
    finished = [(row, row.outcome) for row in summary.finished if row.outcome is not None]
    if not finished:
        return NONE_FINISHED
    best, outcome = finished[0]
    seen = best.seen_starts()
    finished = [each for each in finished if seen or not each[0].seen_starts()]
    graph = outcome.graph.changed(outcome.best.changes)
    stages = sorted(graph.scored.stages)
    frame = _Frame(outcome, stages)
    candidates: dict[str, EnsembleCandidate] = {}
    runs: list[frozenset[str]] = []
    for row in [row for row, _ in finished] + _stopped(summary):
        enters = _fits(row, best, stages) and (bool(seen) or _is_honest(row, summary))
        if len(candidates) < MOST and row.predictions is not None and enters:
            recipe, cells = row.configuration.recipe, row.predictions.cells
            found = frame.candidate(row.configuration.id, recipe, summary, cells)
            if found is not None and _content(found) not in candidates:
                candidates[_content(found)] = found
                runs.append(frozenset(cell.record.stages[stage] for cell in cells for stage in stages))
    if len(candidates) < 2:
        return ONE_ALONE if seen or not any(row.seen_starts() for row in summary.finished) else ONE_HONEST
    bench = EnsembleBench(graph, frame.rows, list(candidates.values()), summary.metric)
    pick = Pick(0, outcome.judged.scored.rows, outcome.best.scored, len(summary.recipe.seeds))
    report = ensemble_report(bench, pick, _decisions(finished, outcome), runs)
    return replace(report, flaw=seen_words(seen), corrected=seen_words(seen)) if seen else report


def _is_honest(row: ConfigurationSummary, summary: SearchSummary) -> bool:
    """Whether it will be scored on texts that none of its starts has seen, finished or not."""
    recipe = row.configuration.recipe
    return not seen_starts(recipe, recipe.score.of, len({cell.fold for cell in summary.cells}))


def _stopped(summary: SearchSummary) -> list[ConfigurationSummary]:
    """Those given up with cells to their name, the furthest first."""
    return furthest([row for row, _ in summary.abandoned if row.predictions is not None and row.predictions.cells])


def furthest(rows: Iterable[ConfigurationSummary]) -> list[ConfigurationSummary]:
    """Those with the most cells first; ties go to the one proposed first."""
    return sorted(rows, key=lambda row: (-len(row.folds), row.configuration.number))


def _fits(row: ConfigurationSummary, best: ConfigurationSummary, stages: Sequence[str]) -> bool:
    """Whether its stages answer the pick's questions, with tables that have a mean."""
    ours, theirs = row.configuration.recipe.stages, best.configuration.recipe.stages
    return all(
        stage in ours
        and ours[stage].task.columns == theirs[stage].task.columns
        and ours[stage].rows == theirs[stage].rows
        and _has_mean(ours[stage].predicts, theirs[stage].predicts)
        for stage in stages
    )


def _has_mean(table: str, of_pick: str) -> bool:
    """Values go with values; votes need the pick's, which says how they decide."""
    return table == of_pick or (table, of_pick) == ("probability", "neighbours")


def _decisions(finished: Sequence[tuple[ConfigurationSummary, Outcome]], pick: Outcome) -> list[Candidate]:
    """Of every configuration with every setting that costs no training, where they are of the pick's rows."""
    rows, found = pick.judged.scored.rows, []
    for row, outcome in finished:
        own = outcome.judged.scored.rows
        if np.array_equal(own.ids, rows.ids) and np.array_equal(own.seed, rows.seed):
            found += [
                Candidate(row.configuration.id, str(dict(a.changes)), a.scored.decided) for a in outcome.alternatives
            ]
    return found


def _content(candidate: EnsembleCandidate) -> str:
    """Equal for those that say the same of the same rows: they differ in settings of decisions alone."""
    found = hashlib.sha256()
    for stage in sorted(candidate.tables):
        found.update(candidate.covered[stage].tobytes())
        for model in candidate.tables[stage].models:
            found.update(np.ascontiguousarray(model).tobytes())
    return found.hexdigest()


class _Frame:
    """The pick's out-of-fold rows, each text once a part, whatever the number of seeds."""

    def __init__(self, outcome: Outcome, stages: Sequence[str]) -> None:
        self.rows: dict[str, Rows] = {}
        self._places: dict[str, dict[tuple[int, int], int]] = {}
        for stage in stages:
            rows = outcome.evidence.rows[stage]
            places: dict[tuple[int, int], int] = {}
            first: list[int] = []
            for place, key in enumerate(_keys(rows)):
                if key not in places:
                    places[key] = len(first)
                    first.append(place)
            self._places[stage] = places
            taken = rows.take(np.array(first, dtype=np.int64))
            self.rows[stage] = replace(taken, seed=np.zeros(len(taken), dtype=np.int64))

    def candidate(
        self, name: str, recipe: Recipe, summary: SearchSummary, cells: Sequence[CellRecords]
    ) -> EnsembleCandidate | None:
        """A configuration's tables in these rows' order; None where it has answered for none, or not with numbers."""
        tables, covered = {}, {}
        try:
            evidence = out_of_fold(recipe, summary.gold.splits[TRAIN], cells, list(self.rows))
            for stage in self.rows:
                found = self._stage(stage, evidence)
                if found is None:
                    return None
                tables[stage], covered[stage] = found
                shares(tables[stage], 1)  # refuses what is no number
        except DecisionError:  # it cannot be scored either: the others are combined all the same
            return None
        return EnsembleCandidate(name, tables, covered)

    def _stage(self, stage: str, evidence: Evidence) -> tuple[Table, BoolArray] | None:
        """All seeds that have come equally far, as models that answer together."""
        table, rows, count = evidence.tables[stage], evidence.rows[stage], len(self.rows[stage])
        places = np.array([self._places[stage].get(key, -1) for key in _keys(rows)], dtype=np.int64)
        by_seed: Mapping[int, IntArray] = {
            seed: np.flatnonzero((rows.seed == seed) & (places >= 0)) for seed in np.unique(rows.seed).tolist()
        }
        masks = {}
        for seed, own in by_seed.items():
            masks[seed] = np.zeros(count, dtype=np.bool_)
            masks[seed][places[own]] = True
        furthest = max(masks.values(), key=lambda mask: int(mask.sum()), default=np.zeros(count, dtype=np.bool_))
        if not furthest.any():
            return None
        models = []
        for seed, own in by_seed.items():
            if np.array_equal(masks[seed], furthest):
                model = np.zeros((count, table.width), dtype=table.models[0].dtype)
                model[places[own]] = table.models[0][own]
                models.append(model)
        return Table.of(table.kind, models), furthest


def _keys(rows: Rows) -> list[tuple[int, int]]:
    return list(zip(rows.part.tolist(), rows.ids.tolist(), strict=True))
