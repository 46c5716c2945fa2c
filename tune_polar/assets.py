"""Finds the three data folders that ship with the package: search_spaces/, trials/ and reports/.

Inside a wheel they lie in ``tune_polar/_shipped``; in a checkout beside the package. The working directory is
never looked at, so a folder of the same name there changes nothing.
"""

from __future__ import annotations

from pathlib import Path
from typing import Literal

Folder = Literal["search_spaces", "trials", "reports"]

_PACKAGE = Path(__file__).resolve().parent


def shipped(folder: Folder) -> Path:
    """The folder as installed, or as it lies in the checkout."""
    installed = _PACKAGE / "_shipped" / folder
    return installed if installed.is_dir() else _PACKAGE.parent / folder


def shipped_names(folder: Folder) -> list[str]:
    """Names (without ``.yaml``) of the shipped YAML files of ``folder``, sorted."""
    return sorted(path.stem for path in shipped(folder).glob("*.yaml"))
