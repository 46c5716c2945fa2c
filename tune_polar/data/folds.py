"""Makes fold plans by iterative stratification (Sechidis et al. 2011, in iterative-stratification)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from tune_polar.data.corpus import Corpus, IntArray
from tune_polar.data.fold_plan import NO_PART, FoldPlan, check_settings
from tune_polar.data.labels import POLARIZATION, TYPES
from tune_polar.data.proxy import proxy_class
from tune_polar.errors import FoldPlanError

__all__ = ["NO_PART", "FoldPlan", "paper_classifier_plan", "paper_detector_plan", "shared_plan"]

_Positives = NDArray[np.int64] | NDArray[np.bool_]  # (rows,): nonzero where the row has the label

LEAST_POSITIVES = 2  # one to validate on, one to train on


def shared_plan(
    corpus: Corpus, *, count: int, seed: int, target: str, proxy_types: Sequence[str], labels: Sequence[str]
) -> FoldPlan:
    """One plan over all train rows for detector and classifier, so that neither validates on seen texts.

    Stratified on the one-hot proxy class of ``target`` (non-polarized included), ``proxy_types`` and
    ``labels`` together. ``proxy_types`` is in order of priority; empty for data without types. ``labels``
    are the classifier's, counted among the rows with ``target``; empty for a detector alone.

    Raises:
        FoldPlanError: ``target`` has one class only, there are fewer rows than folds, a label has fewer than
            2 positive rows, or a training part would lack a label.
        DataError: the corpus lacks a label.
    """
    train = corpus.train
    wanted = list(dict.fromkeys([*proxy_types, *labels]))
    matrix = train.label_matrix([target, *wanted])
    proxy = proxy_class(train.labels, target=target, priority=proxy_types)
    positive = matrix[:, 0] == 1
    columns = {name: matrix[:, 1 + place] * positive for place, name in enumerate(wanted)}
    stratified = np.column_stack([_one_hot(proxy), *columns.values()])
    needed = _both_classes(target, positive) | {name: columns[name] for name in labels}
    return _plan("shared", stratified, np.arange(len(train)), len(train), (count, seed), needed)


def paper_detector_plan(corpus: Corpus, *, count: int, seed: int) -> FoldPlan:
    """AlphaLyrae's ST1 folds: all rows, stratified on the proxy class and the five types.

    The splitter turns every value into true or false, which would melt an integer proxy column into
    "polarized or not"; the proxy class therefore enters one-hot, non-polarized as a class of its own, beside
    the five types. The folds depend on the order of the rows: load them in competition order.

    Raises:
        FoldPlanError, DataError: as for ``shared_plan``.
    """
    train = corpus.train
    types = train.label_matrix(TYPES)
    proxy = proxy_class(train.labels)
    positive = train.labels[POLARIZATION] == 1
    needed = _both_classes(POLARIZATION, positive)
    stratified = np.column_stack([_one_hot(proxy), types])
    return _plan("paper_detector", stratified, np.arange(len(train)), len(train), (count, seed), needed)


def paper_classifier_plan(corpus: Corpus, *, count: int, seed: int, labels: Sequence[str]) -> FoldPlan:
    """AlphaLyrae's ST2 and ST3 folds: the polarized rows, stratified on ``labels``; others take no part.

    The folds depend on the order of the rows: load them in competition order.

    Raises:
        FoldPlanError, DataError: as for ``shared_plan``.
    """
    if not labels:
        raise FoldPlanError("a classifier plan must have at least one label, got none", "Name its labels.")
    train = corpus.train
    rows = np.flatnonzero(train.label_matrix([POLARIZATION])[:, 0] == 1)
    matrix = train.label_matrix(labels)[rows]
    needed = dict(zip(labels, matrix.T, strict=True))
    # The splitter takes two columns or more; a label's complement does not change what it balances.
    stratified = matrix if len(labels) > 1 else np.column_stack([matrix, 1 - matrix])
    return _plan("paper_classifier", stratified, rows, len(train), (count, seed), needed)


def _plan(
    kind: str,
    stratified: IntArray,
    rows: IntArray,
    corpus_rows: int,
    count_and_seed: tuple[int, int],
    needed: Mapping[str, _Positives],
) -> FoldPlan:
    """Split ``rows``, to which ``stratified`` (rows, columns) and the arrays of ``needed`` are parallel."""
    count, seed = count_and_seed
    check_settings(count, seed)
    if count > len(rows):
        raise FoldPlanError(
            f"the number of folds must be at most the rows to split ({len(rows)}), got {count}",
            "Use fewer folds or more rows.",
        )
    positives = {name: int(np.count_nonzero(values)) for name, values in needed.items()}
    rare = {name: number for name, number in positives.items() if number < LEAST_POSITIVES}
    if rare:
        raise FoldPlanError(
            f"every label must have at least {LEAST_POSITIVES} rows for {count} folds, got "
            + ", ".join(f"{name!r} with {number}" for name, number in rare.items()),
            "Leave out or merge the rare label, or add rows that have it.",
        )
    # Imported here: it brings scikit-learn, which takes a second, and most commands make no folds.
    from iterstrat.ml_stratifiers import MultilabelStratifiedKFold

    folds = np.empty(len(rows), dtype=np.int64)
    splitter = MultilabelStratifiedKFold(count, shuffle=True, random_state=seed)
    for fold, (_, validation) in enumerate(splitter.split(stratified, stratified)):
        folds[validation] = fold
    _check_training_parts(folds, count, needed, positives)
    assignment = np.full(corpus_rows, NO_PART, dtype=np.int64)
    assignment[rows] = folds
    return FoldPlan(kind, count, seed, assignment)


def _check_training_parts(
    folds: IntArray, count: int, needed: Mapping[str, _Positives], positives: Mapping[str, int]
) -> None:
    for name, values in needed.items():
        in_folds = np.bincount(folds[values.astype(bool)], minlength=count)
        if in_folds.max() == positives[name]:
            raise FoldPlanError(
                f"every training part must have a row of every label, got {name!r} with all its "
                f"{positives[name]} rows in fold {int(in_folds.argmax())} of {count}",
                "Use another seed, leave out or merge the rare label, or add rows that have it.",
            )


def _both_classes(target: str, positive: NDArray[np.bool_]) -> dict[str, NDArray[np.bool_]]:
    """Both classes as labels that every training part needs; types only stratify, so they are not here."""
    if positive.all() or not positive.any():
        raise FoldPlanError(
            f"rows of both classes of {target!r} must be there to split, got {np.count_nonzero(positive)} "
            f"positive of {len(positive)} rows",
            "Give rows of both classes; a classifier alone trains on positive rows and needs its own plan.",
        )
    return {f"{target} = 1": positive, f"{target} = 0": ~positive}


def _one_hot(classes: IntArray) -> IntArray:
    """Columns for the classes that occur, shape (rows, classes)."""
    one_hot: IntArray = (classes[:, None] == np.unique(classes)[None, :]).astype(np.int64)
    return one_hot
