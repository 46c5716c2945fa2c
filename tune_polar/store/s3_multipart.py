"""Objects of S3 that are too large for one call: sent part by part, and there once the last call puts them together.

A part that fails for a passing reason is sent again by itself. An upload that fails for good is aborted, so that no
part of it lies in the bucket, where nobody would see it and somebody would pay for it.
"""

from __future__ import annotations

import contextlib
import datetime
import io
import secrets
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from tune_polar.store.retry import CONTACT_TRIES, patiently
from tune_polar.store.s3_codes import ABSENT, CONFLICT, TAKEN, UNKNOWN, code_of
from tune_polar.store.spool import Body, body_bytes

PART_BYTES = 2**26  # in memory at once; S3 takes no less than 5 MiB, but for the last part
MOST_PARTS = 10_000  # of one object
FORSAKEN_HOURS = 24  # an upload begun so long ago is nobody's any more
_TOKEN = "tune-polar-upload"  # metadata by which a writer knows its own object


class MultipartWriter:
    """Writes large objects of one bucket; ``s3.S3Bucket`` has one."""

    def __init__(self, client: Any, bucket: str, is_passing: Callable[[Exception], bool]) -> None:
        """``is_passing``: whether the same call may succeed a little later."""
        self._client = client
        self._bucket = bucket
        self._is_passing = is_passing

    def put(self, key: str, body: Body, *, only_new: bool = False) -> bool:
        """Write an object; whether it was written.

        Args:
            key: of the object.
            body: its content.
            only_new: not where there is such an object.

        Raises:
            BotoCoreError, ClientError: it cannot be written; what was sent of it is removed.
        """
        if only_new and self._found(key) is not None:  # before gigabytes are sent
            return False
        file = io.BytesIO(body) if isinstance(body, bytes) else body

        def send(place: Mapping[str, Any], first: int, count: int) -> str:
            file.seek(first)
            etag: str = self._client.upload_part(**place, Body=file.read(count))["ETag"]
            return etag

        return self._written(key, body_bytes(body), send, only_new)

    def copy(self, key: str, target: str, size: int) -> None:
        """Copy an object of ``size`` bytes within the bucket.

        Raises:
            BotoCoreError, ClientError: it cannot be copied; what was copied of it is removed.
        """
        source = {"Bucket": self._bucket, "Key": key}

        def send(place: Mapping[str, Any], first: int, count: int) -> str:
            span = f"bytes={first}-{first + count - 1}"
            done = self._client.upload_part_copy(**place, CopySource=source, CopySourceRange=span)
            etag: str = done["CopyPartResult"]["ETag"]
            return etag

        self._written(target, size, send, only_new=False)

    def remove_forsaken(self, prefix: str) -> None:
        """Abort what killed processes were writing below ``prefix``.

        Raises:
            BotoCoreError, ClientError: it cannot be listed or aborted.
        """
        before = datetime.datetime.now(datetime.UTC) - datetime.timedelta(hours=FORSAKEN_HOURS)
        pages = self._client.get_paginator("list_multipart_uploads").paginate(Bucket=self._bucket, Prefix=prefix)
        for upload in (each for page in pages for each in page.get("Uploads", ())):
            if upload["Initiated"] < before:
                self._client.abort_multipart_upload(Bucket=self._bucket, Key=upload["Key"], UploadId=upload["UploadId"])

    def _written(self, key: str, size: int, send: Callable[[Mapping[str, Any], int, int], str], only_new: bool) -> bool:
        """``send``: a part from its place, its first byte and its bytes; gives its ETag."""
        at, token = {"Bucket": self._bucket, "Key": key}, secrets.token_hex(16)
        begun = self._patiently(lambda: self._client.create_multipart_upload(**at, Metadata={_TOKEN: token}))
        upload = {**at, "UploadId": begun["UploadId"]}
        step = max(PART_BYTES, -(-size // MOST_PARTS))
        try:
            parts = []
            for number, first in enumerate(range(0, size, step), start=1):
                etag = self._patiently(partial(send, {**upload, "PartNumber": number}, first, min(step, size - first)))
                parts.append({"PartNumber": number, "ETag": etag})
            if self._completed(upload, parts, token, only_new):
                return True
        except BaseException:
            self._abort(upload)
            raise
        self._abort(upload)
        return False

    def _completed(self, upload: Mapping[str, Any], parts: list[dict[str, Any]], token: str, only_new: bool) -> bool:
        """Make an object of its parts; False where ``only_new`` and there is another."""
        key, tries = upload["Key"], 0
        condition = {"IfNoneMatch": "*"} if only_new else {}

        def complete() -> None:
            nonlocal tries
            tries += 1
            self._client.complete_multipart_upload(**upload, MultipartUpload={"Parts": parts}, **condition)

        try:
            self._patiently(complete)
        except ClientError as error:
            found = self._found(key)
            if tries > 1 and found == token:  # the answer to an earlier try was lost
                return True
            if only_new and found is not None and code_of(error) in {*TAKEN, CONFLICT}:
                return False
            if only_new and found is None and code_of(error) == UNKNOWN:
                return self._completed(upload, parts, token, only_new=False)
            raise
        return True

    def _found(self, key: str) -> str | None:
        """The token of the object of this name; "": it has none; None: there is no object."""
        try:
            about = self._patiently(lambda: self._client.head_object(Bucket=self._bucket, Key=key))
        except ClientError as error:
            if code_of(error) not in ABSENT:
                raise
            return None
        return str(about.get("Metadata", {}).get(_TOKEN, ""))

    def _abort(self, upload: Mapping[str, Any]) -> None:
        # What is told is why the upload failed. Of one that was completed after all there is nothing left to abort.
        with contextlib.suppress(BotoCoreError, ClientError):
            patiently(lambda: self._client.abort_multipart_upload(**upload), self._is_passing, CONTACT_TRIES)

    def _patiently(self, call: Callable[[], Any]) -> Any:
        # After a conflict the parts must be sent anew, and what a server does not know it will not learn.
        return patiently(call, lambda error: self._is_passing(error) and code_of(error) not in (CONFLICT, UNKNOWN))
