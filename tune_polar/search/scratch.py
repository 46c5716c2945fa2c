"""Folders for what Ray and Tune write beside the records, and nobody needs afterwards."""

from __future__ import annotations

import contextlib
import hashlib
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

from tune_polar.store.machine import machine_name, process_started


@contextlib.contextmanager
def scratch_folder() -> Iterator[Path]:
    """A new folder, gone at the end; those that killed drivers of this machine have left go as well."""
    # Short, since Ray's sockets lie in it; with the machine's mark, since machines may share a temporary folder.
    ours = f"tp-{hashlib.sha256(machine_name().encode()).hexdigest()[:6]}-"
    if machine_name():
        for place in Path(tempfile.gettempdir()).glob(f"{ours}*"):
            pid = place.name.removeprefix(ours).partition("-")[0]
            if pid.isdigit() and not process_started(int(pid)):
                shutil.rmtree(place, ignore_errors=True)
    with tempfile.TemporaryDirectory(prefix=f"{ours}{os.getpid()}-", ignore_cleanup_errors=True) as name:
        yield Path(name)
