"""Python's search for reference cycles, held off where much is made and nothing thrown away.

It looks at everything there is each time so much is new: a fifth of the time that large libraries take to load, a third
of what reading a store's records takes.
"""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def without_collection() -> Iterator[None]:
    """No search for cycles inside; a decorator too."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()
