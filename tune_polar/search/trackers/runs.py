"""What a tracker is told: searches, configurations and folds by names that a resumed search gives them again."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Literal

from tune_polar.evaluate.manifest_facts import search_id
from tune_polar.recipe.cells import Cell
from tune_polar.recipe.configuration import Configuration, digest
from tune_polar.recipe.recipe import Recipe
from tune_polar.search.configuration_progress import State

KEY_DIGITS = 16
FoldState = Literal["finished", "failed", "stopped"]  # stopped: it goes on later


@dataclass(frozen=True)
class SearchRun:
    """A search."""

    id: str
    recipe: str
    score: str  # "macro_f1 of system"


def search_run(manifest: Mapping[str, Any], recipe: Recipe) -> SearchRun:
    """The search that a store's manifest describes."""
    return SearchRun(search_id(manifest), recipe.recipe, f"{recipe.score.metric} of {recipe.score.of}")


@dataclass(frozen=True)
class ConfigurationRun:
    """A configuration of it."""

    search: SearchRun
    configuration: Configuration

    @cached_property
    def key(self) -> str:
        """Of this configuration of this search, and of no other."""
        return digest([self.search.id, self.configuration.id], KEY_DIGITS)

    @property
    def name(self) -> str:
        """``00003-0123456789ab``."""
        return configuration_name(self.configuration)

    @property
    def settings(self) -> dict[str, Any]:
        """What was searched and its values, by dotted key."""
        return dict(self.configuration.point)

    @property
    def about(self) -> dict[str, Any]:
        """Who it is."""
        return {
            "recipe": self.search.recipe,
            "search": self.search.id,
            "configuration": self.configuration.id,
            "number": self.configuration.number,
            "origin": self.configuration.origin,
        }


@dataclass(frozen=True)
class FoldRun:
    """A fold trial of it."""

    configuration: ConfigurationRun
    cell: Cell

    @cached_property
    def key(self) -> str:
        """Of this fold trial, and of no other."""
        return digest([self.configuration.key, self.cell.fold, self.cell.seed], KEY_DIGITS)

    @property
    def name(self) -> str:
        """``f0-s42``."""
        return cell_name(self.cell.fold, self.cell.seed)

    @property
    def about(self) -> dict[str, Any]:
        """Who it is."""
        return {**self.configuration.about, "fold": self.cell.fold, "seed": self.cell.seed}


@dataclass(frozen=True)
class Evaluation:
    """A stage evaluated on the fold's validation rows."""

    stage: str
    step: int
    training_loss: float | None  # mean since the evaluation before
    value: float  # of the checkpoint metric

    @property
    def numbers(self) -> dict[str, float]:
        """What is drawn over steps, by the names that `export --tensorboard` gives them."""
        found = {} if self.training_loss is None else {TRAINING_LOSS: self.training_loss}
        return {**found, CHECKPOINT_METRIC: self.value}


START_HAS_SEEN = "start_has_seen"  # as predictions and JSON call it
TRAINING_LOSS, CHECKPOINT_METRIC = "training_loss", "checkpoint_metric"


@dataclass(frozen=True)
class FoldEnd:
    """What a fold trial came to."""

    state: FoldState
    scores: Mapping[str, float] = field(default_factory=dict)  # of this fold alone: `STAGE.METRIC`
    seconds: float | None = None
    reused: Sequence[str] = ()  # stages that were trained before, and have no curve here
    start_has_seen: Sequence[str] = ()  # stages whose start was trained on texts that they are scored on (TP010)


@dataclass(frozen=True)
class ConfigurationEnd:
    """What a configuration came to."""

    state: State
    score: float | None = None  # cross-fitted
    expected: float | None = None  # of one that racing gave up
    start_has_seen: Sequence[str] = ()  # stages whose start was trained on texts that both are of (TP010)

    @property
    def numbers(self) -> dict[str, float]:
        """Those of the two that it has."""
        found = {"score": self.score, "expected_score": self.expected}
        return {name: value for name, value in found.items() if value is not None}


def configuration_name(configuration: Configuration) -> str:
    """``00003-0123456789ab``: in order of proposal."""
    return f"{configuration.number:05d}-{configuration.id}"


def cell_name(fold: int, seed: int) -> str:
    """``f0-s42``."""
    return f"f{fold}-s{seed}"
