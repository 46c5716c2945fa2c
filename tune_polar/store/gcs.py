"""A bucket on Google Cloud Storage, or on an emulator of it, as a place for a store.

Records are created by uploads with ``if_generation_match=0``, which the server decides: looking first and writing then
would let two writers both win. A call that fails for a passing reason is tried again. When the answer to an upload that
did arrive is lost, the second try is told that the name exists; what lies there is read back and compared, so that the
writer knows it was its own.

Credentials come the usual way: GOOGLE_APPLICATION_CREDENTIALS, `gcloud auth application-default login`, the machine's
service account; STORAGE_EMULATOR_HOST names another server, which is asked without any.
"""

from __future__ import annotations

import contextlib
import os
import secrets
import tempfile
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

import requests
from google.api_core.exceptions import (
    Forbidden,
    GoogleAPICallError,
    NotFound,
    PreconditionFailed,
    RequestRangeNotSatisfiable,
    ServerError,
    TooManyRequests,
    Unauthorized,
)
from google.auth.exceptions import DefaultCredentialsError, GoogleAuthError, TransportError
from google.cloud.storage import Client
from google.cloud.storage.exceptions import DataCorruption

from tune_polar.errors import StoreError
from tune_polar.store.filesystem import Content
from tune_polar.store.patience import CONTACT_TRIES, READERS, batches, patiently
from tune_polar.store.spool import Body, body_of, is_same

T = TypeVar("T")

_WAIT_SECONDS = (5, 60)  # for a connection, for an answer
_PASSING = (ServerError, TooManyRequests, TransportError, DataCorruption, requests.exceptions.RequestException)
_KNOWN = (GoogleAPICallError, GoogleAuthError, DataCorruption, requests.exceptions.RequestException)


class GcsBucket:
    """The objects of a bucket whose names begin with a prefix."""

    def __init__(self, url: str, client: Any) -> None:
        bucket, _, prefix = url.removeprefix("gs://").partition("/")
        self._name = bucket
        self._prefix = f"{prefix.strip('/')}/" if prefix.strip("/") else ""
        self._client = client
        self._bucket = client.bucket(bucket)
        self._is_conditional: bool | None = None  # whether the server minds the condition; None: not tried yet
        # Listing and not asking for the bucket itself: those who may use its objects may not always do that.
        self._call("found", lambda: self._page(self._prefix, None, size=1), tries=CONTACT_TRIES)

    @property
    def url(self) -> str:
        """``gs://bucket/prefix``."""
        return f"gs://{self._name}/{self._prefix}".rstrip("/")

    @property
    def address(self) -> str:
        """The URL; it does not depend on the working directory."""
        return self.url

    @property
    def folder(self) -> None:
        """A bucket is no local folder."""

    def put_if_absent(self, name: str, content: Content) -> bool:
        """Conditional upload; True where this call created the object, also when its first answer was lost.

        Raises:
            StoreError: the bucket cannot be written, or its server ignores the condition.
        """
        written = self._create(name, content)
        if written and self._is_conditional is None:
            # Emulators that do not know the condition overwrite without a word: found out once, on our own object.
            self._is_conditional = not self._create(name, content, compare=False)
        if self._is_conditional is False:
            raise StoreError(
                f"store {self.url}: its server must honour conditional writes (ifGenerationMatch), but it ignores them",
                "Use Google Cloud Storage itself, or a local folder.",
            )
        return written

    def replace(self, name: str, content: Content) -> None:
        """Unconditional upload.

        Raises:
            StoreError: the bucket cannot be written.
        """
        with self._uploaded(name, content) as body:
            self._call("written", lambda: self._upload(name, body()), name)

    def read(self, name: str) -> bytes | None:
        """The object's bytes, or None where there is none.

        Raises:
            StoreError: it cannot be read.
        """

        def get() -> bytes:
            try:
                body: bytes = self._blob(name).download_as_bytes(timeout=_WAIT_SECONDS, retry=None)
            except RequestRangeNotSatisfiable:  # an object of no bytes
                return b""
            return body

        return self._call("read", get, name, absent=None)

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

        def get() -> int:
            with tempfile.TemporaryFile() as file:
                with contextlib.suppress(RequestRangeNotSatisfiable):  # an object of no bytes
                    self._blob(name).download_to_file(file, timeout=_WAIT_SECONDS, retry=None)
                file.flush()
                return os.dup(file.fileno())

        with self._room(name):
            return self._call("read", get, name, absent=None)

    def exists(self, name: str) -> bool:
        """Whether there is such an object.

        Raises:
            StoreError: the bucket cannot be asked.
        """
        return self._call(
            "looked at", lambda: bool(self._blob(name).exists(timeout=_WAIT_SECONDS, retry=None)), name, absent=False
        )

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
        token: str | None = None
        while True:
            blobs, token = self._call("listed", self._page_after(f"{self._prefix}{folder}/", token), folder)
            for blob in blobs:
                name = str(blob.name).removeprefix(self._prefix)
                if name != f"{folder}/" and not name.rpartition("/")[2].startswith("."):
                    found[name] = int(blob.size)
            if token is None:
                return dict(sorted(found.items()))

    def set_aside(self, name: str, reason: str) -> None:
        """Copy a damaged object to ``damaged/`` and delete it.

        Raises:
            StoreError: the bucket cannot be written.
        """
        target = f"damaged/{name.replace('/', '__')}.{secrets.token_hex(4)}"

        def move() -> None:
            source = self._blob(name)
            self._bucket.copy_blob(source, self._bucket, self._prefix + target, timeout=_WAIT_SECONDS, retry=None)
            source.delete(timeout=_WAIT_SECONDS, retry=None)

        self._call(f"set aside ({reason})", move, name, absent=None)

    def remove(self, name: str) -> None:
        """Delete an object that is no record; none there is no error.

        Raises:
            StoreError: the bucket cannot be written.
        """
        self._call("deleted", lambda: self._blob(name).delete(timeout=_WAIT_SECONDS, retry=None), name, absent=None)

    def remove_half_written(self) -> None:
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
            try:
                self._upload(name, body(), if_generation_match=0)
            except PreconditionFailed:
                return False
            return True

        with self._uploaded(name, content) as body:
            if self._call("written", put, name):
                return True
        return compare and tries > 1 and is_same(content, self.opened(name))

    def _upload(self, name: str, body: Body, **condition: int) -> None:
        blob = self._blob(name)
        send = blob.upload_from_string if isinstance(body, bytes) else blob.upload_from_file
        # Its own retries are off: ours know when a conditional upload was a second try.
        send(body, content_type="application/octet-stream", timeout=_WAIT_SECONDS, retry=None, **condition)

    def _blob(self, name: str) -> Any:
        return self._bucket.blob(self._prefix + name)

    def _page_after(self, prefix: str, token: str | None) -> Callable[[], tuple[list[Any], str | None]]:
        return lambda: self._page(prefix, token)

    def _page(self, prefix: str, token: str | None, size: int | None = None) -> tuple[list[Any], str | None]:
        listing = self._client.list_blobs(
            self._name,
            prefix=prefix,
            delimiter="/",
            page_token=token,
            max_results=size,
            timeout=_WAIT_SECONDS,
            retry=None,
        )
        page = next(listing.pages, ())
        return list(page), listing.next_page_token

    def _call(
        self, done: str, call: Callable[[], T], name: str = "", *, absent: Any = ..., tries: int | None = None
    ) -> T:
        """``call``, again after a passing failure; ``absent`` is given back where there is no such object."""
        try:
            return patiently(call, lambda error: isinstance(error, _PASSING), tries)
        except _KNOWN as error:
            if absent is not ... and isinstance(error, NotFound):
                gone: T = absent
                return gone
            raise self._problem(done, name, error) from error

    def _problem(self, done: str, name: str, error: Exception) -> StoreError:
        what = f"store {self.url}: {name or 'the bucket'} must be {done}"
        if isinstance(error, NotFound):
            return StoreError(f"{what}, but there is no bucket {self._name!r}", "Create it, or mend the name given.")
        if isinstance(error, Unauthorized | Forbidden | GoogleAuthError):
            return StoreError(
                f"{what}, but the server refuses these credentials: {error}",
                "Check GOOGLE_APPLICATION_CREDENTIALS, and what they may do with this bucket.",
            )
        return StoreError(f"{what}, but: {error}", "Check STORAGE_EMULATOR_HOST, if it is set, and the network.")


def open_gcs(url: str) -> GcsBucket:
    """The bucket at ``gs://bucket/prefix``.

    Raises:
        StoreError: the URL names no bucket, or the bucket cannot be reached with these credentials.
    """
    if not url.removeprefix("gs://").partition("/")[0]:
        raise StoreError(f"a GCS store must look like gs://bucket/prefix, got {url!r}", "Name the bucket.")
    try:
        client = Client()
    except DefaultCredentialsError as error:
        raise StoreError(
            f"store {url}: must have credentials to be opened, but: {error}",
            "Set GOOGLE_APPLICATION_CREDENTIALS, or run `gcloud auth application-default login`.",
        ) from error
    except (GoogleAuthError, OSError, ValueError) as error:
        raise StoreError(
            f"store {url}: must have usable Google Cloud settings, but: {error}",
            "Check GOOGLE_APPLICATION_CREDENTIALS, GOOGLE_CLOUD_PROJECT and STORAGE_EMULATOR_HOST.",
        ) from error
    try:
        return GcsBucket(url, client)
    except ValueError as error:  # the library's word on a name; a StoreError is none
        raise StoreError(f"store {url}: must name a bucket, but: {error}", "Mend the name given.") from error
