"""Which columns of the files hold what a recipe wants, where they are not called as the recipe calls them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from tune_polar.data.column_request import ID, SOURCE_ID, TEXT, ColumnSpec
from tune_polar.data.suggestions import did_you_mean
from tune_polar.errors import DataError

WORD_MARK = "="  # --column hate=class=implicit_hate: cells of column class that say implicit_hate are 1, others 0
SPLIT_MARK = "."  # --column dynahate.hate=label=hate: in the files of that split


@dataclass(frozen=True)
class Layout:
    """Which columns of a file hold what: ``specs``, and ``columns`` as ``--column NAME=COLUMN`` gives them."""

    specs: tuple[ColumnSpec, ...]
    columns: Mapping[str, str] = field(default_factory=dict)
    named: frozenset[str] = frozenset()  # those of ``columns`` that were said of this split alone

    def names(self) -> list[str]:
        """Every name that ``--column`` may give a column for."""
        others = [name for spec in self.specs for name in (spec.column, spec.otherwise) if name is not None]
        return list(dict.fromkeys([TEXT, ID, *(spec.name for spec in self.specs), *others, SOURCE_ID]))

    def check_names(self, splits: Sequence[str]) -> None:
        """Refuse names that nothing reads.

        Args:
            splits: those that there are.

        Raises:
            DataError: ``columns`` has one.
        """
        known = self.names()
        every = [*known, *(f"{split}{SPLIT_MARK}{name}" for split in splits for name in known)]
        for name in self.columns:
            if name not in every:
                raise DataError(
                    f"--column must name one of {', '.join(known)}, alone or as SPLIT{SPLIT_MARK}NAME, got {name!r}"
                    f"{did_you_mean(name, every)}",
                    "Correct the name, or leave the option out.",
                )

    def of(self, split: str, said: Mapping[str, str] | None = None) -> Layout:
        """The layout of one split's files: ``SPLIT.NAME=COLUMN`` goes before ``NAME=COLUMN``.

        ``said``: what the recipe says of this split, which stands between the two.
        """
        start = split + SPLIT_MARK
        own = {name.removeprefix(start): column for name, column in self.columns.items() if name.startswith(start)}
        own = {**(said or {}), **own}
        return Layout(self.specs, {**self.columns, **own}, frozenset(own))

    def candidates(self, name: str) -> list[str]:
        """The columns of a file that may hold ``name``, the likeliest first.

        A file that is not train may call it by its own name, whatever train's column is called.
        """
        asked = self.columns.get(name)
        return [name] if asked is None else [asked, *(column for column, _ in _readings(asked)), name]

    def all_candidates(self) -> set[str]:
        """Every column of a file that may be read."""
        return {candidate for name in self.names() for candidate in self.candidates(name)}

    def find(self, name: str, header: Sequence[str], *, own_name: bool) -> tuple[str, str | None] | None:
        """The column of a file with ``header`` that holds ``name``, and the word in it that means 1; None: none does.

        ``own_name``: whether a column called ``name`` will do where ``--column`` names another.
        """
        asked = self.columns.get(name)
        if asked is None:
            return (name, None) if name in header else None
        if asked in header:
            return asked, None
        if (found := next((each for each in _readings(asked) if each[0] in header), None)) is not None:
            return found
        return (name, None) if own_name and name not in self.named and name in header else None

    def wanted(self, name: str) -> str:
        """What the file's column should be called, for a person."""
        asked = self.columns.get(name)
        return name if asked is None else asked.partition(WORD_MARK)[0] or asked


def _readings(asked: str) -> Iterator[tuple[str, str]]:
    """The columns and words that ``COLUMN=WORD`` may mean, for both may have the mark in them: longest column first."""
    parts = asked.split(WORD_MARK)
    for length in range(len(parts) - 1, 0, -1):
        column = WORD_MARK.join(parts[:length])
        if column:
            yield column, WORD_MARK.join(parts[length:])
