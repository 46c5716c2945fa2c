"""Which machine this is and which of its processes are alive: for leases, and for files that a killed process left."""

from __future__ import annotations

import os
import platform
from pathlib import Path


def machine_name() -> str:
    """Equal for two processes that see each other's process numbers; "" where that cannot be known."""
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
        return f"{platform.node()}/{boot}/{os.readlink('/proc/self/ns/pid')}"
    except OSError:
        return ""


def process_started(pid: int) -> str:
    """When a process began, in ticks since boot; "" where there is none."""
    try:
        # Fields after the name, which stands in brackets and may itself hold spaces and brackets.
        fields = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()
    except OSError:
        return ""
    return "" if fields[0] in ("Z", "X") else fields[19]
