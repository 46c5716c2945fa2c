"""The seeds that every fold is trained with, as `--seeds` says them."""

from __future__ import annotations

import re
from collections.abc import Sequence

from tune_polar.errors import SpecError

MOST_SEEDS, LARGEST = 1000, 2**31 - 1
_LIST = re.compile(r"[0-9]+(,[0-9]+)*,?")


def seeds_of(words: str, own: Sequence[int]) -> list[int]:
    """The seeds that ``--seeds`` means: a number of them, beginning with the recipe's ``own``, or a list.

    Raises:
        SpecError: it is neither.

    Example:
        >>> seeds_of("3", [42]), seeds_of("7,", [42])
        ([42, 43, 44], [7])
    """
    if not _LIST.fullmatch(words):
        raise SpecError(
            f"--seeds must be a number of seeds or a list of them, got {words!r}",
            "For example --seeds 3, or --seeds 0,1,2; a single one as `--seeds 7,`.",
        )
    if "," in words:
        found = [int(each) for each in words.split(",") if each]
        if len(set(found)) < len(found) or max(found) > LARGEST:
            raise SpecError(
                f"--seeds must list each seed once, from 0 to {LARGEST}, got {words}", "For example --seeds 0,1,2."
            )
        return found
    count = int(words)
    if not 1 <= count <= MOST_SEEDS:
        raise SpecError(f"--seeds must be from 1 to 1,000 seeds, got {count}", "List them, for example --seeds 0,1,2.")
    return [*own, *range(max(own) + 1, max(own) + 1 + count)][:count]
