"""Everything a store says about its search, derived from the records alone: for status, tables and page."""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass
from typing import Literal

from tune_polar.errors import DecisionError
from tune_polar.garbage import without_collection
from tune_polar.spec.configuration import Configuration
from tune_polar.store.abandonment import Abandonment
from tune_polar.store.gold import Gold
from tune_polar.store.manifest_facts import ManifestFacts, manifest_facts
from tune_polar.store.outcome import Outcome, outcome_of
from tune_polar.store.predictions_of import ConfigurationPredictions, PredictionsReader
from tune_polar.store.record import FailureRecord, FoldRecord, StageName, given_up
from tune_polar.store.scores import Scores, StoredScores, scores_of
from tune_polar.store.store import Store

State = Literal["finished", "incomplete", "infeasible", "abandoned"]
Detail = Literal["states", "scores", "outcomes"]


@dataclass(frozen=True, eq=False)
class ConfigurationSummary:
    """One configuration: its folds, its failures and, once all folds are there, what it scores."""

    configuration: Configuration
    state: State
    folds: tuple[FoldRecord, ...]
    failures: tuple[FailureRecord, ...]
    predictions: ConfigurationPredictions | None
    outcome: Outcome | None
    scores: Scores | None  # of ``outcome``; without one where only scores were asked for
    abandonment: Abandonment | None = None  # why racing gave it up; of one that finished all the same: None

    @property
    def memory(self) -> dict[tuple[StageName, str], int]:
        """How stages were made to fit into memory, where they had to be, each with the number of its folds."""
        used = [(stage, use) for fold in self.folds for stage, use in fold.memory.items() if not use.is_plain]
        return dict(Counter((stage, str(use)) for stage, use in used))

    @property
    def seconds(self) -> float:
        """Wall seconds of its folds, added up."""
        return sum(fold.seconds for fold in self.folds)


@dataclass(frozen=True, eq=False)
class SearchSummary:
    """A search as its records tell it."""

    url: str
    facts: ManifestFacts
    gold: Gold
    configurations: tuple[ConfigurationSummary, ...]  # in order of proposal

    @property
    def rules(self) -> tuple[str, ...]:
        """Threshold rules of the space; every configuration is decided by all of them."""
        return _searched_rules(self.facts)

    @property
    def finished(self) -> tuple[ConfigurationSummary, ...]:
        """Configurations with a score, best first; ties go to the one proposed first."""
        scored = [(c.scores.score, c) for c in self.configurations if c.scores is not None]
        return tuple(c for _, c in sorted(scored, key=lambda pair: -pair[0]))

    @property
    def best(self) -> ConfigurationSummary | None:
        """The configuration with the highest cross-fitted score."""
        return next(iter(self.finished), None)

    @property
    def published(self) -> ConfigurationSummary | None:
        """The recipe as published or as given, where the search has it."""
        return next((c for c in self.configurations if c.configuration.is_reference), None)

    @property
    def abandoned(self) -> tuple[tuple[ConfigurationSummary, Abandonment], ...]:
        """Configurations that racing gave up, each with its record."""
        return tuple((c, c.abandonment) for c in self.configurations if c.abandonment is not None)

    @property
    def objective(self) -> str:
        """What the search maximises."""
        return self.facts.recipe.decision.objective

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
def summarise(store: Store, detail: Detail = "outcomes") -> SearchSummary:
    """Read all records of ``store`` and derive what they say.

    Args:
        store: of the search.
        detail: ``states`` reads no stage; ``scores`` only stages of configurations whose scores are not kept yet;
            ``outcomes`` reads all, and gives each configuration its predictions and outcome.

    Raises:
        StoreError: there is no readable manifest or gold in it.
    """
    facts, gold = manifest_facts(store.manifest(), store.url), store.gold()
    folds: dict[str, list[FoldRecord]] = defaultdict(list)
    failures: dict[str, list[FailureRecord]] = defaultdict(list)
    for record in store.folds():
        folds[record.configuration_id].append(record)
    abandoned = {record.configuration_id: record for record in store.abandonments()}
    for failure in store.failures():
        failures[failure.configuration_id].append(failure)
    scorer = _Scorer(store, gold, _searched_rules(facts), detail)
    return SearchSummary(
        store.url,
        facts,
        gold,
        tuple(
            _summarise(c, folds[c.id], failures[c.id], abandoned.get(c.id), scorer, gold.detector_plan.count)
            for c in store.configurations()
        ),
    )


class _Scorer:
    """Scores configurations, each in as much detail as was asked for."""

    def __init__(self, store: Store, gold: Gold, rules: tuple[str, ...], detail: Detail) -> None:
        self._reader = PredictionsReader(store, gold)
        self._kept = StoredScores(store, gold, rules)
        self._rules = rules
        self.detail = detail
        if detail != "states":
            self._kept.load()

    def kept(self, configuration: Configuration, folds: list[FoldRecord]) -> Scores | None:
        """Scores that need no stage to be read."""
        return self._kept.get(configuration, folds) if self.detail == "scores" else None

    def read(self, configuration: Configuration, folds: list[FoldRecord]) -> ConfigurationPredictions:
        """The stored predictions."""
        return self._reader.read(configuration, folds)

    def outcome(self, predictions: ConfigurationPredictions, folds: list[FoldRecord]) -> Outcome:
        """The outcome, its scores kept for the next time."""
        outcome = outcome_of(predictions, self._rules)
        self._kept.put(predictions.configuration, folds, scores_of(outcome))
        return outcome


def _summarise(
    configuration: Configuration,
    folds: list[FoldRecord],
    failures: list[FailureRecord],
    abandonment: Abandonment | None,
    scorer: _Scorer,
    planned_folds: int,
) -> ConfigurationSummary:
    folds.sort(key=lambda record: record.fold)
    done = len({record.fold for record in folds}) == planned_folds
    abandonment = None if done else abandonment
    state: State = "finished" if done else "infeasible" if _is_infeasible(failures) else "incomplete"
    if abandonment is not None:
        state = "abandoned"
    predictions = outcome = None
    scores = scorer.kept(configuration, folds) if done else None
    is_read = scorer.detail == "outcomes" or (scorer.detail == "scores" and done and scores is None)
    if is_read and folds:
        predictions = scorer.read(configuration, folds)
        if predictions.missing_folds:
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
    by_fold: dict[int, list[FailureRecord]] = defaultdict(list)
    for failure in failures:
        by_fold[failure.fold].append(failure)
    return any(given_up(each) is not None for each in by_fold.values())


def _searched_rules(facts: ManifestFacts) -> tuple[str, ...]:
    parameter = facts.parameters.get("decision.threshold_rule", {})
    return tuple(map(str, parameter.get("choices", ())))
