"""A bucket on Google Cloud Storage, or on an emulator of it, as a place for a store: ``if_generation_match=0``.

Credentials come the usual way: GOOGLE_APPLICATION_CREDENTIALS, `gcloud auth application-default login`, the machine's
service account; STORAGE_EMULATOR_HOST names another server, which is asked without any.
"""

from __future__ import annotations

import contextlib
import os
import tempfile
from typing import Any

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
from tune_polar.store.bucket import Bucket, Page, check_named
from tune_polar.store.spool import Body

_WAIT_SECONDS = (5, 60)  # for a connection, for an answer
# Its own retries are off: ours know when a conditional upload was a second try.
_ONCE: dict[str, Any] = {"timeout": _WAIT_SECONDS, "retry": None}
_PASSING = (ServerError, TooManyRequests, TransportError, DataCorruption, requests.exceptions.RequestException)


class GcsBucket(Bucket):
    """The objects of a bucket whose names begin with a prefix."""

    scheme = "gs"
    condition = "ifGenerationMatch"
    instead = "Use Google Cloud Storage itself, or a local folder."
    known = (GoogleAPICallError, GoogleAuthError, DataCorruption, requests.exceptions.RequestException)

    def __init__(self, url: str, client: Any) -> None:
        self._client = client
        self._objects = client.bucket(url.removeprefix("gs://").partition("/")[0])
        super().__init__(url)

    def _contact(self) -> object:
        # Listing and not asking for the bucket itself: those who may use its objects may not always do that.
        return self._page(self._prefix, None, size=1)

    def _put(self, key: str, body: Body, **condition: int) -> object:
        blob = self._objects.blob(key)
        send = blob.upload_from_string if isinstance(body, bytes) else blob.upload_from_file
        return send(body, content_type="application/octet-stream", **condition, **_ONCE)

    def _put_new(self, key: str, body: Body) -> bool:
        try:
            self._put(key, body, if_generation_match=0)
        except PreconditionFailed:
            return False
        return True

    def _get(self, key: str) -> bytes:
        try:
            body: bytes = self._objects.blob(key).download_as_bytes(**_ONCE)
        except RequestRangeNotSatisfiable:  # an object of no bytes
            return b""
        return body

    def _get_file(self, key: str) -> int:
        with tempfile.TemporaryFile() as file:
            with contextlib.suppress(RequestRangeNotSatisfiable):  # an object of no bytes
                self._objects.blob(key).download_to_file(file, **_ONCE)
            file.flush()
            return os.dup(file.fileno())

    def _is_there(self, key: str) -> bool:
        return bool(self._objects.blob(key).exists(**_ONCE))

    def _page(self, prefix: str, token: Any, size: int | None = None) -> Page:
        listing = self._client.list_blobs(
            self._bucket, prefix=prefix, delimiter="/", page_token=token, max_results=size, **_ONCE
        )
        page = next(listing.pages, ())
        return [(str(blob.name), int(blob.size)) for blob in page], listing.next_page_token

    def _copy(self, key: str, target: str) -> object:
        return self._objects.copy_blob(self._objects.blob(key), self._objects, target, **_ONCE)

    def _delete(self, key: str) -> object:
        return self._objects.blob(key).delete(**_ONCE)

    def _is_passing(self, error: Exception) -> bool:
        return isinstance(error, _PASSING)

    def _is_absent(self, error: Exception) -> bool:
        return isinstance(error, NotFound)

    def _cause(self, error: Exception, name: str) -> tuple[str, str]:  # noqa: ARG002 - a bucket is missed at any name
        if isinstance(error, NotFound):
            return f" there is no bucket {self._bucket!r}", "Create it, or mend the name given."
        if isinstance(error, Unauthorized | Forbidden | GoogleAuthError):
            return (
                f" the server refuses these credentials: {error}",
                "Check GOOGLE_APPLICATION_CREDENTIALS, and what they may do with this bucket.",
            )
        return f": {error}", "Check STORAGE_EMULATOR_HOST, if it is set, and the network."


def open_gcs(url: str) -> GcsBucket:
    """The bucket at ``gs://bucket/prefix``.

    Raises:
        StoreError: the URL names no bucket, or the bucket cannot be reached with these credentials.
    """
    check_named(url, "gs", "a GCS")
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
