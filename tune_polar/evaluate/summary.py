"""Everything a store says about its search, derived from the records alone: for status, tables and page."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Literal

from tune_polar.decide.metrics import Metric, metric_named
from tune_polar.errors import DecisionError
from tune_polar.evaluate.configuration_predictions import ConfigurationPredictions, PredictionsReader
from tune_polar.evaluate.configuration_scores import Scores, StoredScores, scores_of
from tune_polar.evaluate.manifest_facts import ManifestFacts, manifest_facts
from tune_polar.evaluate.outcome import Outcome, outcome_of
from tune_polar.python_gc import without_collection
from tune_polar.recipe.cells import Cell
from tune_polar.recipe.configuration import Configuration
from tune_polar.recipe.floor_names import Floor
from tune_polar.recipe.recipe import Recipe
from tune_polar.recipe.seen_starts import SeenStart, seen_starts
from tune_polar.store.abandonment import Abandonment
from tune_polar.store.failures import FailureRecord, given_up
from tune_polar.store.floor import FloorRecord
from tune_polar.store.gold import Gold
from tune_polar.store.records import FoldRecord
from tune_polar.store.store import Store

State = Literal["finished", "incomplete", "infeasible", "abandoned"]
Detail = Literal["states", "scores", "outcomes"]


@dataclass(frozen=True, eq=False)
class ConfigurationSummary:
    """One configuration: its cells, its failures and, once all cells are there, what it scores."""

    configuration: Configuration
    state: State
    folds: tuple[FoldRecord, ...]  # finished cells, as planned: each seed's folds, one seed after the other
    failures: tuple[FailureRecord, ...]
    predictions: ConfigurationPredictions | None
    outcome: Outcome | None
    scores: Scores | None  # of ``outcome``; without one where only scores were asked for
    abandonment: Abandonment | None = None  # why racing gave it up; of one that finished all the same: None

    @property
    def memory(self) -> dict[tuple[str, str], int]:
        """How stages were made to fit into memory, where they had to be, each with the number of its cells."""
        used = [(stage, use) for fold in self.folds for stage, use in fold.memory.items() if not use.is_plain]
        return dict(Counter((stage, str(use)) for stage, use in used))

    @property
    def seconds(self) -> float:
        """Wall seconds of its cells, added up."""
        return sum(fold.seconds for fold in self.folds)

    def seen_starts(self, decision: str | None = None) -> tuple[SeenStart, ...]:
        """Starts that have seen texts which ``decision`` (None: the score's) is scored on; () where it is honest."""
        recipe = self.configuration.recipe
        return seen_starts(recipe, decision or recipe.score.of, len({fold.fold for fold in self.folds}))


@dataclass(frozen=True, eq=False)
class SearchSummary:
    """A search as its records tell it."""

    url: str
    facts: ManifestFacts
    gold: Gold
    configurations: tuple[ConfigurationSummary, ...]  # in order of proposal
    weights: Mapping[str, int] = field(default_factory=dict)  # bytes of those that are there, by the key of their stage
    floors: Mapping[Floor, FloorRecord] = field(default_factory=dict)  # that have been computed
    next_rows: int | None = None  # size of the set to come, where the reader has named it

    @property
    def recipe(self) -> Recipe:
        """That the search began with."""
        return self.facts.recipe

    @property
    def metric(self) -> Metric:
        """What the search makes the most, or the least, of."""
        return metric_named(self.recipe.score.metric)

    @property
    def alternatives(self) -> Mapping[str, Sequence[Any]]:
        """Values of what costs no training that every configuration tries, by dotted key."""
        return self.facts.alternatives

    @property
    def cells(self) -> tuple[Cell, ...]:
        """That every configuration is trained on."""
        return self.facts.cells

    @cached_property
    def finished(self) -> tuple[ConfigurationSummary, ...]:
        """Configurations with a score, best first; ties go to the one proposed first."""
        metric = self.metric
        scored = [(metric.gain(0.0, c.scores.score), c) for c in self.configurations if c.scores is not None]
        return tuple(c for _, c in sorted(scored, key=lambda pair: pair[0]))

    @property
    def best(self) -> ConfigurationSummary | None:
        """The configuration with the best cross-fitted score."""
        return next(iter(self.finished), None)

    @cached_property
    def reference(self) -> ConfigurationSummary | None:
        """The recipe as published or as given, where the search has it."""
        return next((c for c in self.configurations if c.configuration.is_reference), None)

    @property
    def abandoned(self) -> tuple[tuple[ConfigurationSummary, Abandonment], ...]:
        """Configurations that racing gave up, each with its record."""
        return tuple((c, c.abandonment) for c in self.configurations if c.abandonment is not None)

    @property
    def weights_words(self) -> str:
        """``of 1 configuration, all folds and stages; 2.40 GB in 10 files``; "none" where there are none."""
        if not self.weights:
            return "none"
        finished = [row for row in self.configurations if row.state == "finished"]
        whole = [row for row in finished if {k for f in row.folds for k in f.stages.values()} <= self.weights.keys()]
        size, files = sum(self.weights.values()), len(self.weights)
        said = f"{size / 2**30:.2f} GB" if size >= 2**30 / 10 else f"{size / 2**20:.2f} MB"
        return (
            f"of {len(whole)} configuration{'s' * (len(whole) != 1)}, all folds and stages; "
            f"{said} in {files} file{'s' * (files != 1)}"
        )

    @property
    def planned(self) -> int:
        """Configurations planned; an extended search has more than its manifest says."""
        return max(self.facts.trials, len(self.configurations))

    @property
    def is_complete(self) -> bool:
        """Whether every planned configuration has ended, well or badly."""
        ended = [c for c in self.configurations if c.state != "incomplete"]
        return len(ended) == len(self.configurations) and len(ended) >= self.facts.trials


@without_collection()
def summarise(store: Store, detail: Detail = "outcomes", told: Callable[[str], None] = lambda _: None) -> SearchSummary:
    """Read all records of ``store`` and derive what they say.

    Args:
        store: of the search.
        detail: ``states`` reads no stage; ``scores`` only stages of configurations whose scores are not kept yet;
            ``outcomes`` reads all, and gives each configuration its predictions and outcome.
        told: hears which configuration is looked at; one that is scored anew may take seconds.

    Raises:
        StoreError: there is no readable manifest or gold in it.

    Example: ``summarise(open_store("runs/st1"), "scores").best``
    """
    facts, gold = manifest_facts(store.manifest_as_told(), store.url), store.gold()
    folds: dict[str, list[FoldRecord]] = defaultdict(list)
    failures: dict[str, list[FailureRecord]] = defaultdict(list)
    for record in store.folds():
        folds[record.configuration_id].append(record)
    abandoned = {record.configuration_id: record for record in store.abandonments()}
    for failure in store.failures():
        failures[failure.configuration_id].append(failure)
    scorer, found = _Scorer(store, gold, facts, detail), []
    configurations = store.configurations()
    for place, each in enumerate(configurations, 1):
        told(f"scoring configuration {place} of {len(configurations)} …")
        found.append(
            _summarise(each, scorer.planned(folds[each.id]), failures[each.id], abandoned.get(each.id), scorer)
        )
    return SearchSummary(
        store.url,
        facts,
        gold,
        tuple(found),
        store.weights_bytes(),
        {} if detail == "states" else store.floors(facts.recipe),
    )


def wanted_weights(summary: SearchSummary, configurations: int) -> list[str]:
    """Keys of stages whose weights a search keeps that goes on from here, each once.

    Args:
        summary: with scores.
        configurations: how many of the best.
    """
    wanted = (*summary.finished[:configurations], *(c for c in summary.configurations if c.state == "incomplete"))
    return list(dict.fromkeys(key for c in wanted for fold in c.folds for key in fold.stages.values()))


class _Scorer:
    """Scores configurations, each in as much detail as was asked for."""

    def __init__(self, store: Store, gold: Gold, facts: ManifestFacts, detail: Detail) -> None:
        self.cells = facts.cells
        self.detail = detail
        self._place = {cell: place for place, cell in enumerate(facts.cells)}
        self._gold = gold
        self._alternatives = facts.alternatives
        self._reader = PredictionsReader(store, gold, facts.cells)
        self._kept = StoredScores(store, gold, facts.cells, facts.alternatives)
        if detail != "states":
            self._kept.load()

    def planned(self, folds: Sequence[FoldRecord]) -> list[FoldRecord]:
        """Those of the planned cells, in their order."""
        places = {fold.id: self._place.get(Cell(fold.fold, fold.seed), -1) for fold in folds}
        return sorted((fold for fold in folds if places[fold.id] >= 0), key=lambda fold: places[fold.id])

    def kept(self, configuration: Configuration, folds: list[FoldRecord]) -> Scores | None:
        """Scores that need no stage to be read."""
        return self._kept.get(configuration, folds) if self.detail == "scores" else None

    def read(self, configuration: Configuration, folds: list[FoldRecord]) -> ConfigurationPredictions:
        """The stored predictions."""
        return self._reader.read(configuration, folds)

    def outcome(self, predictions: ConfigurationPredictions, folds: list[FoldRecord]) -> Outcome:
        """The outcome, its scores kept for the next time."""
        configuration = predictions.configuration
        outcome = outcome_of(configuration.recipe, self._gold.splits, predictions.cells, self._alternatives)
        self._kept.put(configuration, folds, scores_of(outcome))
        return outcome


def _summarise(
    configuration: Configuration,
    folds: list[FoldRecord],
    failures: list[FailureRecord],
    abandonment: Abandonment | None,
    scorer: _Scorer,
) -> ConfigurationSummary:
    done = len(folds) == len(scorer.cells)
    abandonment = None if done else abandonment
    state: State = "finished" if done else "infeasible" if _is_infeasible(failures) else "incomplete"
    if abandonment is not None:
        state = "abandoned"
    predictions = outcome = None
    scores = scorer.kept(configuration, folds) if done else None
    is_read = scorer.detail == "outcomes" or (scorer.detail == "scores" and done and scores is None)
    if is_read and folds:
        predictions = scorer.read(configuration, folds)
        if predictions.missing_cells:
            state = "incomplete" if state == "finished" else state
        else:
            try:
                outcome = scorer.outcome(predictions, folds)
                scores = scores_of(outcome)
            except DecisionError:
                state = "infeasible"  # predictions that cannot be scored are no score
    if scorer.detail != "outcomes":
        predictions = outcome = None  # ten thousand configurations' arrays would not fit into memory
    return ConfigurationSummary(
        configuration, state, tuple(folds), tuple(failures), predictions, outcome, scores, abandonment
    )


def _is_infeasible(failures: list[FailureRecord]) -> bool:
    by_cell: dict[Cell, list[FailureRecord]] = defaultdict(list)
    for failure in failures:
        by_cell[Cell(failure.fold, failure.seed)].append(failure)
    return any(given_up(each) is not None for each in by_cell.values())
