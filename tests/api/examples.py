"""The examples in the docstrings of what the package offers, run as they stand."""

from __future__ import annotations

import doctest
import inspect
from collections.abc import Callable, Mapping

import tune_polar

TRAINS = ("search", "resume", "fit", "predict", "export")  # or reads weights, which a made store lacks


def documented() -> Mapping[str, Callable[..., object]]:
    """By name, what a person may call or read."""
    found: dict[str, Callable[..., object]] = {
        "search": tune_polar.search,
        "open": tune_polar.open,
        "decide": tune_polar.decide,
    }
    found["Search"] = tune_polar.Search
    for name, member in inspect.getmembers(tune_polar.Search):
        if not name.startswith("_"):
            found[name] = member.fget if isinstance(member, property) else member
    return found


def run(name: str, values: dict[str, object]) -> int:
    """How many lines of the examples of ``name`` were run, each saying what stands below it; ``values`` are kept."""
    text = inspect.getdoc(documented()[name]) or ""
    test = doctest.DocTestParser().get_doctest(text, values, name, None, 0)
    told: list[str] = []
    done = doctest.DocTestRunner().run(test, out=told.append, clear_globs=False)
    values |= test.globs
    assert done.failed == 0, "".join(told)
    return done.attempted
