"""One driver a store: a lease with its holder's name and a heartbeat.

Files, each generation's written by one driver::

    lease/000007.json            who took it; created only if absent, so of several takers one wins
    lease/000007-beat.json       a counter that its holder raises every few seconds
    lease/000007-released.json   it was given back

The highest generation is the lease. It is free where it was given back, and stale where its counter stands still while
this process watches: no clock of another machine is ever compared with ours, so that wrong clocks harm nothing. Where
the holder ran on this very machine its process is looked at instead, which spares the wait after a crash.
"""

from __future__ import annotations

import json
import logging
import os
import platform
import secrets
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, datetime

from pydantic import TypeAdapter

from tune_polar.errors import StoreError
from tune_polar.store.codec import DamagedRecordError, NewerFormatError, decode_json, encode_json
from tune_polar.store.filesystem import Filesystem
from tune_polar.store.machine import machine_name, process_started

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Pulse:
    """How often a holder shows that it lives, and how long a standing counter is watched before it counts as dead."""

    every_seconds: float = 5.0
    stale_seconds: float = 30.0


DEFAULT_PULSE = Pulse()
LONGEST_LAST_BEAT_SECONDS = 10.0  # a beat that waits for a silent server does not hold up the end of the search


@dataclass(frozen=True)
class Holder:
    """Who took a lease."""

    generation: int
    host: str
    pid: int
    machine: str  # boot and process namespace; equal where ``pid`` means the same; "" where unknown
    process_started: str  # of the kernel's clock, so that another process with this number is told apart
    since: str  # ISO 8601, UTC; for people
    token: str

    def __str__(self) -> str:
        who = f"process {self.pid} on {self.host}" if self.host else "an anonymous process"
        return f"{who}, since {self.since}"


@dataclass(frozen=True)
class Driver:
    """A holder and whether it gave the lease back, for ``status``."""

    holder: Holder
    released: bool


_HOLDER = TypeAdapter(Holder)


@contextmanager
def held_lease(
    files: Filesystem, on_lost: Callable[[], None], pulse: Pulse = DEFAULT_PULSE, *, named: bool = True
) -> Iterator[Holder]:
    """Hold the store's lease while the block runs.

    Args:
        files: of the store.
        on_lost: called once, in the heartbeat's thread, when another driver has taken over or the heart has failed.
        pulse: the same for all drivers of a store.
        named: whether the lease says which process of which machine holds it.

    Raises:
        StoreError: another driver holds it, took it over meanwhile, or the place cannot be written.
    """
    taken: list[Holder] = []
    heart: _Heart | None = None
    try:  # a signal may end the block before it has begun
        holder = _take(files, pulse, taken, named=named)
        heart = _Heart(files, holder, pulse, on_lost)
        heart.start()
        yield holder
    finally:
        if heart is not None:
            heart.stop()
            _release(files, heart)
        elif taken and _holder(files, taken[-1].generation) == taken[-1]:
            _give_back(files, taken[-1])


def _release(files: Filesystem, heart: _Heart) -> None:
    if heart.taken_by is not None:
        raise StoreError(
            f"store {files.url}: must have one driver, but {heart.taken_by} took over while this one did not answer",
            "What this one recorded is kept. Let the other go on, or stop it and resume here.",
        )
    _give_back(files, heart.holder)
    if heart.failure is not None:
        raise heart.failure


def _give_back(files: Filesystem, holder: Holder) -> None:
    try:
        files.put_if_absent(_name(holder.generation, "-released"), encode_json({"token": holder.token}))
    except StoreError as error:  # the next driver will find the lease stale
        log.warning("the lease could not be given back: %s", error.problem)


def drivers(files: Filesystem) -> list[Driver]:
    """Everyone who has driven the search, in order."""
    names = set(files.names("lease"))
    found = []
    for generation in _generations(names):
        holder = _holder(files, generation)
        if holder is not None:
            found.append(Driver(holder, _name(generation, "-released") in names))
    return found


def _take(files: Filesystem, pulse: Pulse, taken: list[Holder], *, named: bool) -> Holder:
    """Wait for the lease and take it; each try stands in ``taken`` before it is made."""
    while True:
        names = set(files.names("lease"))
        last = max(_generations(names), default=0)
        if last and _name(last, "-released") not in names:
            before = _holder(files, last)
            _refuse_living(files, last, before, pulse)
            if _name(last, "-released") not in files.names("lease"):
                who = "a driver whose name cannot be read" if before is None else str(before)
                log.warning("%s: %s has stopped without a word; its lease is taken over", files.url, who)
        mine = _myself(last + 1) if named else _nobody(last + 1)
        taken.append(mine)
        if files.put_if_absent(_name(mine.generation), encode_json(asdict(mine))):
            return mine
        # Another taker was first; the next round sees it alive and refuses.


def _refuse_living(files: Filesystem, generation: int, holder: Holder | None, pulse: Pulse) -> None:
    """Return once the holder is known to be gone.

    Raises:
        StoreError: it lives.
    """
    here = machine_name()
    if holder is not None and here and holder.machine == here:
        if process_started(holder.pid) != holder.process_started:
            return
        raise _held(files, holder)
    log.warning("%s: watching for %.0f s whether its last driver is alive", files.url, pulse.stale_seconds)
    first = files.read(_name(generation, "-beat"))
    until = time.monotonic() + pulse.stale_seconds
    while time.monotonic() < until:
        time.sleep(min(pulse.every_seconds / 4, 1.0))
        if files.exists(_name(generation, "-released")):
            return
        if files.read(_name(generation, "-beat")) != first or max(_generations(files.names("lease"))) > generation:
            raise _held(files, _holder(files, max(_generations(files.names("lease")))) or holder)


def _held(files: Filesystem, holder: Holder | None) -> StoreError:
    return StoreError(
        f"store {files.url}: must have one driver at a time, but {holder or 'another one'} is driving it",
        "Wait for it to end or stop it there (Ctrl-C); `tune-polar status` reads the store meanwhile.",
    )


def is_held_by(files: Filesystem, holder: Holder) -> bool:
    """Whether nobody has taken the lease over from ``holder``, who may have been frozen meanwhile: read anew."""
    return max(_generations(files.names("lease")), default=holder.generation) <= holder.generation


class _Heart:
    """Raises the counter of a lease, and says so when that no longer works."""

    def __init__(self, files: Filesystem, holder: Holder, pulse: Pulse, on_lost: Callable[[], None]) -> None:
        self._files = files
        self.holder = holder
        self._pulse = pulse
        self._on_lost = on_lost
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="lease", daemon=True)
        self._count = 0
        self.taken_by: Holder | None = None
        self.failure: Exception | None = None

    def start(self) -> None:
        """Beat once, then in a thread of its own."""
        self._beat()
        self._thread.start()

    def stop(self) -> None:
        """Stop beating."""
        self._stop.set()
        if self._thread.ident is not None:
            self._thread.join(LONGEST_LAST_BEAT_SECONDS)

    def _run(self) -> None:
        try:
            while not self._stop.wait(self._pulse.every_seconds):
                try:
                    self._beat()
                except StoreError as error:  # a full disk or a silent server may pass; the records will tell if not
                    log.warning("the lease could not be renewed: %s", error.problem)
                if self.taken_by is not None:
                    self._on_lost()
                    return
        except Exception as error:  # noqa: BLE001 (the thread's boundary: raised again where the lease is given back)
            self.failure = error
            self._on_lost()

    def _beat(self) -> None:
        last = max(_generations(self._files.names("lease")), default=self.holder.generation)
        if last > self.holder.generation:
            self.taken_by = _holder(self._files, last) or self.holder
            return
        self._count += 1
        beat = {"count": self._count, "token": self.holder.token}
        self._files.replace(_name(self.holder.generation, "-beat"), encode_json(beat))


def _name(generation: int, part: str = "") -> str:
    return f"lease/{generation:06d}{part}.json"


def _generations(names: set[str] | list[str]) -> list[int]:
    stems = [name.removeprefix("lease/").removesuffix(".json") for name in names]
    return sorted(int(stem) for stem in stems if stem.isascii() and stem.isdigit())


def _holder(files: Filesystem, generation: int) -> Holder | None:
    """Who took a generation; None where its file says nothing readable."""
    content = files.read(_name(generation))
    try:
        return None if content is None else _HOLDER.validate_json(json.dumps(decode_json(content)), strict=True)
    except (DamagedRecordError, NewerFormatError, ValueError):
        return None


def _myself(generation: int) -> Holder:
    return Holder(
        generation,
        platform.node(),
        os.getpid(),
        machine_name(),
        process_started(os.getpid()),
        datetime.now(UTC).isoformat(timespec="seconds"),
        secrets.token_hex(8),
    )


def _nobody(generation: int) -> Holder:
    return Holder(generation, "", 0, "", "", datetime.now(UTC).isoformat(timespec="seconds"), secrets.token_hex(8))
