"""Racing rules by name."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType

from tune_polar.decide.metrics import Metric
from tune_polar.errors import SpecError
from tune_polar.recipe.cells import Cell
from tune_polar.search.racing.aggressive_and_forgiving import Aggressive, Forgiving
from tune_polar.search.racing.curves import HalvingCurves, ModelCurves
from tune_polar.search.racing.doubling import Doubling
from tune_polar.search.racing.keep_all import KeepAll
from tune_polar.search.racing.model_rule import ModelRule
from tune_polar.search.racing.most_promising import Promise
from tune_polar.search.racing.pruner import NoRacing, Pruner
from tune_polar.search.racing.running_race import Racing
from tune_polar.search.racing.verdicts import CurveRule, Race, RacingRule
from tune_polar.search.racing.wilcoxon import Wilcoxon

NONE = "none"
RULES: Mapping[str, Callable[[], RacingRule]] = MappingProxyType(
    {
        NONE: KeepAll,
        "forgiving": Forgiving,
        "aggressive": Aggressive,
        "doubling": Doubling,
        "wilcoxon": Wilcoxon,
        "model": ModelRule,
    }
)
CURVE_RULES: Mapping[str, Callable[[], CurveRule]] = MappingProxyType({"asha": HalvingCurves, "model": ModelCurves})


def rule_named(name: str) -> RacingRule:
    """The rule called ``name``.

    Raises:
        SpecError: there is none.
    """
    if name not in RULES:
        raise SpecError(
            f"--racing must be one of {', '.join(RULES)}, got {name!r}", "Give one of these, or leave --racing out."
        )
    return RULES[name]()


def race_named(name: str) -> Race:
    """The rule called ``name`` with what goes with it.

    Raises:
        SpecError: there is none.
    """
    rule = rule_named(name)
    return Race(rule, ModelCurves(), Promise()) if name == "model" else Race(rule)


def racing_named(name: str, cells: Sequence[Cell], metric: Metric) -> Pruner:
    """The race that ``--racing NAME`` asks for.

    Args:
        name: one of ``RULES``.
        cells: of each configuration.
        metric: of the score.

    Raises:
        SpecError: there is no such rule.

    Example:
        >>> racing_named("none", cells, metric_named("macro_f1")).gives_up
        False
    """
    race = race_named(name)
    return NoRacing() if name == NONE else Racing(race, cells, metric)
