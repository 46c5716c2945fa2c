"""tune-polar: distributed hyperparameter search for cross-validated fine-tuning on text.

    >>> import tune_polar
    >>> found = tune_polar.search("classifier", "tweets.csv", text="tweet", target="label")  # doctest: +SKIP
    >>> found.best.score, found.table(), found.report()  # doctest: +SKIP

Nothing is loaded before it is asked for. docs/python.md has the rest.
"""

from __future__ import annotations

import importlib
import sys
from types import ModuleType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tune_polar.api.deciding import decide as decide
    from tune_polar.api.python import open as open
    from tune_polar.api.python import search as search
    from tune_polar.api.search_object import Search as Search
    from tune_polar.errors import TunePolarError as TunePolarError

__version__ = "0.1.0"
__all__ = ["Search", "TunePolarError", "decide", "open", "search"]

_PLACES = {
    "Search": "tune_polar.api.search_object",
    "TunePolarError": "tune_polar.errors",
    "decide": "tune_polar.api.deciding",
    "open": "tune_polar.api.python",
    "search": "tune_polar.api.python",
}


class _Package(ModuleType):
    """In which ``search`` and ``decide`` are functions: packages of these names are reached by their imports alone."""

    def __setattr__(self, name: str, value: object) -> None:
        if not (name in _PLACES and isinstance(value, ModuleType)):  # what the import of a package leaves here
            super().__setattr__(name, value)


def __getattr__(name: str) -> object:
    if name not in _PLACES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    found = getattr(importlib.import_module(_PLACES[name]), name)
    globals()[name] = found
    return found


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})


sys.modules[__name__].__class__ = _Package
