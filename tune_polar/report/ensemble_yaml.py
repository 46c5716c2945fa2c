"""``ensemble.yaml`` written and read."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from pydantic import ValidationError

from tune_polar.errors import Fault, SpecError, spec_error
from tune_polar.evaluate.ensemble_file import EnsembleFile
from tune_polar.recipe.broken_rules import broken_rules, no_suggestion
from tune_polar.recipe.strict_yaml import read_yaml, written_yaml

ENSEMBLE = "ensemble.yaml"  # in the store's folder
_REMEDY = "Restore the file, or have it written anew at the end of `tune-polar resume STORE`."


def read_ensemble(path: Path) -> EnsembleFile:
    """The ensemble that ``ensemble_yaml`` wrote.

    Raises:
        SpecError: the file cannot be read, or breaks a rule: each with its line and key.
    """
    try:
        file = read_yaml(path)
    except SpecError as error:  # nobody wrote the file by hand: how a recipe is mended helps nobody
        raise SpecError(error.problem, _REMEDY if os.path.isfile(path) else error.remedy) from None
    try:
        return EnsembleFile.model_validate(file.content)
    except ValidationError as error:
        faults = [
            Fault(each.rule, path, file.line_of(each.key), ".".join(map(str, each.key)) or None)
            for each in broken_rules(error, no_suggestion)
        ]
        raise spec_error(faults, _REMEDY) from None


def ensemble_yaml(file: EnsembleFile, comments: Sequence[str] = ()) -> str:
    """The file as text; ``read_ensemble`` gives an equal one."""
    lines = ["# " + "".join(c if c.isprintable() else " " for c in text) for text in comments]
    data = file.model_dump(mode="json")
    return "".join(f"{line}\n" for line in lines) + written_yaml(data)
