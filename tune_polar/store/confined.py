"""Files below one folder, reached name by name: whatever lies there, nothing outside is read, written or removed.

A store may come from a stranger, and a link in it could lead anywhere. So every folder on the way to a file is opened
by its descriptor without following a link (``openat`` with ``O_NOFOLLOW``), and a file must be a plain one: no link,
pipe, socket or device, on no other mounted file system. The folder itself may be reached by any path: the user gave it.
"""

from __future__ import annotations

import contextlib
import errno
import os
import stat
from collections.abc import Iterator
from pathlib import Path

_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC
# Opening a pipe waits for its other end otherwise, and opening some devices does something.
_FILE = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC
_KINDS = {
    stat.S_IFLNK: "a symbolic link",
    stat.S_IFIFO: "a pipe",
    stat.S_IFSOCK: "a socket",
    stat.S_IFCHR: "a device",
    stat.S_IFBLK: "a device",
    stat.S_IFDIR: "a folder",
    stat.S_IFREG: "a file",
}


class NotOwnError(OSError):
    """Something stands where a store has its own folder or file; ``strerror`` says what."""

    def __init__(self, wanted: str, got: str) -> None:
        super().__init__(errno.EXDEV, f"it must be {wanted} of the store's own, and is {got}")


class ConfinedFolder:
    """Names below ``root`` are given with slashes; every name but the last is that of a folder."""

    def __init__(self, root: Path) -> None:
        self._root = root

    @contextlib.contextmanager
    def folder(self, name: str = "", *, make: bool = False) -> Iterator[int]:
        """The descriptor of a folder while the block runs.

        Args:
            name: "" is the root.
            make: folders that are not there are made, the root and those above it too.

        Raises:
            FileNotFoundError: it is not there.
            NotOwnError: a link, a mounted file system or no folder stands on the way.
            OSError: it cannot be opened or made.
        """
        if make:
            self._root.mkdir(parents=True, exist_ok=True)
        here = os.open(self._root, _FOLDER)
        try:
            device = os.fstat(here).st_dev
            for part in filter(None, name.split("/")):
                if make:
                    with contextlib.suppress(FileExistsError):
                        os.mkdir(part, dir_fd=here)
                below = _opened(part, here, device)
                os.close(here)
                here = below
            yield here
        finally:
            os.close(here)

    @contextlib.contextmanager
    def open(self, name: str) -> Iterator[int]:
        """The descriptor of a plain file while the block runs.

        Raises:
            FileNotFoundError: it is not there.
            NotOwnError: it is no plain file, or not the store's own.
            OSError: it cannot be opened.
        """
        above, _, last = name.rpartition("/")
        with self.folder(above) as here:
            file = open_file(last, here)
        try:
            yield file
        finally:
            os.close(file)

    def is_file(self, name: str) -> bool:
        """Whether there is a plain file.

        Raises:
            NotOwnError: something else stands there or on the way.
            OSError: the place cannot be looked at.
        """
        above, _, last = name.rpartition("/")
        try:
            with self.folder(above) as here:
                found = os.stat(last, dir_fd=here, follow_symlinks=False)
        except (FileNotFoundError, NotADirectoryError):  # the latter of the root alone: above it there is a file
            return False
        if not stat.S_ISREG(found.st_mode):
            raise NotOwnError("a file", kind_of(found.st_mode))
        return True


def open_file(name: str, folder: int) -> int:
    """The descriptor of the plain file ``name`` in the folder of descriptor ``folder``.

    Raises:
        NotOwnError: it is something else.
        OSError: it cannot be opened.
    """
    try:
        file = os.open(name, _FILE, dir_fd=folder)
    except OSError as error:
        if error.errno in (errno.ELOOP, errno.ENXIO):  # a link; a socket, or a pipe without its other end
            raise NotOwnError("a file", kind_of(os.stat(name, dir_fd=folder, follow_symlinks=False).st_mode)) from None
        raise
    mode = os.fstat(file).st_mode
    if not stat.S_ISREG(mode):
        os.close(file)
        raise NotOwnError("a file", kind_of(mode))
    return file


def kind_of(mode: int) -> str:
    """What a file's mode says it is, for people."""
    return _KINDS.get(stat.S_IFMT(mode), "something else")


def _opened(name: str, above: int, device: int) -> int:
    try:
        here = os.open(name, _FOLDER | os.O_NOFOLLOW, dir_fd=above)
    except OSError as error:
        if error.errno in (errno.ELOOP, errno.ENOTDIR):
            raise NotOwnError("a folder", kind_of(os.stat(name, dir_fd=above, follow_symlinks=False).st_mode)) from None
        raise
    if os.fstat(here).st_dev != device:
        os.close(here)
        raise NotOwnError("a folder", "another file system mounted there")
    return here
