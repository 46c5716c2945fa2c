"""What SIGINT, SIGTERM and SIGHUP do to a search: each ends it in order, at whatever moment it comes."""

from __future__ import annotations

import os
import signal
import stat
import threading
from collections.abc import Callable
from types import FrameType

_ENDING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class EndSignals:
    """Before Tune runs a signal leaves by ``SystemExit``, Tune ends by it in order, and once it has ended it waits.

    The first one counts: a second cannot cut the first one's work short. What the user has ignored (nohup) stays so.

    Example:
        >>> with EndSignals() as signals:
        ...     result = prepared.run(watcher, signals=signals)
        ...     write_page(page, html, path)  # a signal that comes now is heard when all is written
        >>> signals.received
    """

    def __init__(self, *, leaves: bool = False) -> None:
        """``leaves``: a command's end is meant; otherwise an interrupt is Python's own until Tune runs."""
        self.leaves = leaves
        self.received: signal.Signals | None = None
        self._before: dict[signal.Signals, object] = {}
        self._in_order: Callable[[signal.Signals], None] | None = None
        self._waits = False

    def __enter__(self) -> EndSignals:
        if threading.current_thread() is not threading.main_thread():  # where no handler can be set, and none is called
            return self
        heeded = [number for number in _ENDING if signal.getsignal(number) is not signal.SIG_IGN]
        self._before = {number: signal.signal(number, self._heard) for number in heeded}
        self._before[signal.SIGUSR1] = signal.getsignal(signal.SIGUSR1)  # which Tune sets and leaves
        return self

    def __exit__(self, *_: object) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)  # type: ignore[arg-type] # what signal.signal gave

    def end_tune(self, hears: Callable[[signal.Signals], None]) -> None:
        """From now on end Tune, which ends in order on SIGUSR1 once it has set its handler; ``hears`` is told of it.

        Raises:
            SystemExit: one came before, in a callback in which what a handler raises is lost.
        """
        if self.received is not None:
            raise SystemExit(128 + self.received)
        os.environ["TUNE_DISABLE_SIGINT_HANDLER"] = "1"
        self._in_order = hears

    def wait(self) -> None:
        """From now on a signal is noted and nothing else."""
        self._waits = True

    def _heard(self, number: int, frame: FrameType | None) -> None:  # noqa: ARG002 (signal's interface)
        if self.received is not None:
            return
        self.received = signal.Signals(number)
        if number == signal.SIGHUP:
            _leave_terminal()
        if self._waits:
            return
        if self._in_order is None or signal.getsignal(signal.SIGUSR1) is signal.SIG_DFL:  # Tune does not listen yet
            raise KeyboardInterrupt if number == signal.SIGINT and not self.leaves else SystemExit(128 + number)
        self._in_order(self.received)
        os.kill(os.getpid(), signal.SIGUSR1)


def _leave_terminal() -> None:
    """Write no more to a terminal that is gone: each write would be an error."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    for descriptor in (1, 2):
        if stat.S_ISCHR(os.fstat(descriptor).st_mode):
            os.dup2(nowhere, descriptor)
    os.close(nowhere)
