"""Which rules may end a search early, given what was asked for and what is recorded already."""

from __future__ import annotations

from tune_polar.decide.metrics import metric_named
from tune_polar.errors import SearchError
from tune_polar.search.fold_dispatch import FoldDispatch
from tune_polar.search.make_plan import SearchPlan
from tune_polar.search.optuna.told_study import Study
from tune_polar.search.stopping.convergence import Converged, ScoredPoint, Told
from tune_polar.search.stopping.limits import Limits, NothingWorks, TimeLimit
from tune_polar.search.stopping.stop_rule import StopRule

FEWEST_CELLS = 2  # whose scores differ by chance: one has no error to tell


def stop_rules(limits: Limits, plan: SearchPlan, core: FoldDispatch, study: Study) -> list[StopRule]:
    """The rules for a search whose records have been taken up: a failure first, then what the user set.

    Raises:
        SearchError: convergence cannot be told of such a search.
    """
    rules: list[StopRule] = [NothingWorks(limits.configurations(plan.trials), core.progress)]
    if limits.seconds is not None:
        rules.append(TimeLimit(limits.seconds, limits.began))
    if limits.until_converged and plan.space is not None:
        if len(plan.cells) < FEWEST_CELLS:
            raise SearchError(
                f"--until converged must have {FEWEST_CELLS} cells a configuration, whose scores differ by chance, got "
                f"{len(plan.cells)}",
                "Give more folds, or several seeds with --set seeds=[0,1,2]; or leave --until out.",
            )
        told = Told(metric_named(plan.recipe.score.metric), plan.held_out)
        rules.append(Converged(plan.space, lambda: scored_points(study, told), told, plan.seed))
    return rules


def scored_points(study: Study, told: Told) -> list[ScoredPoint]:
    """Finished configurations that are points of the space: of a recipe outside it a model learns nothing."""
    return [
        ScoredPoint(each.configuration.point, told.metric.gain(each.scores.score, 0.0), each.scores.best.cell_scores)
        for each in study.scored.values()
        if each.configuration.point
    ]
