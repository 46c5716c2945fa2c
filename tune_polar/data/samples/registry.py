"""The embedded data sets by the names that recipes give them."""

from __future__ import annotations

from collections.abc import Callable

from tune_polar.data.registering import registering
from tune_polar.data.table import Corpus
from tune_polar.errors import DataError

Maker = Callable[[int], Corpus]  # a seed → the corpus, the same for the same seed

SAMPLES: dict[str, Maker] = {}


def register(name: str) -> Callable[[Maker], Maker]:
    """A decorator: this function makes the sample ``name``.

    Raises:
        ValueError: there is one of that name already.

    Example:
        >>> @register("reviews")
        ... def reviews(seed: int) -> Corpus: ...
    """
    return registering(SAMPLES, "sample", name)


def make_sample(name: str, seed: int = 0) -> Corpus:
    """The sample ``name``; equal seeds give equal rows.

    Raises:
        DataError: there is none of that name, or the seed is negative.

    Example: ``make_sample("intimacy").train.values("intimacy").mean()``
    """
    if name not in SAMPLES:
        raise DataError(f"the sample must be one of {', '.join(SAMPLES)}, got {name!r}", "Choose one of these names.")
    if seed < 0:
        raise DataError(f"the sample's seed must be at least 0, got {seed}", "Use 0.")
    return SAMPLES[name](seed)
