"""The winner's recipe, and the ensemble beside it, as files in the store."""

from __future__ import annotations

from pathlib import Path

from tune_polar.api.pages import PAGE, WINNER
from tune_polar.evaluate.ensemble_of_search import ensemble_file_of
from tune_polar.evaluate.summary import SearchSummary
from tune_polar.report.ensemble_yaml import ENSEMBLE, ensemble_yaml
from tune_polar.report.next_steps import NARROWED, narrowed_yaml
from tune_polar.report.page import html_of
from tune_polar.report.page_context import PageContext
from tune_polar.report.page_file import write_whole
from tune_polar.report.winner_recipe import winner_yaml


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


def narrowed_beside(page: Path) -> Path:
    """Where the space with narrower ranges lies: ``narrowed.yaml`` of the store's page, ``st3-narrowed.yaml`` of
    another, so that pages of several searches have theirs in one folder.
    """
    return page.with_name(NARROWED if page.name == PAGE else f"{page.stem}-{NARROWED}")


def write_narrowed(page: PageContext, page_path: Path) -> Path | None:
    """Write the space with narrower ranges beside a page, or take away one that no longer holds.

    Raises:
        StoreError: the folder cannot be written.
    """
    text, path = narrowed_yaml(page), narrowed_beside(page_path)
    if text is None:
        path.unlink(missing_ok=True)
        return None
    write_whole(path, text)
    return path


def write_page(page: PageContext, path: Path) -> list[Path]:
    """Write a page, and beside it the narrower space that it tells of; gives what was written.

    Raises:
        StoreError: the folder cannot be written.
    """
    write_whole(path, html_of(page))
    narrowed = write_narrowed(page, path)
    return [path] if narrowed is None else [path, narrowed]


def write_ensemble(summary: SearchSummary, folder: Path) -> Path | None:
    """Write ``ensemble.yaml`` beside it, or take away one that no longer holds; None where there is no ensemble.

    Raises:
        StoreError: the folder cannot be written.
    """
    file, path = ensemble_file_of(summary), folder / ENSEMBLE
    if isinstance(file, str):
        path.unlink(missing_ok=True)
        return None
    verdict = "better than the configuration picked" if file.better else "not shown to be better than the one picked"
    comments = [f"Ensemble of {len(file.members)} configurations of {summary.url}: {verdict}"]
    write_whole(path, ensemble_yaml(file, comments))
    return path
