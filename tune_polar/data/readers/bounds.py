"""How much is read of a file: a few bytes of gzip may stand for more than any machine holds."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from tune_polar.data.readers.places import UnreadableError

MOST_ROWS = 10_000_000  # of a file that is read whole, blank and faulty ones too; far more than a search trains on
MOST_COLUMNS = 10_000
LONGEST_LINE = 1 << 26  # characters, or bytes of JSON; a file that is one line must not be taken into memory whole


def bounded_lines(readline: Callable[[int], str]) -> Iterator[str]:
    """The lines of an open file, none longer than ``LONGEST_LINE``.

    Raises:
        UnreadableError: a longer one, before more of it is in memory.
    """
    while line := readline(LONGEST_LINE + 1):
        if len(line) > LONGEST_LINE:
            raise UnreadableError(
                "long-line", f"a line must have at most {LONGEST_LINE:,} characters, got a longer one"
            )
        yield line


def check_rows(rows: int) -> None:
    """Refuse the first row past ``MOST_ROWS``.

    Raises:
        UnreadableError: it is.
    """
    if rows > MOST_ROWS:
        raise UnreadableError(
            "too-many-rows", f"a file must have at most {MOST_ROWS:,} rows, got more: give a sample of them"
        )


def check_columns(columns: int) -> None:
    """Refuse more columns than ``MOST_COLUMNS``.

    Raises:
        UnreadableError: there are.
    """
    if columns > MOST_COLUMNS:
        raise UnreadableError(
            "too-many-columns",
            f"a file must have at most {MOST_COLUMNS:,} columns, got {columns:,}: keep those that are read",
        )


def repeated(header: Sequence[str]) -> list[str]:
    """Names of several columns, in order; columns without a name are of an index, and nobody's."""
    seen: set[str] = set()
    twice: dict[str, None] = {}
    for name in filter(None, header):
        if name in seen:
            twice.setdefault(name)
        seen.add(name)
    return list(twice)
