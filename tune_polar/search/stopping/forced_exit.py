"""Ends an interrupted search even where Ray cannot: its own processes may have got the same signal, and be gone."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Callable

ORDERLY_SECONDS = 20.0  # without a word from Ray's head
LONGEST_SECONDS = 110.0  # in all: batch systems grant two minutes between their signal and the end
_EVERY_SECONDS = 1.0


class LastResort:
    """Armed by a signal, disarmed by an orderly end; otherwise says farewell and leaves.

    Ray waits a minute for a head that does not answer and then ends the process itself. Everything that must last was
    written before, so there is nothing to wait for; its daemons die with the driver. While the head answers, workers
    may be writing their last checkpoints, gigabytes each.
    """

    def __init__(self, farewell: Callable[[signal.Signals], None], watch: Callable[[], Callable[[], bool]]) -> None:
        """``watch``: called once armed; gives a function that says whether the head answers now."""
        self._farewell = farewell
        self._watch = watch
        self._ended = threading.Event()

    def arm(self, received: signal.Signals) -> None:
        """Give the orderly end its time."""
        threading.Thread(target=self._wait, args=(received,), daemon=True, name="last-resort").start()

    def disarm(self) -> None:
        """The orderly end has come."""
        self._ended.set()

    def _wait(self, received: signal.Signals) -> None:
        answers, began = self._watch(), time.monotonic()
        until = began + ORDERLY_SECONDS
        while time.monotonic() < until:
            if self._ended.wait(_EVERY_SECONDS):
                return
            if answers():
                until = min(time.monotonic() + ORDERLY_SECONDS, began + LONGEST_SECONDS)
        try:
            self._farewell(received)
        finally:
            os._exit(128 + received)
