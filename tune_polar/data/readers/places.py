"""Files and folders that data is read from: on this machine, or on the hub (``hf://datasets/OWNER/NAME/…``)."""

from __future__ import annotations

import errno
import gzip
import os
import stat
import zlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas as pd

from tune_polar.data.readers.form import GZIP, packed_as, start_of

# Others, once they are needed, are added here; each is made when the first file of its kind is read.
FILE_SYSTEMS: Mapping[str, Callable[[], Any]] = {}

GZIP_SUFFIX = ".gz"


class UnreadableError(Exception):
    """A place that cannot be read: the rule it breaks, as a finding tells it."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(code, message)
        self.code = code
        self.message = message


def hub_file_system() -> Any:
    """The hub's files, with the access its own client has."""
    from huggingface_hub import HfFileSystem  # a second of imports that few commands need

    return HfFileSystem()


@dataclass(frozen=True)
class Place:
    """A file or folder by its address, a path or ``SCHEME://…``; or a DataFrame, with words in place of an address."""

    address: str
    frame: pd.DataFrame | None = field(default=None, compare=False, repr=False)

    def __str__(self) -> str:
        return self.address

    @property
    def name(self) -> str:
        """The last part of the address."""
        return self.address.rstrip("/").rpartition("/")[2]

    @property
    def is_zipped(self) -> bool:
        """Whether it is named as a gzip file."""
        return self.name.lower().endswith(GZIP_SUFFIX)

    @property
    def suffix(self) -> str:
        """What the name says of the format, without .gz, in lower case: ``.csv``; "" where it says nothing."""
        plain = self.name[: -len(GZIP_SUFFIX)] if self.is_zipped else self.name
        return Path(plain).suffix.lower()

    @property
    def stem(self) -> str:
        """The name without what it says of the format."""
        plain = self.name[: -len(GZIP_SUFFIX)] if self.is_zipped else self.name
        return Path(plain).stem

    def child(self, name: str) -> Place:
        """A file or folder in this folder."""
        return Place(f"{self.address.rstrip('/')}/{name}")

    def exists(self) -> bool:
        """Whether there is a file or folder.

        Raises:
            UnreadableError: the hub cannot be asked.
        """
        with told(self):
            if self._system is not None:
                return bool(self._system.exists(self.address))
            try:
                return Path(self.address).exists()
            except (OSError, ValueError):  # a name too long; a NUL character in it
                return False

    def is_folder(self) -> bool:
        """Whether it is a folder that can be listed.

        Raises:
            UnreadableError: the hub cannot be asked.
        """
        with told(self):
            if self._system is not None:
                return bool(self._system.isdir(self.address))
            try:
                return Path(self.address).is_dir()
            except (OSError, ValueError):
                return False

    def entries(self) -> list[str]:
        """Names of what lies in this folder, sorted.

        Raises:
            UnreadableError: it cannot be listed.
        """
        with told(self):
            if self._system is not None:
                listed = self._system.ls(self.address, detail=False)
                return sorted(str(path).rstrip("/").rpartition("/")[2] for path in listed)
            return sorted(path.name for path in Path(self.address).iterdir())

    @contextmanager
    def open(self) -> Iterator[IO[bytes]]:
        """The bytes of a file, unzipped where they or its name say that it is zipped; closed at the end.

        Raises:
            UnreadableError: there is no such file, it cannot be read, or it is not what its name says, on opening or
                at any later byte.
        """
        with told(self):
            raw: IO[bytes] = _opened(self.address) if self._system is None else self._system.open(self.address, "rb")
        with raw, told(self, address=False):
            start = start_of(raw)
            packed = packed_as(start)
            if packed is not None:
                raise UnreadableError("packed", f"must be plain or packed with gzip, got {packed}")
            if self.is_zipped or start.startswith(GZIP):
                with gzip.open(raw) as unzipped:
                    yield unzipped  # type: ignore[misc]
            else:
                yield raw

    @property
    def _system(self) -> Any:
        """The file system of an address with a scheme; None: this machine's."""
        scheme, mark, _ = self.address.partition("://")
        if not mark:
            return None
        if scheme in FILE_SYSTEMS:
            return FILE_SYSTEMS[scheme]()
        if scheme == "hf":
            return hub_file_system()
        raise UnreadableError("unknown-scheme", f"an address must be a path or begin with hf://, got {scheme}://")


def _network_errors(address: str) -> tuple[type[Exception], ...]:
    """What the hub's client raises; files of this machine need not pay for its imports."""
    if "://" not in address:
        return ()
    import httpx2

    return (httpx2.HTTPError,)


def _opened(path: str) -> IO[bytes]:
    """A file on this disk; what is none is not waited for, and files are read more than once."""
    handle = os.open(path, os.O_RDONLY | os.O_NONBLOCK)  # a pipe that nobody writes to would wait for ever
    kind = os.fstat(handle).st_mode
    if stat.S_ISREG(kind):
        return os.fdopen(handle, "rb")
    os.close(handle)
    if stat.S_ISDIR(kind):
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), path)
    raise UnreadableError("not-a-file", "must be a file, got a pipe or device: write its content to a file first")


@contextmanager
def told(place: Place, *, address: bool = True) -> Iterator[None]:
    """Errors of files and of the network as the rule that ``place`` breaks; ``address``: a value error is of it."""
    try:
        yield
    except FileNotFoundError as error:
        remote = f": {error}" if "://" in place.address else ""
        raise UnreadableError("missing-file", f"must exist, got no such file{remote}") from error
    except IsADirectoryError as error:
        raise UnreadableError("not-a-file", "must be a file, got a folder") from error
    except (gzip.BadGzipFile, zlib.error, EOFError) as error:
        raise UnreadableError("not-gzip", f"must be a whole gzip file, got: {error}") from error
    except _network_errors(place.address) as error:
        said = f"{type(error).__name__}: {' '.join(str(error).split())}"
        if isinstance(error, OSError):  # an answer, and not the file
            raise UnreadableError(
                "refused",
                f"must be given by the hub, got {said}; where it asks for access, log in with `hf auth login`",
            ) from error
        raise UnreadableError("unreachable", f"must be reachable, got {said}") from error
    except OSError as error:
        raise UnreadableError("unreadable-file", f"must be readable, got {error.strerror or error}") from error
    except (NotImplementedError, ValueError) as error:  # a NUL character; hf:// without a repository
        if not address:
            raise
        raise UnreadableError("bad-address", f"must be the address of a file or folder, got: {error}") from error
