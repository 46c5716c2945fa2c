"""Which machine this is and which of its processes are alive: for leases, and for files that a killed process left."""

from __future__ import annotations

import os
import platform
from pathlib import Path


def boot_name() -> str:
    """Of this machine's present boot; "" where that cannot be known."""
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
    except OSError:
        return ""


def machine_name() -> str:
    """Equal for two processes that see each other's process numbers; "" where that cannot be known."""
    try:
        return f"{platform.node()}/{boot_name()}/{os.readlink('/proc/self/ns/pid')}" if boot_name() else ""
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
