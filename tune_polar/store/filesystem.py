"""Files written once: a name either holds the whole content or nothing, whoever else writes at the same time."""

from __future__ import annotations

import contextlib
import errno
import hashlib
import os
import platform
import secrets
from collections.abc import Iterable, Iterator, Mapping
from itertools import groupby
from pathlib import Path
from types import MappingProxyType
from typing import Protocol

from tune_polar.errors import StoreError
from tune_polar.store.confined import ConfinedFolder, NotOwnError, open_file
from tune_polar.store.machine import boot_name, machine_name, process_started

_TEMPORARY = ".tmp"  # ends the name of a file that is still being written
# The most that is read whole, by folder: a stranger's store may hold anything.
MOST_RECORD_BYTES = 2**26
MOST_BYTES: Mapping[str, int] = MappingProxyType(
    {"stages": 2**30, "floors": 2**30, "gold.safetensors": 2**30, "weights": 2**36, "checkpoints": 2**37}
)


class Parts(Protocol):
    """A content that is written piece by piece, for what should not be in memory whole."""

    def __len__(self) -> int:
        """Bytes of all pieces."""

    def __iter__(self) -> Iterator[bytes | memoryview]:
        """The pieces in order; the same on every pass."""


Content = bytes | Parts


class Filesystem(Protocol):
    """What a store needs of a place: a folder, a network share, a bucket."""

    @property
    def url(self) -> str:
        """Where this is, as a user would type it."""

    @property
    def address(self) -> str:
        """The same for a process in another working directory."""

    @property
    def folder(self) -> Path | None:
        """The local folder, or None: what people open (page, winner) cannot lie beside the records."""

    def put_if_absent(self, name: str, content: Content) -> bool:
        """Write ``content`` whole unless ``name`` exists; say whether it was written."""

    def replace(self, name: str, content: Content) -> None:
        """Write ``content`` whole whether or not ``name`` exists. Never for a record: those are written once."""

    def read(self, name: str) -> bytes | None:
        """The content of ``name``, or None where there is none."""

    def read_many(self, names: Iterable[str]) -> Iterator[tuple[str, bytes | None]]:
        """Each name with its content, in the order given."""

    def opened(self, name: str) -> int | None:
        """A descriptor to read ``name`` by, which the caller closes; None where there is none.

        Where the files are not on this machine it is of a copy on its disk that ends with the descriptor.
        """

    def sizes(self, folder: str) -> dict[str, int]:
        """Bytes of each finished file in ``folder``, by name with the folder in front, in order of name."""

    def exists(self, name: str) -> bool:
        """Whether ``name`` has been written."""

    def names(self, folder: str) -> list[str]:
        """Names of the finished files in ``folder``, sorted, each with the folder in front."""

    def set_aside(self, name: str, reason: str) -> None:
        """Move a damaged file out of the way, keeping its bytes."""

    def remove(self, name: str) -> None:
        """Delete ``name`` if it exists. Never a record: what was recorded stays."""

    def remove_half_written(self) -> None:
        """Delete what killed processes of this machine were writing."""


class LocalFolder:
    """A folder on a local disk or a network share that knows hard links (NFS does). Nothing outside it is touched."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._inside = ConfinedFolder(root)

    @property
    def url(self) -> str:
        """The folder's path."""
        return str(self._root)

    @property
    def address(self) -> str:
        """The folder's path from the root."""
        return str(self._root.absolute())

    @property
    def folder(self) -> Path:
        """The folder."""
        return self._root

    def put_if_absent(self, name: str, content: Content) -> bool:
        """Temporary file, fsync, hard link: the link either appears whole or fails because the name is taken.

        Raises:
            StoreError: the folder cannot be written.
        """
        if self.exists(name):
            return False
        with self._as_store_error("written", name), self._temporary(name, content) as (folder, temporary, last):
            try:
                _link(temporary, last, folder)
                _sync_folder(folder)
            except FileExistsError:  # somebody else was first
                return False
        return True

    def replace(self, name: str, content: Content) -> None:
        """Temporary file, fsync, rename.

        Raises:
            StoreError: the folder cannot be written.
        """
        with self._as_store_error("written", name), self._temporary(name, content) as (folder, temporary, last):
            os.replace(temporary, last, src_dir_fd=folder, dst_dir_fd=folder)
            _sync_folder(folder)

    def read(self, name: str) -> bytes | None:
        """The content of ``name``, or None where there is none.

        Raises:
            StoreError: it is there but cannot be read, or is larger than anything that a store holds under such a name.
        """
        return next(content for _, content in self.read_many([name]))

    def read_many(self, names: Iterable[str]) -> Iterator[tuple[str, bytes | None]]:
        """Each name with its content, in the order given.

        Raises:
            StoreError: one is there but cannot be read, or is larger than anything that a store holds under its name.
        """
        # Of tens of thousands of small files, opening their folder for each would cost as much as reading them.
        for above, group in groupby(names, lambda name: name.rpartition("/")[0]):
            with contextlib.ExitStack() as opened:
                with self._as_store_error("read", above):
                    try:
                        folder = opened.enter_context(self._inside.folder(above))
                    except FileNotFoundError:
                        yield from ((name, None) for name in group)
                        continue
                for name in group:
                    with self._as_store_error("read", name):
                        content = _content(name, folder)
                    yield name, content

    def opened(self, name: str) -> int | None:
        """A descriptor to read ``name`` by, which the caller closes; None where there is none.

        Raises:
            StoreError: it is there but cannot be read, or is larger than anything that a store holds under such a name.
        """
        above, _, last = name.rpartition("/")
        with self._as_store_error("read", name):
            try:
                with self._inside.folder(above) as folder:
                    file = open_file(last, folder)
            except FileNotFoundError:
                return None
            try:
                _check_size(name, os.fstat(file).st_size)
            except OSError:
                os.close(file)
                raise
            return file

    def sizes(self, folder: str) -> dict[str, int]:
        """Bytes of each finished file in ``folder``, by name with the folder in front, in order of name.

        Raises:
            StoreError: the folder cannot be listed.
        """
        found: dict[str, int] = {}
        with (
            self._as_store_error("listed", folder),
            contextlib.suppress(FileNotFoundError),
            self._inside.folder(folder) as place,
            os.scandir(place) as files,
        ):
            for entry in files:
                if not entry.name.startswith("."):
                    with contextlib.suppress(FileNotFoundError):  # set aside by another process meanwhile
                        found[f"{folder}/{entry.name}"] = entry.stat(follow_symlinks=False).st_size
        return dict(sorted(found.items()))

    def exists(self, name: str) -> bool:
        """Whether ``name`` has been written.

        Raises:
            StoreError: the place cannot be looked at, or something else than a file stands there.
        """
        with self._as_store_error("looked at", name):
            return self._inside.is_file(name)

    def names(self, folder: str) -> list[str]:
        """Finished files in ``folder``, sorted, each with the folder in front.

        Raises:
            StoreError: the folder cannot be listed.
        """
        names: list[str] = []
        with (
            self._as_store_error("listed", folder),
            contextlib.suppress(FileNotFoundError),
            self._inside.folder(folder) as place,
        ):
            names = [f"{folder}/{name}" for name in os.listdir(place) if not name.startswith(".")]
        return sorted(names)

    def set_aside(self, name: str, reason: str) -> None:
        """Rename a damaged file into ``damaged/``; its bytes are kept for whoever wants to look.

        Raises:
            StoreError: the folder cannot be written.
        """
        above, _, last = name.rpartition("/")
        aside = f"{name.replace('/', '__')}.{secrets.token_hex(4)}"
        with (
            self._as_store_error(f"set aside ({reason})", name),
            self._inside.folder("damaged", make=True) as damaged,
            contextlib.suppress(FileNotFoundError),  # another process set it aside first
            self._inside.folder(above) as folder,
        ):
            os.rename(last, aside, src_dir_fd=folder, dst_dir_fd=damaged)

    def remove(self, name: str) -> None:
        """Unlink a file that is no record.

        Raises:
            StoreError: it is there but cannot be deleted.
        """
        above, _, last = name.rpartition("/")
        with (
            self._as_store_error("deleted", name),
            contextlib.suppress(FileNotFoundError),
            self._inside.folder(above) as folder,
        ):
            os.unlink(last, dir_fd=folder)

    def remove_half_written(self) -> None:
        """Unlink temporary files whose writer is gone: a process of this machine, or of one of its earlier boots.

        Raises:
            StoreError: one is there but cannot be deleted.
        """
        with self._as_store_error("tidied", ""), self._inside.folder() as root:
            for _, _, files, folder in os.fwalk(".", dir_fd=root, follow_symlinks=False):
                for name in files:
                    if name.startswith(".") and name.endswith(_TEMPORARY) and _is_abandoned(name):
                        with contextlib.suppress(FileNotFoundError):
                            os.unlink(name, dir_fd=folder)

    @contextlib.contextmanager
    def _temporary(self, name: str, content: Content) -> Iterator[tuple[int, str, str]]:
        """A file beside ``name`` with ``content``, gone afterwards: its folder's descriptor, its name, the other's."""
        _check_size(name, len(content))  # what could not be read again is not written
        above, _, last = name.rpartition("/")
        # The name starts with a dot so that ``names`` never lists a file that is still being written.
        temporary = f".{last}.{_writer()}{_TEMPORARY}"
        with self._inside.folder(above, make=True) as folder:
            try:
                flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
                with open(os.open(temporary, flags, 0o666, dir_fd=folder), "wb") as file:
                    for part in pieces(content):
                        file.write(part)
                    file.flush()
                    os.fsync(file.fileno())
                yield folder, temporary, last
            finally:
                with contextlib.suppress(FileNotFoundError):
                    os.unlink(temporary, dir_fd=folder)

    @contextlib.contextmanager
    def _as_store_error(self, done: str, name: str) -> Iterator[None]:
        try:
            yield
        except NotOwnError as error:
            raise StoreError(
                f"store {self._root}: {name} must be {done}, but: {error.strerror}",
                "A store holds files and folders of its own and follows nothing else; remove that one by hand.",
            ) from error
        except OSError as error:
            raise StoreError(
                f"store {self._root}: {self._root / name} must be {done}, but: {error.strerror or error}",
                "Free space or mend permissions there; a new search or merge may lie in another folder."
                if error.errno not in (errno.EEXIST, errno.ENOENT, errno.ENOTDIR, errno.ELOOP, errno.ENAMETOOLONG)
                else "Give a folder that can be made there.",
            ) from error


def pieces(content: Content) -> Iterable[bytes | memoryview]:
    """A content piece by piece."""
    return (content,) if isinstance(content, bytes) else content


def _content(name: str, folder: int) -> bytes | None:
    try:
        file = open_file(name.rpartition("/")[2], folder)
    except FileNotFoundError:
        return None
    # Buffered, though read whole: one read of the system ends at 2 GiB, a checkpoint of 296 M parameters has 3.5 GB.
    with open(file, "rb") as opened:
        size = os.fstat(file).st_size
        _check_size(name, size)
        return opened.read(size + 1)  # a file that grows meanwhile is no record, and is found to be damaged


def _check_size(name: str, size: int) -> None:
    most = MOST_BYTES.get(name.rpartition("/")[0].rpartition("/")[2] or name, MOST_RECORD_BYTES)
    if size > most:
        raise OSError(errno.EFBIG, f"it has {size:,} bytes, and nothing of this name has more than {most:,}")


def _writer() -> str:
    """Who writes: host, boot and process namespace in a few letters each, the process, and a few random ones."""
    return f"{_host()}-{_short(boot_name())}-{_short(machine_name())}-{os.getpid()}-{secrets.token_hex(4)}"


def _is_abandoned(name: str) -> bool:
    host, boot, machine, process, *_ = [*name.removesuffix(_TEMPORARY).rpartition(".")[2].split("-"), "", "", "", ""]
    if host != _host() or not boot_name():
        return False  # another host's, which may be alive
    if boot != _short(boot_name()):
        return True
    return machine == _short(machine_name()) and process.isdigit() and not process_started(int(process))


def _host() -> str:
    return _short(platform.node())


def _short(name: str) -> str:
    """A few letters that tell names apart; where there is none, nobody's."""
    return hashlib.sha256((name or secrets.token_hex(8)).encode()).hexdigest()[:8]


def _link(temporary: str, target: str, folder: int) -> None:
    try:
        os.link(temporary, target, src_dir_fd=folder, dst_dir_fd=folder, follow_symlinks=False)
    except OSError as error:
        if error.errno in (errno.EPERM, errno.ENOTSUP, errno.ENOSYS):
            # Without hard links nothing here can create a name whole and only once.
            raise OSError(error.errno, "this file system knows no hard links (exFAT, some shares)") from error
        raise


def _sync_folder(folder: int) -> None:
    """Make the new name itself durable; some file systems cannot, which costs only durability of the last write."""
    with contextlib.suppress(OSError):
        os.fsync(folder)
