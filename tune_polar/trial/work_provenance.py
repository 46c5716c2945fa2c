"""Which machine does a piece of work, and when. Without torch: a driver trains nothing and need not load it."""

from __future__ import annotations

import datetime
import os
import platform
import socket
from importlib.metadata import version

from tune_polar import __version__
from tune_polar.store.training_facts import Provenance


def provenance_of(device: str) -> Provenance:
    """This machine, this process, now; ``device`` as it is named to a reader."""
    packages = ("torch", "transformers", "pytorch-metric-learning")
    return Provenance(
        host=socket.gethostname(),
        pid=os.getpid(),
        device=device,
        started=datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        versions={
            "tune-polar": __version__,
            "python": platform.python_version(),
            **{p: version(p) for p in packages},
        },
    )


def this_cpu() -> str:
    """The name of a device that is no GPU."""
    return f"cpu ({platform.machine()})"
