"""A recorded search as a study of Optuna's, and as TensorBoard's curves: what its own sampler was told."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import optuna
import pytest
import torch
from optuna.study import StudyDirection
from optuna.trial import TrialState
from polar_search import SMALL, TWO_STAGES, polar_folder, space_over, variant
from simulated_search import PROVENANCE, recipe_of

from tune_polar.data.source import Source, parse_source
from tune_polar.errors import SearchError
from tune_polar.evaluate.summary import summarise
from tune_polar.recipe.configuration import Configuration
from tune_polar.recipe.fill import fill
from tune_polar.search.export_tensorboard import export_tensorboard
from tune_polar.search.make_plan import make_plan
from tune_polar.search.optuna.export_optuna import export_optuna
from tune_polar.search.optuna.sampler import PREDICTED
from tune_polar.search.prepared_search import PreparedSearch
from tune_polar.search.resources.slots import Slots
from tune_polar.store.abandonment import Abandonment
from tune_polar.store.failures import FailureRecord
from tune_polar.store.store import Store, open_store
from tune_polar.trial.fold_trial import FoldTrial
from tune_polar.trial.run_fold_trial import run_fold_trial
from tune_polar.trial.worker_context import TrialContext

SPACE = {
    "finder.optimizer.lr": {"type": "float", "low": 3e-4, "high": 1e-2, "log": True},
    "decide.vote.k": {"type": "int", "low": 1, "high": 21, "step": 2},
    "decide.vote.tau": {"type": "float", "low": 0.2, "high": 0.8},
}
GRADES: Mapping[str, Any] = {
    "recipe": "grades",
    "data": {"numbers": {"grade": [0, 10]}},
    "folds": {"count": 2},
    "encoder": {"name": "tiny", "tiny": {"hidden": 32}},
    "stages": {
        "grader": {
            "task": {"type": "regression", "target": "grade"},
            "batches": {"size": 16},
            "optimizer": {"max_steps": 3, "eval_every_steps": 3},
        }
    },
    "score": {"of": "grader", "metric": "mae"},
}


def searched(values: Mapping[str, Any], space: Mapping[str, object], source: Source, folder: Path) -> Store:
    """Two configurations, trained here."""
    recipe, store = recipe_of(values), open_store(folder)
    plan = make_plan(recipe, "tiny", source, space=space_over(recipe, space), trials=2, seed=1)
    search = PreparedSearch(plan, store, Slots(1, threads=1, gpu=False))
    search.create("test")
    context = TrialContext(plan.corpus, plan.plans, store, torch.device("cpu"))
    while (trial := search.core.next_trial()) is not None:
        search.core.fold_finished(run_fold_trial(trial, context))
    return store


def database(folder: Path) -> str:
    return f"sqlite:///{folder}/study.db"


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Store:
    """Beside its two whole configurations one that was given up, one that failed and one that is not finished."""
    folder = tmp_path_factory.mktemp("search")
    found = searched(SMALL, SPACE, polar_folder(folder / "data"), folder / "store")
    _, own = found.configurations()
    cell = next((fold.fold, fold.seed) for fold in found.folds())
    for number, lr in enumerate((1e-3, 2e-3, 3e-3), 2):
        point = {**own.point, "finder.optimizer.lr": lr}
        configuration = Configuration(fill(own.recipe, point), number, "sampled", point)
        found.put_configuration(configuration)
        if number == 2:
            found.put_abandonment(Abandonment(configuration.id, "model", (), None, 0.31, 0.01, 0.0, own.id, 0.5))
        if number == 3:
            found.put_failure(FailureRecord(configuration.id, *cell, 0, "ValueError", "no", "", PROVENANCE))
    return found


def test_a_study_has_a_trial_for_each_configuration_that_ended(store: Store, tmp_path: Path) -> None:
    summary = summarise(store, "scores")
    done = export_optuna(store, summary, database(tmp_path))
    assert (done.trials, done.left_out) == (4, 1), "one is not finished"
    study = optuna.load_study(study_name=done.name, storage=database(tmp_path))
    assert study.direction is StudyDirection.MAXIMIZE
    assert study.user_attrs.items() >= {"store": store.url, "score": "macro_f1 of vote"}.items()
    reference, whole, given_up, failed = study.trials
    assert [trial.state for trial in study.trials] == [*[TrialState.COMPLETE] * 3, TrialState.FAIL]
    assert reference.user_attrs["number"] == 0
    scores = summary.configurations[1].scores
    assert scores is not None
    assert whole.value == scores.score
    assert whole.params["finder.optimizer.lr"] == summary.configurations[1].configuration.point["finder.optimizer.lr"]
    chosen = scores.best.settings["decide.vote.k"]
    proposed = summary.configurations[1].configuration.point["decide.vote.k"]
    assert whole.params["decide.vote.k"] in ((chosen, chosen - 1, chosen + 1) if chosen < 23 else (proposed,))
    assert list(whole.intermediate_values.values()) == list(scores.best.cell_scores)
    assert (given_up.value, given_up.user_attrs[PREDICTED]) == (0.31, True)
    assert failed.user_attrs["error"] == "ValueError: no"


def test_a_study_is_brought_up_to_date(tmp_path: Path) -> None:
    store = searched(SMALL, SPACE, polar_folder(tmp_path / "data"), tmp_path / "store")
    first = export_optuna(store, summarise(store, "scores"), database(tmp_path))
    again = export_optuna(store, summarise(store, "scores"), database(tmp_path))
    assert (first.trials, first.added, first.changed) == (2, 2, 0)
    assert (again.trials, again.added, again.changed) == (2, 0, 0)
    _, own = store.configurations()
    given_up = beside(store, own, 2)
    store.put_abandonment(Abandonment(given_up.id, "model", (), None, 0.31, 0.01, 0.0, own.id, 0.5))
    unfinished = beside(store, own, 3)
    done = export_optuna(store, summarise(store, "scores"), database(tmp_path))
    assert (done.trials, done.added, done.changed, done.left_out) == (3, 1, 0, 1)

    train(store, given_up, tmp_path)  # on another machine, say, which did not know that it was given up
    train(store, unfinished, tmp_path)
    done = export_optuna(store, summarise(store, "scores"), database(tmp_path))
    assert (done.trials, done.added, done.changed, done.left_out) == (4, 1, 1, 0)
    study = optuna.load_study(study_name=done.name, storage=database(tmp_path))
    summary = summarise(store, "scores")
    told = {trial.user_attrs["configuration"]: trial for trial in study.trials}
    assert list(told) == [row.configuration.id for row in summary.configurations]
    assert len(told) == len(study.trials)
    for row in summary.configurations:
        assert row.scores is not None
        assert told[row.configuration.id].value == row.scores.score
        assert PREDICTED not in told[row.configuration.id].user_attrs
    assert study.user_attrs["store"] == store.url


def beside(store: Store, own: Configuration, number: int) -> Configuration:
    point = {**own.point, "finder.optimizer.lr": 1e-3 * number}
    configuration = Configuration(fill(own.recipe, point), number, "sampled", point)
    store.put_configuration(configuration)
    return configuration


def train(store: Store, configuration: Configuration, folder: Path) -> None:
    recipe = recipe_of(SMALL)
    plan = make_plan(recipe, "tiny", polar_folder(folder / "again"), space=space_over(recipe, SPACE), trials=2, seed=1)
    context = TrialContext(plan.corpus, plan.plans, store, torch.device("cpu"))
    for cell in plan.cells:
        inputs = plan.inputs_for(configuration.recipe)
        store.put_fold(run_fold_trial(FoldTrial(configuration.recipe, cell, inputs), context))


def test_a_study_of_another_search_is_refused_and_kept(store: Store, tmp_path: Path) -> None:
    done = export_optuna(store, summarise(store, "scores"), database(tmp_path))
    study = optuna.load_study(study_name=done.name, storage=database(tmp_path))
    study.set_user_attr("search", "0123456789abcdef")
    with pytest.raises(
        SearchError, match=r"the study 'small .*' in sqlite:.* must be of .*, but it is of another search"
    ):
        export_optuna(store, summarise(store, "scores"), database(tmp_path))
    assert len(study.trials) == done.trials
    bare = f"sqlite:///{tmp_path}/bare.db"
    optuna.create_study(study_name=done.name, storage=bare).add_trial(optuna.create_trial(value=1.0))
    with pytest.raises(SearchError, match=r"it is of another search \(something else\)"):
        export_optuna(store, summarise(store, "scores"), bare)


def test_trials_of_others_are_not_thrown_away(tmp_path: Path) -> None:
    store = searched(SMALL, SPACE, polar_folder(tmp_path / "data"), tmp_path / "store")
    _, own = store.configurations()
    given_up = beside(store, own, 2)
    store.put_abandonment(Abandonment(given_up.id, "model", (), None, 0.31, 0.01, 0.0, own.id, 0.5))
    done = export_optuna(store, summarise(store, "scores"), database(tmp_path))
    study = optuna.load_study(study_name=done.name, storage=database(tmp_path))
    study.add_trial(optuna.create_trial(value=0.9))
    assert export_optuna(store, summarise(store, "scores"), database(tmp_path)).added == 0, "others do no harm"
    train(store, given_up, tmp_path)
    with pytest.raises(SearchError, match=r"must hold trials of the search alone to be written anew, .* others: \[3\]"):
        export_optuna(store, summarise(store, "scores"), database(tmp_path))
    assert len(study.trials) == 4


@pytest.mark.parametrize("where", ["nowhere", "sqlite:////no/such/folder/study.db"])
def test_a_database_that_cannot_be_written_is_refused(store: Store, where: str) -> None:
    with pytest.raises(SearchError, match="must be a database that Optuna can write, but"):
        export_optuna(store, summarise(store, "scores"), where)


def test_an_ablation_has_no_study(tmp_path: Path) -> None:
    recipe, store = variant(), open_store(tmp_path / "store")
    source = polar_folder(tmp_path / "data")
    plan = make_plan(recipe, "tiny", source, variants=(("as given", recipe),), trials=1, seed=1)
    PreparedSearch(plan, store, Slots(1, threads=1, gpu=False)).create("test")
    with pytest.raises(SearchError, match=r"a study must have a space that was searched, but .* is an ablation"):
        export_optuna(store, summarise(store, "scores"), database(tmp_path))


def test_where_smaller_is_better_a_study_minimises_what_was_measured(tmp_path: Path) -> None:
    rows = "".join(f"{row},text {row % 7} of {row % 5},{row % 10}\n" for row in range(40))
    (tmp_path / "grades.csv").write_text(f"id,text,grade\n{rows}")
    space = {"grader.optimizer.lr": {"type": "float", "low": 1e-5, "high": 1e-2, "log": True}}
    store = searched(GRADES, space, parse_source(str(tmp_path / "grades.csv")), tmp_path / "store")
    summary = summarise(store, "scores")
    done = export_optuna(store, summary, database(tmp_path))
    study = optuna.load_study(study_name=done.name, storage=database(tmp_path))
    assert study.direction is StudyDirection.MINIMIZE
    measured = [row.scores.score for row in summary.configurations if row.scores is not None]
    assert [trial.value for trial in study.trials] == measured
    assert min(measured) > 0
    assert study.best_value == min(measured)


def test_every_stage_has_curves_in_a_folder_of_its_own(tmp_path: Path) -> None:
    source = polar_folder(tmp_path / "data")
    store = searched(TWO_STAGES, SPACE, source, tmp_path / "store")
    written = export_tensorboard(store, summarise(store, "scores"), tmp_path / "curves")
    folders = sorted(str(path.parent.relative_to(tmp_path / "curves")) for path in (tmp_path / "curves").rglob("*.*"))
    first = store.configurations()[0]
    assert written == len(folders) == 2 * 2 * 2
    assert folders[:2] == [f"00000-{first.id}/f0-s42/finder", f"00000-{first.id}/f0-s42/sorter"]
