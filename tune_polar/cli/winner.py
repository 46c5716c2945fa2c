"""The winner's recipe file in the store, and what it changes, for the terminal."""

from __future__ import annotations

from pathlib import Path

import yaml

from tune_polar.cli.pages import WINNER
from tune_polar.report.page_file import write_whole
from tune_polar.report.winner import winner_recipe, winner_yaml
from tune_polar.spec.draft import recipe_keys
from tune_polar.spec.space_file import value_at
from tune_polar.store.summary import SearchSummary


def winner_changes(summary: SearchSummary) -> str:
    """What the winner changes of the recipe the search began with, as YAML."""
    best = summary.best
    if best is None:
        return ""
    began = summary.facts.recipe
    won = winner_recipe(best)
    keys = [key for key in recipe_keys(won) if key not in ("recipe", "description")]
    changed = {key: value_at(won, key) for key in keys if value_at(won, key) != value_at(began, key)}
    if not changed:
        return "  (as the recipe says)"
    first, *lines = yaml.safe_dump({"changes": changed}, sort_keys=False, allow_unicode=True).splitlines()
    if any(key.startswith("decision.") for key in changed):
        first += "  # decision: chosen on all out-of-fold rows, as for every configuration"
    return "\n".join(f"  {line}" for line in (first, *lines))


def write_winner(summary: SearchSummary, folder: Path) -> Path | None:
    """Write ``winner.yaml`` into the store's folder; None where nothing has a score.

    Raises:
        StoreError: the folder cannot be written.
    """
    text = winner_yaml(summary)
    if text is None:
        return None
    path = folder / WINNER
    write_whole(path, text)
    return path
