"""One driver a store: the living are left alone, the dead are succeeded, and no clock is asked."""

from __future__ import annotations

import dataclasses
import json
import logging
import multiprocessing
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from tune_polar.errors import StoreError
from tune_polar.store import lease
from tune_polar.store.codec import decode_json, encode_json
from tune_polar.store.filesystem import LocalFolder
from tune_polar.store.lease import Pulse, drivers, held_lease

QUICK = Pulse(every_seconds=0.1, stale_seconds=1.0)

HOLD = """
import sys, time
from pathlib import Path
from tune_polar.store.filesystem import LocalFolder
from tune_polar.store.lease import Pulse, held_lease
with held_lease(LocalFolder(Path(sys.argv[1])), lambda: None, Pulse(0.1, 1.0)):
    print("held", flush=True)
    time.sleep(60)
"""


def nobody() -> None:
    raise AssertionError("the lease was not lost")


@pytest.fixture
def files(tmp_path: Path) -> LocalFolder:
    return LocalFolder(tmp_path / "store")


def as_of_another_machine(files: LocalFolder, generation: int, **changes: object) -> None:
    """Rewrite a lease as if its holder ran elsewhere."""
    path = files.folder / f"lease/{generation:06d}.json"
    path.write_bytes(encode_json({**decode_json(path.read_bytes()), "machine": "elsewhere", **changes}))


def test_it_is_held_and_given_back(files):
    for generation in (1, 2, 3):
        with held_lease(files, nobody, QUICK) as holder:
            assert (holder.generation, holder.pid) == (generation, os.getpid())
            assert [d.released for d in drivers(files)] == [True] * (generation - 1) + [False]
    assert [d.released for d in drivers(files)] == [True] * 3


def test_it_is_given_back_when_the_search_fails(files):
    with pytest.raises(KeyboardInterrupt), held_lease(files, nobody, QUICK):
        raise KeyboardInterrupt
    assert [d.released for d in drivers(files)] == [True]


def test_a_second_driver_on_the_same_machine_is_refused_at_once(files):
    started = time.monotonic()
    with (
        held_lease(files, nobody) as holder,
        pytest.raises(
            StoreError, match=r"one driver at a time, but process \d+ on .* since \d{4}-.* is driving it"
        ) as e,
        held_lease(files, nobody),
    ):
        pass
    assert time.monotonic() - started < 3
    assert f"process {holder.pid} on {holder.host}, since {holder.since}" in str(e.value)
    assert "Wait for it to end or stop it" in e.value.remedy


@pytest.mark.parametrize("since", ["1999-01-01T00:00:00+00:00", "2199-01-01T00:00:00+00:00"])
def test_a_living_driver_on_another_machine_is_seen_by_its_heartbeat_whatever_its_clock_says(files, since):
    with held_lease(files, nobody, QUICK):
        as_of_another_machine(files, 1, since=since, host="far")
        with pytest.raises(StoreError, match=f"on far, since {since[:4]}"), held_lease(files, nobody, QUICK):
            pass


@pytest.mark.parametrize("since", ["1999-01-01T00:00:00+00:00", "2199-01-01T00:00:00+00:00"])
def test_a_dead_driver_on_another_machine_is_succeeded_with_a_warning(files, since, caplog):
    (files.folder / "lease").mkdir(parents=True)
    mine = dataclasses.asdict(lease._myself(4))
    (files.folder / "lease/000004.json").write_bytes(encode_json({**mine, "machine": "elsewhere", "since": since}))
    started = time.monotonic()
    with caplog.at_level(logging.WARNING), held_lease(files, nobody, QUICK) as holder:
        assert holder.generation == 5
    assert time.monotonic() - started >= QUICK.stale_seconds
    assert "has stopped without a word; its lease is taken over" in caplog.text


def test_a_killed_driver_on_this_machine_is_succeeded_without_waiting(files, caplog):
    child = subprocess.Popen([sys.executable, "-c", HOLD, str(files.folder)], stdout=subprocess.PIPE, text=True)
    assert child.stdout is not None
    assert child.stdout.readline() == "held\n"
    with pytest.raises(StoreError, match=f"process {child.pid} on"), held_lease(files, nobody):
        pass
    child.send_signal(signal.SIGKILL)
    child.wait()
    child.stdout.close()
    started = time.monotonic()
    with caplog.at_level(logging.WARNING), held_lease(files, nobody):
        pass
    assert time.monotonic() - started < 3
    assert f"process {child.pid} on" in caplog.text


def test_another_process_with_the_dead_ones_number_is_not_mistaken_for_it(files):
    (files.folder / "lease").mkdir(parents=True)
    dead = {**dataclasses.asdict(lease._myself(1)), "process_started": "1"}
    (files.folder / "lease/000001.json").write_bytes(encode_json(dead))
    with held_lease(files, nobody) as holder:
        assert holder.generation == 2


def take(folder: str, barrier, answers) -> None:
    barrier.wait()
    try:
        with held_lease(LocalFolder(Path(folder)), nobody, QUICK):
            answers.put("held")
            time.sleep(2)
    except StoreError:
        answers.put("refused")


def test_of_several_takers_of_a_stale_lease_one_wins(files):
    (files.folder / "lease").mkdir(parents=True)
    dead = {**dataclasses.asdict(lease._myself(1)), "machine": "elsewhere"}
    (files.folder / "lease/000001.json").write_bytes(encode_json(dead))
    context = multiprocessing.get_context("spawn")
    barrier, answers = context.Barrier(3), context.Queue()
    processes = [context.Process(target=take, args=(str(files.folder), barrier, answers)) for _ in range(3)]
    for process in processes:
        process.start()
    assert sorted(answers.get(timeout=60) for _ in processes) == ["held", "refused", "refused"]
    for process in processes:
        process.join(timeout=60)
    assert files.exists("lease/000002-released.json")


def lose_to(files: LocalFolder, lost: threading.Event) -> None:
    with held_lease(files, lost.set, QUICK):
        taker = dataclasses.replace(lease._myself(2), host="other")
        files.put_if_absent("lease/000002.json", encode_json(dataclasses.asdict(taker)))
        assert lost.wait(10)


def test_who_was_taken_over_hears_of_it(files):
    with pytest.raises(StoreError, match=r"must have one driver, but process \d+ on other.* took over"):
        lose_to(files, threading.Event())
    assert not files.exists("lease/000001-released.json")


class Breaking(LocalFolder):
    """A folder whose heartbeats fail as ``error`` says."""

    error: Exception | None = None

    def replace(self, name: str, content: bytes) -> None:
        if self.error is not None:
            raise self.error
        super().replace(name, content)


def test_a_heartbeat_that_cannot_be_written_is_told_and_tried_again(tmp_path, caplog):
    files = Breaking(tmp_path)
    with caplog.at_level(logging.WARNING), held_lease(files, nobody, QUICK):
        before = files.read("lease/000001-beat.json")
        files.error = StoreError("no space", "free some")
        time.sleep(0.5)
        assert files.read("lease/000001-beat.json") == before
        files.error = None
        time.sleep(0.5)
        assert files.read("lease/000001-beat.json") != before
    assert "the lease could not be renewed: no space" in caplog.text


def break_heart(files: Breaking, lost: threading.Event) -> None:
    with held_lease(files, lost.set, QUICK):
        files.error = ZeroDivisionError("a bug")
        assert lost.wait(10)


def test_a_heart_never_stops_in_silence(tmp_path):
    files = Breaking(tmp_path)
    with pytest.raises(ZeroDivisionError):
        break_heart(files, threading.Event())
    assert files.exists("lease/000001-released.json")


@pytest.mark.parametrize("content", [b"", b"torn", encode_json({"host": 3}), encode_json({})])
def test_a_lease_that_cannot_be_read_is_watched_like_any_other(files, content):
    (files.folder / "lease").mkdir(parents=True)
    (files.folder / "lease/000001.json").write_bytes(content)
    (files.folder / "lease/notes.txt").write_bytes(b"theirs")
    with held_lease(files, nobody, QUICK) as holder:
        assert holder.generation == 2
    assert [d.holder.generation for d in drivers(files)] == [2]


def test_a_store_that_cannot_be_written_cannot_be_driven():
    with pytest.raises(StoreError, match="must be written"), held_lease(LocalFolder(Path("/proc/x")), nobody, QUICK):
        pass


def test_the_lease_file_is_readable(files):
    with held_lease(files, nobody, QUICK):
        body = json.loads((files.folder / "lease/000001.json").read_text())["body"]
    assert body["pid"] == os.getpid()


def test_a_signal_while_it_is_taken_leaves_no_lease_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    files = LocalFolder(tmp_path / "store")
    real = lease._Heart.start

    def interrupted(heart: lease._Heart) -> None:
        raise SystemExit(143)

    monkeypatch.setattr(lease._Heart, "start", interrupted)
    with pytest.raises(SystemExit), held_lease(files, lambda: None):
        pass
    monkeypatch.setattr(lease._Heart, "start", real)
    assert [driver.released for driver in drivers(files)] == [True]
    with held_lease(files, lambda: None):
        pass


def test_an_anonymous_lease_names_nobody(tmp_path: Path) -> None:
    files = LocalFolder(tmp_path / "store")
    with held_lease(files, lambda: None, named=False) as holder:
        assert (holder.host, holder.machine, holder.pid) == ("", "", 0)
        assert str(holder).startswith("an anonymous process, since ")
    assert drivers(files)[0].released
