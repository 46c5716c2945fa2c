"""A store in a bucket: a real server on loopback, racing writers, and a server that fails one call in ten."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import boto3
import numpy as np
import pytest
from s3_server import Faults, faulty_server

from tune_polar.errors import StoreError
from tune_polar.evaluate.summary import summarise
from tune_polar.store.lease import Pulse, drivers, held_lease
from tune_polar.store.s3 import S3Bucket, open_bucket
from tune_polar.store.store import open_store

URL = "s3://records/searches/one"


@pytest.fixture
def faulty(whole: str, endpoint: Callable[[str], None]) -> Iterator[Faults]:
    """The same behind a server that fails one call in ten."""
    with faulty_server(whole, share=0.1) as (url, faults):
        endpoint(url)
        yield faults
        endpoint(whole)


def upload(folder: Path) -> None:
    """Copy a store's folder as any tool for buckets would."""
    client = boto3.client("s3")
    for path in folder.rglob("*"):
        if path.is_file():
            client.upload_file(str(path), "records", f"searches/one/{path.relative_to(folder)}")
    client.close()


def test_files_of_a_bucket(whole):
    files = open_bucket(URL)
    assert files.url == files.address == URL
    assert (files.read("a/x.json"), files.exists("a/x.json"), files.names("a")) == (None, False, [])
    assert files.put_if_absent("a/x.json", b"first")
    assert not files.put_if_absent("a/x.json", b"second")
    assert files.put_if_absent("a/b/deeper.json", b"")
    assert files.put_if_absent("a/y.json", b"yy")
    assert files.put_if_absent("ab/z.json", b"")
    assert files.read("a/x.json") == b"first"
    assert files.sizes("a") == {"a/x.json": 5, "a/y.json": 2}
    assert files.names("a") == ["a/x.json", "a/y.json"]
    assert list(files.read_many(["a/y.json", "a/none", "a/x.json"])) == [
        ("a/y.json", b"yy"),
        ("a/none", None),
        ("a/x.json", b"first"),
    ]
    files.replace("a/y.json", b"new")
    assert files.read("a/y.json") == b"new"
    assert open_bucket("s3://records").read("searches/one/a/y.json") == b"new"


def test_a_damaged_object_is_moved_and_kept(whole):
    files = open_bucket(URL)
    files.put_if_absent("records/x.json", b"torn")
    files.set_aside("records/x.json", "damaged")
    files.set_aside("records/x.json", "somebody else was first")
    assert not files.exists("records/x.json")
    assert [content for _, content in files.read_many(files.names("damaged"))] == [b"torn"]


def test_more_objects_than_a_page_holds(whole):
    files = open_bucket(URL)
    for number in range(7):
        files.put_if_absent(f"many/{number}.json", b"x" * number)
    paged, ask = open_bucket(URL), boto3.client("s3")

    class TwoAtATime:
        def __getattr__(self, name: str) -> object:
            return getattr(ask, name)

        def list_objects_v2(self, **words: object) -> object:
            return ask.list_objects_v2(**words, MaxKeys=2)

    paged._client = TwoAtATime()
    assert paged.sizes("many") == {f"many/{n}.json": n for n in range(7)}
    ask.close()


WRITERS, ROUNDS = 5, 8


@pytest.mark.parametrize("share", [0.0, 0.1])
def test_of_many_writers_exactly_one_writes_a_name(whole, endpoint, share):
    with faulty_server(whole, share) as (url, faults), ThreadPoolExecutor(WRITERS) as pool:
        endpoint(url)
        writers = [open_bucket(URL) for _ in range(WRITERS)]
        for number in range(ROUNDS):
            name = f"records/{number}.json"
            put = [pool.submit(w.put_if_absent, name, b"%d" % n) for n, w in enumerate(writers)]
            won = [n for n, done in enumerate(put) if done.result()]
            assert [writers[0].read(name)] == [b"%d" % n for n in won]
        endpoint(whole)
    assert (faults.lost_answers > 0) == (share > 0)


def test_a_server_that_fails_one_call_in_ten_loses_no_record(faulty):
    files = open_bucket(URL)
    contents = {f"folds/{n}.json": b"record %d" % n for n in range(80)}
    assert all(files.put_if_absent(name, content) for name, content in contents.items())
    assert not any(files.put_if_absent(name, b"another") for name in list(contents)[:30])
    assert dict(files.read_many(files.names("folds"))) == contents
    assert min(faulty.refused, faulty.dropped, faulty.lost_answers) > 1


def test_a_put_whose_answer_was_lost_knows_its_own_object(whole, endpoint):
    with faulty_server(whole, share=0.0) as (url, faults):
        endpoint(url)
        files = open_bucket(URL)
        files.put_if_absent("first", b"")
        kinds = iter(["lost_answers"])
        faults.next = lambda: next(kinds, "pass")  # type: ignore[method-assign]
        assert files.put_if_absent("x", b"mine")
        kinds = iter(["refused"])
        assert not files.put_if_absent("x", b"not mine")
        endpoint(whole)


def test_a_server_that_ignores_the_condition_is_refused(whole):
    files, client = open_bucket(URL), boto3.client("s3")

    class Old:
        def __getattr__(self, name: str) -> object:
            return getattr(client, name)

        def put_object(self, IfNoneMatch: str = "", **words: object) -> object:  # noqa: N803 (boto3's name)
            return client.put_object(**words)

    files = S3Bucket(URL, Old())
    for _ in range(2):
        with pytest.raises(StoreError, match="must honour conditional writes"):
            files.put_if_absent("x", b"")
    client.close()


def test_a_search_in_a_bucket_says_what_its_folder_says(search, recipe_of, whole):
    search.put(recipe_of())
    search.put(recipe_of(finder__optimizer__lr=2e-3), 1, folds=(0, 2), origin="sampled")
    upload(search.folder)
    here, there = summarise(search.store), summarise(open_store(URL))
    assert there.url == URL
    assert [c.configuration for c in there.configurations] == [c.configuration for c in here.configurations]
    assert [c.state for c in there.configurations] == ["finished", "incomplete"]
    assert there.best.scores == here.best.scores
    again = summarise(open_store(URL), "scores")
    assert again.best.scores == here.best.scores


def test_records_are_written_and_read_through_faults(new_search, recipe_of, faulty):
    search = new_search()
    upload_target = open_store(URL)
    upload_target.create(search.store.manifest(), search.gold)
    search.store = upload_target
    for number, lr in enumerate((1e-3, 2e-3)):
        search.put(recipe_of(finder__optimizer__lr=lr), number)
    summary = summarise(upload_target)
    assert [c.state for c in summary.configurations] == ["finished", "finished"]
    assert np.isfinite(summary.best.scores.score)
    assert faulty.calls > 50


def test_a_damaged_object_costs_its_own_work_only(search, recipe_of, whole, caplog):
    search.put(recipe_of())
    upload(search.folder)
    store = open_store(URL)
    (name,) = [name for name in store.files.names("folds") if "-f1-" in name]
    store.files.replace(name, b"torn")
    assert sorted(fold.fold for fold in store.folds()) == [0, 2]
    assert "set aside, its work will be done again" in caplog.text
    assert store.put_fold(search.record(search.configuration(), search.cells[1]))
    assert len(store.folds()) == 3


def test_one_driver_a_bucket(faulty):
    pulse = Pulse(every_seconds=0.3, stale_seconds=2.0)
    first, second = open_bucket(URL), open_bucket(URL)
    with (
        held_lease(first, lambda: None, pulse),
        pytest.raises(StoreError, match="one driver at a time"),
        held_lease(second, lambda: None, pulse),
    ):
        pass
    with held_lease(second, lambda: None, pulse) as holder:
        assert holder.generation == 2
    assert [d.released for d in drivers(first)] == [True, True]


@pytest.mark.parametrize(
    ("change", "url", "message"),
    [
        ({}, "s3://absent/x", "the bucket must be found, but there is no bucket 'absent'\n  Remedy: Create it"),
        ({}, "s3://", "must look like s3://bucket/prefix, got 's3://'"),
        (
            {"AWS_ENDPOINT_URL": "http://127.0.0.1:9"},
            URL,
            "Could not connect to the endpoint.*\n  Remedy: Check",
        ),
        ({"AWS_ENDPOINT_URL": "nonsense"}, URL, "must have usable AWS settings, but: Invalid endpoint"),
        ({"AWS_ACCESS_KEY_ID": ""}, URL, "there are no credentials|Partial credentials"),
    ],
)
def test_what_cannot_be_opened_is_told_quickly_with_a_remedy(whole, monkeypatch, change, url, message):
    for name, value in change.items():
        monkeypatch.setenv(name, value) if value else monkeypatch.delenv(name)
    if not all(change.values()):
        monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
        monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", "/none")
    started = time.monotonic()
    with pytest.raises(StoreError, match=message):
        open_store(url)
    assert time.monotonic() - started < 5


def test_without_boto3_the_extra_is_named():
    program = (
        "import sys; sys.modules['boto3'] = None\n"
        "from tune_polar.store.store import open_store\n"
        "from tune_polar.errors import StoreError\n"
        "try: open_store('s3://bucket/x')\n"
        "except StoreError as error: print(error)\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False, timeout=60)
    assert "must have boto3 to be opened, but it is not installed" in done.stdout, done.stderr
    assert "Remedy: Install it with `pip install 'tune-polar[s3]'`." in done.stdout
