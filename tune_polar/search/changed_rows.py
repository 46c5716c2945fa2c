"""What differs between the rows of train as a search recorded them and as they are now, as far as its records tell."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

import numpy as np

from tune_polar.data.columns import Column, IntArray
from tune_polar.data.table import TRAIN, Corpus
from tune_polar.search.same_inputs import DATA_REMEDY, check_same
from tune_polar.store.gold import Gold, GoldSplit

_NAMED = 3  # ids in a sentence


def check_train(then: str, corpus: Corpus, gold: Gold | None) -> None:
    """Refuse to go on with other rows of train.

    Args:
        then: their fingerprint when the search began.
        corpus: as it is now.
        gold: as the search recorded it, ids and gold without texts; None: it is not at hand.

    Raises:
        SearchError: they are others; it says whether rows, order, gold or texts are.
    """
    how, remedy = "", DATA_REMEDY
    if gold is not None and then != corpus.fingerprint:
        how, is_order = _difference(then, corpus, gold.train)
        if is_order:
            remedy = f"Sort the rows as they were, beginning with {_some(gold.train.ids)}, or start a new search."
    check_same("the rows of train", then, corpus.fingerprint, remedy, how)


def _difference(then: str, corpus: Corpus, was: GoldSplit) -> tuple[str, bool]:
    """What differs, in words, and whether it is the order alone."""
    here = corpus.train
    gone, new = _without(was.ids, here.ids), _without(here.ids, was.ids)
    if gone or new:
        told = {"gone": gone, "new": new}
        rows = [f"{word} {'is' if len(ids) == 1 else 'are'} {_some(ids)}" for word, ids in told.items() if ids]
        return f"{len(here):,} rows in place of {len(was):,}; {', '.join(rows)}", False
    place = {row_id: row for row, row_id in enumerate(here.ids)}
    order = np.array([place[row_id] for row_id in was.ids], dtype=np.int64)
    is_moved = bool((order != np.arange(len(order))).any())
    if is_moved and _in_order(corpus, order).fingerprint == then:
        return "they are the same rows in another order", True
    changed = list(_changed(was, {name: column.take(order) for name, column in here.columns.items()}))
    told_first = ["the rows stand in another order"] if is_moved else []
    how = " and ".join([*told_first, ", ".join(changed) or "texts are others, with the same ids and gold"])
    same = {name: here.columns[name] for name in was.columns if name in here.columns}
    if changed and not is_moved and len(same) == len(was.columns) and _as_often(was.columns) == _as_often(same):
        how += "; all gold is there as often as before: if the rows stand in another order, sort them as they were"
    return how, False


def _in_order(corpus: Corpus, order: IntArray) -> Corpus:
    """The corpus with its rows of train in that order; extra rows, the last, name the rows that they were made from."""
    inverse, own = np.argsort(order), corpus.own_rows
    sources = corpus.sources[order[own:] - own] if (order[own:] >= own).all() else corpus.sources
    sources = np.where(sources < 0, sources, inverse[sources])
    return replace(corpus, splits={**corpus.splits, TRAIN: corpus.train.take(order)}, sources=sources)


def _changed(was: GoldSplit, columns: Mapping[str, Column]) -> Iterator[str]:
    """Each column whose values differ, in how many rows."""
    for name, column in was.columns.items():
        if name not in columns:
            yield f"{name} is not there any more"
            continue
        pairs = zip(was.ids, _values(column), _values(columns[name]), strict=True)
        rows = [row_id for row_id, one, other in pairs if one != other]
        if rows:
            yield f"{name} is another in {len(rows):,} of {len(was):,} rows ({_some(rows)})"


def _as_often(columns: Mapping[str, Column]) -> Counter[tuple[object, ...]]:
    return Counter(zip(*map(_values, columns.values()), strict=True))


def _values(column: Column) -> Sequence[object]:
    return column.words() if column.kind in ("class", "group") else column.values.tolist()  # type: ignore[union-attr]


def _without(ids: Sequence[str], others: Sequence[str]) -> list[str]:
    there = set(others)
    return [row_id for row_id in ids if row_id not in there]


def _some(ids: Sequence[str]) -> str:
    return ", ".join(map(repr, ids[:_NAMED])) + (" …" if len(ids) > _NAMED else "")
