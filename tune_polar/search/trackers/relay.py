"""Between the search and a tracker: a queue that is never waited for."""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable

from tune_polar.search.trackers.tracker import Tracker

MOST_WAITING = 10_000
Message = Callable[[Tracker], None]


class Relay:
    """Tells a tracker, in a thread of its own, what the search tells it. Nothing here slows or ends the search."""

    def __init__(
        self, name: str, opened: Callable[[], Tracker], warn: Callable[[str], None], most_waiting: int = MOST_WAITING
    ) -> None:
        """Begin.

        Args:
            name: of the tracker, for warnings.
            opened: makes it, in the thread.
            warn: is told once what the first failure was.
            most_waiting: messages; those beyond are dropped.
        """
        self.name = name
        self.dropped = 0  # messages that never reached the tracker
        self._opened = opened
        self._warn = warn
        self._waiting: queue.Queue[Message | None] = queue.Queue(most_waiting)
        self._failed = False
        # A daemon: one that hangs does not keep the process.
        self._thread = threading.Thread(target=self._work, name=f"tracker {name}", daemon=True)
        self._thread.start()

    def put(self, message: Message) -> None:
        """Have the tracker told, or not, at once."""
        try:
            self._waiting.put_nowait(message)
        except queue.Full:
            self.dropped += 1

    def close(self, seconds: float) -> None:
        """Wait at most so long for what is not told yet; then it counts as dropped."""
        until = time.monotonic() + seconds
        try:
            self._waiting.put(None, timeout=max(0.0, seconds))
        except queue.Full:
            self._failed = True
            self.dropped += self._waiting.qsize() + 1  # the one in hand
            return
        self._thread.join(max(0.0, until - time.monotonic()))
        if self._thread.is_alive():
            self._failed = True  # whatever it says from now on comes too late
            self.dropped += max(1, self._waiting.qsize())  # without the last, which says that all is told

    def _work(self) -> None:
        tracker: Tracker | None = None
        while (message := self._waiting.get()) is not None:
            try:
                tracker = tracker or self._opened()
                message(tracker)
            except Exception as error:  # noqa: BLE001 (the boundary to other people's services and packages)
                self._lost(error)
        try:
            if tracker is not None:
                tracker.close()
        except Exception as error:  # noqa: BLE001 (the same)
            self._lost(error)

    def _lost(self, error: Exception) -> None:
        self.dropped += 1
        if not self._failed:
            self._failed = True
            lines = str(error).strip().splitlines() or [""]
            self._warn(f"{self.name} does not track all of this search: {type(error).__name__}: {lines[0][:300]}")
