"""A process knows one Ray: a search takes it from nobody, neither from another search nor from whoever began one."""

from __future__ import annotations

import contextlib
import sys
import threading
from collections.abc import Iterator

from tune_polar.errors import SearchError

_TAKEN = threading.RLock()  # by the thread of the search, which starts Ray further down
_ANEW = "a process of its own (spawned: a forked one takes its parent's Ray for its own)"


@contextlib.contextmanager
def sole_ray() -> Iterator[None]:
    """Inside, this thread alone may start a Ray in this process; also a decorator.

    Raises:
        SearchError: another thread is inside, or a Ray runs in this process already. It goes on unharmed.

    Example:
        >>> with sole_ray():
        ...     ray.init(address="local")
    """
    if not _TAKEN.acquire(blocking=False):
        raise SearchError(
            "a process must run one search at a time, for it knows one Ray, got a second while the first one runs",
            f"Begin it when the first one has ended, or in {_ANEW}.",
        )
    try:
        if "ray" in sys.modules:  # else nobody has begun one, and Ray takes seconds to load
            import ray

            if ray.is_initialized():
                raise SearchError(
                    "Ray must not run in this process already, since a search starts or joins its own, got one that "
                    "does",
                    f"End it before with ray.shutdown(), or search in {_ANEW}.",
                )
        yield
    finally:
        _TAKEN.release()
