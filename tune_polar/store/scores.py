"""What a configuration scores, in a few numbers that can be kept beside the records and derived from them again.

Scoring a configuration sweeps every (k, τ) and threshold rule on its stored predictions: a tenth of a second, which ten
thousand configurations turn into half an hour. So the numbers that tables and study need are kept in ``derived/``. They
are never trusted by their name alone: an entry counts only where its key fits, the hash of everything the scores depend
on (settings, gold and fold plans, threshold rules, each fold's stages and their sizes, version of the scoring code).
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from fractions import Fraction
from typing import Any

from pydantic import TypeAdapter

from tune_polar import __version__
from tune_polar.decide.votes import VoteRule
from tune_polar.errors import StoreError
from tune_polar.spec.configuration import Configuration, digest
from tune_polar.store.codec import NewerFormatError, decode_text, encode_json
from tune_polar.store.gold import Gold, gold_digest
from tune_polar.store.outcome import Decided, Outcome, rounded_tau
from tune_polar.store.record import FoldRecord
from tune_polar.store.store import Store

log = logging.getLogger(__name__)

SCORING_VERSION = 1  # raised whenever a change of the code changes a score


@dataclass(frozen=True)
class DecisionScores:
    """One set of decision settings and what it scored."""

    rule: str  # threshold rule; "" for a detector alone
    k: int
    tau_parts: tuple[int, int]  # numerator and denominator
    score: float  # the objective, cross-fitted
    fold_scores: tuple[float, ...]

    @property
    def votes(self) -> VoteRule:
        """(k, τ)."""
        return VoteRule(self.k, Fraction(*self.tau_parts))

    @property
    def tau(self) -> float:
        """τ as a recipe writes it."""
        return rounded_tau(self.votes.tau)


@dataclass(frozen=True)
class Scores:
    """The numbers of an ``Outcome`` without its arrays."""

    objective: str
    decisions: tuple[DecisionScores, ...]  # by the recipe's rule first, (k, τ) cross-fitted
    proposed: DecisionScores  # the very (k, τ) and rule of the recipe
    detector: float  # its macro-F1, cross-fitted
    gold_gated: float | None

    @property
    def best(self) -> DecisionScores:
        """The best cross-fitted decision; a tie goes to the recipe's own rule, which stands first."""
        return max(self.decisions, key=lambda decided: decided.score)

    @property
    def score(self) -> float:
        """The objective of the best cross-fitted decision."""
        return self.best.score


@dataclass(frozen=True)
class _Entry:
    """What is kept of a configuration."""

    key: str
    scores: Scores


_ENTRY = TypeAdapter(_Entry)


def scores_of(outcome: Outcome) -> Scores:
    """The numbers of ``outcome``."""
    return Scores(
        outcome.objective,
        tuple(_decision(decided) for decided in outcome.decisions),
        _decision(outcome.proposed),
        outcome.detector.cross_fitted,
        outcome.gold_gated,
    )


def _decision(decided: Decided) -> DecisionScores:
    tau = decided.votes.tau
    parts = (tau.numerator, tau.denominator)
    return DecisionScores(decided.rule, decided.votes.k, parts, decided.score, decided.fold_scores)


class StoredScores:
    """Scores kept in a store's ``derived/`` folder; a configuration's entry counts only while its key fits."""

    def __init__(self, store: Store, gold: Gold, rules: Sequence[str]) -> None:
        self._store = store
        self._common = {"scoring": SCORING_VERSION, "version": __version__, "gold": gold_digest(gold)}
        self._rules = list(rules)
        self._folds = gold.detector_plan.count
        self._entries: dict[str, bytes] = {}
        self._sizes: Mapping[str, int] = {}

    def load(self) -> None:
        """Read what is kept and which stages there are; what comes later is asked for one by one."""
        files = self._store.files
        self._sizes = files.sizes("stages")
        names = [name for name in files.names("derived") if name.endswith(".json")]
        self._entries = {name: content for name, content in files.read_many(names) if content is not None}

    def get(self, configuration: Configuration, folds: Sequence[FoldRecord]) -> Scores | None:
        """The scores of a configuration with all its folds, or None where they must be derived."""
        key = self._key(configuration, folds)
        content = None if key is None else self._entries.get(_name(configuration, key))
        if content is None:
            return None
        try:
            entry = _ENTRY.validate_json(decode_text(content), strict=True)
            return entry.scores if entry.key == key else None
        except (NewerFormatError, ValueError):
            return None

    def put(self, configuration: Configuration, folds: Sequence[FoldRecord], scores: Scores) -> None:
        """Keep ``scores``; where the store cannot be written nothing is lost but time."""
        stages = {name for fold in folds for name in _stages(fold)} - set(self._sizes)
        if stages:
            self._sizes = self._store.files.sizes("stages")
        key = self._key(configuration, folds)
        if key is None:
            return
        about: dict[str, Any] = {"key": key, "scores": asdict(scores)}
        try:
            self._store.files.put_if_absent(_name(configuration, key), encode_json(about))
        except StoreError as error:
            log.info("scores are not kept: %s", error.problem)

    def _key(self, configuration: Configuration, folds: Sequence[FoldRecord]) -> str | None:
        parts = []
        for fold in sorted(folds, key=lambda record: record.fold):
            sizes = [self._sizes.get(name) for name in _stages(fold)]
            if None in sizes:
                return None  # a stage is gone: its fold has to be run again
            parts.append([fold.fold, *_stages(fold), *sizes])
        if len(parts) != self._folds:
            return None
        return digest({**self._common, "configuration": configuration.id, "rules": self._rules, "folds": parts})


def _stages(fold: FoldRecord) -> list[str]:
    keys = [fold.detector_key, *([] if fold.classifier_key is None else [fold.classifier_key])]
    return [f"stages/{key}.safetensors" for key in keys]


def _name(configuration: Configuration, key: str) -> str:
    return f"derived/{configuration.id}-{key[:16]}.json"
