"""A fold trial and the keys of its stages: frozen, JSON-able, everything a worker is told."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from functools import cached_property

from tune_polar.spec.configuration import configuration_id, digest
from tune_polar.spec.recipe import Recipe

# Raised whenever a change of the code changes what a stage computes: stored stages of older code are not reused.
TRIAL_CODE_VERSION = 3


@dataclass(frozen=True)
class Inputs:
    """What all fold trials of one search share, by fingerprint."""

    data: str  # Corpus.fingerprint
    detector_plan: str  # FoldPlan.hash
    classifier_plan: str
    encoder: str  # encoder_identity: the very weights, not the name


@dataclass(frozen=True)
class FoldTrial:
    """One configuration on one fold: the unit that Ray Tune schedules."""

    recipe: Recipe
    fold: int
    inputs: Inputs

    @cached_property
    def configuration_id(self) -> str:
        """Id of the configuration this is a fold of."""
        return configuration_id(self.recipe)

    @property
    def id(self) -> str:
        """Configuration, fold and seed in one word."""
        return f"{self.configuration_id}-f{self.fold}-s{self.recipe.seed}"

    @property
    def detector_key(self) -> str:
        """Hash of exactly what the detector stage depends on: equal for searches of ST1, ST2 and ST3."""
        return digest(
            {
                "stage": "detector",
                "code": TRIAL_CODE_VERSION,
                "data": self.inputs.data,
                "plan": self.inputs.detector_plan,
                "encoder": [self.inputs.encoder, self.recipe.encoder.model_dump(mode="json")],
                "fold": self.fold,
                "seed": self.recipe.seed,
                "target": self.recipe.task.target,
                "proxy_types": list(self.recipe.task.proxy_types),
                "settings": self.recipe.detector.model_dump(mode="json"),
            },
            32,
        )

    def detector_of(self, fold: int) -> FoldTrial:
        """The same configuration on another fold, for ``transfer: best_fold``."""
        return replace(self, fold=fold)

    def classifier_key(self, start: str | None) -> str:
        """Hash of what the classifier stage depends on; ``start`` is the detector whose encoder it starts from."""
        classifier = self.recipe.classifier
        return digest(
            {
                "stage": "classifier",
                "code": TRIAL_CODE_VERSION,
                "data": self.inputs.data,
                "plan": self.inputs.classifier_plan,
                "encoder": [self.inputs.encoder, self.recipe.encoder.model_dump(mode="json")],
                "fold": self.fold,
                "seed": self.recipe.seed,
                "target": self.recipe.task.target,
                "labels": list(self.recipe.task.labels),
                "start": start,
                "settings": None if classifier is None else classifier.model_dump(mode="json"),
            },
            32,
        )

    @property
    def stage_keys(self) -> tuple[str, ...]:
        """Of the stages it may be in; ``best_fold`` starts from a detector that is not known here."""
        classifier = self.recipe.classifier
        if classifier is None:
            return (self.detector_key,)
        return self.detector_key, self.classifier_key(self.detector_key if classifier.transfer == "same_fold" else None)

    def to_json(self) -> dict[str, object]:
        """Plain data; ``from_json`` gives an equal fold trial."""
        return {
            "recipe": self.recipe.model_dump(mode="json"),
            "fold": self.fold,
            "inputs": asdict(self.inputs),
        }

    @staticmethod
    def from_json(data: Mapping[str, object]) -> FoldTrial:
        """The fold trial that ``to_json`` wrote."""
        inputs, fold = data["inputs"], data["fold"]
        if not isinstance(inputs, dict) or not isinstance(fold, int):
            raise ValueError("a fold trial must hold inputs and a fold")
        return FoldTrial(Recipe.model_validate_json(json.dumps(data["recipe"])), fold, Inputs(**inputs))
