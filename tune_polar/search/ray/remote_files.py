"""A store that only the driver's machine can see: its files, read and written for the workers through Ray."""

from __future__ import annotations

import contextlib
import secrets
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import ray
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

from tune_polar.errors import StoreError
from tune_polar.store.filesystem import Content, Filesystem, pieces
from tune_polar.store.spool import spooled
from tune_polar.store.store import PROBES, Store, open_store

_CALLS_AT_ONCE = 8


class StoreKeeper:
    """The actor on the driver's machine that touches the files."""

    def __init__(self, address: str) -> None:
        self._files = open_store(address).files

    def ask(self, method: str, *words: object) -> Any:
        """What a method of the files gives."""
        return getattr(self._files, method)(*words)


class RemoteFiles:
    """A ``Filesystem`` whose every call is answered by a ``StoreKeeper``."""

    def __init__(self, keeper: Any, url: str) -> None:
        self._keeper = keeper
        self._url = url

    @property
    def url(self) -> str:
        """The store as the driver sees it."""
        return self._url

    @property
    def address(self) -> str:
        """The same: it has no meaning outside the driver's machine."""
        return self._url

    @property
    def folder(self) -> Path | None:
        """None: the records do not lie on this machine."""
        return None

    def put_if_absent(self, name: str, content: Content) -> bool:
        """As of the driver's files, in one message."""
        written: bool = self._ask("put_if_absent", name, b"".join(pieces(content)))
        return written

    def replace(self, name: str, content: Content) -> None:
        """As of the driver's files, in one message."""
        self._ask("replace", name, b"".join(pieces(content)))

    def read(self, name: str) -> bytes | None:
        """As of the driver's files."""
        content: bytes | None = self._ask("read", name)
        return content

    def read_many(self, names: Iterable[str]) -> Iterator[tuple[str, bytes | None]]:
        """As of the driver's files."""
        for name in names:
            yield name, self.read(name)

    def opened(self, name: str) -> int | None:
        """A descriptor of a copy on this machine's disk."""
        content = self.read(name)
        return None if content is None else spooled([content])

    def sizes(self, folder: str) -> dict[str, int]:
        """As of the driver's files."""
        found: dict[str, int] = self._ask("sizes", folder)
        return found

    def exists(self, name: str) -> bool:
        """As of the driver's files."""
        found: bool = self._ask("exists", name)
        return found

    def names(self, folder: str) -> list[str]:
        """As of the driver's files."""
        found: list[str] = self._ask("names", folder)
        return found

    def set_aside(self, name: str, reason: str) -> None:
        """As of the driver's files."""
        self._ask("set_aside", name, reason)

    def remove(self, name: str) -> None:
        """As of the driver's files."""
        self._ask("remove", name)

    def remove_half_written(self) -> None:
        """Nothing: the driver does so where the files are."""

    def _ask(self, method: str, *words: object) -> Any:
        try:
            return ray.get(self._keeper.ask.remote(method, *words))
        except StoreError as error:  # Ray raises a class of its own that is one too; its text is a traceback
            cause = getattr(error, "cause", error)
            raise StoreError(cause.problem, cause.remedy) from None
        except ray.exceptions.RayError as error:
            raise StoreError(
                f"store {self._url}: must be reachable through the driver, but it does not answer ({error})",
                "See whether the driver's machine is still in the cluster.",
            ) from None


@dataclass(frozen=True, eq=False)
class StoreAccess:
    """How a worker comes to the store: by itself where it sees the same files, through the keeper elsewhere."""

    address: str
    keeper: Any = None  # None: every worker can open ``address``
    probe: str = ""  # name of a file that this driver has just written, to tell a share from a copy
    token: bytes = b""

    def open(self) -> Store:
        """The store, in a worker.

        Raises:
            StoreError: it cannot be opened.
        """
        if self.keeper is None:
            return open_store(self.address)
        with contextlib.suppress(StoreError):  # on this machine the path may be anything
            own = open_store(self.address)
            if own.files.read(self.probe) == self.token:
                return own
        return Store(RemoteFiles(self.keeper, self.address))


@contextlib.contextmanager
def kept_for_workers(files: Filesystem) -> Iterator[StoreAccess]:
    """Access for workers of a cluster. A bucket they open themselves; a folder may be on the driver's machine alone."""
    if files.folder is None:
        yield StoreAccess(files.address)
        return
    here = NodeAffinitySchedulingStrategy(ray.get_runtime_context().get_node_id(), soft=False)
    actor = ray.remote(StoreKeeper).options(
        num_cpus=0, max_concurrency=_CALLS_AT_ONCE, max_restarts=-1, max_task_retries=-1, scheduling_strategy=here
    )
    token = secrets.token_hex(16)
    probe = f"{PROBES}/{token}"
    files.replace(probe, token.encode())
    try:
        yield StoreAccess(files.address, actor.remote(files.address), probe, token.encode())
    finally:
        files.remove(probe)
