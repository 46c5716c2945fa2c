"""Finds the files that a name or path means: shipped ones by name, neighbours by name, all others by path."""

from __future__ import annotations

import os
from pathlib import Path

from tune_polar.errors import SpecError, spec_error
from tune_polar.recipe.draft import Origin
from tune_polar.recipe.message_words import did_you_mean
from tune_polar.recipe.strict_yaml import Written, YamlFile, as_file, read_yaml


def read_named(name: Written, folder: Path, word: str) -> YamlFile:
    """The file of ``folder`` called ``name``, the one at that path, or what is given in place of a file.

    Raises:
        SpecError: there is none, or it is no such file; ``word`` says what was sought.
    """
    return read_yaml(find(name, folder, word)) if isinstance(name, str) else as_file(name, word)


def find(name: str, folder: Path, word: str) -> Path:
    """Path of a file of ``folder`` by its name, or ``name`` itself where it is a path.

    Raises:
        SpecError: neither; ``word`` says what was sought.
    """
    if is_path(name):
        return Path(name)
    names = names_in(folder)
    if name not in names:
        raise SpecError(
            f"{word} must be one of {names} or a path to a YAML file, got {name!r}{did_you_mean(name, names)}",
            "`tune-polar list` shows what is shipped.",
        )
    return folder / f"{name}.yaml"


def is_path(name: str) -> bool:
    """Whether ``name`` is a path rather than the name of a shipped file."""
    return "/" in name or name.endswith((".yaml", ".yml"))


def names_in(folder: Path) -> list[str]:
    """Names (without ``.yaml``) of the files of ``folder``, sorted."""
    return sorted(path.stem for path in folder.glob("*.yaml"))


def neighbour(file: YamlFile, name: str, folder: Path, key: str) -> Path:
    """The recipe that ``file`` names under ``key``: one beside it, a shipped one, or a path from where ``file`` lies.

    Raises:
        SpecError: there is none.
    """
    place = Origin(file, (key,))
    if is_path(name):
        path = file.path.parent / name
        if not os.path.isfile(path):
            rule = f"must be a recipe or a path from this file's folder, got {name!r}, which is no file"
            raise spec_error([place.fault(rule)], "Check the path.")
        return path
    sibling = file.path.parent / f"{name}.yaml"
    names = names_in(folder)
    if os.path.isfile(sibling) and sibling.resolve() != file.path.resolve():
        return sibling
    if name not in names:
        rule = (
            f"must be the name of a recipe's file: {name}.yaml beside this one, one of {names}, or a path, got {name!r}"
        )
        raise spec_error(
            [place.fault(f"{rule}{did_you_mean(name, names)}")], "`tune-polar list` shows what is shipped."
        )
    return folder / f"{name}.yaml"
