"""A bucket as a place for a store, whatever it is asked by: what S3 and Google Cloud Storage have in common.

Records are created by conditional writes, which the server decides: looking first and writing then would let two
writers both win. A call that fails for a passing reason is tried again. When the answer to a write that did arrive is
lost, the second try is told that the name exists; what lies there is read back and compared, so that the writer knows
it was its own.
"""

from __future__ import annotations

import contextlib
import secrets
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any, ClassVar, TypeVar

from tune_polar.errors import StoreError
from tune_polar.store.filesystem import Content
from tune_polar.store.retry import CONTACT_TRIES, READERS, batches, patiently
from tune_polar.store.spool import Body, body_of, is_same

T = TypeVar("T")
Page = tuple[Iterable[tuple[str, int]], Any]  # keys with their bytes, and what asks for the next page; None: the last


class Bucket(ABC):
    """The objects of a bucket whose keys begin with a prefix; a subclass asks one kind of server for them."""

    scheme: ClassVar[str]  # "s3"
    condition: ClassVar[str]  # what the server must mind, as its documentation calls it
    instead: ClassVar[str]  # remedy where it does not
    known: ClassVar[tuple[type[Exception], ...]]  # errors of the library

    def __init__(self, url: str) -> None:
        bucket, _, prefix = url.removeprefix(f"{self.scheme}://").partition("/")
        self._bucket = bucket
        self._prefix = f"{prefix.strip('/')}/" if prefix.strip("/") else ""
        self._is_conditional: bool | None = None  # whether the server minds the condition; None: not tried yet
        self._call("found", self._contact, tries=CONTACT_TRIES)

    # -- one call to the server each -------------------------------------------------------------------------------

    @abstractmethod
    def _contact(self) -> object:
        """Anything that fails where the bucket cannot be used."""

    @abstractmethod
    def _put(self, key: str, body: Body) -> object:
        """Write an object whether or not it exists."""

    @abstractmethod
    def _put_new(self, key: str, body: Body) -> bool:
        """Write an object unless it exists; whether it was written."""

    @abstractmethod
    def _get(self, key: str) -> bytes:
        """The whole object."""

    @abstractmethod
    def _get_file(self, key: str) -> int:
        """A descriptor of a copy on disk that ends with it."""

    @abstractmethod
    def _is_there(self, key: str) -> bool:
        """Whether there is such an object."""

    @abstractmethod
    def _page(self, prefix: str, token: Any) -> Page:
        """A page of the objects right below a prefix that ends in a slash."""

    @abstractmethod
    def _copy(self, key: str, target: str) -> object:
        """Copy an object within the bucket."""

    @abstractmethod
    def _delete(self, key: str) -> object:
        """Delete an object."""

    @abstractmethod
    def _is_passing(self, error: Exception) -> bool:
        """Whether the same call may succeed a little later."""

    @abstractmethod
    def _is_absent(self, error: Exception) -> bool:
        """Whether it says that there is no such object."""

    @abstractmethod
    def _cause(self, error: Exception, name: str) -> tuple[str, str]:
        """What is wrong and what to do, in words; ``name``: the object, "": the bucket itself."""

    # -- what a store needs ----------------------------------------------------------------------------------------

    @property
    def url(self) -> str:
        """``scheme://bucket/prefix``."""
        return f"{self.scheme}://{self._bucket}/{self._prefix}".rstrip("/")

    @property
    def address(self) -> str:
        """The URL; it does not depend on the working directory."""
        return self.url

    @property
    def folder(self) -> None:
        """None: a bucket is no local folder."""
        return None

    def put_if_absent(self, name: str, content: Content) -> bool:
        """Conditional write; True where this call created the object, also when the answer to its first try was lost.

        Raises:
            StoreError: the bucket cannot be written, or its server ignores the condition.
        """
        written = self._create(name, content)
        if written and self._is_conditional is None and isinstance(content, bytes):
            # Servers that do not know the condition overwrite without a word: found out once, on our own object, and
            # on a small one, since it is sent twice.
            self._is_conditional = not self._create(name, content, compare=False)
        if self._is_conditional is False:
            raise StoreError(
                f"store {self.url}: its server must honour conditional writes ({self.condition}), but it ignores them",
                self.instead,
            )
        return written

    def replace(self, name: str, content: Content) -> None:
        """Unconditional write.

        Raises:
            StoreError: the bucket cannot be written.
        """
        with self._uploaded(name, content) as body:
            self._call("written", lambda: self._put(self._prefix + name, body()), name)

    def read(self, name: str) -> bytes | None:
        """The object's bytes, or None where there is none.

        Raises:
            StoreError: it cannot be read.
        """
        return self._call("read", lambda: self._get(self._prefix + name), name, absent=None)

    def read_many(self, names: Iterable[str]) -> Iterator[tuple[str, bytes | None]]:
        """Each name with its content, in the order given; read side by side.

        Raises:
            StoreError: one cannot be read.
        """
        with ThreadPoolExecutor(READERS) as pool:
            for batch in batches(names):
                yield from zip(batch, pool.map(self.read, batch), strict=True)

    def opened(self, name: str) -> int | None:
        """A descriptor of a copy on this machine's disk, or None where there is no such object.

        Raises:
            StoreError: it cannot be read, or has no room here.
        """
        with self._room(name):
            return self._call("read", lambda: self._get_file(self._prefix + name), name, absent=None)

    def exists(self, name: str) -> bool:
        """Whether there is such an object.

        Raises:
            StoreError: the bucket cannot be asked.
        """
        return self._call("looked at", lambda: self._is_there(self._prefix + name), name, absent=False)

    def names(self, folder: str) -> list[str]:
        """Objects in ``folder``, sorted, each with the folder in front.

        Raises:
            StoreError: the bucket cannot be listed.
        """
        return list(self.sizes(folder))

    def sizes(self, folder: str) -> dict[str, int]:
        """Bytes of each object in ``folder``, by name with the folder in front, in order of name.

        Raises:
            StoreError: the bucket cannot be listed.
        """
        found: dict[str, int] = {}
        token: Any = None
        while True:
            page, token = self._call("listed", self._page_after(f"{self._prefix}{folder}/", token), folder)
            for key, size in page:
                name = key.removeprefix(self._prefix)
                if name != f"{folder}/" and not name.rpartition("/")[2].startswith("."):
                    found[name] = size
            if token is None:
                return dict(sorted(found.items()))

    def set_aside(self, name: str, reason: str) -> None:
        """Copy a damaged object to ``damaged/`` and delete it.

        Raises:
            StoreError: the bucket cannot be written.
        """
        target = f"damaged/{name.replace('/', '__')}.{secrets.token_hex(4)}"

        def move() -> None:
            self._copy(self._prefix + name, self._prefix + target)
            self._delete(self._prefix + name)

        self._call(f"set aside ({reason})", move, name, absent=None)

    def remove(self, name: str) -> None:
        """Delete an object that is no record; none there is no error.

        Raises:
            StoreError: the bucket cannot be written.
        """
        self._call("deleted", lambda: self._delete(self._prefix + name), name, absent=None)

    def remove_half_written(self) -> None:  # noqa: B027 - of most servers
        """Nothing: an object appears whole or not at all."""

    @contextlib.contextmanager
    def _uploaded(self, name: str, content: Content) -> Iterator[Callable[[], Body]]:
        with self._room(name), body_of(content) as body:
            yield body

    @contextlib.contextmanager
    def _room(self, name: str) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            if isinstance(error, StoreError) or error.errno is None:
                raise
            raise StoreError(
                f"store {self.url}: {name} must pass through this machine's disk, but: {error.strerror}",
                "Free space in the temporary folder, or set TMPDIR to another one.",
            ) from error

    def _create(self, name: str, content: Content, *, compare: bool = True) -> bool:
        tries = 0

        def put() -> bool:
            nonlocal tries
            tries += 1
            return self._put_new(self._prefix + name, body())

        with self._uploaded(name, content) as body:
            if self._call("written", put, name):
                return True
        return compare and tries > 1 and is_same(content, self.opened(name))

    def _page_after(self, prefix: str, token: Any) -> Callable[[], Page]:
        return lambda: self._page(prefix, token)

    def _call(
        self, done: str, call: Callable[[], T], name: str = "", *, absent: Any = ..., tries: int | None = None
    ) -> T:
        """``call``, again after a passing failure; ``absent`` is given back where there is no such object."""
        try:
            return patiently(call, self._is_passing, tries)
        except self.known as error:
            if absent is not ... and self._is_absent(error):
                gone: T = absent
                return gone
            cause, remedy = self._cause(error, name)
            raise StoreError(f"store {self.url}: {name or 'the bucket'} must be {done}, but{cause}", remedy) from error


def check_named(url: str, scheme: str, kind: str) -> None:
    """Refuse a URL without a bucket.

    Raises:
        StoreError: it names none.
    """
    if not url.removeprefix(f"{scheme}://").partition("/")[0]:
        raise StoreError(f"{kind} store must look like {scheme}://bucket/prefix, got {url!r}", "Name the bucket.")
