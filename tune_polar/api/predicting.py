"""What a model says of new texts, as a table."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd

from tune_polar.api.model_words import ModelWords
from tune_polar.data.column_request import ID, TEXT
from tune_polar.data.findings import Faults, data_error, errors_in
from tune_polar.data.new_texts import NewTexts, TextColumns, check_begin, new_texts
from tune_polar.data.readers import Place
from tune_polar.data.readers.frames import read_frame
from tune_polar.data.readers.raw import header_shown
from tune_polar.data.source import FRAME
from tune_polar.data.suggestions import did_you_mean
from tune_polar.data.texts import is_empty, seen
from tune_polar.errors import DataError, SpecError
from tune_polar.serve.composition import Composition
from tune_polar.serve.predict import predict_all
from tune_polar.store.training_facts import Array

LANGUAGE = "language"
REMEDY = "Correct these rows; `--text COLUMN` names the column with the texts, `--id COLUMN` that of the ids."


class Collected:
    """Keeps what is written, part by part."""

    def __init__(self) -> None:
        self._parts: list[Mapping[str, Array]] = []

    def write(self, columns: Mapping[str, Array]) -> None:
        """Some rows."""
        self._parts.append(columns)

    def table(self) -> pd.DataFrame:
        """All rows."""
        names = self._parts[0] if self._parts else {}
        return pd.DataFrame({name: np.concatenate([part[name] for part in self._parts]) for name in names})


def text_columns(
    about: Composition, text: str | None, id_: str | None, named: Mapping[str, str], word: str | None = None
) -> TextColumns:
    """Which columns a model reads.

    Args:
        about: the model.
        text: column with the texts; None: as in the search, or ``text``.
        id_: column with the ids; None: as in the search, or ``id``, where there is one.
        named: what columns that decisions go by are called, where they are not called so.
        word: what stands for the column ``language`` (or the only one that decisions go by) in files that lack it.

    Raises:
        SpecError: ``named`` holds a column that nothing goes by, or nothing goes by what ``word`` stands for.
    """
    check_named(named, about.groups)
    usual = tuple(dict.fromkeys((about.text_column, TEXT)))
    ids = tuple(dict.fromkeys((about.id_column, ID)))
    words = {} if word is None else {_column_of_word(about.groups, word): word}
    return TextColumns(text, id_, usual, ids, {each: named.get(each, each) for each in about.groups}, words)


def check_named(named: Mapping[str, str], groups: Collection[str]) -> None:
    """Whether what ``--column`` names is read.

    Args:
        named: what the files call columns, by name.
        groups: that rows are decided, or told apart, by.

    Raises:
        SpecError: it is not.
    """
    strange = sorted(set(named) - set(groups))
    if strange:
        raise SpecError(
            f"--column must name one of the columns that rows go by ({', '.join(groups) or 'none'}), got "
            f"{strange[0]!r}",
            "The column with the texts is named by `--text COLUMN`, that of the ids by `--id COLUMN`.",
        )


def _column_of_word(groups: Sequence[str], word: str) -> str:
    if is_empty(word):
        raise SpecError(f"--language must be a word, got {word!r}", "Give the texts' language, or leave it out.")
    if LANGUAGE in groups or len(groups) == 1:
        return LANGUAGE if LANGUAGE in groups else groups[0]
    raise SpecError(
        f"--language must stand for the column that rows are decided by: {LANGUAGE!r}, or the only one; got "
        f"{word!r}, and they are decided by {', '.join(map(repr, groups)) or 'none'}",
        "Leave it out; `--column NAME=COLUMN` names a file's column of groups.",
    )


def predict(
    model: ModelWords,
    texts: Sequence[str] | pd.Series[str] | pd.DataFrame | str | Path,
    columns: Callable[[Composition], TextColumns],
    device: str,
    batch_rows: int | None,
    say: Callable[[str], None],
) -> pd.DataFrame:
    """A row a text, in their order.

    Args:
        model: that predicts.
        texts: themselves, a table that holds them, or a file.
        columns: of the table or file.
        device: to predict on.
        batch_rows: texts of one forward pass; None: what is usual.
        say: told what a person should know of the rows.

    Raises:
        TunePolarError: there are no texts, a row has none, or the model's weights are gone.
    """
    given = None if isinstance(texts, str | Path) else _frame(texts)
    chosen = model.chosen(device)
    named = columns(chosen.composition)
    if given is None:
        check_begin([str(texts)], named)
    opened = chosen.open(batch_rows)
    note = opened.prepare()
    if note is not None:
        say(note)
    rows = opened.rows_a_part
    if given is None:
        parts = new_texts([str(texts)], named, rows)
    elif isinstance(texts, pd.DataFrame):
        parts = _of_frame(given, named, rows, FRAME, REMEDY)
    else:
        found_in = _of_frame(given, TextColumns(), rows, type(texts).__name__, "Correct these rows.")
        parts = (replace(part, groups=named.no_groups(len(part))) for part in found_in)
    found = Collected()
    for _ in predict_all(opened, parts, found, say):
        pass
    return found.table()


def _frame(texts: Sequence[str] | pd.Series[str] | pd.DataFrame) -> pd.DataFrame:
    """A table of the texts; a Series's index is their ids.

    Raises:
        DataError: these are no texts.
    """
    if isinstance(texts, pd.DataFrame):
        return texts
    is_single = getattr(texts, "shape", None) == ()
    if is_single or not isinstance(texts, list | tuple | pd.Series | np.ndarray):
        got = "an array without a dimension" if is_single else f"a {type(texts).__name__}"
        raise DataError(
            f"texts must be a list of texts, a Series, a DataFrame or a file, got {got}",
            "For example predict(['a text', 'another one']).",
        )
    frame = pd.DataFrame({TEXT: pd.Series(list(texts), dtype=object)})
    wrong = next((each for each in frame[TEXT] if each is not None and not isinstance(each, str | float)), None)
    if wrong is not None:
        raise DataError(f"each text must be text, got a {type(wrong).__name__}", "Give a list of texts.")
    if not isinstance(texts, pd.Series):
        return frame
    ids = [None if pd.isna(each) is True else str(each) for each in texts.index]
    return frame.assign(id=pd.Series(ids, dtype=object))


def _of_frame(frame: pd.DataFrame, columns: TextColumns, rows: int, called: str, remedy: str) -> Iterator[NewTexts]:
    """At most ``rows`` rows at once; without ids they are counted from 1. ``called``: what was given, for errors."""
    header = [str(name) for name in frame.columns]
    text = next((name for name in columns.candidates if name in header), columns.candidates[0])
    row_id = columns.id_among(header)
    lacking_id = columns.id_of_search if row_id is None else None
    wanted = dict.fromkeys([text, *([] if row_id is None else [row_id]), *columns.groups.values()])
    lacking = [name for name in wanted if name not in header]
    if lacking:
        named = f"the column{'s' if len(lacking) > 1 else ''} {', '.join(map(repr, lacking))}"
        told = f"the {called} must have {named}, got {header_shown(header)}{did_you_mean(lacking[0], header)}"
        raise DataError(told, columns.remedy(lacking))
    if len(frame) == 0:
        raise DataError(f"the {called} must have rows, got none", "Give at least one text.")
    for start in range(0, len(frame), rows):
        faults = Faults(called)
        table = read_frame(frame.iloc[start : start + rows], Place(called), faults, wanted, None)
        cells = {} if table is None else table.cells
        for line, cell in enumerate(cells.get(text, ()), start=start + 1):
            if is_empty(cell):
                faults.add("empty-text", line, text, "a text must not be empty")
        for line, cell in enumerate(cells.get(row_id or "", ()), start=start + 1):
            if is_empty(cell):
                faults.add("empty-id", line, row_id, "an id must not be empty")
        if errors := errors_in(faults.findings()):
            raise data_error(errors, remedy)
        count = len(frame.iloc[start : start + rows])
        ids = tuple(map(str, range(start + 1, start + 1 + count))) if row_id is None else tuple(cells[row_id])
        groups = {name: tuple(map(seen, cells[column])) for name, column in columns.groups.items()}
        yield NewTexts(called, ids, tuple(cells[text]), groups, lacking_id)
