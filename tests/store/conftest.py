"""A synthetic search: gold, folds and predictions of chosen numbers, without a training."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest

from tune_polar.data.corpus import Corpus, Split
from tune_polar.data.fold_plan import FoldPlan
from tune_polar.spec.configuration import Configuration
from tune_polar.spec.fill import fill
from tune_polar.spec.fold_trial import FoldTrial, Inputs
from tune_polar.spec.recipe import Recipe
from tune_polar.store.gold import Gold, gold_of
from tune_polar.store.predictions_of import ConfigurationPredictions, PredictionsReader
from tune_polar.store.record import CurvePoint, FailureRecord, FoldRecord, Provenance, StageRecord
from tune_polar.store.store import Store, open_store

LABELS = ("x", "y/z")
FOLDS = 3
K = 7
PROVENANCE = Provenance("host", 1, "cpu", "2026-01-01T00:00:00+00:00", {"torch": "2.13"})


def synthetic_recipe(**changes: object) -> Recipe:
    stage = {"lr": 1e-3, "xi": 0.9, "batch_size": 8, "fgm_epsilon": 0.0}
    recipe = Recipe.model_validate(
        {
            "recipe": "mini",
            "task": {"subtask": "st9", "target": "polarization", "proxy_types": LABELS, "labels": LABELS},
            "folds": {"count": FOLDS},
            "encoder": {"name": "some/encoder"},
            "detector": {**stage, "centers_lr": 1e-2},
            "classifier": {**stage, "gamma_negative": dict.fromkeys(LABELS, 4.0)},
            "decision": {"k": 5, "tau": 0.4},
        }
    )
    return fill(recipe, {key.replace("__", "."): value for key, value in changes.items()})


def detector_alone(**changes: object) -> Recipe:
    values = synthetic_recipe().model_dump()
    values["task"]["labels"], values["classifier"], values["decision"]["objective"] = (), None, "detector"
    return fill(Recipe.model_validate(values), {key.replace("__", "."): value for key, value in changes.items()})


def labels_of(rows: int, rng: np.random.Generator) -> dict[str, np.ndarray]:
    target = rng.integers(0, 2, rows)
    return {"polarization": target, **{label: target * rng.integers(0, 2, rows) for label in LABELS}}


def synthetic_corpus(rng: np.random.Generator, rows: int = 48, dev: int = 14) -> Corpus:
    splits = {
        name: Split(
            name,
            tuple(f"{name}{n}" for n in range(count)),
            tuple(f"text {name} {n}" for n in range(count)),
            labels_of(count, rng),
        )
        for name, count in (("train", rows), ("dev", dev))
        if count
    }
    return Corpus("synthetic", splits)


def plan_of(kind: str, rows: np.ndarray, total: int, rng: np.random.Generator) -> FoldPlan:
    assignment = np.full(total, -1, dtype=np.int64)
    assignment[rows] = rng.permutation(np.arange(len(rows)) % FOLDS)
    return FoldPlan(kind, FOLDS, 42, assignment)


@dataclass
class Search:
    """A store, and how to put a configuration's predictions into it."""

    store: Store
    folder: Path
    corpus: Corpus
    gold: Gold
    rng: np.random.Generator

    def trial(self, recipe: Recipe, fold: int) -> FoldTrial:
        return FoldTrial(recipe, fold, Inputs("data", self.gold.detector_plan.hash, "plan", "encoder"))

    def noisy(self, gold: np.ndarray) -> np.ndarray:
        """Probabilities that lean to ``gold``, on a coarse grid so that ties occur; float32 as a stage keeps them."""
        share = np.clip(0.3 + 0.4 * gold + self.rng.normal(0, 0.25, gold.shape), 0, 1)
        return np.round(share, 2).astype(np.float32)

    def table(self, gold: np.ndarray, width: int) -> np.ndarray:
        """Neighbours of which about two thirds have a row's own label."""
        agrees = self.rng.random((len(gold), width)) < 0.66
        return np.where(agrees, gold[:, None], 1 - gold[:, None]).astype(np.uint8)

    def stage(self, trial: FoldTrial, name: str, start: str | None = None, width: int = K) -> StageRecord:
        plan = self.gold.detector_plan if name == "detector" else self.gold.classifier_plan
        rows = plan.validation_rows(trial.fold)
        target = trial.recipe.task.target
        train, dev = self.corpus.train, self.corpus.dev
        arrays: dict[str, np.ndarray] = {"validation_rows": rows.astype(np.int32)}
        if name == "detector":
            arrays["neighbour_labels"] = self.table(train.labels[target][rows], width)
            if dev is not None:
                arrays["dev_neighbour_labels"] = self.table(dev.labels[target], width)
        else:
            arrays["probability"] = self.noisy(train.label_matrix(LABELS)[rows])
            if dev is not None:
                arrays["dev_probability"] = self.noisy(dev.label_matrix(LABELS))
        return StageRecord(
            key=trial.detector_key if name == "detector" else trial.classifier_key(start),
            stage="detector" if name == "detector" else "classifier",
            fold=trial.fold,
            seed=trial.recipe.seed,
            best_step=2,
            best_value=0.5,
            steps=4,
            stopped="max_steps",
            curve=(CurvePoint(2, 0.7, 0.5), CurvePoint(4, 0.6, 0.4)),
            seconds=1.5,
            peak_memory_bytes=None,
            provenance=PROVENANCE,
            arrays=arrays,
        )

    def record(self, trial: FoldTrial) -> FoldRecord:
        has_classifier = trial.recipe.classifier is not None
        return FoldRecord(
            configuration_id=trial.configuration_id,
            fold=trial.fold,
            seed=trial.recipe.seed,
            detector_key=trial.detector_key,
            classifier_key=trial.classifier_key(trial.detector_key) if has_classifier else None,
            reused=(),
            scores={"precision_at_1": 0.5},
            seconds=2.0,
            provenance=PROVENANCE,
        )

    def failure(self, trial: FoldTrial, kind: str = "TrainingDivergedError", attempt: int = 0) -> FailureRecord:
        return FailureRecord(
            trial.configuration_id, trial.fold, trial.recipe.seed, attempt, kind, "it broke", "Traceback", PROVENANCE
        )

    def put_fold(self, recipe: Recipe, fold: int, *, width: int = K) -> FoldRecord:
        """A finished fold with its stages."""
        trial = self.trial(recipe, fold)
        self.store.put_stage(self.stage(trial, "detector", width=width))
        if recipe.classifier is not None:
            self.store.put_stage(self.stage(trial, "classifier", trial.detector_key))
        record = self.record(trial)
        self.store.put_fold(record)
        return record

    def put(
        self, recipe: Recipe, number: int = 0, folds: tuple[int, ...] = (0, 1, 2), origin: str = "published"
    ) -> Configuration:
        """A configuration with these finished folds."""
        configuration = Configuration(recipe, number, origin)
        self.store.put_configuration(configuration)
        for fold in folds:
            self.put_fold(recipe, fold)
        return configuration

    def predictions(self, configuration: Configuration) -> ConfigurationPredictions:
        folds = [fold for fold in self.store.folds() if fold.configuration_id == configuration.id]
        return PredictionsReader(self.store, self.gold).read(configuration, folds)


@pytest.fixture
def new_search(tmp_path: Path) -> Callable[..., Search]:
    """Make a store with gold and manifest."""

    def make(
        recipe: Recipe | None = None, *, seed: int = 0, dev: int = 14, trials: int = 1, **manifest: object
    ) -> Search:
        recipe = recipe or synthetic_recipe()
        rng = np.random.default_rng(seed)
        corpus = synthetic_corpus(rng, dev=dev)
        every = np.arange(len(corpus.train))
        polarized = np.flatnonzero(corpus.train.labels["polarization"] == 1)
        detector = plan_of("shared", every, len(every), rng)
        is_paper = recipe.folds.plan == "paper"
        classifier = plan_of("paper_classifier", polarized, len(every), rng) if is_paper else detector
        folder = tmp_path / f"store{seed}"
        store = open_store(folder)
        gold = gold_of(corpus, detector, classifier)
        about = {
            "kind": "search",
            "recipe": recipe.model_dump(mode="json"),
            "profile": "published",
            "space": None,
            "data": {
                "source": {"kind": "sample"},
                "name": corpus.name,
                "fingerprint": corpus.fingerprint,
                "rows": {name: len(split) for name, split in corpus.splits.items()},
            },
            "inputs": {"detector_plan": detector.hash, "classifier_plan": classifier.hash, "encoder": "sha256:e"},
            "trials": trials,
            "seed": 0,
            "command": "tune-polar search mini",
            "created": "2026-01-01T00:00:00+00:00",
            "versions": {"tune-polar": "0.1.0"},
        }
        store.create({**about, **manifest}, gold)
        return Search(store, folder, corpus, gold, rng)

    return make


@pytest.fixture
def search(new_search: Callable[..., Search]) -> Search:
    return new_search()


@pytest.fixture
def recipe_of() -> Callable[..., Recipe]:
    return synthetic_recipe


@pytest.fixture
def detector_recipe_of() -> Callable[..., Recipe]:
    return detector_alone


@pytest.fixture
def with_arrays() -> Callable[..., StageRecord]:
    """A stage with other arrays."""
    return lambda record, **arrays: replace(record, arrays={**record.arrays, **arrays})
