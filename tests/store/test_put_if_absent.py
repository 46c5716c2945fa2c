"""A name is written whole and once, whoever else writes at the same time."""

from __future__ import annotations

import multiprocessing
import os
from pathlib import Path

import pytest

from tune_polar.errors import StoreError
from tune_polar.store.filesystem import LocalFolder
from tune_polar.store.store import open_store

WRITERS, ROUNDS, SIZE = 4, 25, 200_000


def race(folder: str, writer: int, barrier, won) -> None:
    files = LocalFolder(Path(folder))
    for number in range(ROUNDS):
        barrier.wait()
        if files.put_if_absent(f"records/{number}.json", bytes([writer]) * SIZE):
            won.put((number, writer))


def test_of_many_processes_exactly_one_writes_a_name(tmp_path):
    context = multiprocessing.get_context("spawn")
    barrier, won = context.Barrier(WRITERS), context.Queue()
    processes = [context.Process(target=race, args=(str(tmp_path), n, barrier, won)) for n in range(1, WRITERS + 1)]
    for process in processes:
        process.start()
    winners = [won.get(timeout=60) for _ in range(ROUNDS)]
    for process in processes:
        process.join(timeout=60)
    assert [process.exitcode for process in processes] == [0] * WRITERS
    assert won.empty()
    assert sorted(number for number, _ in winners) == list(range(ROUNDS))
    files = LocalFolder(tmp_path)
    for number, writer in winners:
        assert files.read(f"records/{number}.json") == bytes([writer]) * SIZE
    assert sorted(os.listdir(tmp_path / "records")) == sorted(f"{number}.json" for number in range(ROUNDS))


def test_a_second_write_changes_nothing(tmp_path):
    files = LocalFolder(tmp_path)
    assert files.put_if_absent("folder/name", b"first")
    assert not files.put_if_absent("folder/name", b"second")
    assert files.read("folder/name") == b"first"


def test_a_write_that_was_cut_off_is_as_if_it_had_never_begun(tmp_path):
    files = LocalFolder(tmp_path)
    files.put_if_absent("records/whole.json", b"whole")
    (tmp_path / "records" / ".torn.json.123-abcd").write_bytes(b"to")
    assert files.names("records") == ["records/whole.json"]
    assert files.read("records/torn.json") is None
    assert files.put_if_absent("records/torn.json", b"again")


def test_what_is_not_there(tmp_path):
    files = LocalFolder(tmp_path / "absent")
    assert files.names("records") == []
    assert files.read("records/x.json") is None
    assert not files.exists("records/x.json")
    assert not (tmp_path / "absent").exists()


def test_a_damaged_file_is_moved_and_kept(tmp_path):
    files = LocalFolder(tmp_path)
    for content in (b"one", b"two"):
        files.put_if_absent("records/x.json", content)
        files.set_aside("records/x.json", "damaged")
    files.set_aside("records/x.json", "somebody else was first")
    assert not files.exists("records/x.json")
    assert sorted(path.read_bytes() for path in (tmp_path / "damaged").iterdir()) == [b"one", b"two"]


@pytest.fixture
def unwritable(tmp_path: Path) -> list[str]:
    """Places where nothing can be written, by root neither."""
    (tmp_path / "file").write_bytes(b"")
    return [str(tmp_path / "file" / "store"), "/proc/store", "/dev/null/store"]


def test_a_place_that_cannot_be_written_is_named_with_a_remedy(unwritable):
    for place in unwritable:
        with pytest.raises(StoreError, match=r"must be written, but: .*\n  Remedy: Give a folder that can be"):
            LocalFolder(Path(place)).put_if_absent("records/x.json", b"")


def test_a_name_taken_by_a_file_where_a_folder_is_due(tmp_path):
    (tmp_path / "records").write_bytes(b"")
    files = LocalFolder(tmp_path)
    with pytest.raises(StoreError, match=r"records/x.json must be .*a folder of the store's own, and is a file"):
        files.put_if_absent("records/x.json", b"")
    with pytest.raises(
        StoreError, match=r"records must be read, but: it must be a folder of the store's own, and is a file"
    ):
        files.read("records/x.json")


def test_names_too_long_are_a_store_error(tmp_path):
    files = LocalFolder(tmp_path)
    for ask in (files.exists, files.read, lambda name: files.put_if_absent(name, b"")):
        with pytest.raises(StoreError, match="File name too long"):
            ask("x" * 300)


@pytest.mark.parametrize(
    ("place", "message"),
    [
        (
            "ftp://host/search",
            "store must be a folder, s3://bucket/prefix or gs://bucket/prefix, got .ftp://host/search.",
        ),
        ("", "store must be a folder, but '' is not"),
        ("nul\0", r"store must be a folder, but 'nul\\x00' is not"),
        ("x" * 5000, "store must be a folder, but .*: File name too long"),
    ],
)
def test_what_is_no_folder_is_refused(place, message):
    with pytest.raises(StoreError, match=message):
        open_store(place)


def test_a_file_is_no_store(tmp_path):
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(StoreError, match=r"store must be a folder, but .*file' is not"):
        open_store(tmp_path / "file")


def test_a_file_of_more_than_one_read_of_the_system_is_read_whole(tmp_path):
    """Linux reads at most 2,147,479,552 bytes at once; checkpoints are larger."""
    (tmp_path / "checkpoints").mkdir()
    with (tmp_path / "checkpoints/large").open("wb") as file:
        file.truncate(2**31 + 5)
        file.seek(2**31)
        file.write(b"\x01end\x02")
    content = LocalFolder(tmp_path).read("checkpoints/large")
    assert content is not None
    assert len(content) == 2**31 + 5
    assert content[-5:] == b"\x01end\x02"


@pytest.mark.parametrize("write", ["put_if_absent", "replace"])
def test_what_is_too_large_to_be_read_again_is_not_written(tmp_path, write):
    files = LocalFolder(tmp_path)
    with pytest.raises(StoreError, match=r"folds/x\.json must be written, but: it has 67,108,865 bytes"):
        getattr(files, write)("folds/x.json", bytes(2**26 + 1))
    assert list(tmp_path.rglob("*.json")) == []
    assert list(tmp_path.rglob("*.tmp")) == []
