"""Objects on S3 that are too large for one call: a real server, a low threshold, and parts as small as it takes."""

from __future__ import annotations

import datetime
from collections.abc import Callable, Iterator
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError
from s3_server import faulty_server

from tune_polar.errors import StoreError
from tune_polar.store import s3, s3_multipart
from tune_polar.store.s3 import S3Bucket, open_bucket

URL = "s3://records/searches/one"
MIB = 2**20
LEAST_PART = 5 * MIB  # of S3, and of the server here


class Pieces:
    """A content of 12 MiB and a bit, in pieces that are no parts."""

    def __init__(self, mark: bytes = b"x") -> None:
        self._pieces = [bytes([65 + n]) * (MIB - n) for n in range(12)] + [b"the rest of " + mark]

    def __len__(self) -> int:
        return sum(map(len, self._pieces))

    def __iter__(self) -> Iterator[bytes]:
        return iter(self._pieces)

    @property
    def whole(self) -> bytes:
        return b"".join(self._pieces)


class Client:
    """A client of the server, that notes what it is asked and may answer in the server's place."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.largest = 0  # bytes of one call
        self.instead: dict[str, Callable[..., Any]] = {}
        self._client = boto3.client("s3")

    def __getattr__(self, name: str) -> Any:
        known = getattr(self._client, name)

        def ask(**words: Any) -> Any:
            self.asked.append(name)
            if isinstance(words.get("Body"), bytes):
                self.largest = max(self.largest, len(words["Body"]))
            return self.instead.get(name, known)(**words)

        return ask if name not in ("get_paginator", "close") else known

    def uploads(self) -> list[str]:
        """Keys of what is half-uploaded."""
        return [each["Key"] for each in self._client.list_multipart_uploads(Bucket="records").get("Uploads", ())]


def refused(code: str, status: int) -> Callable[..., Any]:
    def answer(**_: Any) -> Any:
        raise ClientError({"Error": {"Code": code}, "ResponseMetadata": {"HTTPStatusCode": status}}, "Asked")

    return answer


@pytest.fixture(autouse=True)
def lowered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(s3, "SINGLE_BYTES", LEAST_PART)
    monkeypatch.setattr(s3_multipart, "PART_BYTES", LEAST_PART)


@pytest.fixture
def client(whole: str) -> Iterator[Client]:
    found = Client()
    yield found
    found.close()


@pytest.fixture
def files(client: Client) -> S3Bucket:
    return S3Bucket(URL, client)


def test_a_large_object_goes_and_comes_whole(files: S3Bucket, client: Client) -> None:
    content = Pieces()
    assert files.put_if_absent("weights/a", content)
    assert client.asked.count("upload_part") == 3
    assert "put_object" not in client.asked
    assert client.largest == LEAST_PART, "no more than a part is in memory"
    assert files.read("weights/a") == content.whole
    files.replace("weights/a", Pieces(b"another"))
    assert files.read("weights/a") == Pieces(b"another").whole
    files.replace("weights/b", content.whole)
    assert files.read("weights/b") == content.whole
    assert client.uploads() == []


def test_a_small_one_goes_in_one_call(files: S3Bucket, client: Client) -> None:
    assert files.put_if_absent("folds/x.json", b"record")
    files.replace("checkpoints/x", b"y" * LEAST_PART)
    files.set_aside("checkpoints/x", "damaged")
    assert not [name for name in client.asked if "upload" in name]


def test_where_there_is_one_already_nothing_is_sent(files: S3Bucket, client: Client) -> None:
    files.replace("weights/a", b"earlier")
    assert not files.put_if_absent("weights/a", Pieces())
    assert "create_multipart_upload" not in client.asked
    assert files.read("weights/a") == b"earlier"


@pytest.mark.parametrize("answer", [None, refused("ConditionalRequestConflict", 409)])
def test_who_is_later_to_complete_leaves_the_earlier_one(
    files: S3Bucket, client: Client, answer: Callable[..., Any] | None
) -> None:
    """The condition is the server's: another writer may come while parts are being sent."""
    send, first = client._client.upload_part, []

    def meanwhile(**words: Any) -> Any:
        if not first:
            first.append(client._client.put_object(Bucket="records", Key="searches/one/weights/a", Body=b"earlier"))
        return send(**words)

    client.instead["upload_part"] = meanwhile
    if answer is not None:
        client.instead["complete_multipart_upload"] = answer
    assert not files.put_if_absent("weights/a", Pieces())
    assert files.read("weights/a") == b"earlier"
    assert client.uploads() == []


def test_a_server_that_knows_no_condition_there_completes_without_one(files: S3Bucket, client: Client) -> None:
    complete = client._client.complete_multipart_upload

    def old(**words: Any) -> Any:
        return refused("NotImplemented", 501)() if "IfNoneMatch" in words else complete(**words)

    client.instead["complete_multipart_upload"] = old
    assert files.put_if_absent("weights/a", Pieces())
    assert not files.put_if_absent("weights/a", Pieces(b"another"))
    assert files.read("weights/a") == Pieces().whole


@pytest.mark.parametrize("call", ["upload_part", "complete_multipart_upload"])
@pytest.mark.parametrize("write", ["put_if_absent", "replace"])
def test_an_upload_that_fails_leaves_nothing(files: S3Bucket, client: Client, call: str, write: str) -> None:
    client.instead[call] = refused("AccessDenied", 403)
    with pytest.raises(StoreError, match="weights/a must be written, but the server refuses these credentials"):
        getattr(files, write)("weights/a", Pieces())
    assert client.asked[-1] == "abort_multipart_upload"
    assert client.uploads() == []
    assert files.read("weights/a") is None


def test_an_upload_that_is_interrupted_leaves_nothing(files: S3Bucket, client: Client) -> None:
    def interrupted(**_: Any) -> Any:
        raise KeyboardInterrupt

    client.instead["upload_part"] = interrupted
    with pytest.raises(KeyboardInterrupt):
        files.put_if_absent("weights/a", Pieces())
    assert client.uploads() == []


def test_a_part_that_fails_for_a_passing_reason_is_sent_again_by_itself(files: S3Bucket, client: Client) -> None:
    send, failed = client._client.upload_part, iter([2, 2, 3])
    due = [next(failed)]

    def shaky(**words: Any) -> Any:
        if words["PartNumber"] == due[0]:
            due[0] = next(failed, 0)
            return refused("SlowDown", 503)()
        return send(**words)

    client.instead["upload_part"] = shaky
    assert files.put_if_absent("weights/a", Pieces())
    assert client.asked.count("create_multipart_upload") == 1
    assert client.asked.count("upload_part") == 3 + 3
    assert files.read("weights/a") == Pieces().whole


@pytest.mark.parametrize("then", ["PreconditionFailed", "NoSuchUpload"])
def test_who_lost_the_last_answer_knows_its_own_object(files: S3Bucket, client: Client, then: str) -> None:
    complete, answers = client._client.complete_multipart_upload, iter([refused("InternalError", 500)])

    def lost(**words: Any) -> Any:
        if (answer := next(answers, None)) is None:
            return refused(then, 412)()
        complete(**words)
        return answer()

    client.instead["complete_multipart_upload"] = lost
    assert files.put_if_absent("weights/a", Pieces())
    assert client.asked.count("create_multipart_upload") == 1, "gigabytes are not sent again"
    assert files.read("weights/a") == Pieces().whole
    with pytest.raises(StoreError, match="weights/b must be written"):
        files.replace("weights/b", Pieces())  # refused at its first try: there is none


def test_large_objects_pass_through_faults(whole: str, endpoint: Callable[[str], None]) -> None:
    with faulty_server(whole, share=0.0) as (url, faults):
        endpoint(url)
        files = open_bucket(URL)
        faults.share = 0.3
        for number in range(3):
            assert files.put_if_absent(f"weights/{number}", Pieces(b"%d" % number))
            assert files.read(f"weights/{number}") == Pieces(b"%d" % number).whole
        endpoint(whole)
    assert min(faults.refused, faults.dropped, faults.lost_answers) > 0


def test_a_large_damaged_object_is_moved_by_the_server(files: S3Bucket, client: Client) -> None:
    content = Pieces()
    files.replace("weights/a", content)
    client.asked.clear()
    files.set_aside("weights/a", "damaged")
    assert client.asked.count("upload_part_copy") == 3
    assert not {"copy_object", "upload_part", "get_object"} & set(client.asked)
    files.set_aside("weights/a", "somebody else was first")
    assert not files.exists("weights/a")
    assert [found for _, found in files.read_many(files.names("damaged"))] == [content.whole]
    assert client.uploads() == []


def test_a_copy_that_fails_leaves_both_as_they_were(files: S3Bucket, client: Client) -> None:
    files.replace("weights/a", Pieces())
    client.instead["upload_part_copy"] = refused("AccessDenied", 403)
    with pytest.raises(StoreError, match="weights/a must be set aside"):
        files.set_aside("weights/a", "damaged")
    assert files.read("weights/a") == Pieces().whole
    assert files.names("damaged") == []
    assert client.uploads() == []


def test_an_object_has_no_more_parts_than_it_may_have(
    files: S3Bucket, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(s3_multipart, "MOST_PARTS", 2)
    assert files.put_if_absent("weights/a", Pieces())
    assert client.asked.count("upload_part") == 2
    assert files.read("weights/a") == Pieces().whole


def test_what_a_killed_process_was_writing_is_removed_a_day_later(
    files: S3Bucket, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    for key in ("searches/one/weights/a", "searches/other/weights/a"):
        client._client.create_multipart_upload(Bucket="records", Key=key)
    begun = client._client.list_multipart_uploads(Bucket="records")["Uploads"][0]["Initiated"]
    age = datetime.datetime.now(datetime.UTC) - begun
    monkeypatch.setattr(s3_multipart, "FORSAKEN_HOURS", age / datetime.timedelta(hours=1) + 1)
    files.remove_half_written()
    assert len(client.uploads()) == 2, "it may be running"
    monkeypatch.setattr(s3_multipart, "FORSAKEN_HOURS", 24)
    files.remove_half_written()
    assert client.uploads() == ["searches/other/weights/a"]
    client.instead["abort_multipart_upload"] = refused("AccessDenied", 403)
    S3Bucket("s3://records/searches/other", client).remove_half_written()
    client._client.abort_multipart_upload(Bucket="records", Key=key, UploadId=upload_id(client))


def upload_id(client: Client) -> str:
    (upload,) = client._client.list_multipart_uploads(Bucket="records")["Uploads"]
    found: str = upload["UploadId"]
    return found
