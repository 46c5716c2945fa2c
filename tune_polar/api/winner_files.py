"""The winner's recipe, and the ensemble beside it, as files in the store."""

from __future__ import annotations

import os
from pathlib import Path

from tune_polar.api.pages import PAGE, WINNER
from tune_polar.errors import StoreError
from tune_polar.evaluate.ensemble_of_search import ensemble_file_of
from tune_polar.evaluate.summary import SearchSummary
from tune_polar.report.ensemble_yaml import ENSEMBLE, ensemble_yaml
from tune_polar.report.next_steps import NARROWED, narrowed_yaml
from tune_polar.report.page_context import PageContext
from tune_polar.report.page_file import write_whole
from tune_polar.report.winner_recipe import winner_yaml
from tune_polar.store.store import MANIFEST

_MARK = "# Narrower space of the search"  # how a file of this program's begins


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
        StoreError: the folder cannot be written, or somebody's own file has that name.
    """
    text, path = narrowed_yaml(page), narrowed_beside(page_path)
    _check_ours(path)
    if text is None:
        _remove(path)
        return None
    write_whole(path, f"{_MARK} {page.summary.url}\n{text}")
    return path


def _remove(path: Path) -> None:
    try:
        path.unlink(missing_ok=True)
    except OSError as error:
        raise StoreError(
            f"the file {path} no longer holds and must be removed, but: {error.strerror or error}",
            "Mend permissions there, or remove it.",
        ) from error


def _check_ours(path: Path) -> None:
    """Leave alone what this program did not write; in a store's folder it has written all.

    Raises:
        StoreError: it is another's.
    """
    if not os.path.lexists(path) or (path.parent / MANIFEST).exists():
        return
    try:
        with path.open("rb") as file:
            is_ours = file.read(len(_MARK)) == _MARK.encode()
    except OSError:  # a folder
        is_ours = False
    if not is_ours:
        raise StoreError(
            f"{path} must be a file that `tune-polar report` wrote, for the space with narrower ranges goes there, got "
            "another one",
            "Rename it, or give the page another name with -o; it is left as it is.",
        )


def write_page(page: PageContext, html: str, path: Path) -> list[Path]:
    """Write a page, and beside it the narrower space that it tells of; gives what was written.

    Args:
        page: what it is made of.
        html: it itself.
        path: where it goes.

    Raises:
        StoreError: the folder cannot be written, or the narrower space would take the place of somebody's own file.
    """
    _check_ours(narrowed_beside(path))
    write_whole(path, html)
    narrowed = write_narrowed(page, path)
    return [path] if narrowed is None else [path, narrowed]


def write_ensemble(summary: SearchSummary, folder: Path) -> Path | None:
    """Write ``ensemble.yaml`` beside it, or take away one that no longer holds; None where there is no ensemble.

    Raises:
        StoreError: the folder cannot be written.
    """
    file, path = ensemble_file_of(summary), folder / ENSEMBLE
    if isinstance(file, str):
        _remove(path)
        return None
    verdict = "better than the configuration picked" if file.better else "not shown to be better than the one picked"
    comments = [f"Ensemble of {len(file.members)} configurations of {summary.url}: {verdict}"]
    write_whole(path, ensemble_yaml(file, comments))
    return path
