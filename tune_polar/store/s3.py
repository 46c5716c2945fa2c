"""A bucket on S3, or on a server that speaks its protocol, as a place for a store: conditional PUTs by boto3.

Endpoint, region and credentials come the usual way: AWS_ENDPOINT_URL, AWS_REGION, AWS_ACCESS_KEY_ID, ~/.aws, roles.
"""

from __future__ import annotations

import contextlib
from typing import Any

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
from tune_polar.store.bucket import Bucket, Page, check_named
from tune_polar.store.retry import READERS
from tune_polar.store.s3_codes import ABSENT, PASSING, REFUSED, TAKEN, code_of
from tune_polar.store.s3_multipart import MultipartWriter
from tune_polar.store.spool import PIECE_BYTES, Body, body_bytes, spooled

SINGLE_BYTES = 2**30  # the most that is written by one call; S3 takes no more than 5 GiB
_PASSING_ERRORS = (ConnectionError, HTTPClientError, IncompleteReadError)


class S3Bucket(Bucket):
    """The objects of a bucket whose keys begin with a prefix."""

    scheme = "s3"
    condition = "If-None-Match"
    instead = "Use a server that does (AWS, MinIO, Ceph and others do in current versions), or a local folder."
    known = (BotoCoreError, ClientError)

    def __init__(self, url: str, client: Any) -> None:
        self._client = client
        super().__init__(url)

    def _contact(self) -> object:
        return self._client.head_bucket(Bucket=self._bucket)

    def _put(self, key: str, body: Body) -> object:
        if body_bytes(body) > SINGLE_BYTES:
            return self._by_parts().put(key, body)
        return self._client.put_object(**self._at(key), Body=body)

    def _put_new(self, key: str, body: Body) -> bool:
        if body_bytes(body) > SINGLE_BYTES:
            return self._by_parts().put(key, body, only_new=True)
        try:
            self._client.put_object(**self._at(key), Body=body, IfNoneMatch="*")
        except ClientError as error:
            if code_of(error) not in TAKEN:
                raise
            return False
        return True

    def _get(self, key: str) -> bytes:
        body: bytes = self._client.get_object(**self._at(key))["Body"].read()
        return body

    def _get_file(self, key: str) -> int:
        return spooled(self._client.get_object(**self._at(key))["Body"].iter_chunks(PIECE_BYTES))

    def _is_there(self, key: str) -> bool:
        return bool(self._client.head_object(**self._at(key)))

    def _page(self, prefix: str, token: Any) -> Page:
        after = {} if token is None else {"ContinuationToken": token}
        page = self._client.list_objects_v2(Bucket=self._bucket, Prefix=prefix, Delimiter="/", **after)
        found = [(about["Key"], int(about["Size"])) for about in page.get("Contents", ())]
        return found, page["NextContinuationToken"] if page.get("IsTruncated") else None

    def _copy(self, key: str, target: str) -> None:
        size = int(self._client.head_object(**self._at(key))["ContentLength"])
        if size > SINGLE_BYTES:
            self._by_parts().copy(key, target, size)
        else:
            self._client.copy_object(**self._at(target), CopySource=self._at(key))

    def _delete(self, key: str) -> object:
        return self._client.delete_object(**self._at(key))

    def remove_half_written(self) -> None:
        """Remove the parts of large objects that killed processes were writing a day ago or earlier."""
        # Only some may list them; whose bucket it is can have a rule for its lifecycle instead.
        with contextlib.suppress(*self.known):
            self._by_parts().remove_forsaken(self._prefix)

    def _by_parts(self) -> MultipartWriter:
        return MultipartWriter(self._client, self._bucket, self._is_passing)

    def _at(self, key: str) -> dict[str, str]:
        return {"Bucket": self._bucket, "Key": key}

    def _is_passing(self, error: Exception) -> bool:
        if not isinstance(error, ClientError):
            return isinstance(error, _PASSING_ERRORS)
        status = int(error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0))
        return status >= 500 or status == 429 or code_of(error) in PASSING

    def _is_absent(self, error: Exception) -> bool:
        return code_of(error) in ABSENT

    def _cause(self, error: Exception, name: str) -> tuple[str, str]:
        if isinstance(error, NoCredentialsError | PartialCredentialsError):
            remedy = "Set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or AWS_PROFILE."
            return f" there are no credentials: {error}", remedy
        code = code_of(error)
        if code in {"NoSuchBucket", *ABSENT} and not name:
            return f" there is no bucket {self._bucket!r}", "Create it, or mend the name given."
        if code in REFUSED:
            return (
                f" the server refuses these credentials ({code})",
                "Check AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, and what they may do with this bucket.",
            )
        return f": {error}", "Check AWS_ENDPOINT_URL, AWS_REGION and the network."


def open_bucket(url: str) -> S3Bucket:
    """The bucket at ``s3://bucket/prefix``.

    Raises:
        StoreError: the URL names no bucket, or the bucket cannot be reached with these credentials.
    """
    check_named(url, "s3", "an S3")
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
