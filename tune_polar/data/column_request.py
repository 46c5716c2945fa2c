"""What a recipe wants to read of a data set."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from tune_polar.data.columns import Kind
from tune_polar.errors import DataError

Order = Literal["file", "competition"]
Conditions = Mapping[str, int | str]  # the values by column of the rows that are meant

TEXT, ID, SOURCE_ID = "text", "id", "source_id"


@dataclass(frozen=True)
class ColumnSpec:
    """One column that is wanted.

    Args:
        name: as the recipe says it; the column of a file is called so too, unless ``--column`` names another.
        kind: what its cells are read as.
        names: of a class, all there are, in the order of their codes.
        low, high: of a number, the least and the greatest that are allowed.
        column: of a text, the file's column where it is not called ``name``.
        otherwise: of a text, the column whose text stands in where this one's is empty; None: the row's own text.
        optional: train may lack it; what needs it says so.
        of_folds: it tells folds apart, so that rows which no fold validates may lack it.
    """

    name: str
    kind: Kind
    names: tuple[str, ...] = ()
    low: float | None = None
    high: float | None = None
    column: str | None = None
    otherwise: str | None = None
    optional: bool = False
    of_folds: bool = False


@dataclass(frozen=True)
class EvaluationFile:
    """A further set, which is scored and never trained on.

    Args:
        path: its file.
        gold: columns of which it must have one at least: without any, nothing of it can be scored.
        columns: by what a recipe calls a column, what this file calls it, as ``--column`` says it.
    """

    path: str
    gold: tuple[str, ...] = ()
    columns: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class ExtraRequest:
    """Rows that are trained on and never validated.

    Args:
        file: with them; None: those of the sample.
        by: column that says how each was made; None: none is read.
    """

    file: str | None = None
    by: str | None = None


@dataclass(frozen=True)
class DataRequest:
    """Everything a recipe's ``data`` and ``folds`` want to read.

    Args:
        specs: the columns, in the order in which a split holds them.
        order: of the train rows: as in the file, or as in the competition (POLAR folders alone).
        extra: rows that are trained on and never validated; None: none are read.
        evaluate: further sets by name.
        given_by: the column that folds are taken from, which may call rows of the train file test; None: there is none.
        copies: what becomes of texts that stand twice among the rows that folds are made of.
        under: for each column that a stage learns on some rows alone, which rows.
        sample: which of ``SAMPLES`` is read where the source is the sample.
    """

    specs: tuple[ColumnSpec, ...]
    order: Order = "file"
    extra: ExtraRequest | None = None
    evaluate: Mapping[str, EvaluationFile] = field(default_factory=dict)
    given_by: str | None = None
    copies: str = "its copies share a fold"
    under: Mapping[str, Conditions] = field(default_factory=dict)
    sample: str = "polar"


def column_specs(
    *,
    labels: Sequence[str] = (),
    classes: Mapping[str, Sequence[str]] | None = None,
    numbers: Mapping[str, Sequence[float]] | None = None,
    groups: Sequence[str] = (),
    texts: Mapping[str, Mapping[str, str | None] | str] | None = None,
    strata: Sequence[str] = (),
    told_apart_by: Iterable[str] = (),
    given_by: str | None = None,
) -> tuple[ColumnSpec, ...]:
    """The columns that a recipe's ``data`` section declares.

    Args:
        labels: 0/1 columns.
        classes: by name, the classes there are.
        numbers: by name, the least and the greatest allowed; nothing where any number is.
        groups: columns that reports, thresholds and leave-out plans go by.
        texts: by name, the file's column, alone or as ``{"column": …, "otherwise": …}``.
        strata: what folds and batches are balanced by; one that is declared nowhere else is a 0/1 column.
        told_apart_by: columns that ``folds`` names (``together``, ``by``), read as groups where they are declared
            nowhere else.
        given_by: the column that ``folds`` takes given folds from, which train may lack where there is a dev split.

    Raises:
        DataError: a name is declared twice, or is one that every file has (text, id, source_id).
    """
    specs = [ColumnSpec(name, "label") for name in labels]
    for name, names in (classes or {}).items():
        specs.append(ColumnSpec(name, "class", names=tuple(names)))
    for name, ends in (numbers or {}).items():
        low, high = (float(end) for end in ends) if ends else (None, None)
        specs.append(ColumnSpec(name, "number", low=low, high=high))
    specs += [ColumnSpec(name, "group") for name in groups]
    for name, about in (texts or {}).items():
        told = {"column": about} if isinstance(about, str) else about
        specs.append(ColumnSpec(name, "text", column=told.get("column"), otherwise=told.get("otherwise")))
    names_so_far = [spec.name for spec in specs]
    apart = [*told_apart_by]
    of_folds = [*strata, *apart]
    for name in (*names_so_far, *of_folds):
        if names_so_far.count(name) > 1 or name in (TEXT, ID, SOURCE_ID):
            raise DataError(
                f"a column must be declared once and not be called {TEXT}, {ID} or {SOURCE_ID}, got {name!r}",
                f"Name it otherwise in the recipe{' or with --group' if name in of_folds else ''}, and say where it "
                "stands with --column NAME=COLUMN.",
            )
    strata_specs = [ColumnSpec(name, "label") for name in dict.fromkeys(strata) if name not in names_so_far]
    place = len(labels)
    specs[place:place] = strata_specs
    known = {spec.name for spec in specs}
    specs += [ColumnSpec(name, "group", of_folds=True) for name in dict.fromkeys(apart) if name not in known]
    if given_by is not None and given_by not in (*known, *apart):
        specs.append(ColumnSpec(given_by, "group", optional=True, of_folds=True))
    return tuple(specs)
