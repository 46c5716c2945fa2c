"""Errors point to what a person has typed or written, never to a line of a file that came with the package."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterable, Iterator

from tune_polar.assets import shipped
from tune_polar.errors import SpecError
from tune_polar.recipe.find_files import is_path
from tune_polar.recipe.recipe_file import load_recipe
from tune_polar.recipe.strict_yaml import Written


@contextlib.contextmanager
def faults_of(recipe: Written) -> Iterator[None]:
    """Inside, faults at lines of shipped files are those of ``recipe`` as typed: its words or file have changed them.

    A shipped file that is not sound by itself, because somebody edits it where it lies, is named all the same.

    Raises:
        SpecError: as inside.
    """
    line = re.compile(rf"^{re.escape(str(shipped('trials')))}/([^:/]+)\.yaml:\d+: ", flags=re.MULTILINE)
    try:
        yield
    except SpecError as error:
        named = line.findall(error.problem)
        if not named or not _are_sound(named):
            raise
        place = "recipe" if not isinstance(recipe, str) else recipe if is_path(recipe) else f"recipe {recipe}"
        remedy = f"Change these keys too, or begin with another recipe; `tune-polar list {named[0]}` shows its keys."
        raise SpecError(line.sub(f"{place}: ", error.problem), remedy) from None


def _are_sound(names: Iterable[str]) -> bool:
    try:
        for name in set(names):
            load_recipe(name)
    except SpecError:
        return False
    return True
