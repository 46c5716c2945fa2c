"""Every exit code of `tune-polar`, and which one a search ends with.

0: done. 1: done, but nothing could be scored or a check found errors. 2: something the user can mend.
130, 143, 129: ended by SIGINT, SIGTERM, SIGHUP with everything recorded. 141: nobody reads what is printed.
"""

from __future__ import annotations

import signal
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tune_polar.api.run_search import Ended

DONE, NOTHING_FOUND, TO_MEND = 0, 1, 2
NOBODY_READS = 128 + signal.SIGPIPE


def by_signal(received: int) -> int:
    """Of a command that a signal has ended, as a shell counts it."""
    return 128 + received


def of_search(ended: Ended) -> int:
    """Of a search or an ablation."""
    if ended.ended_by is not None:
        return by_signal(ended.ended_by)
    # A time that was over before anything had a score is no failure: that is what was asked for.
    by_time = ended.stopped is not None and ended.stopped.kind == "time"
    return DONE if ended.summary.best is not None or by_time else NOTHING_FOUND
