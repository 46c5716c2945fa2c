"""A recorded search as an Optuna study in a database, as optuna-dashboard and Optuna's own plots open it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import optuna
from optuna.distributions import BaseDistribution
from optuna.exceptions import DuplicatedStudyError, OptunaError
from optuna.study import StudyDirection
from optuna.trial import FrozenTrial, TrialState
from sqlalchemy.exc import SQLAlchemyError

from tune_polar.errors import SearchError
from tune_polar.evaluate.summary import ConfigurationSummary, SearchSummary
from tune_polar.recipe.loaded_space import LoadedSpace
from tune_polar.search.sampler import PREDICTED, distributions_of, trial_of
from tune_polar.search.swept_point import swept_point
from tune_polar.store.store import Store

Distributions = Mapping[str, BaseDistribution]


@dataclass(frozen=True)
class ExportedStudy:
    """What was written."""

    name: str
    trials: int
    left_out: int  # configurations that are unfinished, or whose settings are no point of the space


def export_optuna(store: Store, summary: SearchSummary, database: str) -> ExportedStudy:
    """Write what the search's own study was told: a trial a configuration, with scores as the metric measures them.

    One that racing gave up has the value expected of it, and says so: ``predicted`` in its user attributes.
    A configuration that failed is a FAIL trial; one that is not finished is left out.

    Args:
        store: of the search.
        summary: of the same, with its scores.
        database: as SQLAlchemy writes it.

    Raises:
        SearchError: nothing was searched, the database cannot be written, or it holds a study of this name.

    Example:
        >>> export_optuna(store, summarise(store, "scores"), "sqlite:///study.db")
    """
    space = summary.facts.searched
    if space is None:
        raise SearchError(
            f"a study must have a space that was searched, but {store.url} is an {summary.facts.kind}",
            "Export its tables with --csv or --parquet.",
        )
    known = distributions_of(space)
    found = [_told(row, space, known) for row in summary.configurations]
    trials = [trial for trial in found if trial is not None]
    name = f"{summary.recipe.recipe} {summary.facts.created}"
    direction = StudyDirection.MAXIMIZE if summary.metric.larger_is_better else StudyDirection.MINIMIZE
    try:
        written = optuna.create_study(study_name=name, storage=database, direction=direction)
        written.set_user_attr("store", store.url)
        written.set_user_attr("score", f"{summary.metric.name} of {summary.recipe.score.of}")
        written.add_trials(trials)
    except DuplicatedStudyError:
        raise SearchError(
            f"{database} must not hold a study {name!r} yet, but it does", "Give another file, or remove that one."
        ) from None
    except (SQLAlchemyError, OptunaError, ImportError, ValueError) as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise SearchError(
            f"{database} must be a database that Optuna can write, but: {reason}",
            "Give a URL like sqlite:///study.db (three slashes: beside you; four: from the root).",
        ) from error
    return ExportedStudy(name, len(trials), len(found) - len(trials))


def _told(row: ConfigurationSummary, space: LoadedSpace, known: Distributions) -> FrozenTrial | None:
    """The trial of one configuration as the sampler was told it; None: it was told nothing."""
    point = row.configuration.point
    if row.abandonment is not None:
        about = {"stopped_after_cells": len(row.folds), "racing": row.abandonment.rule, PREDICTED: True}
        return _trial(row, trial_of(point, row.abandonment.predicted, known), TrialState.COMPLETE, about)
    if row.state == "infeasible":
        reason = row.failures[-1].first_line if row.failures else "its predictions cannot be scored"
        return _trial(row, trial_of(point, None, known), TrialState.FAIL, {"error": reason})
    if row.scores is None:
        return None
    swept = swept_point(point, row.scores.best.settings, space)
    return _trial(row, trial_of(swept, row.scores.score, known), TrialState.COMPLETE, {})


def _trial(
    row: ConfigurationSummary, told: FrozenTrial | None, state: TrialState, about: dict[str, object]
) -> FrozenTrial | None:
    if told is None:
        return None
    return optuna.create_trial(
        state=state,
        value=told.value if state is TrialState.COMPLETE else None,
        params=told.params,
        distributions=told.distributions,
        user_attrs={
            "configuration": row.configuration.id,
            "number": row.configuration.number,
            "origin": row.configuration.origin,
            "hosts": sorted({fold.provenance.host for fold in row.folds}),
            **about,
        },
        intermediate_values={} if row.scores is None else dict(enumerate(row.scores.best.cell_scores)),
    )
