"""Finished and unfinished stores of every shape that a page must bear, each made in a folder of its own."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from tests.store.made_recipes import (
    CLASSES,
    NUMBER,
    TWO_STAGES,
    one_vote,
    recipe_of,
    regression,
    three_classes,
    two_stages,
)
from tests.store.made_store import MadeStore, finished_store, made_corpus, made_store
from tune_polar.data.columns import NO_GROUP
from tune_polar.recipe.recipe import Recipe
from tune_polar.store.failures import OUT_OF_MEMORY
from tune_polar.store.records import StageRecord
from tune_polar.store.training_facts import MemoryUse
from tune_polar.trial.floor_models import make_floor

Make = Callable[[Path], MadeStore]
RICH_SPACE: Mapping[str, Mapping[str, Any]] = {
    "sorter.losses.asymmetric.gamma_negative": {
        "type": "vector",
        "element": {"type": "float", "low": 0.0, "high": 6.0},
    },
    "finder.losses.soft_triple.centers": {"type": "int", "low": 1, "high": 30},
    "sorter.optimizer.lr": {"type": "float", "low": 1e-4, "high": 0.1, "log": True},
    "sorter.start": {"type": "categorical", "choices": ["finder", None]},
    "decide.vote.k": {"type": "int", "low": 1, "high": 7},
    "decide.kinds.rule": {"type": "categorical", "choices": ["max_f1", "fixed", "prevalence_match"]},
}


def rich_recipe(**changes: object) -> Recipe:
    """Two stages with the losses that have views, and layers that learn at rates of their own."""
    finder = {**TWO_STAGES["stages"]["finder"], "optimizer": {"lr": 1e-3, "xi": 0.9}}
    losses = {"asymmetric": {"gamma_negative": {"x": 4, "y/z": 2}}}
    sorter = {**TWO_STAGES["stages"]["sorter"], "losses": losses}
    stages = {"finder": finder, "sorter": sorter}
    return recipe_of({**TWO_STAGES, "recipe": "rich", "stages": stages}, **changes)


class WithCenters(MadeStore):
    """Records of vectors hold centers, of which every other has merged."""

    def stage(self, *about: Any, **more: Any) -> StageRecord:
        record = super().stage(*about, **more)
        if record.predicts != "neighbours":
            return record
        own = np.repeat(np.eye(6, 8), 2, axis=0)[:10]
        return replace(
            record, arrays={**record.arrays, "extra/centers": np.concatenate([own, -own]).astype(np.float32)}
        )


def rich(folder: Path) -> MadeStore:
    """Enough configurations for importances, with every loss view, failures, open and stopped ones."""
    made = made_store(folder, rich_recipe(), space=RICH_SPACE, trials=26, test=30)
    made = WithCenters(**{name: getattr(made, name) for name in made.__dataclass_fields__})
    first = made.finish(made.configuration("published"), 0.4)
    for number in range(22):
        share = number / 21
        point = {
            "sorter.losses.asymmetric.gamma_negative.x": round(6 * share, 2),
            "finder.losses.soft_triple.centers": 1 + number,
            "sorter.optimizer.lr": 1e-4 * 1000**share,
            "sorter.start": None if number % 4 == 3 else "finder",
        }
        made.finish(made.configuration(point), 0.3 + 0.5 * share, reused=("finder",) if number % 2 else ())
    open_one = made.configuration({"sorter.optimizer.lr": 0.03})
    made.finish(open_one, 0.5, cells=made.cells[:1])
    made.fail(open_one, "\n  out of memory \nmore", kind=OUT_OF_MEMORY, cell=made.cells[1])
    made.fail(made.configuration({"sorter.optimizer.lr": 0.04}), "the loss must stay finite", kind="DivergedError")
    stopped = made.configuration({"sorter.optimizer.lr": 0.05})
    small = MemoryUse(batch_rows=16, micro_rows=4, recompute=True)
    made.finish(stopped, 0.1, cells=made.cells[:1], memory={"sorter": small})
    made.abandon(stopped, first)
    return made


def five_labels(folder: Path) -> MadeStore:
    """One stage with five labels and no groups."""
    names = ["a", "b_long/name", "c", "d", "刻板印象"]
    values = {
        "recipe": "labels",
        "data": {"labels": names},
        "folds": {"count": 3},
        "stages": {"model": {"task": {"type": "multilabel", "targets": names}}},
    }
    return finished_store(folder, recipe_of(values), dev=0)


def two_seeds(folder: Path) -> MadeStore:
    return finished_store(folder, two_stages(seeds=(42, 7)))


def one_split_four_seeds(folder: Path) -> MadeStore:
    """A given share of the rows validates, with several seeds."""
    values = {**TWO_STAGES, "folds": {"plan": "holdout", "share": 0.4}, "seeds": [0, 1, 2, 3]}
    return finished_store(folder, recipe_of(values))


def one_cell(folder: Path) -> MadeStore:
    values = {**CLASSES, "folds": {"plan": "holdout", "share": 0.4}}
    return finished_store(folder, recipe_of(values))


def per_language(folder: Path) -> MadeStore:
    """A threshold a language on the mean of two stages."""
    stage = {"task": {"type": "binary", "target": "hate"}, "optimizer": {"lr": 1e-3}}
    values = {
        "recipe": "hate",
        "data": {"labels": ["hate"], "groups": ["language"]},
        "folds": {"count": 3},
        "stages": {"small": stage, "large": {**stage, "optimizer": {"lr": 2e-3}}},
        "decide": {
            "both": {"type": "mean", "of": ["small", "large"]},
            "answer": {"type": "threshold", "of": "both", "rule": "max_macro_f1", "per": "language"},
        },
        "score": {"of": "answer", "metric": "accuracy"},
        "report": {"by": "language"},
    }
    return finished_store(folder, recipe_of(values))


def paper_folds(folder: Path) -> MadeStore:
    """Stages with rows of their own: their gate cannot be scored."""
    values = dict(TWO_STAGES)
    values |= {"folds": {"plan": "paper", "count": 3}, "score": {"of": "kinds"}}
    values["decide"] = {name: TWO_STAGES["decide"][name] for name in ("vote", "kinds")}
    values["stages"] = {**TWO_STAGES["stages"], "sorter": {**TWO_STAGES["stages"]["sorter"], "start": None}}
    return finished_store(folder, recipe_of(values))


def gate_of_classes(folder: Path) -> MadeStore:
    """Rows that a vote rejects get a class of their own."""
    stages = {
        "finder": TWO_STAGES["stages"]["finder"],
        "sorter": {"rows": {"hurt": 1}, "start": {"stage": "finder"}, **CLASSES["stages"]["model"]},
    }
    decide = {
        "vote": TWO_STAGES["decide"]["vote"],
        "topic_of_all": {"type": "argmax", "of": "sorter"},
        "system": {"type": "gate", "of": "topic_of_all", "by": "vote", "otherwise": "other"},
    }
    data = {"labels": ["hurt"], **CLASSES["data"]}
    recipe = recipe_of({**TWO_STAGES, "recipe": "gated", "data": data, "stages": stages, "decide": decide})
    return finished_store(folder, recipe)


def smaller_is_better(folder: Path) -> MadeStore:
    return finished_store(folder, recipe_of({**NUMBER, "score": {"of": "model", "metric": "mae"}}), test=30)


def binary(folder: Path) -> MadeStore:
    """One yes-or-no column, groups of which some rows name none, two seeds, and sets to be scored on alone."""
    values = {
        "recipe": "binary",
        "data": {"labels": ["hate"], "groups": ["language"], "evaluate": {"later": {"path": "later.csv"}}},
        "folds": {"count": 3},
        "seeds": [1, 2],
        "stages": {"model": {"task": {"type": "binary", "target": "hate"}}},
    }
    recipe = recipe_of(values)
    corpus = made_corpus(recipe, test=30)
    language = np.where(np.arange(len(corpus.train)) % 4 == 1, NO_GROUP, corpus.train.columns["language"].values)
    column = replace(corpus.train.columns["language"], values=language)
    train = replace(corpus.train, columns={**corpus.train.columns, "language": column})
    return finished_store(folder, recipe, corpus=replace(corpus, splits={**corpus.splits, "train": train}))


def without_gold(folder: Path) -> MadeStore:
    """Dev and test are to be decided and have no gold, an evaluation set has."""
    values = {**TWO_STAGES, "data": {**TWO_STAGES["data"], "evaluate": {"later": {"path": "later.csv"}}}}
    recipe = recipe_of(values)
    corpus = made_corpus(recipe, test=30)
    bare = {name: replace(corpus.splits[name], columns={}) for name in ("dev", "test")}
    return finished_store(folder, recipe, corpus=replace(corpus, splits={**corpus.splits, **bare}))


def classes_by_group(folder: Path) -> MadeStore:
    """Three classes, a language each held out whole, a test set."""
    values = {
        **CLASSES,
        "data": {**CLASSES["data"], "groups": ["language"]},
        "folds": {"plan": "leave_groups_out", "by": "language", "held_out": 1},
    }
    return finished_store(folder, recipe_of(values), test=30)


def languages_held_out(folder: Path) -> MadeStore:
    """Numbers of languages that folds hold out whole beside a share of the others."""
    values = {**NUMBER, "data": {**NUMBER["data"], "evaluate": {}}}
    values |= {"folds": {"plan": "leave_groups_out", "by": "language", "held_out": 1, "share": 0.4}}
    recipe = recipe_of(values)
    return finished_store(folder, recipe, corpus=made_corpus(recipe, rows=240), dev=0)


def calibrated(folder: Path) -> MadeStore:
    """Numbers moved by rising steps, and by a line for each language."""
    values = {**NUMBER, "data": {**NUMBER["data"], "evaluate": {}}}
    values["decide"] = {
        "steps": {"type": "calibrate", "of": "model"},
        "level": {"type": "calibrate", "of": "model", "method": "linear", "per": "language", "low": 1, "high": 5},
    }
    return finished_store(folder, recipe_of({**values, "score": {"of": "steps", "metric": "mae"}}))


class Constant(MadeStore):
    """One number for every row."""

    def stage(self, *about: Any, **more: Any) -> StageRecord:
        record = super().stage(*about, **more)
        arrays = {
            name: np.full_like(each, 3) if name.endswith("/value") else each for name, each in record.arrays.items()
        }
        return replace(record, arrays=arrays)


def one_number_for_all(folder: Path) -> MadeStore:
    made = made_store(folder, recipe_of(NUMBER), trials=1)
    made = Constant(**{name: getattr(made, name) for name in made.__dataclass_fields__})
    made.finish(made.configuration("published"))
    return made


def a_given_split(folder: Path) -> MadeStore:
    """Numbers, one split that a column names, three seeds."""
    values = {**NUMBER, "folds": {"plan": "given", "column": "split"}, "seeds": [0, 1, 2]}
    return finished_store(folder, recipe_of(values), dev=0, test=30)


def says_nothing(folder: Path) -> MadeStore:
    """One label that hardly any row has, and predictions that know nothing."""
    recipe = recipe_of({**TWO_STAGES, "data": {"labels": ["hurt", "x", "y/z"]}})
    corpus = made_corpus(recipe)
    rare = np.zeros(len(corpus.train), dtype=np.int64)
    rare[np.flatnonzero(corpus.train.columns["hurt"].values)[:2]] = 1
    column = replace(corpus.train.columns["y/z"], values=rare)
    train = replace(corpus.train, columns={**corpus.train.columns, "y/z": column})
    return finished_store(
        folder, recipe, skills=(0.0, 0.0), corpus=replace(corpus, splits={**corpus.splits, "train": train})
    )


def floors_beside(folder: Path) -> MadeStore:
    """A floor that has been computed, on texts that say nothing."""
    made = finished_store(folder, two_stages())
    made.store.put_floor(make_floor("tfidf", made.recipe, made.corpus, made.plans))
    return made


def floor_of_a_sample(folder: Path) -> MadeStore:
    """A floor that has seen half of the rows, of one split with several seeds."""
    values = {**TWO_STAGES, "folds": {"plan": "holdout", "share": 0.4}, "seeds": [0, 1]}
    made = finished_store(folder, recipe_of(values))
    whole = make_floor("tfidf", made.recipe, made.corpus, made.plans)
    half = {name: array[::2].copy() for name, array in whole.arrays.items()}
    made.store.put_floor(replace(whole, rows=60, arrays=half))
    return made


def one_cell_of_numbers(folder: Path) -> MadeStore:
    return finished_store(folder, recipe_of({**NUMBER, "folds": {"plan": "holdout", "share": 0.4}}), dev=0)


def ablation(folder: Path) -> MadeStore:
    made = made_store(folder, two_stages(), space={}, trials=3)
    made.finish(made.configuration("published"), 0.6)
    for name, settings in (("no_start", {"sorter__start": None}), ("bce", {"sorter__optimizer__lr": 0.5})):
        made.finish(made.configuration(origin=name, recipe=two_stages(**settings)), 0.4)
    return made


def nothing(folder: Path) -> MadeStore:
    return made_store(folder, two_stages())


def all_failed(folder: Path) -> MadeStore:
    made = made_store(folder, one_vote(), trials=2)
    for point in (None, {"finder.optimizer.lr": 0.01}):
        made.fail(made.configuration(point), "broken")
    return made


def reference_unfinished(folder: Path) -> MadeStore:
    made = made_store(folder, two_stages())
    made.finish(made.configuration("as given"), 0.5, cells=made.cells[1:2])
    made.finish(made.configuration({"sorter.optimizer.lr": 0.01}), 0.5)
    return made


SHAPES: Mapping[str, Make] = {
    "two stages": lambda folder: finished_store(folder, two_stages(), test=30),
    "no dev": lambda folder: finished_store(folder, two_stages(), dev=0),
    "a vote": lambda folder: finished_store(folder, one_vote()),
    "a vote without dev": lambda folder: finished_store(folder, one_vote(), dev=0),
    "three classes": lambda folder: finished_store(folder, three_classes()),
    "regression": lambda folder: finished_store(folder, regression()),
    "one configuration": lambda folder: finished_store(folder, two_stages(), skills=(0.5,)),
    **{
        make.__name__.replace("_", " "): make
        for make in (
            *(rich, five_labels, two_seeds, one_split_four_seeds, one_cell, per_language, paper_folds),
            *(gate_of_classes, smaller_is_better, ablation, nothing, all_failed, reference_unfinished),
            *(floors_beside, floor_of_a_sample),
            *(
                binary,
                without_gold,
                classes_by_group,
                languages_held_out,
                calibrated,
                one_number_for_all,
                a_given_split,
                says_nothing,
                one_cell_of_numbers,
            ),
        )
    },
}
