"""A recorded search as an Optuna study in a database, as optuna-dashboard and Optuna's own plots open it."""

from __future__ import annotations

from dataclasses import dataclass

import optuna
from optuna.exceptions import DuplicatedStudyError, OptunaError
from optuna.trial import FrozenTrial, TrialState
from sqlalchemy.exc import SQLAlchemyError

from tune_polar.errors import SearchError
from tune_polar.search.configuration_progress import ConfigurationProgress
from tune_polar.search.plan import recorded_space
from tune_polar.search.sampler import PREDICTED, Sampler
from tune_polar.search.study import Study
from tune_polar.store.predictions_of import PredictionsReader
from tune_polar.store.scores import StoredScores
from tune_polar.store.store import Store
from tune_polar.store.summary import ConfigurationSummary, SearchSummary


@dataclass(frozen=True)
class ExportedStudy:
    """What was written."""

    name: str
    trials: int
    swept: int  # of these, points that cost no training: a trained one with other decision values
    left_out: int  # configurations that are unfinished, or whose settings are no point of the space


def export_optuna(store: Store, summary: SearchSummary, database: str) -> ExportedStudy:
    """Write what the search's own study was told: points, values, and the swept points that cost no training.

    One that racing gave up has the value expected of it, and says so: ``predicted`` in its user attributes.
    A configuration that failed is a FAIL trial; one that is not finished is left out.

    Raises:
        SearchError: nothing was searched, the database cannot be written, or it holds a study of this name.
    """
    space = recorded_space(store.manifest())
    if space is None:
        raise SearchError(
            f"a study must have a space that was searched, but {summary.url} is an {summary.facts.kind}",
            "Export its tables with --csv or --parquet.",
        )
    sampler = Sampler(space, summary.facts.seed)
    kept = StoredScores(store, summary.gold, summary.rules)
    kept.load()
    study = Study(PredictionsReader(store, summary.gold), space, sampler, kept)
    trials: list[FrozenTrial] = []
    swept = left_out = 0
    for row in summary.configurations:
        found = _told(row, sampler, study)
        trials += found
        swept += max(0, len(found) - 1)
        left_out += not found
    name = f"{summary.facts.recipe.recipe} {summary.facts.created}"
    try:
        written = optuna.create_study(study_name=name, storage=database, direction="maximize")
        written.set_user_attr("store", summary.url)
        written.set_user_attr("objective", summary.objective)
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
    return ExportedStudy(name, len(trials), swept, left_out)


def _told(row: ConfigurationSummary, sampler: Sampler, study: Study) -> list[FrozenTrial]:
    """The trials of one configuration as the sampler was told them; the trained one first."""
    if row.state == "incomplete":
        return []
    configuration = row.configuration
    finished = {fold.fold: fold for fold in row.folds}
    sampler.announce(configuration)
    announced = sampler.told(configuration)
    if row.abandonment is not None:
        study.on_expected(ConfigurationProgress(configuration, (), state="abandoned"), row.abandonment.predicted)
        about = {"stopped_after_folds": len(row.folds), "racing": row.abandonment.rule, PREDICTED: True}
        return [_trial(row, trial, TrialState.COMPLETE, dict(about)) for trial in sampler.told(configuration)]
    if row.state == "infeasible":
        reason = row.failures[-1].first_line if row.failures else "its predictions cannot be scored"
        return [_trial(row, trial, TrialState.FAIL, {"error": reason}) for trial in announced]
    study.on_finished(ConfigurationProgress(configuration, tuple(finished), state="finished", finished=finished))
    trials = sampler.told(configuration)
    return [_trial(row, trial, TrialState.COMPLETE, {"trained": place == 0}) for place, trial in enumerate(trials)]


def _trial(row: ConfigurationSummary, told: FrozenTrial, state: TrialState, about: dict[str, object]) -> FrozenTrial:
    is_trained = bool(about.get("trained"))
    fold_scores = row.scores.decisions[0].fold_scores if row.scores is not None and is_trained else ()
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
        intermediate_values=dict(enumerate(fold_scores)),
    )
