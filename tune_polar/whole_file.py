"""Files that bear their name once all of them is there: nothing is left of half a file, whatever goes wrong."""

from __future__ import annotations

import contextlib
import errno
import io
import os
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO

from tune_polar.errors import TunePolarError

Fault = Callable[[str], TunePolarError]


@contextlib.contextmanager
def whole_file(path: Path, fault: Fault) -> Iterator[IO[bytes]]:
    """A file to be written beside ``path``, which takes its place at the end.

    Args:
        path: of a file that may be there already; its folder must be there.
        fault: the error to raise, made of why the system did not take it.

    Raises:
        TunePolarError: what ``fault`` makes.

    Example:
        >>> with whole_file(Path("rows.csv"), lambda why: DataError(f"rows.csv: {why}", "Give another place.")) as file:
        ...     file.write(b"id,text\\n")
    """
    with _told(fault):
        handle, half = _beside(path)
        try:
            with os.fdopen(handle, "wb") as file:
                yield file
            os.chmod(half, 0o666 & ~_umask())
            os.replace(half, path)
        except BaseException:
            with contextlib.suppress(OSError):
                os.unlink(half)
            raise


@contextlib.contextmanager
def whole_text(path: Path, fault: Fault, *, errors: str = "strict") -> Iterator[IO[str]]:
    """The same for text as UTF-8, its line ends as they are written.

    Args:
        path, fault: as of ``whole_file``.
        errors: what becomes of characters that UTF-8 has none for, as of ``open``.

    Raises:
        TunePolarError: what ``fault`` makes.
    """
    with whole_file(path, fault) as file:
        text = io.TextIOWrapper(file, encoding="utf-8", errors=errors, newline="")
        try:
            yield text
        finally:
            text.detach()  # writes what is left; whoever opened the file closes it


def check_writable(path: Path, fault: Fault) -> None:
    """Refuse a place where ``whole_file`` could not write; nothing is left there.

    Raises:
        TunePolarError: what ``fault`` makes.
    """
    with _told(fault):
        handle, half = _beside(path)
        os.close(handle)
        os.unlink(half)


@contextlib.contextmanager
def _told(fault: Fault) -> Iterator[None]:
    try:
        yield
    except (OSError, UnicodeEncodeError) as error:
        if isinstance(error, TunePolarError):
            raise
        raise fault(getattr(error, "strerror", None) or str(error)) from error


def _beside(path: Path) -> tuple[int, str]:
    if path.is_dir():
        raise IsADirectoryError(errno.EISDIR, "it is a folder")
    if path.exists() and not path.is_file():  # a file in the place of a device would take it from everybody
        raise OSError(errno.EINVAL, "it is a pipe or device")
    if "\0" in str(path):
        raise OSError(errno.EINVAL, "a name must have no null character")
    return tempfile.mkstemp(prefix=".writing-", dir=path.parent)


def _umask() -> int:
    now = os.umask(0)
    os.umask(now)
    return now
