"""Fold plans, chosen by name: which rows a fold trains on, and which it validates."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from tune_polar.data.plans.alike_classes import alike_classes
from tune_polar.data.plans.extra_rows import whole_plans
from tune_polar.data.plans.fold_plan import FoldPlan
from tune_polar.data.plans.fold_requirements import check_stages
from tune_polar.data.plans.given import corpus_as_given, given
from tune_polar.data.plans.holdout import holdout
from tune_polar.data.plans.leave_groups_out import leave_groups_out
from tune_polar.data.plans.paper import paper
from tune_polar.data.plans.plan_request import PlanRequest
from tune_polar.data.plans.rare_labels import rare_labels
from tune_polar.data.plans.stratified import stratified
from tune_polar.data.registering import registering
from tune_polar.data.suggestions import did_you_mean
from tune_polar.data.table import Corpus
from tune_polar.errors import FoldPlanError

__all__ = ["PLANS", "FoldPlan", "PlanRequest", "alike_classes", "corpus_for", "make_plans", "rare_labels", "register"]

PlanMaker = Callable[..., dict[str, FoldPlan]]

PLANS: dict[str, PlanMaker] = {}


def register(name: str) -> Callable[[PlanMaker], PlanMaker]:
    """A decorator: the function makes the plans called ``name``, of a ``PlanRequest`` and settings by keyword.

    Raises:
        ValueError: there are such plans already.
    """
    return registering(PLANS, "fold plans", name)


for _name, _maker in (
    ("stratified", stratified),
    ("paper", paper),
    ("holdout", holdout),
    ("given", given),
    ("leave_groups_out", leave_groups_out),
):
    register(_name)(_maker)


def make_plans(
    kind: str,
    corpus: Corpus,
    *,
    stages: Mapping[str, Mapping[str, int | str]],
    targets: Mapping[str, Sequence[str]],
    strata: Sequence[str] = (),
    **settings: Any,
) -> dict[str, FoldPlan]:
    """A plan for each stage, one and the same object where stages share it.

    Args:
        kind: a name of ``PLANS``.
        corpus: as ``corpus_for`` gives it.
        stages: for each stage in the recipe's order, the rows it learns on; {} is all.
        targets: for each stage, the columns it learns.
        strata: columns that every fold should have in equal shares.
        settings: of the kind, by keyword.

    Returns:
        Plans over all rows of train, by stage; of extra rows they say where each may train.

    Raises:
        FoldPlanError: there is no such kind, or the rows cannot be split so.
        DataError: a column is missing.

    Example: ``make_plans("stratified", corpus, stages={"model": {}}, targets={"model": ("topic",)}, count=5, seed=42)``
    """
    if kind not in PLANS:
        raise FoldPlanError(
            f"folds.plan must be one of {', '.join(PLANS)}, got {kind!r}{did_you_mean(kind, PLANS)}",
            "Name one of these.",
        )
    wanted = {stage: tuple(names) for stage, names in targets.items()}
    request = PlanRequest(corpus, dict(stages), wanted, tuple(strata))
    plans = PLANS[kind](request, **settings)
    check_stages(plans, request)
    if not len(corpus.sources):
        return plans
    return whole_plans(plans, corpus, settings.get("together", ()), settings.get("by"))


def corpus_for(kind: str, corpus: Corpus, **settings: Any) -> Corpus:
    """The corpus as plans of ``kind`` need it: where a given split is a file of its own, its rows join train.

    Called once after reading, before fingerprints are taken and plans are made.

    Raises:
        FoldPlanError: given folds have neither a column nor a dev split.
    """
    if kind != "given":
        return corpus
    return corpus_as_given(corpus, **settings)
