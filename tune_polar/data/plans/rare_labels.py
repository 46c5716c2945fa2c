"""Labels and classes that some folds have no row of to validate: no fault, but their scores there say nothing."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from tune_polar.data.findings import Finding
from tune_polar.data.plans.fold_plan import FoldPlan
from tune_polar.data.plans.fold_requirements import needs_of
from tune_polar.data.plans.plan_request import PlanRequest


def rare_labels(plans: Mapping[str, FoldPlan], request: PlanRequest) -> list[Finding]:
    """A warning for each label, class or side of a binary target that some fold does not validate.

    Args:
        plans: by stage.
        request: that they were made of, its strata left out: those that are learned are labels like all others.
    """
    found: dict[str, Finding] = {}
    for stage, plan in plans.items():
        alone = replace(request, stages={stage: request.stages[stage]}, targets={stage: request.targets[stage]})
        for name, rows in needs_of(alone).items():
            validated = plan.validation[:, : len(rows)] & rows
            lacking = np.flatnonzero(~validated.any(axis=1)).tolist()
            if lacking and name not in found:
                found[name] = _finding(request.corpus.name, name, int(np.count_nonzero(rows)), lacking, plan.count)
    return list(found.values())


def _finding(data: str, name: str, rows: int, lacking: list[int], count: int) -> Finding:
    folds = f"{len(lacking)} of {count} folds" if count > 1 else "the validated rows"
    said = (
        f"every fold should validate rows of every label, got {name!r} with {rows} row{'s' * (rows != 1)} and none in "
        f"{folds}: what is measured there of it says nothing"
    )
    return Finding("warning", "rare-label", data, None, None, said)
