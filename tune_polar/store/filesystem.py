"""Files written once: a name either holds the whole content or nothing, whoever else writes at the same time."""

from __future__ import annotations

import contextlib
import errno
import hashlib
import os
import secrets
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Protocol

from tune_polar.errors import StoreError
from tune_polar.store.machine import machine_name, process_started

_TEMPORARY = ".tmp"  # ends the name of a file that is still being written


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

    def put_if_absent(self, name: str, content: bytes) -> bool:
        """Write ``content`` whole unless ``name`` exists; say whether it was written."""

    def replace(self, name: str, content: bytes) -> None:
        """Write ``content`` whole whether or not ``name`` exists. Never for a record: those are written once."""

    def read(self, name: str) -> bytes | None:
        """The content of ``name``, or None where there is none."""

    def read_many(self, names: Iterable[str]) -> Iterator[tuple[str, bytes | None]]:
        """Each name with its content, in the order given."""

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
    """A folder on a local disk or a network share that knows hard links (NFS does)."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._text = os.fspath(root)

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

    def put_if_absent(self, name: str, content: bytes) -> bool:
        """Temporary file, fsync, hard link: the link either appears whole or fails because the name is taken.

        Raises:
            StoreError: the folder cannot be written.
        """
        target = self._root / name
        if self.exists(name):
            return False
        written = True
        with self._as_store_error("written", target), _temporary(target, content) as temporary:
            try:
                _link(temporary, target)
                _sync_folder(target.parent)
            except FileExistsError:  # somebody else was first
                written = False
        return written

    def replace(self, name: str, content: bytes) -> None:
        """Temporary file, fsync, rename.

        Raises:
            StoreError: the folder cannot be written.
        """
        target = self._root / name
        with self._as_store_error("written", target), _temporary(target, content) as temporary:
            temporary.replace(target)
            _sync_folder(target.parent)

    def read(self, name: str) -> bytes | None:
        """The content of ``name``, or None where there is none.

        Raises:
            StoreError: it is there but cannot be read.
        """
        try:
            # Of tens of thousands of small files, a Path for each would cost more than its bytes.
            with open(os.path.join(self._text, name), "rb", buffering=0) as file:
                return file.read()
        except FileNotFoundError:
            return None
        except OSError as error:
            raise self._problem("read", self._root / name, error) from error

    def read_many(self, names: Iterable[str]) -> Iterator[tuple[str, bytes | None]]:
        """Each name with its content, in the order given.

        Raises:
            StoreError: one is there but cannot be read.
        """
        for name in names:
            yield name, self.read(name)

    def sizes(self, folder: str) -> dict[str, int]:
        """Bytes of each finished file in ``folder``, by name with the folder in front, in order of name.

        Raises:
            StoreError: the folder cannot be listed.
        """
        place = self._root / folder
        found: dict[str, int] = {}
        with self._as_store_error("listed", place), contextlib.suppress(FileNotFoundError), os.scandir(place) as files:
            for entry in files:
                if not entry.name.startswith("."):
                    try:
                        found[f"{folder}/{entry.name}"] = entry.stat().st_size
                    except FileNotFoundError:  # set aside by another process meanwhile
                        continue
        return dict(sorted(found.items()))

    def exists(self, name: str) -> bool:
        """Whether ``name`` has been written.

        Raises:
            StoreError: the place cannot be looked at.
        """
        with self._as_store_error("looked at", self._root / name):
            return (self._root / name).is_file()

    def names(self, folder: str) -> list[str]:
        """Finished files in ``folder``, sorted, each with the folder in front.

        Raises:
            StoreError: the folder cannot be listed.
        """
        place = self._root / folder
        names: list[str] = []
        with self._as_store_error("listed", place):
            if place.is_dir():
                names = [f"{folder}/{name}" for name in os.listdir(place) if not name.startswith(".")]
        return sorted(names)

    def set_aside(self, name: str, reason: str) -> None:
        """Rename a damaged file into ``damaged/``; its bytes are kept for whoever wants to look.

        Raises:
            StoreError: the folder cannot be written.
        """
        source = self._root / name
        target = self._root / "damaged" / f"{name.replace('/', '__')}.{secrets.token_hex(4)}"
        with self._as_store_error(f"set aside ({reason})", source):
            target.parent.mkdir(parents=True, exist_ok=True)
            with contextlib.suppress(FileNotFoundError):  # another process set it aside first
                source.rename(target)

    def remove(self, name: str) -> None:
        """Unlink a file that is no record.

        Raises:
            StoreError: it is there but cannot be deleted.
        """
        target = self._root / name
        with self._as_store_error("deleted", target):
            target.unlink(missing_ok=True)

    def remove_half_written(self) -> None:
        """Unlink temporary files whose writer, a process of this machine, is gone.

        Raises:
            StoreError: one is there but cannot be deleted.
        """
        for place in self._root.glob(f"**/.*{_TEMPORARY}"):
            machine, _, rest = place.name.removesuffix(_TEMPORARY).rpartition(".")[2].partition("-")
            process = rest.partition("-")[0]
            if machine == _machine_mark() and process.isdigit() and not process_started(int(process)):
                with self._as_store_error("deleted", place):
                    place.unlink(missing_ok=True)

    @contextlib.contextmanager
    def _as_store_error(self, done: str, path: Path) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise self._problem(done, path, error) from error

    def _problem(self, done: str, path: Path, error: OSError) -> StoreError:
        return StoreError(
            f"store {self._root}: {path} must be {done}, but: {error.strerror or error}",
            "Free space or mend permissions there, or give another folder with --store."
            if error.errno not in (errno.EEXIST, errno.ENOENT, errno.ENOTDIR, errno.ELOOP, errno.ENAMETOOLONG)
            else "Give a folder that can be made there, with --store.",
        )


@contextlib.contextmanager
def _temporary(target: Path, content: bytes) -> Iterator[Path]:
    """A file beside ``target`` with ``content`` in it, gone at the end."""
    # The name starts with a dot so that ``names`` never lists a file that is still being written.
    writer = f"{_machine_mark()}-{os.getpid()}-{secrets.token_hex(4)}"
    temporary = target.parent / f".{target.name}.{writer}{_TEMPORARY}"
    target.parent.mkdir(parents=True, exist_ok=True)
    try:
        with temporary.open("xb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        yield temporary
    finally:
        temporary.unlink(missing_ok=True)


def _machine_mark() -> str:
    """A few letters that tell machines apart; where a machine does not know itself, nobody's."""
    name = machine_name() or secrets.token_hex(8)
    return hashlib.sha256(name.encode()).hexdigest()[:8]


def _link(temporary: Path, target: Path) -> None:
    try:
        os.link(temporary, target)
    except OSError as error:
        if error.errno in (errno.EPERM, errno.ENOTSUP, errno.ENOSYS):
            # Without hard links nothing here can create a name whole and only once.
            raise OSError(error.errno, "this file system knows no hard links (exFAT, some shares)") from error
        raise


def _sync_folder(folder: Path) -> None:
    """Make the new name itself durable; some file systems cannot, which costs only durability of the last write."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        with contextlib.suppress(OSError):
            os.fsync(descriptor)
    finally:
        os.close(descriptor)
