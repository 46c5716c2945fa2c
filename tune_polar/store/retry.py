"""Calls to a server that may fail for a passing reason: tried again, apart from one another, for two minutes."""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from typing import TypeVar

T = TypeVar("T")

READERS = 32  # small objects read at once: a round trip costs far more than their bytes
BATCH = 1024  # objects in flight; bounds memory
CONTACT_TRIES = 3  # of the first call: a wrong endpoint should be told quickly
PATIENCE_SECONDS = 120.0  # a call that has worked before is tried again this long
LONGEST_PAUSE_SECONDS = 5.0


def patiently(call: Callable[[], T], is_passing: Callable[[Exception], bool], tries: int | None = None) -> T:
    """``call``, again after each failure that ``is_passing``, at most ``tries`` times; then its error is raised."""
    started, attempt = time.monotonic(), 0
    while True:
        attempt += 1
        try:
            return call()
        except Exception as error:
            over = time.monotonic() - started > PATIENCE_SECONDS or (tries is not None and attempt >= tries)
            if over or not is_passing(error):
                raise
        pause = min(0.05 * 2**attempt, LONGEST_PAUSE_SECONDS)
        time.sleep(pause * (0.5 + secrets.randbelow(1000) / 1000))  # apart, so that workers do not come in waves


def batches(names: Iterable[str]) -> Iterator[list[str]]:
    """``names`` in lists of ``BATCH``."""
    left = iter(names)
    while batch := list(islice(left, BATCH)):
        yield batch
