"""What a target column holds, for a person who names a column and no recipe: labels, classes or numbers."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from tune_polar.data.cell_values import as_word, label_of, number_of, shown
from tune_polar.data.column_request import ID, TEXT
from tune_polar.data.findings import data_error, errors_in
from tune_polar.data.layout import WORD_MARK, Layout
from tune_polar.data.load import COLUMN_REMEDY, FILE_REMEDY
from tune_polar.data.readers import read_raw
from tune_polar.data.readers.polar import COLUMNS
from tune_polar.data.readers.raw import header_shown
from tune_polar.data.source import Source, parse_source
from tune_polar.data.suggestions import did_you_mean
from tune_polar.data.table import TRAIN
from tune_polar.data.texts import normalised, seen
from tune_polar.errors import DataError

MOST_CLASSES = 50
MOST_COUNTED = 10_000  # different values; a column with more is of numbers, or no target

# Words by which people say that something is not the case; what begins so is 0.
_NEGATIVE_WORDS = frozenset({"no", "n", "none", "normal", "neutral", "negative", "neg", "other", "ham", "f", "off"})
_NEGATIVE_STARTS = ("not", "non-", "non_", "no ", "no_", "no-")


@dataclass(frozen=True)
class Inferred:
    """What the targets are, as a recipe's ``data`` section would say it.

    ``words`` has, for each label that is told by two words, the word of 0 and the word of 1; ``columns`` what
    ``--column`` must say so that they are read.
    """

    labels: tuple[str, ...] = ()
    classes: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    numbers: Mapping[str, tuple[float, float]] = field(default_factory=dict)
    words: Mapping[str, tuple[str, str]] = field(default_factory=dict)
    columns: Mapping[str, str] = field(default_factory=dict)


def infer_columns(source: Source | str, targets: Sequence[str], *, numbers: bool = False) -> Inferred:
    """What the columns ``targets`` of train hold; dev and test are not looked at.

    One target: 0 and 1 (or two other values) are a label; numbers with a point, or more than 50 different ones, are a
    number with the least and the greatest as its range; 3 to 50 other values are classes, in the order of the alphabet
    or of numbers. Several targets: each is a label of 0 and 1. 1.0 among whole numbers is 1.

    Of two values that are not 0 and 1, the smaller number is 0; else the word that begins like a denial (no, not …,
    non-…, normal, none …); else the more frequent in train; else the first of the alphabet.

    Args:
        source: as ``parse_source`` gives it; a string as ``--data`` is.
        targets: names; ``source.columns`` says where one is called otherwise.
        numbers: whether they are to be learned as numbers, however few and whole: 1 to 5 are no classes then.

    Raises:
        DataError: a file cannot be read, lacks a target, or a target has one value only or too many, or no numbers
            where these are wanted.

    Example: ``infer_columns("tweets.csv", ["class"]).words == {"class": ("normal", "hateful")}``
    """
    if isinstance(source, str):
        source = parse_source(source)
    if not targets:
        raise DataError("--target must name a column, got none", "Name the column that is to be learned.")
    if source.kind != "files":
        if numbers:
            raise DataError(
                f"a target of numbers must be in a file of your own, got {targets[0]!r} of data {source.kind!r}",
                "Give a file with --data.",
            )
        return _of_polar(source, targets)
    counted = _counted(source, targets)
    if numbers:
        return Inferred(numbers={name: _ends(name, counted[name]) for name in targets})
    if len(targets) > 1:
        for name in targets:
            _check_label(name, counted[name])
        return Inferred(labels=tuple(targets))
    name = targets[0]
    return _of_one(name, counted[name], source.columns.get(name, name))


def _of_polar(source: Source, targets: Sequence[str]) -> Inferred:
    """A POLAR folder and the sample have 0/1 columns alone."""
    known = [name for name in COLUMNS if name not in (TEXT, ID)]
    for name in targets:
        if name not in known:
            raise DataError(
                f"a target must be one of {', '.join(known)} with data {source.kind!r}, got {name!r}"
                f"{did_you_mean(name, known)}",
                "Name one of these, or give a file of your own with --data.",
            )
    return Inferred(labels=tuple(targets))


def _of_one(name: str, values: Counter[str], column: str) -> Inferred:
    said = list(values)
    if len(said) < 2:
        raise DataError(
            f"a target must have two values or more, got {len(said)} in {name!r}: {_listed(said)}",
            "Name another column with --target.",
        )
    labels = [label_of(each) for each in said]
    if None not in labels and len(set(labels)) < 2:
        raise DataError(
            f"a target must have two values or more, got {_listed(said)} in {name!r}, which all mean {labels[0]}",
            "Name another column with --target.",
        )
    if None not in labels:
        return Inferred(labels=(name,))
    numbers = [number_of(each) for each in said]
    if None in numbers:
        _check_apart(name, said)
    if len(said) == 2:
        negative, positive = _in_order(values, None if None in numbers else [number or 0.0 for number in numbers])
        return Inferred(
            labels=(name,),
            words={name: (negative, positive)},
            columns={name: f"{column}{WORD_MARK}{positive}"},
        )
    if None not in numbers and (len(said) > MOST_CLASSES or any(not _is_whole(each) for each in said)):
        real = [number for number in numbers if number is not None]
        return Inferred(numbers={name: (min(real), max(real))})
    if len(said) > MOST_CLASSES:
        strange = [shown(each) for each, number in zip(said, numbers, strict=True) if number is None]
        if 2 * len(strange) < len(said):
            raise DataError(
                f"a target of numbers must hold finite numbers alone, got {', '.join(strange[:4])} in {name!r}",
                "Mend or leave out these rows.",
            )
        many = f"{len(said):,}" if len(said) < MOST_COUNTED else f"{MOST_COUNTED:,} or more"
        raise DataError(
            f"a target must be two values, at most {MOST_CLASSES} classes, or numbers, got {many} different texts in "
            f"{name!r}",
            "Merge rare classes, or name another column with --target.",
        )
    order = sorted(said, key=float) if None not in numbers else sorted(said)
    return Inferred(classes={name: tuple(order)})


def _check_apart(name: str, said: Sequence[str]) -> None:
    """Refuse words that differ by case or width alone: one of them is a slip of somebody's pen."""
    first: dict[str, str] = {}
    for each in said:
        before = first.setdefault(normalised(each), each)
        if before != each:
            raise DataError(
                f"the values of a target must differ by more than case or width, got {shown(before)} and "
                f"{shown(each)} in {name!r}",
                "Write them alike, or name the classes in a recipe (data.classes) if both are meant.",
            )


def _ends(name: str, values: Counter[str]) -> tuple[float, float]:
    """The least and the greatest number."""
    found = [number_of(each) for each in values]
    real = [number for number in found if number is not None]
    if len(real) < len(found) or len(set(real)) < 2:
        got = [shown(each) for each, number in zip(values, found, strict=True) if number is None] or list(values)
        raise DataError(
            f"a target of numbers must hold two different numbers or more, got {', '.join(got[:4]) or 'nothing'} in "
            f"{name!r}",
            "Name another column with --target, or use the recipe `classifier` for labels and classes.",
        )
    return min(real), max(real)


def _in_order(values: Counter[str], numbers: Sequence[float] | None) -> tuple[str, str]:
    one, other = sorted(values)
    if numbers is not None:
        one, other = sorted(values, key=float)
        return one, other
    denied = [word for word in (one, other) if _is_denial(word)]
    if len(denied) == 1:
        return denied[0], other if denied[0] == one else one
    return (other, one) if values[other] > values[one] else (one, other)


def _is_denial(word: str) -> bool:
    said = word.casefold()
    return said in _NEGATIVE_WORDS or said.startswith(_NEGATIVE_STARTS)


def _listed(cells: Sequence[str]) -> str:
    return ", ".join(shown(each) for each in cells[:4])


def _is_whole(cell: str) -> bool:
    return cell.removeprefix("-").removeprefix("+").isdecimal()


def _check_label(name: str, values: Counter[str]) -> None:
    wrong = [each for each in values if label_of(each) is None]
    if wrong or {label_of(each) for each in values} != {0, 1}:
        raise DataError(
            f"several targets must each hold 0 and 1, got {_listed(wrong or list(values))} in {name!r}",
            "Name one target, or columns of 0 and 1.",
        )


def _counted(source: Source, targets: Sequence[str]) -> dict[str, Counter[str]]:
    """How often each value stands in train."""
    layout = Layout((), source.columns)
    counted = {name: Counter[str]() for name in targets}
    for place in source.places(TRAIN):
        wanted = {candidate for name in targets for candidate in layout.candidates(name)}
        table, findings = read_raw(place, wanted)
        if table is None or errors_in(findings):
            raise data_error(errors_in(findings), FILE_REMEDY)
        for name in targets:
            found = layout.find(name, table.header, own_name=False)
            if found is None:
                raise DataError(
                    f"{place}: the file must have the column {layout.wanted(name)!r}, got "
                    f"{header_shown(table.header)}{did_you_mean(name, table.header)}",
                    COLUMN_REMEDY,
                )
            cells = [seen(cell) for cell in table.cells[found[0]]]
            _count(counted[name], [cell for cell in cells if cell])
    return {name: _by_value(values) for name, values in counted.items()}


def _count(values: Counter[str], cells: Sequence[str]) -> None:
    for cell, number in Counter(cells).items():
        if cell in values or len(values) < MOST_COUNTED:
            values[cell] += number


def _by_value(values: Counter[str]) -> Counter[str]:
    """Where some numbers are written whole, others of a whole value are as well: a table of floats says 1.0 for 1."""
    if not any(map(_is_whole, values)):
        return values
    found = Counter[str]()
    for cell, number in values.items():
        found[as_word(cell)] += number
    return found
