"""Large contents on their way to and from a bucket lie on this machine's disk, in a file that has no name."""

from __future__ import annotations

import contextlib
import os
import tempfile
from collections.abc import Callable, Iterable, Iterator
from typing import IO

from tune_polar.store.filesystem import Content, pieces

Body = bytes | IO[bytes]
PIECE_BYTES = 2**23


@contextlib.contextmanager
def body_of(content: Content) -> Iterator[Callable[[], Body]]:
    """Gives a content as libraries of buckets take it, from its beginning at every call.

    Raises:
        OSError: the temporary folder (TMPDIR) has no room for it.
    """
    if isinstance(content, bytes):
        yield lambda: content
        return
    with tempfile.TemporaryFile() as file:
        for part in content:
            file.write(part)
        file.flush()

        def again() -> IO[bytes]:
            file.seek(0)
            return file

        yield again


def body_bytes(body: Body) -> int:
    """How many bytes a content has as ``body_of`` gives it."""
    return len(body) if isinstance(body, bytes) else os.fstat(body.fileno()).st_size


def spooled(received: Iterable[bytes]) -> int:
    """The descriptor of a new file of no name that holds ``received``; the caller closes it.

    Raises:
        OSError: the temporary folder (TMPDIR) has no room for it.
    """
    with tempfile.TemporaryFile() as file:
        for piece in received:
            file.write(piece)
        file.flush()
        return os.dup(file.fileno())


def is_same(content: Content, file: int | None) -> bool:
    """Whether an open file holds ``content``; it is closed."""
    if file is None:
        return False
    with open(file, "rb") as opened:
        opened.seek(0)  # a copy's offset is where its last byte was written
        return all(opened.read(len(part)) == bytes(part) for part in pieces(content)) and not opened.read(1)
