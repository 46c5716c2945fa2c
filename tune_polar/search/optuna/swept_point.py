"""A point of a space with the values that cost no training as they were chosen after its training."""

from __future__ import annotations

from collections.abc import Mapping

from tune_polar.recipe.loaded_space import LoadedSpace
from tune_polar.recipe.space import CategoricalParameter, NotProposedError, Scalar, SingleParameter


def swept_point(
    point: Mapping[str, Scalar], settings: Mapping[str, object], space: LoadedSpace
) -> Mapping[str, Scalar]:
    """``point`` with those of ``settings`` in it that the space searches.

    A chosen value that the space could not have proposed is no value of it: the proposed one stays.

    Args:
        point: dotted key → value, as it was proposed.
        settings: dotted key → value of decisions, as chosen on the trained configuration's predictions.
        space: of the point.

    Example:
        >>> swept_point({"model.optimizer.lr": 0.01, "decide.vote.k": 3}, {"decide.vote.k": 9}, space)
        {'model.optimizer.lr': 0.01, 'decide.vote.k': 9}
    """
    found = dict(point)
    for key, value in settings.items():
        if key in found:
            try:
                found[key] = proposable(space.singles[key], value)
            except NotProposedError:
                continue
    return found


def proposable(parameter: SingleParameter, value: object) -> Scalar:
    """The value of a parameter that stands for ``value``: a sweep looks at every one, a grid perhaps at every second.

    Raises:
        NotProposedError: it lies outside.
    """
    if isinstance(value, int | float) and not isinstance(parameter, CategoricalParameter):
        low, high, step = parameter.low, parameter.high, parameter.step
        if step is not None and low - step < value < high + step:
            value = low + step * min(max(round((value - low) / step), 0), round((high - low) / step))
    return parameter.as_proposed(value)
