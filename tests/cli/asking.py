"""The words of a command line, as tests write them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tune_polar.api.data_words import DataWords
from tune_polar.api.search_request import Asked, RecipeWords, asked
from tune_polar.cli import options

OF_THE_RECIPE = ("encoder", "profile", "changes", "folds", "seeds")


def ask(path: Path | str, recipe: str, *targets: str, **words: Any) -> Asked:
    """What a command line makes of a table whose texts stand in ``tweet``."""
    about = {key: words.pop(key) for key in OF_THE_RECIPE if key in words}
    about["changes"] = options.assignments(about.get("changes"))
    words["columns"] = options.columns(words.get("columns"))
    return asked(RecipeWords(recipe, **about), DataWords(str(path), text="tweet", targets=targets, **words))
