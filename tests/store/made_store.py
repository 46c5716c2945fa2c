"""A small store of any recipe, filled with made-up predictions: nothing is trained, and no encoder is needed.

from tests.store.made_store import made_store, finished_store
from tests.store.made_recipes import two_stages

made = made_store(tmp_path / "store", two_stages(), dev=40)          # gold and manifest
first = made.configuration("published")                              # recorded, with no cell
other = made.configuration({"sorter.optimizer.lr": 0.01})            # a point of the space
made.finish(first, skill=0.5)                                        # stages and fold records of every cell
made.finish(other, skill=0.8, cells=made.cells[:2])
made.fail(other, "the loss must stay finite", cell=made.cells[2])
summary = made.summary()                                             # or "states", "scores"

finished_store(folder, recipe, skills=(0.5, 0.8, 0.3))               # the recipe itself and two more, all finished
"""

from __future__ import annotations

import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from tune_polar.data.columns import Column, class_column, group_column, label_column, number_column, text_column
from tune_polar.data.plans import make_plans
from tune_polar.data.plans.fold_plan import FoldPlan
from tune_polar.data.table import Corpus, Split
from tune_polar.evaluate.configuration_predictions import ConfigurationPredictions, PredictionsReader
from tune_polar.evaluate.summary import Detail, SearchSummary, summarise
from tune_polar.recipe.cells import Cell, cells
from tune_polar.recipe.configuration import PUBLISHED, Configuration, digest
from tune_polar.recipe.fill import fill
from tune_polar.recipe.loaded_space import LoadedSpace
from tune_polar.recipe.recipe import Recipe
from tune_polar.recipe.recorded import recipe_to_json, space_from_json
from tune_polar.recipe.sections import Stage
from tune_polar.store.abandonment import Abandonment
from tune_polar.store.failures import FailureRecord
from tune_polar.store.gold import Gold, gold_of
from tune_polar.store.records import FoldRecord, StageRecord
from tune_polar.store.store import Store, open_store
from tune_polar.store.training_facts import CurvePoint, Provenance

LANGUAGES = ("eng", "deu", "zho")
NEIGHBOURS = 7
PROVENANCE = Provenance("lab-1", 7, "cpu (x86_64)", "2026-01-02T03:04:05+00:00", {"python": "3.11.7", "torch": "2.13"})


@dataclass
class MadeStore:
    """A store, what it is of, and how to put more into it. ``skill`` 0 is noise, 1 is nearly right."""

    store: Store
    folder: Path
    recipe: Recipe
    corpus: Corpus
    plans: Mapping[str, FoldPlan]
    gold: Gold
    cells: tuple[Cell, ...]
    seed: int
    shares_stages: bool
    provenance: Provenance = PROVENANCE
    _number: int = field(default=0)

    def configuration(
        self,
        point: Mapping[str, Any] | str | None = None,
        *,
        origin: str | None = None,
        recipe: Recipe | None = None,
        number: int | None = None,
    ) -> Configuration:
        """Record one more configuration, without a cell.

        Args:
            point: dotted keys and values that it changes of the recipe; or an origin, with nothing changed.
            origin: "published" unless a point is given, else "sampled".
            recipe: another recipe in place of the store's; ``point`` is then recorded and not filled in.
            number: in the order of proposal; None: the next.
        """
        if isinstance(point, str):
            point, origin = None, point
        values = dict(point or {})
        whole = recipe or fill(self.recipe, values)
        number = self._number if number is None else number
        self._number = max(self._number, number + 1)
        made = Configuration(whole, number, origin or ("sampled" if values else PUBLISHED), values)
        self.store.put_configuration(made)
        return made

    def finish(
        self,
        configuration: Configuration,
        skill: float = 0.5,
        *,
        cells: Sequence[Cell] | None = None,
        width: int = NEIGHBOURS,
        **about: Any,
    ) -> Configuration:
        """Record finished cells, all of them unless ``cells`` says which; ``about``: fields of their fold records."""
        for cell in self.cells if cells is None else cells:
            for name in configuration.recipe.stages:
                self.store.put_stage(self.stage(configuration, name, cell, skill, width=width))
            self.store.put_fold(self.record(configuration, cell, **about))
        return configuration

    def fail(self, configuration: Configuration, message: str = "it broke", **about: Any) -> FailureRecord:
        """Record a failed fold trial; arguments as of ``failure``."""
        record = self.failure(configuration, message, **about)
        self.store.put_failure(record)
        return record

    def abandon(self, configuration: Configuration, incumbent: Configuration, **about: Any) -> Abandonment:
        """Record that a configuration is given up."""
        done = {Cell(fold.fold, fold.seed) for fold in self.store.folds() if fold.configuration_id == configuration.id}
        said: dict[str, Any] = {
            "rule": "model",
            "cells": tuple(cell for cell in self.cells if cell in done),
            "within": None,
            "predicted": 0.4,
            "deviation": 0.02,
            "chance": 0.01,
            "incumbent": incumbent.id,
            "incumbent_score": 0.5,
        }
        record = Abandonment(configuration.id, **(said | about))
        self.store.put_abandonment(record)
        return record

    def summary(self, detail: Detail = "outcomes") -> SearchSummary:
        """What the store says now."""
        return summarise(self.store, detail)

    def predictions(self, configuration: Configuration) -> ConfigurationPredictions:
        """Everything stored of one configuration."""
        folds = [fold for fold in self.store.folds() if fold.configuration_id == configuration.id]
        return PredictionsReader(self.store, self.gold, self.cells).read(configuration, folds)

    # -- single records, to be changed before they are put ---------------------------------------------------------

    def key(self, configuration: Configuration, name: str, cell: Cell) -> str:
        """Of a stage: of its own settings and its start's; of the configuration too where stages are not shared."""
        stage = configuration.recipe.stages[name]
        start = None if stage.start is None else self.key(configuration, stage.start.stage, cell)
        own = "" if self.shares_stages else configuration.id
        return digest([name, stage.model_dump(mode="json"), str(cell), start, own], 32)

    def stage(
        self,
        configuration: Configuration,
        name: str,
        cell: Cell,
        skill: float = 0.5,
        *,
        width: int = NEIGHBOURS,
    ) -> StageRecord:
        """A stage's record; the same key has the same predictions, whatever was made before it."""
        stage, key = configuration.recipe.stages[name], self.key(configuration, name, cell)
        start = None if stage.start is None else self.key(configuration, stage.start.stage, cell)
        rng = np.random.default_rng([self.seed, zlib.crc32(key.encode())])
        arrays: dict[str, np.ndarray] = {}
        rows = {"validation": self.plans[name].validation_rows(cell.fold)}
        rows |= {split: np.arange(len(each)) for split, each in self.corpus.splits.items() if split != "train"}
        for split, own in rows.items():
            of = self.corpus.splits["train" if split == "validation" else split]
            arrays[f"{split}/rows"] = own.astype(np.int32)
            arrays[f"{split}/{stage.predicts}"] = made_table(stage, of, own, skill, rng, width)
        return StageRecord(
            key=key,
            stage=name,
            fold=cell.fold,
            seed=cell.seed,
            predicts=stage.predicts,
            keep=stage.keep,
            start=start,
            best_step=10,
            best_value=0.5,
            steps=20,
            total_steps=30,
            epoch_steps=6,
            stopped="patience",
            curve=(CurvePoint(10, 1.0, 0.5), CurvePoint(20, 0.9, 0.4)),
            seconds=30.0,
            peak_memory_bytes=None,
            provenance=self.provenance,
            arrays=arrays,
        )

    def failure(
        self,
        configuration: Configuration,
        message: str = "it broke",
        *,
        kind: str = "ValueError",
        cell: Cell | None = None,
        attempt: int = 0,
        **about: Any,
    ) -> FailureRecord:
        """A failed fold trial, of the first cell unless ``cell`` says which."""
        at = cell or self.cells[0]
        place = (configuration.id, at.fold, at.seed, attempt)
        return FailureRecord(*place, kind, message, "Traceback", self.provenance, **about)

    def record(self, configuration: Configuration, cell: Cell, **about: Any) -> FoldRecord:
        """A fold record."""
        said: dict[str, Any] = {
            "stages": {name: self.key(configuration, name, cell) for name in configuration.recipe.stages},
            "reused": (),
            "scores": {"race": 0.5},
            "seconds": 61.0,
            "provenance": self.provenance,
        }
        return FoldRecord(configuration.id, cell.fold, cell.seed, **(said | about))


def made_store(
    folder: Path,
    recipe: Recipe,
    *,
    space: Mapping[str, Mapping[str, Any]] | LoadedSpace | None = None,
    rows: int = 120,
    dev: int = 40,
    test: int = 0,
    seed: int = 5,
    trials: int = 3,
    corpus: Corpus | None = None,
    shares_stages: bool = False,
    to_look: bool = False,
    **manifest: Any,
) -> MadeStore:
    """A new store in ``folder``, with gold and manifest and no configuration.

    Args:
        folder: that must not hold a store.
        recipe: any; its folds, seeds and evaluation sets are made.
        space: parameters by dotted key; None: the learning rate of the stage trained last; ``{}``: none (ablations).
        rows: of train.
        dev: rows of dev; 0: none.
        test: rows of test; 0: none.
        seed: of gold and predictions.
        trials: configurations planned.
        corpus: in place of a made one.
        shares_stages: whether configurations with equal settings of a stage share it, as they do in a search; else each
            has its own, with the skill it is given.
        to_look: opens the store without moving anything in it.
        manifest: what the manifest says otherwise.
    """
    whole = corpus or made_corpus(recipe, rows=rows, dev=dev, test=test, seed=seed)
    plans = plans_of(recipe, whole)
    planned = cells(recipe, next(iter(plans.values())))
    gold = gold_of(whole, plans)
    store = open_store(folder, to_look=to_look)
    about = made_manifest(recipe, whole, plans, planned, made_space(recipe, space), trials)
    store.create({**about, **manifest}, gold)
    return MadeStore(store, folder, recipe, whole, plans, gold, planned, seed, shares_stages)


def finished_store(folder: Path, recipe: Recipe, skills: Sequence[float] = (0.5, 0.8, 0.3), **about: Any) -> MadeStore:
    """A store whose search has ended: the recipe itself with the first skill, and a configuration for each further one.

    Args:
        folder: as for ``made_store``.
        recipe: as for ``made_store``.
        skills: one a configuration.
        about: further arguments of ``made_store``.
    """
    made = made_store(folder, recipe, trials=len(skills), **about)
    key = f"{tuple(recipe.stages)[-1]}.optimizer.lr"
    for number, skill in enumerate(skills):
        made.finish(made.configuration({key: 1e-3 + 2e-3 * number} if number else None), skill)
    return made


def made_space(
    recipe: Recipe, space: Mapping[str, Mapping[str, Any]] | LoadedSpace | None = None
) -> LoadedSpace | None:
    """A space over ``recipe``; see ``made_store``."""
    if isinstance(space, LoadedSpace):
        return space
    if space is None:
        lr = f"{tuple(recipe.stages)[-1]}.optimizer.lr"
        space = {lr: {"type": "float", "low": 1e-4, "high": 0.1, "log": True}}
    parameters = [{"key": key, **about} for key, about in space.items()]
    return space_from_json({"name": "small", "parameters": parameters}, recipe) if parameters else None


def made_manifest(
    recipe: Recipe,
    corpus: Corpus,
    plans: Mapping[str, FoldPlan],
    planned: Sequence[Cell],
    space: LoadedSpace | None,
    trials: int = 3,
) -> dict[str, Any]:
    """What a search writes of itself."""
    folds = {name: [plan.hash_of(fold) for fold in range(plan.count)] for name, plan in plans.items()}
    return {
        "kind": "ablation" if space is None else "search",
        "recipe": recipe_to_json(recipe),
        "profile": "published",
        "space": None if space is None else space.to_json(),
        "variants": [],
        "data": {
            "source": {"kind": "files", "path": "/data/made.csv"},
            "name": corpus.name,
            "fingerprint": corpus.fingerprint,
            "rows": {name: len(split) for name, split in corpus.splits.items()},
        },
        "inputs": {
            name: {"rows": "r" * 64, "splits": "s" * 64, "encoder": "tiny:e", "folds": folds[name]} for name in plans
        },
        "variant_inputs": {},
        "cells": [[cell.fold, cell.seed] for cell in planned],
        "trials": trials,
        "seed": 11,
        "racing": "none",
        "floors": "all",
        "machines": {},
        "command": f"tune-polar search {recipe.recipe}",
        "created": "2026-01-02T03:00:00+00:00",
        "versions": {"tune-polar": "0.1.0", "python": "3.11.7", "torch": "2.13"},
    }


def plans_of(recipe: Recipe, corpus: Corpus) -> dict[str, FoldPlan]:
    """The fold plan of each stage."""
    return make_plans(
        recipe.folds.name,
        corpus,
        stages={name: dict(stage.rows) for name, stage in recipe.stages.items()},
        targets={name: stage.columns for name, stage in recipe.stages.items()},
        strata=recipe.data.strata,
        **recipe.folds.model_dump(exclude={"order"}),
    )


def made_corpus(recipe: Recipe, *, rows: int = 120, dev: int = 40, test: int = 0, seed: int = 5) -> Corpus:
    """Rows with every column that ``recipe`` declares, texts that differ, and its evaluation sets of 30 rows each."""
    rng = np.random.default_rng(seed)
    sizes = {"train": rows, "dev": dev, "test": test, **dict.fromkeys(recipe.data.evaluate, 30)}
    return Corpus("made", {name: made_split(recipe, name, size, rng) for name, size in sizes.items() if size})


def made_split(recipe: Recipe, name: str, rows: int, rng: np.random.Generator) -> Split:
    """One split of it; labels that a stage learns on some rows alone are 0 elsewhere."""
    under = {column: stage.rows for stage in recipe.stages.values() for column in stage.columns if stage.rows}
    columns: dict[str, Column] = {}
    for column, kind in sorted(recipe.data.kinds.items(), key=lambda each: each[0] in under):
        if kind == "label":
            values = rng.permutation(np.arange(rows) % 2)
            for by, wanted in under.get(column, {}).items():
                values = values * (columns[by].values == wanted)
            columns[column] = label_column(values.tolist())
        elif kind == "class":
            names = recipe.data.classes[column]
            columns[column] = class_column([names[n % len(names)] for n in rng.permutation(rows).tolist()], names)
        elif kind == "number":
            low, high = recipe.data.numbers[column] or (0.0, 1.0)
            columns[column] = number_column(np.round(rng.uniform(low, high, rows), 1).tolist())
        else:
            columns[column] = group_column([LANGUAGES[n % len(LANGUAGES)] for n in range(rows)], sorted(LANGUAGES))
    for column in recipe.data.texts:
        columns[column] = text_column(f"{column} of {name} {n}" for n in range(rows))
    for column in (*getattr(recipe.folds, "together", ()), getattr(recipe.folds, "column", None)):
        if column is not None and column not in columns:
            words = [f"{column}{n // 2}" for n in range(rows)]
            if column == getattr(recipe.folds, "column", None):
                words = ["dev" if n % 4 == 0 else "train" for n in range(rows)]
            columns[column] = group_column(words)
    ids = tuple(f"{name}{n}" for n in range(rows))
    return Split(name, ids, tuple(f"text {name} {n}" for n in range(rows)), columns)


def made_table(
    stage: Stage, split: Split, rows: np.ndarray, skill: float, rng: np.random.Generator, width: int = NEIGHBOURS
) -> np.ndarray:
    """What a stage of some skill predicts for rows of a split; where the split has no gold, noise."""
    known = set(stage.columns) <= set(split.columns)
    gold = split.matrix(stage.columns)[rows] if known else np.zeros((len(rows), len(stage.columns)))
    skill = skill if known else 0.0
    classes = len(split.columns[stage.columns[0]].names) if stage.task.gold == "class" else 2
    if stage.predicts == "neighbours":
        agrees = rng.random((len(rows), width)) < skill / 2
        return np.where(agrees, gold, rng.integers(0, classes, (len(rows), width))).astype(np.uint8)
    if stage.task.gold == "class":
        heat = 4 * skill * (gold == np.arange(classes)) + rng.normal(size=(len(rows), classes))
        shares = np.exp(heat)
        return (shares / shares.sum(axis=1, keepdims=True)).astype(np.float32)
    if stage.predicts == "value":
        low, high = (gold.min(), gold.max()) if known and len(gold) else (0.0, 1.0)
        noise = low + (high - low) * rng.random(gold.shape)
        return (skill * gold + (1 - skill) * noise).astype(np.float32)
    shares = 0.5 + 0.8 * skill * (gold - 0.5) + rng.normal(0, 0.2, gold.shape)
    return np.round(np.clip(shares, 0, 1), 2).astype(np.float32)  # a coarse grid, so that ties occur
