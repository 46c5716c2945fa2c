"""Floors: linear models on fixed features, trained and scored on the very rows of the folds. No fine-tuning, seconds.

Nothing is tuned: logistic regression, one against the rest for each label or class, and ridge regression for numbers,
with scikit-learn's own defaults but for what is said here. Features are fitted on a fold's training rows alone.

A floor must cost seconds. Of more rows than that allows a sample is taken, the same of the same data, which trains and
is held out as the folds say.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from tune_polar.data.plans.fold_plan import FoldPlan
from tune_polar.data.table import Corpus, Split
from tune_polar.errors import TunePolarError
from tune_polar.recipe.components import Task
from tune_polar.recipe.floor_names import Floor
from tune_polar.recipe.recipe import Recipe
from tune_polar.recipe.sections import Stage
from tune_polar.store.floor import FloorRecord
from tune_polar.store.training_facts import Array
from tune_polar.trial.floor_features import Features, TfidfFeatures
from tune_polar.trial.stage_rows import rows_with_extra

BoolRows = NDArray[np.bool_]
MOST_ROWS = 10_000  # of train
MOST_ANSWERS = 500_000  # rows × columns × folds: a linear model learns some ten thousand of them a second
FEWEST_ROWS = 500  # of a sample: of fewer, nothing could be told
SAMPLE_SEED = 0


class FloorLeftOutError(TunePolarError):
    """A floor that cannot be had here: no fault of the search, which does without it."""


class Stopped(Exception):  # noqa: N818 - nothing went wrong
    """Somebody has asked for the end."""


class Encoding(Protocol):
    """Makes features of an encoder; ``floor_vectors`` has it."""

    def __call__(
        self, recipe: Recipe, train: Split, order: NDArray[np.int64], check: Callable[[], None]
    ) -> tuple[NDArray[np.int64], Callable[[str], Features]]:
        """Of rows of ``train`` in the ``order`` they are wanted in: which it takes, and features by stage."""


def make_floor(
    floor: Floor,
    recipe: Recipe,
    corpus: Corpus,
    plans: Mapping[str, FoldPlan],
    *,
    encode: Encoding | None = None,
    stop: Callable[[], bool] = lambda: False,
) -> FloorRecord:
    """Train one floor on every fold.

    Args:
        floor: which.
        recipe: whose stages say what is learned of which rows.
        corpus: with its texts.
        plans: by stage.
        encode: for the floor ``encoder``.
        stop: asked between two steps; once it says yes ``Stopped`` is raised.

    Raises:
        FloorLeftOutError: it cannot be had here.
        Stopped: as ``stop`` said.
        TunePolarError: data or encoder cannot be read.

    Example:
        >>> make_floor("tfidf", recipe, corpus, plans).table("model", 0)
        ('probability', array([[0.12], …
    """

    def check() -> None:
        if stop():
            raise Stopped

    used = np.flatnonzero(np.any([(each.training | each.validation).any(axis=0) for each in plans.values()], axis=0))
    answers = max(_outputs(stage.task, corpus.train) * plans[name].count for name, stage in recipe.stages.items())
    most = min(MOST_ROWS, max(FEWEST_ROWS, MOST_ANSWERS // answers))
    rows = np.sort(np.random.default_rng(SAMPLE_SEED).permutation(used)[:most]) if len(used) > most else used
    features: Callable[[str], Features]
    if floor == "encoder":
        if encode is None:
            raise FloorLeftOutError("an encoder's floor needs an encoder, got none", "Leave it out.")
        order = np.random.default_rng(SAMPLE_SEED).permutation(len(rows))
        taken, features = encode(recipe, corpus.train.take(rows), order, check)
        rows = rows[taken]
        if len(rows) < min(FEWEST_ROWS, len(used)):
            raise FloorLeftOutError(
                f"the recipe's encoder reads {len(rows):,} of {len(used):,} texts in the time that a floor may take",
                "On a machine with a GPU it reads more.",
            )
    else:
        shared = TfidfFeatures([corpus.train.texts[row] for row in rows.tolist()])
        features = lambda _: shared  # noqa: E731
    train = corpus.train.take(rows)
    arrays: dict[str, Array] = {}
    done: dict[object, tuple[Array, str, Array]] = {}
    for name, stage in recipe.stages.items():
        for fold in range(plans[name].count):
            check()
            key = (_asks(stage), features(name).key, id(plans[name]), fold)
            if key not in done:
                trained = rows_with_extra(plans[name], corpus, recipe, name).training_rows(fold)
                learns = np.isin(rows, trained) & train.where(stage.rows)
                held = np.flatnonzero(plans[name].validation[fold][rows])
                if not learns.any():
                    raise FloorLeftOutError(
                        f"stage {name} has no training rows in fold {fold} of a sample of {len(rows):,} rows",
                        "With more rows of its kind there would be one.",
                    )
                kind, table = fold_table(stage.task, train, features(name), learns, held)
                done[key] = rows[held].astype(np.int32), kind, table
            own, kind, table = done[key]
            arrays |= {f"{name}/{fold}/rows": own, f"{name}/{fold}/{kind}": table}
    return FloorRecord(floor, len(rows), len(used), arrays)


def fold_table(
    task: Task, train: Split, features: Features, learns: BoolRows, held: NDArray[np.int64]
) -> tuple[str, Array]:
    """Kind and values, (rows held out, columns) float32, of what one fold's linear models say.

    Args:
        task: what is learned.
        train: rows with their gold.
        features: of the same rows.
        learns: which of them train.
        held: which are asked.
    """
    from sklearn.linear_model import Ridge  # a second to load, at the end of a search alone

    known, asked = features.of(learns, held)
    gold = train.matrix(task.columns)[learns]
    if task.gold == "number":
        found = Ridge(alpha=features.ridge, solver=features.solver).fit(known, gold).predict(asked)
        return "value", np.asarray(found, dtype=np.float32).reshape(len(held), gold.shape[1])
    classes = np.arange(_outputs(task, train))
    each = gold[:, :1] == classes if task.gold == "class" else gold == 1
    shares = np.stack([_share(known, column, asked, features) for column in each.T], axis=1)
    if task.gold == "class":
        shares /= np.maximum(shares.sum(axis=1, keepdims=True), np.finfo(np.float64).tiny)
    return "probability", shares.clip(0.0, 1.0).astype(np.float32)


def _share(known: Any, gold: BoolRows, asked: Any, features: Features) -> NDArray[np.float64]:
    """Probability of yes; where all say one thing, that."""
    from sklearn.exceptions import ConvergenceWarning  # as above
    from sklearn.linear_model import LogisticRegression

    if gold.all() or not gold.any():
        return np.full(asked.shape[0], float(gold[0]))
    model = LogisticRegression(C=1.0 / features.ridge, solver=features.logistic, max_iter=1000)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # a floor that stops a little early is one all the same
        fitted = model.fit(known, gold)
    return np.asarray(fitted.predict_proba(asked)[:, 1], dtype=np.float64)


def _outputs(task: Task, train: Split) -> int:
    return len(train.column(task.columns[0]).names) if task.gold == "class" else len(task.columns)


def _asks(stage: Stage) -> object:
    """Equal for stages that learn the same of the same rows."""
    return stage.task.gold, stage.columns, tuple(sorted((key, str(value)) for key, value in stage.rows.items()))
