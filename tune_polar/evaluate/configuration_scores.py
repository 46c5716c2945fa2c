"""What a configuration scores, in a few numbers that can be kept beside the records and derived from them again.

Scoring a configuration sweeps every setting of its decisions on its stored predictions: a tenth of a second, which ten
thousand configurations turn into half an hour. So the numbers that tables and study need are kept in ``derived/``. They
are never trusted by their name alone: an entry counts only where its key fits, the hash of everything the scores depend
on (settings, gold and fold plans, cells, alternatives, each cell's stages and their sizes, version of the scoring), and
where this user has signed it on this machine: whoever else shares the store derives the scores again.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from pydantic import TypeAdapter

from tune_polar import __version__
from tune_polar.decide.array_checks import FloatArray
from tune_polar.decide.judgement import Alternative
from tune_polar.errors import StoreError
from tune_polar.evaluate.outcome import DECIDE, Outcome
from tune_polar.recipe.cells import Cell
from tune_polar.recipe.configuration import Configuration, canonical_json, digest
from tune_polar.store.codec import OtherFormatError, decode_text, encode_json
from tune_polar.store.gold import Gold, gold_digest
from tune_polar.store.own_key import OwnKey, own_key
from tune_polar.store.records import Finite, FoldRecord
from tune_polar.store.store import Store

log = logging.getLogger(__name__)

SCORING_VERSION = 3  # raised whenever a change of the code changes a score


@dataclass(frozen=True)
class AlternativeScores:
    """One set of values of what costs no training, and what it scored, in the metric's own unit."""

    changes: Mapping[str, Any]  # by dotted key of a recipe; {}: the recipe's own
    settings: Mapping[str, Any]  # dotted keys of a recipe that decides so: the changes, and all that was chosen
    score: Finite  # cross-fitted
    cell_scores: tuple[Finite, ...]  # of the same decisions on each of ``Scores.cells``


@dataclass(frozen=True)
class Scores:
    """The numbers of an ``Outcome`` without its arrays."""

    metric: str  # of the score, as decide/metrics.py calls it
    cells: tuple[Cell, ...]  # that ``cell_scores`` are of: by seed, then by fold
    alternatives: tuple[AlternativeScores, ...]  # best first; ties go to the recipe's own
    as_written: Finite  # the score's decision exactly as the recipe writes it
    decisions: Mapping[str, Finite]  # each decision that can be judged, cross-fitted, with the best values

    @property
    def best(self) -> AlternativeScores:
        """The best alternative."""
        return self.alternatives[0]

    @property
    def own(self) -> AlternativeScores:
        """The recipe's own values, what they leave open cross-fitted."""
        return next(each for each in self.alternatives if not each.changes)

    @property
    def score(self) -> float:
        """What configurations are compared by."""
        return self.best.score

    def by_cell(self, cells: Iterable[Cell]) -> FloatArray:
        """Of the best alternative, (cells,); NaN where a cell has no row that the score is judged on."""
        found = dict(zip(self.cells, self.best.cell_scores, strict=True))
        return np.array([found.get(cell, np.nan) for cell in cells])


@dataclass(frozen=True)
class _Entry:
    """What is kept of a configuration."""

    key: str
    scores: Scores
    signature: str


_ENTRY = TypeAdapter(_Entry)
_SIGNATURE = ',"signature":"'


def scores_of(outcome: Outcome) -> Scores:
    """The numbers of ``outcome``."""
    scored = outcome.judged.scored
    return Scores(
        metric=outcome.metric.name,
        cells=tuple(Cell(part, seed) for part, seed in scored.cells),
        alternatives=tuple(_alternative(outcome, each) for each in outcome.alternatives),
        as_written=outcome.proposed.score,
        decisions={name: judgement.cross_fitted.score for name, judgement in outcome.decisions.items()},
    )


def _alternative(outcome: Outcome, one: Alternative) -> AlternativeScores:
    changes = {f"{DECIDE}{key}": value for key, value in one.changes.items()}
    return AlternativeScores(changes, outcome.settings(one), one.scored.score, one.scored.cell_scores)


class StoredScores:
    """Scores kept in a store's ``derived/`` folder; a configuration's entry counts only while its key fits."""

    def __init__(
        self, store: Store, gold: Gold, planned: Sequence[Cell], alternatives: Mapping[str, Sequence[Any]]
    ) -> None:
        """``planned``: all cells of a configuration; ``alternatives``: as ``outcome_of`` takes them."""
        self._store = store
        self._planned = set(planned)
        self._common = {
            "scoring": SCORING_VERSION,
            "version": __version__,
            "gold": gold_digest(gold),
            "alternatives": {key: list(values) for key, values in alternatives.items()},
        }
        self._own = own_key()
        self._entries: dict[str, bytes] = {}
        self._sizes: Mapping[str, int] = {}

    def load(self) -> None:
        """Read what is kept and which stages there are; what comes later is asked for one by one."""
        files = self._store.files
        self._sizes = files.sizes("stages")
        names = [name for name in files.names("derived") if name.endswith(".json")]
        self._entries = {name: content for name, content in files.read_many(names) if content is not None}

    def get(self, configuration: Configuration, folds: Sequence[FoldRecord]) -> Scores | None:
        """The scores of a configuration with all its cells, or None where they must be derived."""
        key = self._key(configuration, folds)
        content = None if key is None else self._entries.get(self._name(configuration, key))
        if content is None:
            return None
        entry = _own_entry(content, self._own)
        return entry.scores if entry is not None and entry.key == key and entry.scores.alternatives else None

    def put(self, configuration: Configuration, folds: Sequence[FoldRecord], scores: Scores) -> None:
        """Keep ``scores``; where the store cannot be written nothing is lost but time."""
        stages = {name for fold in folds for name in _stages(fold)} - set(self._sizes)
        if stages:
            self._sizes = self._store.files.sizes("stages")
        key = self._key(configuration, folds)
        if key is None:
            return
        signature = self._own.signature(_signed(key, scores))
        about: dict[str, Any] = {"key": key, "scores": asdict(scores), "signature": signature}
        try:
            self._store.files.put_if_absent(self._name(configuration, key), encode_json(about))
        except StoreError as error:
            log.info("scores are not kept: %s", error.problem)

    def _name(self, configuration: Configuration, key: str) -> str:
        # Each user's own, or one would take the other's place.
        return f"derived/{configuration.id}-{key[:16]}-{self._own.mark}.json"

    def _key(self, configuration: Configuration, folds: Sequence[FoldRecord]) -> str | None:
        parts = []
        for fold in sorted(folds, key=lambda record: (record.fold, record.seed)):
            if Cell(fold.fold, fold.seed) in self._planned:
                sizes = [self._sizes.get(name) for name in _stages(fold)]
                if None in sizes:
                    return None  # a stage is gone: its cell has to be run again
                parts.append([fold.fold, fold.seed, dict(fold.stages), sizes])
        if len(parts) != len(self._planned):
            return None
        return digest({**self._common, "configuration": configuration.id, "cells": parts})


def copy_own_scores(sources: Iterable[Store], target: Store) -> None:
    """Have scores that this user keeps in ``sources`` in ``target`` too; they count where its records are the same."""
    own = own_key()
    for source in sources:
        names = [name for name in source.files.names("derived") if name.endswith(f"-{own.mark}.json")]
        for name, content in source.files.read_many(names):
            if content is not None and _own_entry(content, own) is not None:
                target.files.put_if_absent(name, content)


def _own_entry(content: bytes, own: OwnKey) -> _Entry | None:
    """What this user has signed, or None."""
    try:
        text = decode_text(content)
        signed, _, signature = (text if isinstance(text, str) else text.decode()).rpartition(_SIGNATURE)
        # In canonical spelling the signature is the last key: what it signs is the text before it, see ``_signed``.
        return _ENTRY.validate_json(text, strict=True) if own.has_signed(f"{signed}}}", signature[:-2]) else None
    except (OtherFormatError, ValueError):
        return None


def _stages(fold: FoldRecord) -> list[str]:
    # By name: a record that was read has its stages in another order than one that was just made.
    return [f"stages/{key}.safetensors" for _, key in sorted(fold.stages.items())]


def _signed(key: str, scores: Scores) -> str:
    return canonical_json({"key": key, "scores": asdict(scores)})
