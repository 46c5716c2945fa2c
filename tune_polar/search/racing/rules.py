"""Racing rules by name."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType

from tune_polar.errors import SpecError
from tune_polar.search.racing.against_incumbent import Aggressive, Forgiving
from tune_polar.search.racing.curves import HalvingCurves, ModelCurves
from tune_polar.search.racing.doubling import Doubling
from tune_polar.search.racing.model import ModelRule
from tune_polar.search.racing.none import NoRacing
from tune_polar.search.racing.promise import Promise
from tune_polar.search.racing.rule import CurveRule, Race, RacingRule
from tune_polar.search.racing.wilcoxon import Wilcoxon

RULES: Mapping[str, Callable[[], RacingRule]] = MappingProxyType(
    {
        "none": NoRacing,
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


def race_named(name: str) -> Race | None:
    """The race that ``--racing NAME`` asks for; None where nothing is given up."""
    rule = rule_named(name)
    if name == "none":
        return None
    return Race(rule, ModelCurves(), Promise()) if name == "model" else Race(rule)
