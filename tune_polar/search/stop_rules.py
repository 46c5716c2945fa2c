"""Which rules may end a search early, given what was asked for and what is recorded already."""

from __future__ import annotations

from tune_polar.search.convergence import Converged, ScoredPoint
from tune_polar.search.core import SearchCore
from tune_polar.search.limits import Limits, NothingWorks, TimeLimit
from tune_polar.search.plan import SearchPlan
from tune_polar.search.stop_rule import StopRule
from tune_polar.search.study import Study


def stop_rules(limits: Limits, plan: SearchPlan, core: SearchCore, study: Study) -> list[StopRule]:
    """The rules for a search whose records have been taken up: a failure first, then what the user set."""
    rules: list[StopRule] = [NothingWorks(limits.configurations(plan.trials), core.progress)]
    if limits.seconds is not None:
        rules.append(TimeLimit(limits.seconds, limits.began))
    if limits.until_converged and plan.space is not None:
        rules.append(Converged(plan.space, lambda: scored_points(study), plan.seed))
    return rules


def scored_points(study: Study) -> list[ScoredPoint]:
    """Finished configurations that are points of the space: of a recipe outside it a model learns nothing."""
    return [
        ScoredPoint(scored.progress.configuration.point, scored.outcome.score, scored.outcome.best.fold_scores)
        for scored in study.scored.values()
        if scored.progress.configuration.point
    ]
