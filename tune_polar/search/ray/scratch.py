"""Folders for what Ray and Tune write beside the records, and nobody needs afterwards."""

from __future__ import annotations

import contextlib
import hashlib
import os
import shutil
import stat
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from tune_polar.errors import SearchError
from tune_polar.store.machine import machine_name, process_started

# A socket's path has at most so many bytes; below it is the longest one that Ray makes in its folder.
_LONGEST_SOCKET = 107 if sys.platform == "linux" else 103
_OF_RAY = "/session_2026-01-01_00-00-00_000000_4194304/sockets/plasma_store"
_OWN = "/tp-000000-4194304-00000000/r"


@contextlib.contextmanager
def scratch_folder() -> Iterator[Path]:
    """A new folder for this user alone, gone at the end; what killed drivers of this machine have left goes as well.

    Raises:
        SearchError: no temporary folder has a path short enough for Ray's sockets.
    """
    # With the machine's mark, since machines may share a temporary folder.
    ours = f"tp-{hashlib.sha256(machine_name().encode()).hexdigest()[:6]}-"
    above = _short_folder()
    if machine_name():
        for place in above.glob(f"{ours}*"):
            pid = place.name.removeprefix(ours).partition("-")[0]
            if pid.isdigit() and not process_started(int(pid)) and _is_ours(place):
                shutil.rmtree(place, ignore_errors=True)
    with tempfile.TemporaryDirectory(prefix=f"{ours}{os.getpid()}-", dir=above, ignore_cleanup_errors=True) as name:
        yield Path(name)


def _is_ours(place: Path) -> bool:
    """A folder of this user; others can make one of that name."""
    about = place.lstat()
    return stat.S_ISDIR(about.st_mode) and about.st_uid == os.geteuid()


def _short_folder() -> Path:
    """The temporary folder, or another where its path is too long, as those of batch systems are."""
    wanted = tempfile.gettempdir()
    # What is made there is this user's alone.
    others = (os.environ.get("XDG_RUNTIME_DIR") or "/tmp", "/tmp", "/var/tmp", "/dev/shm")
    for folder in (wanted, *others):
        is_short = len(os.fsencode(folder + _OWN + _OF_RAY)) <= _LONGEST_SOCKET
        if is_short and os.path.isdir(folder) and os.access(folder, os.W_OK | os.X_OK):
            return Path(folder)
    most = _LONGEST_SOCKET - len(_OWN + _OF_RAY)
    raise SearchError(
        f"the temporary folder must have a path of at most {most} bytes, since Ray's sockets lie in it, got {wanted!r}",
        "Set TMPDIR to a folder with a short path, such as /tmp.",
    )
