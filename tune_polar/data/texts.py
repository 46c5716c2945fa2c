"""When a text says nothing, and when two texts are the same: as a reader sees them, not as bytes."""

from __future__ import annotations

import unicodedata
from functools import lru_cache

# Shown as nothing, yet neither control nor format characters: fillers of Hangul and Khmer, joiners and selectors of
# variants (Unicode's Default_Ignorable_Code_Point), and the Braille pattern without a dot.
_FILLERS = frozenset("\u034f\u115f\u1160\u17b4\u17b5\u180b\u180c\u180d\u180f\u2800\u3164\uffa0")
_SELECTORS = (range(0xFE00, 0xFE10), range(0xE0100, 0xE01F0))
_UNSEEN_CATEGORIES = frozenset({"Cc", "Cf"})


def normalised(text: str) -> str:
    """What two texts have in common when a reader would call them the same.

    NFKC (one form for each character, whatever its width), without characters that are not seen, without outer
    space, caseless. White space inside a text stands for itself.

    Example: ``normalised(" ＡＢ\\u200bc") == normalised("abC")``.
    """
    folded = unicodedata.normalize("NFKC", text)
    if not folded.isascii() or not folded.isprintable():
        folded = "".join(character for character in folded if not _is_unseen(character))
    return folded.strip().casefold()


def seen(cell: str) -> str:
    """A cell as a reader sees it: composed (NFC), without characters that are not shown and without outer space.

    What ids, labels, classes and groups are compared by: case and width tell them apart, what is not shown does not.

    Example: ``seen("ann\\u200b ") == "ann"``.
    """
    if cell.isascii() and cell.isprintable():
        return cell.strip()
    composed = unicodedata.normalize("NFC", cell)
    return "".join(character for character in composed if not _is_unseen(character)).strip()


def is_empty(text: str) -> bool:
    """Whether a reader sees nothing: no character, white space, or characters that are not shown."""
    return not normalised(text)


@lru_cache(maxsize=1 << 16)
def _is_unseen(character: str) -> bool:
    if character.isspace():
        return False
    code = ord(character)
    return (
        unicodedata.category(character) in _UNSEEN_CATEGORIES
        or character in _FILLERS
        or any(code in selectors for selectors in _SELECTORS)
    )
