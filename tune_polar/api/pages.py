"""Where page and winner lie, in the store's folder or on this machine where the store is a bucket; how to go on."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from shlex import quote

from tune_polar.errors import StoreError
from tune_polar.report.ensemble_yaml import ENSEMBLE
from tune_polar.store.open_files import place_here
from tune_polar.store.store import Store

PAGE, WINNER = "report.html", "winner.yaml"


def page_folder(store: Store) -> Path:
    """The store's own folder; for a bucket ``searches/NAME`` here, made if absent.

    Raises:
        StoreError: that folder cannot be made.
    """
    folder = _folder(store)
    if folder == store.files.folder:
        return folder
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise StoreError(
            f"{folder} must be a folder for the page, but: {error.strerror}", "Run the command in another folder."
        ) from error
    return folder


def existing_pages(store: Store) -> tuple[Path | None, Path | None]:
    """Page and winner where a search left them, each None where it is not there."""
    page, winner = (_folder(store) / name for name in (PAGE, WINNER))
    return page if _is_own(page) else None, winner if _is_own(winner) else None


def existing_ensemble(store: Store) -> Path | None:
    """The ensemble beside the winner; None where there is none.

    Raises:
        StoreError: a link stands there, which is not followed.
    """
    path = _folder(store) / ENSEMBLE
    if path.is_symlink():
        raise StoreError(f"{path}: must be a file of the store's own, and is a symbolic link", "Remove it by hand.")
    return path if path.is_file() else None


def _is_own(path: Path) -> bool:
    return path.is_file() and not path.is_symlink()


def _folder(store: Store) -> Path:
    return store.files.folder or place_here(store.url)


def copy_beside_records(store: Store, paths: Sequence[Path]) -> None:
    """For a bucket: a copy of each file beside the records, for others who read it."""
    if store.files.folder is None:
        for path in paths:
            store.files.replace(path.name, path.read_bytes())


def way_on(url: str) -> str:
    """The command that finishes what is left."""
    return f"tune-polar resume {quote(url)}"
