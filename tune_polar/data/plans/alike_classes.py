"""Classes that look like one another's misspelling: no fault, but a class of its own learns nothing."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches

import numpy as np

from tune_polar.data.findings import Finding
from tune_polar.data.table import Corpus

FEWER = 5  # times as many rows has the class that was meant
_LIKE = 0.75  # of difflib's ratio: `yess` for `yes`, `neutrl` for `neutral`
_SHORTEST = 3  # letters; `1` and `11` are no misspellings


def alike_classes(corpus: Corpus, columns: Iterable[str]) -> list[Finding]:
    """A warning for each class of ``columns`` whose name is nearly that of a much more frequent one."""
    found = []
    for column in dict.fromkeys(columns):
        about = corpus.train.columns.get(column)
        if about is None or about.kind != "class":
            continue
        rows = np.bincount(corpus.train.values(column), minlength=len(about.names)).tolist()
        count = dict(zip(about.names, rows, strict=True))
        for name in about.names:
            often = [other for other in about.names if _is_word(other) and count[other] >= FEWER * count[name]]
            meant = get_close_matches(name, often, n=1, cutoff=_LIKE) if _is_word(name) else []
            if meant:
                said = (
                    f"{column} should have classes that are meant to be different, got {name!r} in "
                    f"{count[name]} row{'s' * (count[name] != 1)} beside {meant[0]!r} in {count[meant[0]]}: "
                    "if it is misspelt, mend it, for it is learned as a class of its own"
                )
                found.append(Finding("warning", "alike-class", corpus.name, None, None, said))
    return found


def _is_word(name: str) -> bool:
    return len(name) >= _SHORTEST and not any(character.isdigit() for character in name)
