"""What the system lets this user's processes take (`ulimit`): with too little, Ray and torch end without the cause."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from tune_polar.model.footprint import GB

ADDRESS_GB = 4.0  # that a worker maps, and the driver: torch, Ray, a small encoder
OPEN_FILES = 128  # of one process
PROCESSES, PROCESSES_A_SLOT = 250, 60  # threads among them


def limit_problems(slots: int) -> Iterator[tuple[str, str]]:
    """What is too little for a search with so many slots, each with its remedy; none where nothing limits it."""
    try:
        import resource
    except ImportError:  # Windows has none
        return
    address = resource.getrlimit(resource.RLIMIT_AS)[0]
    if address != resource.RLIM_INFINITY and address < ADDRESS_GB * GB:
        yield (
            f"`ulimit -v` must let a process map {ADDRESS_GB:g} GB of addresses, got {address / GB:.1f} GB",
            "Give `ulimit -v unlimited`, or more; what memory a job may use is limited otherwise (cgroups, --mem).",
        )
    files = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    if files != resource.RLIM_INFINITY and files < OPEN_FILES:
        yield (f"`ulimit -n` must let a process open {OPEN_FILES} files, got {files}", "Give `ulimit -n 1024` or more.")
    processes = resource.getrlimit(resource.RLIMIT_NPROC)[0]
    if processes == resource.RLIM_INFINITY or os.geteuid() == 0:  # whom it does not limit
        return
    wanted, there = PROCESSES + PROCESSES_A_SLOT * slots, _threads_of_user()
    if there + wanted > processes:
        yield (
            f"`ulimit -u` must let this user have {wanted} processes and threads for a search of {slots} "
            f"slot{'s' * (slots != 1)} beside the {there} that there are, got {processes} in all",
            f"Give `ulimit -u {there + wanted}` or more, fewer --slots, or end other processes.",
        )


def _threads_of_user() -> int:
    """All of this user's threads; those of other machines' processes are not seen."""
    found = 0
    for about in Path("/proc").glob("[0-9]*/status"):
        try:
            words = dict(line.split(":", 1) for line in about.read_text(errors="replace").splitlines() if ":" in line)
            if int(words["Uid"].split()[0]) == os.getuid():
                found += int(words["Threads"])
        except (OSError, KeyError, ValueError):  # it has ended meanwhile
            continue
    return found
