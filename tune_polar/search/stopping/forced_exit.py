"""Ends an interrupted search even where Ray cannot: its own processes may have got the same signal, and be gone."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable

ORDERLY_SECONDS = 20.0  # for workers to write their checkpoints and for Ray to shut down


class LastResort:
    """Armed by a signal, disarmed by an orderly end; otherwise says farewell and leaves.

    Ray waits a minute for a head that does not answer and then ends the process itself. Everything that must last was
    written before, so there is nothing to wait for; its daemons die with the driver.
    """

    def __init__(self, farewell: Callable[[signal.Signals], None], seconds: float = ORDERLY_SECONDS) -> None:
        self._farewell = farewell
        self._seconds = seconds
        self._ended = threading.Event()

    def arm(self, received: signal.Signals) -> None:
        """Give the orderly end its seconds."""
        threading.Thread(target=self._wait, args=(received,), daemon=True, name="last-resort").start()

    def disarm(self) -> None:
        """The orderly end has come."""
        self._ended.set()

    def _wait(self, received: signal.Signals) -> None:
        if not self._ended.wait(self._seconds):
            try:
                self._farewell(received)
            finally:
                os._exit(128 + received)
