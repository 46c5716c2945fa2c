from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.report.shapes import SHAPES
from tests.store.made_store import MadeStore


@pytest.fixture(scope="session")
def made(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], MadeStore]:
    """The store of a shape, made once: for tests that only read it."""
    found: dict[str, MadeStore] = {}

    def make(shape: str) -> MadeStore:
        if shape not in found:
            found[shape] = SHAPES[shape](tmp_path_factory.mktemp("made") / "store")
        return found[shape]

    return make


@pytest.fixture
def fresh(tmp_path: Path) -> Callable[[str], MadeStore]:
    """The store of a shape, to put more into it."""
    return lambda shape: SHAPES[shape](tmp_path / "store")
