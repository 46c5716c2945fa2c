"""When a text says nothing, and when two texts are the same: as a reader sees them, not as bytes."""

from __future__ import annotations

import re
import unicodedata

# Shown as nothing, yet neither control nor format characters: fillers of Hangul and Khmer, joiners and selectors of
# variants (Unicode's Default_Ignorable_Code_Point), and the Braille pattern without a dot.
_FILLERS = frozenset("\u034f\u115f\u1160\u17b4\u17b5\u180b\u180c\u180d\u180f\u2800\u3164\uffa0")
_SELECTORS = (range(0xFE00, 0xFE10), range(0xE0100, 0xE01F0))
_UNSEEN_CATEGORIES = frozenset({"Cc", "Cf"})

# Of scripts that part no words: Thai, Lao, Burmese, Khmer, Chinese and Japanese.
UNPARTED = re.compile("[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u2e80-\u9fff\uf900-\ufaff]")
_BETWEEN_UNPARTED = re.compile(f" (?<={UNPARTED.pattern} )(?={UNPARTED.pattern})")


def normalised(text: str) -> str:
    """What two texts have in common when a reader would call them the same.

    NFKC (one form for each character, whatever its width), without characters that are not seen, without outer
    space, caseless. White space inside a text stands for itself.

    Example: ``normalised(" ＡＢ\\u200bc") == normalised("abC")``.
    """
    folded = unicodedata.normalize("NFKC", text)
    if not folded.isascii() or not folded.isprintable():
        folded = folded.translate(_SHOWN)
    return folded.strip().casefold()


def seen(cell: str) -> str:
    """A cell as a reader sees it: composed (NFC), without characters that are not shown and without outer space.

    What ids, labels, classes and groups are compared by: case and width tell them apart, what is not shown does not.

    Example: ``seen("ann\\u200b ") == "ann"``.
    """
    if cell.isascii() and cell.isprintable():
        return cell.strip()
    return unicodedata.normalize("NFC", cell).translate(_SHOWN).strip()


def is_empty(text: str) -> bool:
    """Whether a reader sees nothing: no character, white space, or characters that are not shown."""
    return not normalised(text)


def words(text: str) -> list[str]:
    """The words of a ``normalised`` text: runs of letters, digits and "_" with the marks on them, without punctuation.

    In scripts that part no words neither space nor punctuation parts any: what they stand between is one word.

    Example: ``words("don't go, हिन्दी! 今天，好") == ["don", "t", "go", "हिन्दी", "今天好"]``.
    """
    found = text.translate(_SPACED).split()
    if text.isascii() or not UNPARTED.search(text):
        return found
    return _BETWEEN_UNPARTED.sub("", " ".join(found)).split()


def letters(text: str) -> str:
    """What two texts have in common that differ in punctuation, symbols, case and space alone: letters and digits.

    A text without any is its own: an emoji says something where nothing else is said.

    Example: ``letters("Get out, now!") == letters("get out now")``.
    """
    said = normalised(text)
    return said.translate(_LETTERS) or said


class _Shown(dict[int, str | None]):
    """For ``str.translate``: characters that are not seen are left out, found out as they occur."""

    def __missing__(self, code: int) -> str | None:
        character = chr(code)
        is_unseen = not character.isspace() and (
            unicodedata.category(character) in _UNSEEN_CATEGORIES
            or character in _FILLERS
            or any(code in selectors for selectors in _SELECTORS)
        )
        self[code] = None if is_unseen else character
        return self[code]


class _Spaced(dict[int, str]):
    """For ``str.translate``: characters of words as they are, a blank for others, found out as they occur.

    Marks are no letters to ``str.isalnum`` and to ``\\w``, which would cut the words of Hindi or Thai at every vowel.
    """

    def __missing__(self, code: int) -> str:
        character = chr(code)
        is_of_word = character.isalnum() or character == "_" or unicodedata.category(character).startswith("M")
        self[code] = character if is_of_word else " "
        return self[code]


class _Letters(dict[int, str | None]):
    """For ``str.translate``: characters of words as they are, without all others."""

    def __missing__(self, code: int) -> str | None:
        self[code] = None if _SPACED[code] == " " else chr(code)
        return self[code]


_SHOWN = _Shown()
_SPACED = _Spaced()
_LETTERS = _Letters()
