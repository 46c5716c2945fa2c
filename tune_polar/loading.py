"""Loading large libraries without looking for garbage meanwhile: there is hardly any, and the looking takes a fifth."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def without_collection() -> Iterator[None]:
    """Imports inside are not interrupted by Python's collector; what they leave is never searched for garbage again."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        if was_on:
            gc.enable()
