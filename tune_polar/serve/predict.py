"""Files of texts in, a file of predictions out, in the memory of one part."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING

import numpy as np

from tune_polar.data.new_texts import NewTexts
from tune_polar.serve.output_columns import predicted_columns
from tune_polar.serve.unknown_groups import UnknownGroups
from tune_polar.serve.writers import Writer
from tune_polar.store.training_facts import Array

if TYPE_CHECKING:  # it brings torch
    from tune_polar.serve.fold_models import Model

IDS_LOOKED_AT = 1 << 20  # for ids that come twice: a file of any size takes the memory of so many


def predict_all(
    model: Model, parts: Iterable[NewTexts], writer: Writer, say: Callable[[str], None], *, with_file: bool = False
) -> Iterator[int]:
    """Predict texts part by part.

    Args:
        model: that predicts.
        parts: of texts.
        writer: that takes ``id``, ``file`` where ``with_file``, and the columns of ``predicted_columns``.
        say: told what a person should know of the rows, each once.
        with_file: whether rows come from several files.

    Yields:
        Rows done so far, after each part.
    """
    seen, done, is_repeated, counted = set[int](), 0, False, set[str]()
    unknown = UnknownGroups(model.composition, say)
    for part in parts:
        unknown.look_at(part)
        if part.id_lacking is not None and part.file not in counted:
            counted.add(part.file)
            say(f"{part.file}: it has no column {part.id_lacking!r} as the search had, so ids are the rows' numbers.")
        if not is_repeated and len(seen) < IDS_LOOKED_AT:
            repeated = _repeated(part, seen)
            is_repeated = repeated is not None
            if repeated is not None:
                say(f"{part.file}: the id {repeated!r} comes more than once; every row is kept.")
        predicted = model.predict(part.texts, part.groups)
        columns: dict[str, Array] = {"id": _strings(part.ids)}
        if with_file:
            columns["file"] = _strings((part.file,) * len(part))
        writer.write(columns | predicted_columns(model.composition, predicted))
        done += len(part)
        yield done


def _repeated(part: NewTexts, seen: set[int]) -> str | None:
    """The first id that was there before in its file."""
    for row_id in part.ids:
        mark = hash((part.file, row_id))
        if mark in seen:
            return row_id
        seen.add(mark)
    return None


def _strings(values: tuple[str, ...]) -> Array:
    found: Array = np.empty(len(values), dtype=object)
    found[:] = values
    return found
