"""Where the shipped recipes and spaces lie."""

from __future__ import annotations

from tune_polar.assets import shipped

TRIALS = shipped("trials")
SPACES = shipped("search_spaces")
