from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.cli.conftest import Ran, run
from tests.report.shapes import SHAPES
from tests.store.made_store import MadeStore
from tune_polar.report.page_context import PageContext

__all__ = ["Ran", "run"]


@pytest.fixture(scope="session")
def made(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], MadeStore]:
    """The store of a shape, made once: for tests that only read it."""
    found: dict[str, MadeStore] = {}

    def make(shape: str) -> MadeStore:
        if shape not in found:
            found[shape] = SHAPES[shape](tmp_path_factory.mktemp("made") / "store")
        return found[shape]

    return make


@pytest.fixture(scope="session")
def page_of(made: Callable[[str], MadeStore]) -> Callable[[str], PageContext]:
    """What the sections of a shape's page read, derived once."""
    found: dict[str, PageContext] = {}

    def page(shape: str) -> PageContext:
        if shape not in found:
            found[shape] = PageContext(made(shape).summary())
        return found[shape]

    return page


@pytest.fixture
def fresh(tmp_path: Path) -> Callable[[str], MadeStore]:
    """The store of a shape, to put more into it."""
    return lambda shape: SHAPES[shape](tmp_path / "store")
