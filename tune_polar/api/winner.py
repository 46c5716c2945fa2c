"""The winner's recipe file in the store."""

from __future__ import annotations

from pathlib import Path

from tune_polar.api.pages import WINNER
from tune_polar.evaluate.summary import SearchSummary
from tune_polar.report.page_file import write_whole
from tune_polar.report.winner import winner_yaml


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
