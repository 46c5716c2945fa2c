"""A bucket on S3, or on a server that speaks its protocol, as a place for a store.

Records are created by conditional PUT (``If-None-Match: *``), which the server decides: looking first and writing then
would let two writers both win. A call that fails for a passing reason is tried again. When the answer to a PUT that did
arrive is lost, the second try is told that the name exists; what lies there is read back and compared, so that the
writer knows it was its own.

Endpoint, region and credentials come the usual way: AWS_ENDPOINT_URL, AWS_REGION, AWS_ACCESS_KEY_ID, ~/.aws, roles.
"""

from __future__ import annotations

import contextlib
import secrets
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

import boto3
from botocore.config import Config
from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    ConnectionError,
    HTTPClientError,
    IncompleteReadError,
    NoCredentialsError,
    PartialCredentialsError,
)

from tune_polar.errors import StoreError
from tune_polar.store.filesystem import Content
from tune_polar.store.patience import CONTACT_TRIES, READERS, batches, patiently
from tune_polar.store.spool import PIECE_BYTES, Body, body_of, is_same, spooled

T = TypeVar("T")

_PASSING_CODES = {"SlowDown", "RequestTimeout", "ConditionalRequestConflict", "InternalError", "Throttling"}
_PASSING = (ConnectionError, HTTPClientError, IncompleteReadError)
_ABSENT_CODES = {"NoSuchKey", "404", "NotFound"}


class S3Bucket:
    """The objects of a bucket whose keys begin with a prefix."""

    def __init__(self, url: str, client: Any) -> None:
        bucket, _, prefix = url.removeprefix("s3://").partition("/")
        self._bucket = bucket
        self._prefix = f"{prefix.strip('/')}/" if prefix.strip("/") else ""
        self._client = client
        self._is_conditional: bool | None = None  # whether the server minds If-None-Match; None: not tried yet
        self._call("found", lambda: client.head_bucket(Bucket=bucket), tries=CONTACT_TRIES)

    @property
    def url(self) -> str:
        """``s3://bucket/prefix``."""
        return f"s3://{self._bucket}/{self._prefix}".rstrip("/")

    @property
    def address(self) -> str:
        """The URL; it does not depend on the working directory."""
        return self.url

    @property
    def folder(self) -> None:
        """A bucket is no local folder."""

    def put_if_absent(self, name: str, content: Content) -> bool:
        """Conditional PUT; True where this call created the object, also when the answer to its first try was lost.

        Raises:
            StoreError: the bucket cannot be written, or its server ignores the condition.
        """
        written = self._create(name, content)
        if written and self._is_conditional is None:
            # Servers that do not know the condition overwrite without a word: found out once, on our own object.
            self._is_conditional = not self._create(name, content, compare=False)
        if self._is_conditional is False:
            raise StoreError(
                f"store {self.url}: its server must honour conditional writes (If-None-Match), but it ignores them",
                "Use a server that does (AWS, MinIO, Ceph and others do in current versions), or a local folder.",
            )
        return written

    def replace(self, name: str, content: Content) -> None:
        """Unconditional PUT.

        Raises:
            StoreError: the bucket cannot be written.
        """
        with self._uploaded(name, content) as body:
            self._call("written", lambda: self._client.put_object(**self._key(name), Body=body()), name)

    def read(self, name: str) -> bytes | None:
        """The object's bytes, or None where there is none.

        Raises:
            StoreError: it cannot be read.
        """

        def get() -> bytes:
            body: bytes = self._client.get_object(**self._key(name))["Body"].read()
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
            received = self._client.get_object(**self._key(name))["Body"]
            return spooled(received.iter_chunks(PIECE_BYTES))

        with self._room(name):
            return self._call("read", get, name, absent=None)

    def exists(self, name: str) -> bool:
        """Whether there is such an object.

        Raises:
            StoreError: the bucket cannot be asked.
        """
        return self._call("looked at", lambda: bool(self._client.head_object(**self._key(name))), name, absent=False)

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
        ask = {"Bucket": self._bucket, "Prefix": f"{self._prefix}{folder}/", "Delimiter": "/"}
        while True:
            page = self._call("listed", lambda: self._client.list_objects_v2(**ask), folder)
            for about in page.get("Contents", ()):
                name = about["Key"].removeprefix(self._prefix)
                if name != f"{folder}/" and not name.rpartition("/")[2].startswith("."):
                    found[name] = int(about["Size"])
            if not page.get("IsTruncated"):
                return dict(sorted(found.items()))
            ask["ContinuationToken"] = page["NextContinuationToken"]

    def set_aside(self, name: str, reason: str) -> None:
        """Copy a damaged object to ``damaged/`` and delete it.

        Raises:
            StoreError: the bucket cannot be written.
        """
        target = f"damaged/{name.replace('/', '__')}.{secrets.token_hex(4)}"

        def move() -> None:
            self._client.copy_object(**self._key(target), CopySource=self._key(name))
            self._client.delete_object(**self._key(name))

        self._call(f"set aside ({reason})", move, name, absent=None)

    def remove(self, name: str) -> None:
        """Delete an object that is no record; none there is no error in S3.

        Raises:
            StoreError: the bucket cannot be written.
        """
        self._call("deleted", lambda: self._client.delete_object(**self._key(name)), name, absent=None)

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
                self._client.put_object(**self._key(name), Body=body(), IfNoneMatch="*")
            except ClientError as error:
                if _code(error) not in {"PreconditionFailed", "412"}:
                    raise
                return False
            return True

        with self._uploaded(name, content) as body:
            if self._call("written", put, name):
                return True
        return compare and tries > 1 and is_same(content, self.opened(name))

    def _key(self, name: str) -> dict[str, str]:
        return {"Bucket": self._bucket, "Key": self._prefix + name}

    def _call(
        self, done: str, call: Callable[[], T], name: str = "", *, absent: Any = ..., tries: int | None = None
    ) -> T:
        """``call``, again after a passing failure; ``absent`` is given back where there is no such object."""
        try:
            return patiently(call, _is_passing, tries)
        except (BotoCoreError, ClientError) as error:
            if absent is not ... and isinstance(error, ClientError) and _code(error) in _ABSENT_CODES:
                gone: T = absent
                return gone
            raise self._problem(done, name, error) from error

    def _problem(self, done: str, name: str, error: BotoCoreError | ClientError) -> StoreError:
        what = f"store {self.url}: {name or 'the bucket'} must be {done}"
        if isinstance(error, NoCredentialsError | PartialCredentialsError):
            return StoreError(
                f"{what}, but there are no credentials: {error}",
                "Set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or AWS_PROFILE.",
            )
        if isinstance(error, ClientError):
            code = _code(error)
            if code in {"NoSuchBucket", *_ABSENT_CODES} and not name:
                return StoreError(
                    f"{what}, but there is no bucket {self._bucket!r}", "Create it, or mend the name given."
                )
            if code in {"AccessDenied", "403", "InvalidAccessKeyId", "SignatureDoesNotMatch", "ExpiredToken"}:
                return StoreError(
                    f"{what}, but the server refuses these credentials ({code})",
                    "Check AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, and what they may do with this bucket.",
                )
        return StoreError(f"{what}, but: {error}", "Check AWS_ENDPOINT_URL, AWS_REGION and the network.")


def open_bucket(url: str) -> S3Bucket:
    """The bucket at ``s3://bucket/prefix``.

    Raises:
        StoreError: the URL names no bucket, or the bucket cannot be reached with these credentials.
    """
    if not url.removeprefix("s3://").partition("/")[0]:
        raise StoreError(f"an S3 store must look like s3://bucket/prefix, got {url!r}", "Name the bucket.")
    config = Config(
        connect_timeout=5,
        read_timeout=60,
        max_pool_connections=READERS,
        retries={"total_max_attempts": 1, "mode": "standard"},  # ours know when a conditional PUT was a second try
        request_checksum_calculation="when_required",  # records carry their own hash; some servers know no other
        response_checksum_validation="when_required",
    )
    try:
        client = boto3.session.Session().client("s3", config=config)
    except (BotoCoreError, ValueError) as error:
        raise StoreError(
            f"store {url}: must have usable AWS settings, but: {error}", "Check AWS_ENDPOINT_URL, AWS_REGION, ~/.aws."
        ) from error
    return S3Bucket(url, client)


def _code(error: ClientError) -> str:
    return str(error.response.get("Error", {}).get("Code", ""))


def _is_passing(error: Exception) -> bool:
    if not isinstance(error, ClientError):
        return isinstance(error, _PASSING)
    status = int(error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0))
    return status >= 500 or status == 429 or _code(error) in _PASSING_CODES
