"""Memory of this process on its machine: what it holds, the most it held since last asked, and how to give it back."""

from __future__ import annotations

import contextlib
import ctypes
import resource
import sys
from pathlib import Path

_STATUS, _CLEAR = Path("/proc/self/status"), Path("/proc/self/clear_refs")


def resident_bytes() -> int:
    """What the process holds now; where the system does not tell, the most it ever held."""
    return _of("VmRSS") or peak_bytes()


def peak_bytes() -> int:
    """The most it held since ``reset_peak``; since its start where the system cannot reset it."""
    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return _of("VmHWM") or most * (1 if sys.platform == "darwin" else 1024)


def reset_peak() -> None:
    """Begin to count the peak anew."""
    with contextlib.suppress(OSError):
        _CLEAR.write_text("5")


def give_back_freed() -> None:
    """Give the system back what was freed: the C library keeps blocks below 32 MiB, gigabytes after a large stage."""
    with contextlib.suppress(OSError, AttributeError):  # only glibc's keeps them, and only it has the call
        ctypes.CDLL(None).malloc_trim(0)


def _of(name: str) -> int | None:
    try:
        lines = _STATUS.read_text().splitlines()
    except OSError:
        return None
    found = next((line for line in lines if line.startswith(f"{name}:")), None)
    return None if found is None else 1024 * int(found.split()[1])
