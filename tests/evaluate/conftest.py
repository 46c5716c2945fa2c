"""The made-up searches of tests/store."""

from __future__ import annotations

from tests.store.conftest import new_search, recipe_of, search, with_arrays

__all__ = ["new_search", "recipe_of", "search", "with_arrays"]
