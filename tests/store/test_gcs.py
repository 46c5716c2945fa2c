"""A store on Google Cloud Storage: its own client against a server on loopback, racing writers, lost answers."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from gcs_server import Cloud, gcs_server

from tune_polar.errors import StoreError
from tune_polar.evaluate.summary import summarise
from tune_polar.store.gcs import open_gcs
from tune_polar.store.lease import Pulse, drivers, held_lease
from tune_polar.store.store import open_store

URL = "gs://records/searches/one"


@pytest.fixture
def cloud(monkeypatch: pytest.MonkeyPatch) -> Iterator[Cloud]:
    with gcs_server() as server:
        monkeypatch.setenv("STORAGE_EMULATOR_HOST", server.url)
        yield server


@pytest.fixture
def faulty(monkeypatch: pytest.MonkeyPatch) -> Iterator[Cloud]:
    """The same, but one call in ten fails."""
    with gcs_server(share=0.1) as server:
        monkeypatch.setenv("STORAGE_EMULATOR_HOST", server.url)
        yield server


def test_files_of_a_bucket(cloud: Cloud) -> None:
    files = open_gcs(URL)
    assert files.url == files.address == URL
    assert files.folder is None
    assert (files.read("a/x.json"), files.exists("a/x.json"), files.names("a")) == (None, False, [])
    assert files.put_if_absent("a/x.json", b"first")
    assert not files.put_if_absent("a/x.json", b"second")
    assert files.put_if_absent("a/b/deeper.json", b"")
    assert files.put_if_absent("a/y.json", b"y\r\n\r\ny\x00\xff")
    assert files.put_if_absent("ab/z.json", b"")
    assert files.exists("a/x.json")
    assert (files.read("a/x.json"), files.read("ab/z.json")) == (b"first", b"")
    assert files.sizes("a") == {"a/x.json": 5, "a/y.json": 8}
    assert list(files.read_many(["a/y.json", "a/none", "a/x.json"])) == [
        ("a/y.json", b"y\r\n\r\ny\x00\xff"),
        ("a/none", None),
        ("a/x.json", b"first"),
    ]
    files.replace("a/y.json", b"new")
    assert files.read("a/y.json") == b"new"
    assert open_gcs("gs://records").read("searches/one/a/y.json") == b"new"


def test_a_file_that_is_no_record_can_be_removed(cloud: Cloud) -> None:
    files = open_gcs(URL)
    files.put_if_absent("checkpoints/x", b"state")
    files.remove("checkpoints/x")
    files.remove("checkpoints/x")
    assert not files.exists("checkpoints/x")
    files.remove_half_written()


def test_a_damaged_object_is_moved_and_kept(cloud: Cloud) -> None:
    files = open_gcs(URL)
    files.put_if_absent("records/x.json", b"torn")
    files.set_aside("records/x.json", "damaged")
    files.set_aside("records/x.json", "somebody else was first")
    assert not files.exists("records/x.json")
    assert [content for _, content in files.read_many(files.names("damaged"))] == [b"torn"]


def test_more_objects_than_a_page_holds(cloud: Cloud) -> None:
    files = open_gcs(URL)
    for number in range(7):
        files.put_if_absent(f"many/{number}.json", b"x" * number)
    assert files.sizes("many") == {f"many/{n}.json": n for n in range(7)}


@pytest.mark.parametrize("share", [0.0, 0.1])
def test_of_many_writers_exactly_one_writes_a_name(monkeypatch: pytest.MonkeyPatch, share: float) -> None:
    with gcs_server(share) as server, ThreadPoolExecutor(5) as pool:
        monkeypatch.setenv("STORAGE_EMULATOR_HOST", server.url)
        writers = [open_gcs(URL) for _ in range(5)]
        for number in range(12):
            name = f"records/{number}.json"
            put = [pool.submit(w.put_if_absent, name, b"%d" % n) for n, w in enumerate(writers)]
            won = [n for n, done in enumerate(put) if done.result()]
            assert [writers[0].read(name)] == [b"%d" % n for n in won]
    assert (server.faults.lost_answers > 0) == (share > 0)


def test_a_server_that_fails_one_call_in_ten_loses_no_record(faulty: Cloud) -> None:
    files = open_gcs(URL)
    contents = {f"folds/{n}.json": b"record %d" % n for n in range(80)}
    assert all(files.put_if_absent(name, content) for name, content in contents.items())
    assert not any(files.put_if_absent(name, b"another") for name in list(contents)[:30])
    assert dict(files.read_many(files.names("folds"))) == contents
    assert min(faulty.faults.refused, faulty.faults.dropped, faulty.faults.lost_answers) > 1


def test_a_put_whose_answer_was_lost_knows_its_own_object(cloud: Cloud) -> None:
    files = open_gcs(URL)
    files.put_if_absent("first", b"")
    kinds = iter(["lost_answers"])
    cloud.faults.next = lambda: next(kinds, "pass")  # type: ignore[method-assign]
    assert files.put_if_absent("x", b"mine")
    kinds = iter(["refused"])
    assert not files.put_if_absent("x", b"not mine")


def test_a_server_that_ignores_the_condition_is_refused(cloud: Cloud) -> None:
    cloud.honours_conditions = False
    files = open_gcs(URL)
    for _ in range(2):
        with pytest.raises(StoreError, match=r"must honour conditional writes \(ifGenerationMatch\)"):
            files.put_if_absent("x", b"")


def test_a_search_in_a_bucket_says_what_its_folder_says(search, recipe_of, cloud: Cloud) -> None:
    search.put(recipe_of())
    search.put(recipe_of(finder__optimizer__lr=2e-3), 1, folds=(0, 2), origin="sampled")
    copy(search.folder, cloud)
    here, there = summarise(search.store), summarise(open_store(URL))
    assert there.url == URL
    assert [c.state for c in there.configurations] == ["finished", "incomplete"]
    assert here.best is not None
    assert there.best is not None
    assert there.best.scores == here.best.scores


def copy(folder: Path, cloud: Cloud) -> None:
    """As `gcloud storage cp -r` would."""
    for path in folder.rglob("*"):
        if path.is_file():
            cloud.buckets["records"][f"searches/one/{path.relative_to(folder)}"] = path.read_bytes()


def test_one_driver_a_bucket(faulty: Cloud) -> None:
    pulse = Pulse(every_seconds=0.3, stale_seconds=2.0)
    first, second = open_gcs(URL), open_gcs(URL)
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
    ("url", "message"),
    [
        ("gs://absent/x", "the bucket must be found, but there is no bucket 'absent'\n  Remedy: Create it"),
        ("gs://", "must look like gs://bucket/prefix, got 'gs://'"),
        ("gs://-bad-/x", "must name a bucket, but: "),
    ],
)
def test_what_cannot_be_opened_is_told_with_a_remedy(cloud: Cloud, url: str, message: str) -> None:
    with pytest.raises(StoreError, match=message):
        open_store(url)


def test_refused_credentials_are_told(cloud: Cloud) -> None:
    cloud.forbidden = True
    with pytest.raises(StoreError, match=r"refuses these credentials.*\n  Remedy: Check GOOGLE_APPLICATION"):
        open_store(URL)


def test_no_server_is_told_quickly(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STORAGE_EMULATOR_HOST", "http://127.0.0.1:9")
    started = time.monotonic()
    with pytest.raises(StoreError, match=r"Connection refused.*\n  Remedy: Check STORAGE_EMULATOR_HOST"):
        open_store(URL)
    assert time.monotonic() - started < 5


def test_no_credentials_are_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("STORAGE_EMULATOR_HOST", raising=False)
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", "/none.json")
    with pytest.raises(StoreError, match=r"must have credentials to be opened.*\n  Remedy: Set GOOGLE_APPLICATION"):
        open_store(URL)


def test_without_the_library_the_extra_is_named() -> None:
    program = (
        "import sys; sys.modules['google.cloud.storage'] = None\n"
        "from tune_polar.store.store import open_store\n"
        "from tune_polar.errors import StoreError\n"
        "try: open_store('gs://bucket/x')\n"
        "except StoreError as error: print(error)\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False, timeout=60)
    assert "must have google-cloud-storage to be opened, but it is not installed" in done.stdout, done.stderr
    assert "Remedy: Install it with `pip install 'tune-polar[gcs]'`." in done.stdout
