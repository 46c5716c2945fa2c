from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from handmade_store import StoreBuilder


@pytest.fixture
def new_store(tmp_path: Path) -> Callable[..., StoreBuilder]:
    """Makes a store under the test's own folder; keywords as of ``StoreBuilder``."""

    def make(**about: Any) -> StoreBuilder:
        return StoreBuilder(tmp_path / "store", **about)

    return make


@pytest.fixture
def finished(new_store: Callable[..., StoreBuilder]) -> StoreBuilder:
    """Published, a better and a worse configuration, all with all folds."""
    builder = new_store()
    builder.finish(builder.configuration("published"), 0.4)
    builder.finish(builder.configuration(lr=0.01), 0.7)
    builder.finish(builder.configuration(lr=0.05, centers=3), 0.1)
    return builder
