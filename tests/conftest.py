"""Fixtures every floor's tests share."""

from __future__ import annotations

import gc
import os
from pathlib import Path

import pytest

# Read by torch when it is loaded. Several test processes share the cores: a thread that spins takes them from another.
os.environ.setdefault("OMP_WAIT_POLICY", "passive")

gc.set_threshold(
    100_000, 50, 50
)  # three thousand tests and their libraries are loaded, and hardly any of it is garbage


@pytest.fixture(scope="session")
def shared_dir() -> Path:
    """The folder of real data beside the checkout; tests that need it are skipped where it is absent."""
    folder = Path(__file__).resolve().parents[2] / "shared"
    if not folder.is_dir():
        pytest.skip("../shared is absent")
    return folder
