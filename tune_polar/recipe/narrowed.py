"""A search space with narrower ranges, as a file for ``--space``."""

from __future__ import annotations

import math
from collections.abc import Mapping

from tune_polar.recipe.loaded_space import LoadedSpace
from tune_polar.recipe.space import FloatParameter, IntParameter
from tune_polar.recipe.strict_yaml import written_yaml

Range = tuple[float, float]  # low and high


def narrowed(parameter: IntParameter | FloatParameter, low: float, high: float) -> IntParameter | FloatParameter:
    """``parameter`` between two numbers of its range; on its grid, which may leave it a little wider."""
    least, most, step = float(parameter.low), float(parameter.high), parameter.step
    if isinstance(parameter, IntParameter) and step is None:
        step = None if parameter.log else 1
    if step is not None:
        low = least + step * math.floor((low - least) / step + 1e-6)
        high = least + step * math.ceil((high - least) / step - 1e-6)
    ends = {
        "low": max(least, low if step is not None else float(f"{low:.3g}")),
        "high": min(most, high if step is not None else float(f"{high:.3g}")),
    }
    if isinstance(parameter, IntParameter):
        return parameter.model_copy(update={"low": math.floor(ends["low"]), "high": math.ceil(ends["high"])})
    return parameter.model_copy(update={name: float(f"{end:.6g}") for name, end in ends.items()})


def narrowed_space(space: LoadedSpace, ranges: Mapping[str, Range]) -> str:
    """A file with every parameter of ``space``, those of ``ranges`` narrower.

    Args:
        space: that was searched.
        ranges: by key of a parameter with a range of its own, no column of a vector.

    Example:
        >>> print(narrowed_space(summary.facts.searched, {"model.optimizer.lr": (2e-4, 6e-4)}))
        space: classifier-narrowed
        …
    """
    parameters = {}
    for key, each in space.parameters.items():
        found = each
        if key in ranges and isinstance(each, IntParameter | FloatParameter):
            found = narrowed(each, *ranges[key])
        parameters[key] = found.model_dump(mode="json", exclude_defaults=True) | {"type": each.type}
    content = {
        "space": f"{space.name.removesuffix('-narrowed')}-narrowed",
        "recipe": space.recipe.recipe,
        "parameters": parameters,
    }
    return written_yaml(content, width=120)
