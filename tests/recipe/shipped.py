"""Where the shipped recipes and spaces lie."""

from __future__ import annotations

from pathlib import Path

from tune_polar.assets import shipped

_ROOT = Path(__file__).resolve().parents[2]


def _folder(new: str, name: str) -> Path:
    return _ROOT / new if (_ROOT / new).is_dir() else shipped(name)


TRIALS = _folder("new_trials", "trials")
SPACES = _folder("new_search_spaces", "search_spaces")
