"""Random starts that neither read nor move the process's own random state."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch


@contextmanager
def seeded_start(seed: int) -> Iterator[None]:
    """Seed torch's CPU generator inside the block and give it its old state back afterwards.

    torch and transformers draw the start of a module from the global generator only; this keeps that draw a
    function of ``seed``. Modules must be built on the CPU, accelerators keep their own state.
    """
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(seed)
        yield
