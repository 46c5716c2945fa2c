"""Names and paths that a person gives: records and pages keep them, and these are UTF-8."""

from __future__ import annotations

import os
import sys

from tune_polar.errors import SpecError


def check_utf8(word: str, called: str) -> None:
    """Refuse a word with bytes in it that were not understood, such as a file's name in Latin-1, or that has none.

    Args:
        word: of a command line, or an argument.
        called: what it is, for the error.

    Raises:
        SpecError: it has; where it is this process's locale that does not understand UTF-8, that is named.
    """
    encoding = sys.getfilesystemencoding()
    is_whole = not any("\ud800" <= letter <= "\udfff" for letter in word)
    try:
        given = os.fsencode(word)
        if is_whole:
            return
        meant: str | None = given.decode("utf-8")
    except UnicodeEncodeError:  # no bytes of this process stand for it
        given, meant = word.encode("utf-8", "surrogatepass"), word if is_whole else None
    except UnicodeDecodeError:
        meant = None
    if meant is not None and encoding != "utf-8":
        raise SpecError(
            f"{called} must be read as UTF-8, but this process reads it as {encoding}, got {meant!a}",
            "Set the locale, LC_ALL=C.UTF-8, or PYTHONUTF8=1.",
        )
    raise SpecError(
        f"{called} must be UTF-8, got {given!r}",
        "Rename that file or folder, or make a link with another name to it.",
    )


def check_working_folder() -> None:
    """Refuse a working folder that is gone, or whose name is not UTF-8.

    Raises:
        SpecError: it is.
    """
    try:
        folder = os.getcwd()
    except OSError as error:
        raise SpecError(f"the working folder must be there, but: {error.strerror}", "Go to another one.") from None
    check_utf8(folder, "the working folder")
