"""TP003 for every decision with thresholds: what those that a final system would use do to its out-of-fold rows."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tune_polar.decide.array_checks import BoolArray
from tune_polar.decide.chooser import Chooser
from tune_polar.decide.degenerate import threshold_findings
from tune_polar.decide.groups import GroupSettings
from tune_polar.decide.kinds import Setting
from tune_polar.decide.kinds.threshold import Thresholds
from tune_polar.evaluate.outcome import Outcome
from tune_polar.store.gold import Gold


def degenerate_thresholds(outcome: Outcome, gold: Gold) -> Iterator[str]:
    """A sentence for each threshold that says more about its rule than about its label.

    Thresholds for each group are looked at on the group's own rows.
    """
    chooser = Chooser(outcome.evidence, outcome.metric)
    for name, judgement in outcome.decisions.items():
        if judgement.kind != "threshold":
            continue
        node, setting = outcome.graph.nodes[name], judgement.deployed[name]
        before = "" if len(outcome.decisions) == 1 else f"{name} by itself: "  # behind a gate it calls others
        inputs, rows = chooser.inputs(node, judgement.deployed), chooser.rows(node)
        names = () if node.per is None else gold.train.columns[node.per].names
        rule = str(outcome.best.changes.get(f"{name}.rule", outcome.graph.setting(f"{name}.rule")))
        probability = inputs.tables[0].ensemble
        for where, thresholds, own in _by_rows(setting, inputs.groups, names, rows.mask):
            if own.any():
                found = threshold_findings(
                    thresholds.values, rows.gold.values[own], probability[own], labels=rows.gold.names, rule=rule
                )
                yield from (f"{before}{where}{finding.message}" for finding in found)


def _by_rows(
    setting: Setting, groups: NDArray[Any] | None, names: Sequence[str], mask: BoolArray
) -> Iterator[tuple[str, Thresholds, BoolArray]]:
    """Thresholds with the rows that they decide, (rows,), and how to say which rows these are."""
    if isinstance(setting, Thresholds):
        yield "", setting, mask
    if isinstance(setting, GroupSettings) and groups is not None:
        for code, own in setting.own.items():
            if isinstance(own, Thresholds):
                yield f"{names[code]}: ", own, mask & (groups == code)
        if isinstance(setting.pooled, Thresholds):
            yield "all other groups: ", setting.pooled, mask & ~np.isin(groups, list(setting.own))
