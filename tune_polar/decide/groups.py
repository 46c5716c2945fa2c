"""One setting a group (a language, say) of any kind of decision that chooses.

A group's own setting is chosen on its rows alone. Where those are fewer than ``FEWEST_TEXTS`` texts, or hold no
positive row of a column, the setting chosen on all groups' rows decides instead: of thresholds for that column, of
votes as a whole. The same holds for groups that were not there to choose on, and for rows whose group is missing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar, Self, TypeAlias

import numpy as np
from numpy.typing import NDArray

from tune_polar.decide.array_checks import BoolArray
from tune_polar.decide.kinds.base import Decision, Inputs, Sample, Setting
from tune_polar.decide.metrics import Metric
from tune_polar.decide.rows import Gold, GoldKind
from tune_polar.errors import DecisionError

FEWEST_TEXTS = 20
Group: TypeAlias = Any  # an int code or a string
MISSING: tuple[Group, ...] = (-1, "")


@dataclass(frozen=True, eq=False)
class GroupSettings:
    """A setting a group, and one for all other rows."""

    pooled: Setting
    own: Mapping[Group, Setting]

    def written(self) -> dict[str, Any]:
        """``{"pooled": …, "groups": {group: …}}``, each as a recipe writes it."""
        return {
            "pooled": self.pooled.written(),
            "groups": {str(name): each.written() for name, each in self.own.items()},
        }

    def __str__(self) -> str:
        return "; ".join([*(f"{name}: {each}" for name, each in self.own.items()), f"others: {self.pooled}"])


@dataclass(frozen=True, eq=False)
class PreparedGroups:
    """What choosing needs of all rows, and of each group's."""

    whole: Any
    groups: Mapping[Group, tuple[Sample, Any]]


@dataclass(frozen=True)
class PerGroup(Decision[PreparedGroups, GroupSettings]):
    """``inner``, chosen for each group."""

    inner: Decision[Any, Any]

    parameters: ClassVar[tuple[str, ...]] = ("groups",)

    def prepare(self, sample: Sample) -> PreparedGroups:
        """For the pooled choice, and for each group with enough rows to have one of its own."""
        groups = _groups(sample.inputs)
        found = {}
        for name in np.unique(groups).tolist():
            if name in MISSING:
                continue
            rows = sample.take(groups == name)
            if rows.texts >= FEWEST_TEXTS:
                found[name] = (rows, self.inner.prepare(rows))
        return PreparedGroups(self.inner.prepare(sample), found)

    def choose(self, prepared: PreparedGroups, parts: Sequence[int]) -> GroupSettings:
        """A setting for every group with enough rows in ``parts``."""
        pooled, own = self.inner.choose(prepared.whole, parts), {}
        for name, (sample, ready) in prepared.groups.items():
            usable = _usable(sample.of(parts))
            if usable.any():
                own[name] = self.inner.merged(self.inner.choose(ready, parts), pooled, usable)
        return GroupSettings(pooled, own)

    def decide(self, inputs: Inputs, setting: GroupSettings | None) -> NDArray[Any]:
        """Each group's rows by its setting."""
        if setting is None:
            return self.inner.decide(inputs, None)
        decided, groups = self.inner.decide(inputs, setting.pooled), _groups(inputs)
        for name, own in setting.own.items():
            rows = groups == name
            if rows.any():
                decided[rows] = self.inner.decide(inputs.take(rows), own)
        return decided

    def as_written(self, names: Sequence[str], width: int) -> GroupSettings | None:
        """The recipe's setting for every row."""
        return _for_all(self.inner.as_written(names, width))

    def plain(self, names: Sequence[str], width: int) -> GroupSettings | None:
        """The plain setting for every row."""
        return _for_all(self.inner.plain(names, width))

    def best_for(self, metric: Metric, gold: GoldKind) -> Self:
        """Of the inner kind."""
        return replace(self, inner=self.inner.best_for(metric, gold))

    def check(self, inputs: Inputs, gold: Gold) -> None:
        """Of the inner kind, and that groups are known."""
        self.inner.check(inputs, gold)
        _groups(inputs)


def _groups(inputs: Inputs) -> NDArray[Any]:
    if inputs.groups is None:
        raise DecisionError("`per` must name a column of data.groups, got rows without it", "Declare the column.")
    return inputs.groups


def _for_all(setting: Setting | None) -> GroupSettings | None:
    return None if setting is None else GroupSettings(setting, {})


def _usable(sample: Sample) -> BoolArray:
    """Columns that a group's rows can choose for, (columns,)."""
    gold = sample.gold
    if sample.texts < FEWEST_TEXTS:
        return np.zeros(gold.values.shape[1], dtype=np.bool_)
    if gold.kind in ("binary", "labels"):
        return np.asarray(gold.values.any(axis=0))
    return np.ones(gold.values.shape[1], dtype=np.bool_)
