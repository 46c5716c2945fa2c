"""A recorded search as an Optuna study in a database, as optuna-dashboard and Optuna's own plots open it.

A study that the same search wrote before is brought up to date: trials of configurations that have ended since are
added. Optuna changes no trial that has ended; where one is no longer what it was (a configuration that racing gave up
was finished after all), the study is written anew.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import optuna
from optuna.distributions import BaseDistribution
from optuna.exceptions import OptunaError
from optuna.study import StudyDirection
from optuna.trial import FrozenTrial, TrialState
from sqlalchemy.exc import SQLAlchemyError

from tune_polar.errors import SearchError
from tune_polar.evaluate.manifest_facts import search_id
from tune_polar.evaluate.summary import ConfigurationSummary, SearchSummary
from tune_polar.recipe.loaded_space import LoadedSpace
from tune_polar.search.optuna.sampler import PREDICTED, distributions_of, trial_of
from tune_polar.search.optuna.swept_point import swept_point
from tune_polar.store.store import Store

Distributions = Mapping[str, BaseDistribution]
SEARCH, CONFIGURATION = "search", "configuration"  # user attributes: of the study, and of each trial


@dataclass(frozen=True)
class ExportedStudy:
    """What was written."""

    name: str
    trials: int
    added: int  # trials that it did not have before
    changed: int  # that it had otherwise
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
        SearchError: nothing was searched, the database cannot be written, or it holds another search's study of this
            name.

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
    try:
        study, found_before = _study(store, summary, database)
        before = {str(trial.user_attrs.get(CONFIGURATION)): trial for trial in found_before}
        changed = [trial for trial in trials if (had := before.get(_id(trial))) and not _is_same(trial, had)]
        new = [trial for trial in trials if _id(trial) not in before]
        if changed:
            study = _anew(study, found_before, {_id(trial): trial for trial in trials}, database)
        study.set_user_attr("store", store.url)
        study.add_trials(new)
    except (SQLAlchemyError, OptunaError, ImportError, ValueError) as error:
        if isinstance(error, SearchError):
            raise
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise SearchError(
            f"{database} must be a database that Optuna can write, but: {reason}",
            "Give a URL like sqlite:///study.db (three slashes: beside you; four: from the root).",
        ) from error
    return ExportedStudy(study.study_name, len(trials), len(new), len(changed), len(found) - len(trials))


def _study(store: Store, summary: SearchSummary, database: str) -> tuple[optuna.Study, list[FrozenTrial]]:
    """The study of the search, made where there is none, and the trials that it has.

    Raises:
        SearchError: there is one of that name, of another search.
    """
    name, own = f"{summary.recipe.recipe} {summary.facts.created}", search_id(store.manifest())
    direction = StudyDirection.MAXIMIZE if summary.metric.larger_is_better else StudyDirection.MINIMIZE
    study = optuna.create_study(study_name=name, storage=database, direction=direction, load_if_exists=True)
    trials = study.get_trials(deepcopy=False)
    if not trials and not study.user_attrs:
        study.set_user_attr(SEARCH, own)
        study.set_user_attr("score", f"{summary.metric.name} of {summary.recipe.score.of}")
    elif study.user_attrs.get(SEARCH) != own:
        whose = study.user_attrs.get("store", "something else")
        raise SearchError(
            f"the study {name!r} in {database} must be of {store.url} to be brought up to date, but it is of another "
            f"search ({whose})",
            "Give another database.",
        )
    return study, trials


def _anew(
    study: optuna.Study, before: Sequence[FrozenTrial], now: Mapping[str, FrozenTrial], database: str
) -> optuna.Study:
    """The study with those of its trials that have changed as they are now.

    Raises:
        SearchError: it holds trials that this search did not write, which would get other numbers.
    """
    strangers = [trial.number for trial in before if trial.user_attrs.get(CONFIGURATION) not in now]
    if strangers:
        raise SearchError(
            f"the study {study.study_name!r} in {database} must hold trials of the search alone to be written anew, "
            f"for Optuna changes no trial that has ended; got others: {strangers[:10]}",
            "Give another database.",
        )
    name, direction, about = study.study_name, study.direction, study.user_attrs
    optuna.delete_study(study_name=name, storage=database)
    written = optuna.create_study(study_name=name, storage=database, direction=direction)
    for key, value in about.items():
        written.set_user_attr(key, value)
    written.add_trials([now[str(trial.user_attrs[CONFIGURATION])] for trial in before])
    return written


def _id(trial: FrozenTrial) -> str:
    return str(trial.user_attrs[CONFIGURATION])


def _is_same(trial: FrozenTrial, had: FrozenTrial) -> bool:
    """Whether a database has kept it; some keep fewer digits."""
    if trial.state is not had.state or trial.params.keys() != had.params.keys():
        return False
    if trial.state is not TrialState.COMPLETE:
        return True
    was_predicted = bool(had.user_attrs.get(PREDICTED))
    is_predicted = bool(trial.user_attrs.get(PREDICTED))
    return was_predicted is is_predicted and math.isclose(trial.values[0], had.values[0], rel_tol=1e-9, abs_tol=1e-12)


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
            CONFIGURATION: row.configuration.id,
            "number": row.configuration.number,
            "origin": row.configuration.origin,
            "hosts": sorted({fold.provenance.host for fold in row.folds}),
            **about,
        },
        intermediate_values={} if row.scores is None else dict(enumerate(row.scores.best.cell_scores)),
    )
