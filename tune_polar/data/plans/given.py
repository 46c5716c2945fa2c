"""Folds that the data itself brings: a column of train and dev, or of fold numbers; or its own dev split."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from tune_polar.data.columns import IntArray, blank_column, group_column, joined, text_column
from tune_polar.data.findings import Finding
from tune_polar.data.further_texts import OWN_TEXT
from tune_polar.data.plans.fold_plan import FoldPlan
from tune_polar.data.plans.fold_requirements import check_parts, needs_of
from tune_polar.data.plans.plan_request import PlanRequest
from tune_polar.data.plans.together import without_copies
from tune_polar.data.readers.folders import SPLIT_OF_STEM, is_of_test
from tune_polar.data.table import DEV, TEST, TRAIN, Corpus, Split
from tune_polar.errors import FoldPlanError

_REMEDY = "Fill the column with train and dev (or test), or with fold numbers; or name another with folds.column."


def given(request: PlanRequest, *, column: str = "split") -> dict[str, FoldPlan]:
    """The plan that ``column`` says, for all stages.

    Words (train, dev, validation, …) make one fold. Numbers make one fold each, in ascending order, and a row without a
    number trains in all of them. What is validated stays as it is given; rows to train on that say the same as a
    validated row take no part in that fold.

    Raises:
        FoldPlanError: the column has other values, a fold has no rows, or a training part lacks a label.
        DataError: the column is missing.
    """
    words = [word.strip().lower() for word in _words(request.own, column)]
    said = sorted(set(words) - {""})
    bonds = request.bonds()
    if said and all(word in SPLIT_OF_STEM for word in said):
        _check_filled(words, column)
        parts = np.array([SPLIT_OF_STEM[word] for word in words])
        folds = {DEV: (parts == TRAIN, parts == DEV)}
    elif said and all(word.removesuffix(".0").isdecimal() for word in said):
        numbers = np.array([float(word) if word else -1.0 for word in words])
        folds = {f"{fold:g}": (numbers != fold, numbers == fold) for fold in np.unique(numbers[numbers >= 0])}
    else:
        raise FoldPlanError(
            f"the column {column!r} must say train and dev, or the number of a fold, got {said[:6]}", _REMEDY
        )
    training = np.stack([without_copies(train, dev, bonds) for train, dev in folds.values()])
    validation = np.stack([dev for _, dev in folds.values()])
    plan = FoldPlan("given", training, validation)
    check_parts(plan, needs_of(request))
    return dict.fromkeys(request.stages, plan)


def corpus_as_given(corpus: Corpus, column: str = "split") -> Corpus:
    """The corpus as ``given`` needs it, once for all who use it.

    Where train has no ``column`` and there is a dev split, the dev rows become train rows that ``column`` tells apart:
    a fold validates them, and there is no dev split besides. Rows that ``column`` calls test become the test split,
    where the corpus has none.

    Raises:
        FoldPlanError: train has no ``column``, and there is no dev split.
    """
    if column in corpus.train.columns:
        return _with_test_apart(corpus, column)
    dev = corpus.dev
    if dev is None:
        raise FoldPlanError(
            f"given folds must have the column {column!r}, or a dev split, got neither", _REMEDY + " Or add --dev FILE."
        )
    dev, warnings = _filled(dev, corpus)
    lacking = [name for name in corpus.train.columns if name not in dev.columns]
    own = corpus.train.take(np.arange(corpus.own_rows, dtype=np.int64))
    extra = corpus.train.take(np.arange(corpus.own_rows, len(corpus.train), dtype=np.int64))
    parts = [own, dev, extra]
    words = [TRAIN] * len(own) + [DEV] * len(dev) + [TRAIN] * len(extra)
    columns = {name: joined([part.columns[name] for part in parts]) for name in own.columns if name not in lacking}
    train = Split(
        TRAIN,
        tuple(row_id for part in parts for row_id in part.ids),
        tuple(text for part in parts for text in part.texts),
        columns | {column: group_column(words)},
        tuple(dict.fromkeys([*lacking, *corpus.train.missing])),
    )
    others = {name: split for name, split in corpus.splits.items() if name not in (TRAIN, DEV)}
    return replace(corpus, splits={TRAIN: train} | others, warnings=(*corpus.warnings, *warnings))


def _filled(dev: Split, corpus: Corpus) -> tuple[Split, list[Finding]]:
    """``dev`` with the groups that it lacks, of none, and the further texts that it lacks, which are its own, and that
    they are: a model of all rows trains on them.
    """
    lacking = {name: column for name, column in corpus.train.columns.items() if name not in dev.columns}
    texts = [name for name, column in lacking.items() if column.kind == "text"]
    filled = {name: blank_column(each, len(dev)) for name, each in lacking.items() if each.kind == "group"}
    filled |= {name: text_column(dev.texts) for name in texts}
    said = f"{dev.name} should have further texts, or a column stand in (`otherwise`): its rows' own texts do"
    found = [Finding("warning", OWN_TEXT, corpus.name, None, name, said, len(dev)) for name in texts]
    return replace(dev, columns={**dev.columns, **filled}), found


def _with_test_apart(corpus: Corpus, column: str) -> Corpus:
    train = corpus.train
    words = _words(train, column)[: corpus.own_rows]
    is_test = np.array([is_of_test(word) for word in words] + [False] * len(corpus.sources))
    if TEST in corpus.splits or not is_test.any() or is_test[: corpus.own_rows].all():
        return corpus
    from_test = (corpus.sources >= 0) & is_test[corpus.sources]
    made = corpus.sources[~from_test]  # a row made from one of test tells of it
    kept = np.flatnonzero(~np.concatenate([is_test[: corpus.own_rows], from_test]))
    new_place = np.cumsum(~is_test) - 1
    sources: IntArray = np.where(made >= 0, new_place[made], -1)
    test = train.take(np.flatnonzero(is_test))
    parts: Mapping[str, Split] = {TEST: Split(TEST, test.ids, test.texts, test.columns, test.missing)}
    return replace(corpus, splits={**corpus.splits, TRAIN: train.take(kept), **parts}, sources=sources)


def _words(split: Split, column: str) -> list[str]:
    found = split.column(column)
    if found.kind in ("label", "number"):
        return [f"{value:g}" for value in np.asarray(found.values).tolist()]
    return found.words()


def _check_filled(words: list[str], column: str) -> None:
    empty = words.count("")
    if empty or not {TRAIN, DEV} <= {SPLIT_OF_STEM[word] for word in words}:
        raise FoldPlanError(
            f"the column {column!r} must say of every row whether it is of train or dev, and of some each, got "
            f"{sorted(set(words))}{f' and {empty} empty' if empty else ''}",
            _REMEDY,
        )
