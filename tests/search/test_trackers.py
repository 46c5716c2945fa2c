"""Trackers are told what the records hold: each evaluation once, also over a kill, and never at the search's cost."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from one_slot import ONE_SLOT, Slot
from polar_search import SMALL, TWO_STAGES, polar_folder, small_corpus, space_over
from simulated_search import recipe_of
from tracked_files import Points, curves_in, events_of, offline_runs

from tune_polar.errors import SearchError, SpecError
from tune_polar.recipe.cells import Cell
from tune_polar.recipe.configuration import Configuration
from tune_polar.recipe.fill import fill
from tune_polar.search.make_plan import SearchPlan, make_plan
from tune_polar.search.prepared_search import PreparedSearch
from tune_polar.search.trackers.relay import Relay
from tune_polar.search.trackers.runs import (
    ConfigurationEnd,
    ConfigurationRun,
    Evaluation,
    FoldEnd,
    FoldRun,
    SearchRun,
    cell_name,
    search_run,
)
from tune_polar.search.trackers.tracker import FOLDER_VARIABLE, PACKAGES, check_trackers
from tune_polar.search.trackers.tracking import tracking
from tune_polar.search.watch import Silent
from tune_polar.store.store import Store, open_store
from tune_polar.trial.fold_trial import FoldTrial
from tune_polar.trial.progress import Progress

SPACE = {
    "finder.optimizer.lr": {"type": "float", "low": 3e-4, "high": 1e-2, "log": True},
    "decide.vote.k": {"type": "int", "low": 1, "high": 21, "step": 2},
}
STEPS, EVERY = 6, 2


class KilledError(Exception):
    """The driver is no more."""


class Killer(Silent):
    """Ends the driver after so many evaluations, in the middle of a fold."""

    def __init__(self, after: int) -> None:
        self._left = after

    def progressed(self, trial: FoldTrial, progress: Progress) -> None:
        self._left -= progress.value is not None
        if self._left == 0:
            raise KilledError


@pytest.fixture(scope="module")
def plan(tmp_path_factory: pytest.TempPathFactory) -> SearchPlan:
    recipe = fill(recipe_of(SMALL), {"finder.optimizer.max_steps": STEPS, "finder.optimizer.eval_every_steps": EVERY})
    source = polar_folder(tmp_path_factory.mktemp("data"))
    return make_plan(recipe, "tiny", source, space=space_over(recipe, SPACE), trials=2, seed=1)


def run_of(store: Store, plan: SearchPlan) -> SearchRun:
    return search_run(store.manifest(), plan.recipe)


def search_tracked(plan: SearchPlan, folder: Path, name: str) -> tuple[Store, list[str]]:
    """Two configurations of two folds; the driver is killed after two evaluations, and a new one goes on."""
    store, said = open_store(folder / "store"), list[str]()
    search = PreparedSearch(plan, store, ONE_SLOT)
    search.create("test")
    run = run_of(store, plan)
    with pytest.raises(KilledError), tracking([name], search.core, run, folder / "curves", said.append) as watcher:
        Slot(search, plan, store, watcher, Killer(after=2), stops=True).run()
    search = PreparedSearch(plan, store, ONE_SLOT)
    search.restore()
    with tracking([name], search.core, run, folder / "curves", said.append) as watcher:
        Slot(search, plan, store, watcher, stops=True).run()
    assert search.core.done
    return store, said


def recorded(store: Store) -> dict[tuple[str, str], Points]:
    """By configuration and cell what each curve of its stage is."""
    found = {}
    for fold in store.folds():
        stage = store.stage(fold.stages["finder"])
        assert stage is not None
        steps = [point.step for point in stage.curve]
        found[fold.configuration_id, cell_name(fold.fold, fold.seed)] = {
            "training_loss": list(zip(steps, [point.training_loss for point in stage.curve], strict=True)),
            "checkpoint_metric": list(zip(steps, [point.value for point in stage.curve], strict=True)),
        }
    return found


def about(points: Points) -> Points:
    """As near as 32 bits are."""
    return {name: [(step, pytest.approx(value, rel=1e-6)) for step, value in each] for name, each in points.items()}


def folds_of(store: Store, plan: SearchPlan) -> list[FoldRun]:
    run = run_of(store, plan)
    return [FoldRun(ConfigurationRun(run, each), cell) for each in store.configurations() for cell in plan.cells]


def scores_of(plan: SearchPlan, store: Store) -> dict[str, float | None]:
    search = PreparedSearch(plan, store, ONE_SLOT)
    search.restore()
    return {name: progress.score for name, progress in search.core.progress.items()}


def test_tensorboard_shows_each_evaluation_once(plan: SearchPlan, tmp_path: Path) -> None:
    store, said = search_tracked(plan, tmp_path, "tensorboard")
    assert not said
    for run in folds_of(store, plan):
        configuration = run.configuration.configuration
        curves = curves_in(tmp_path / "curves" / run.configuration.name / run.name / "finder")
        assert curves == about(recorded(store)[configuration.id, run.name])
    scores = scores_of(plan, store)
    for configuration in store.configurations():
        folder = tmp_path / "curves" / f"{configuration.number:05d}-{configuration.id}"
        assert curves_in(folder)["score"] == [(configuration.number, pytest.approx(scores[configuration.id], rel=1e-6))]
        told = str(events_of(folder))
        assert all(key in told for key in SPACE)


def test_an_exported_search_has_the_folders_and_curves_of_a_tracked_one(plan: SearchPlan, tmp_path: Path) -> None:
    from tune_polar.evaluate.summary import summarise
    from tune_polar.search.export_tensorboard import export_tensorboard

    store, _ = search_tracked(plan, tmp_path, "tensorboard")
    export_tensorboard(store, summarise(store, "scores"), tmp_path / "exported")
    written = sorted(path.parent.relative_to(tmp_path / "exported") for path in (tmp_path / "exported").rglob("event*"))
    assert len(written) == 4
    for folder in written:
        assert curves_in(tmp_path / "exported" / folder) == curves_in(tmp_path / "curves" / folder)


@pytest.fixture
def offline(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Where W&B writes; its process keeps what the environment says until it ends."""
    import wandb

    monkeypatch.setenv("WANDB_MODE", "offline")
    monkeypatch.setenv("WANDB_DIR", str(tmp_path))
    wandb.teardown()
    yield tmp_path
    wandb.teardown()


def test_wandb_has_a_group_a_configuration_and_a_run_a_fold(plan: SearchPlan, tmp_path: Path, offline: Path) -> None:
    store, said = search_tracked(plan, tmp_path, "wandb")
    assert not said
    runs, scores = offline_runs(offline), scores_of(plan, store)
    folds = folds_of(store, plan)
    assert len(runs) == len(folds) + len(scores)
    sessions = [runs[fold.key].sessions for fold in folds]
    assert sorted(sessions) == [1, 1, 1, 2], "the fold that was killed goes on in its own run"
    for fold in folds:
        run, configuration = runs[fold.key], fold.configuration.configuration
        assert (run.name, run.group, run.kind) == (fold.name, fold.configuration.name, "fold")
        expected = recorded(store)[configuration.id, fold.name]
        assert run.points == {f"finder/{name}": points for name, points in expected.items()}
        assert run.summary["state"] == "finished"
        assert run.summary["finder.precision_at_1"] > 0
        assert run.exit_codes[-1] == 0
        assert {key: run.config[key] for key in SPACE} == dict(configuration.point)
        assert (run.config["fold"], run.config["seed"]) == (fold.cell.fold, fold.cell.seed)
    for fold in folds[:: len(plan.cells)]:
        run = runs[fold.configuration.key]
        assert (run.group, run.kind, run.summary["state"]) == (fold.configuration.name, "configuration", "finished")
        assert run.summary["score"] == scores[fold.configuration.configuration.id]
    assert no_text_in(tmp_path / "wandb")


@pytest.fixture(scope="module")
def flawed(tmp_path_factory: pytest.TempPathFactory) -> SearchPlan:
    """A stage starts from the best fold of another, which has seen what it is scored on."""
    recipe = fill(recipe_of(TWO_STAGES), {"sorter.start.fold": "best"})
    source = polar_folder(tmp_path_factory.mktemp("flawed"))
    return make_plan(recipe, "tiny", source, space=space_over(recipe, SPACE), trials=1, seed=1)


def tracked_once(plan: SearchPlan, folder: Path, name: str) -> Store:
    store, said = open_store(folder / "store"), list[str]()
    search = PreparedSearch(plan, store, ONE_SLOT)
    search.create("test")
    with tracking([name], search.core, run_of(store, plan), folder / "curves", said.append) as watcher:
        Slot(search, plan, store, watcher, stops=True).run()
    assert not said
    return store


def test_wandb_marks_scores_on_texts_that_a_start_has_seen(
    flawed: SearchPlan, plan: SearchPlan, tmp_path: Path, offline: Path
) -> None:
    for name, each in (("flawed", flawed), ("honest", plan)):
        tracked_once(each, tmp_path / name, "wandb")
    marks = {
        (run.config["recipe"], run.kind, str(run.summary.get("start_has_seen")))
        for run in offline_runs(offline).values()
    }
    kinds = ("fold", "configuration")
    assert marks == {("two", kind, "['sorter']") for kind in kinds} | {("small", kind, "None") for kind in kinds}


def test_tensorboard_marks_scores_on_texts_that_a_start_has_seen(
    flawed: SearchPlan, plan: SearchPlan, tmp_path: Path
) -> None:
    for name, each in (("flawed", flawed), ("honest", plan)):
        (configuration, *_) = tracked_once(each, tmp_path / name, "tensorboard").configurations()
        folder = tmp_path / name / "curves" / f"{configuration.number:05d}-{configuration.id}"
        told = str(events_of(folder))
        assert ("start_has_seen" in told and "sorter" in told) == (name == "flawed")


def no_text_in(folder: Path) -> bool:
    """Whether no text of the data, and not the command line, stands in any file."""
    texts = [text.encode() for text in small_corpus().train.texts]
    contents = [path.read_bytes() for path in folder.rglob("*") if path.is_file()]
    assert contents
    return not any(text in content for content in contents for text in (*texts, b"pytest -", b"git@"))


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """MLflow's own server on this machine."""
    folder = tmp_path_factory.mktemp("mlflow")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "mlflow", "server", "--host", "127.0.0.1", "--port", str(port), "--workers", "1"]
    command += ["--backend-store-uri", f"sqlite:///{folder}/runs.db", "--artifacts-destination", str(folder / "files")]
    environment = {**os.environ, "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false", "MLFLOW_DISABLE_TELEMETRY": "true"}
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(command, cwd=folder, env=environment, stdout=log, stderr=log, start_new_session=True)
    address = f"http://127.0.0.1:{port}"
    try:
        for _ in range(600):
            assert process.poll() is None, (folder / "log").read_text()
            try:
                with urllib.request.urlopen(f"{address}/health", timeout=1):
                    break
            except OSError:
                time.sleep(0.2)
        yield address
    finally:
        with contextlib.suppress(ProcessLookupError):  # it has ended by itself, which is an error of its own
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def mlflow_runs(address: str, experiment: str) -> dict[str, Any]:
    """By key."""
    from mlflow.tracking import MlflowClient

    from tune_polar.search.trackers.mlflow import KEY

    client = MlflowClient(address)
    found = client.get_experiment_by_name(experiment)
    runs = client.search_runs([found.experiment_id])
    by_key = {run.data.tags[KEY]: run for run in runs}
    assert len(by_key) == len(runs), "no run is there twice"
    for run in runs:
        run.points = {  # type: ignore[attr-defined]
            name: [(point.step, point.value) for point in client.get_metric_history(run.info.run_id, name)]
            for name in run.data.metrics
            if "/" in name
        }
    return by_key


@pytest.mark.filterwarnings("ignore:::mlflow", "ignore::DeprecationWarning")
def test_mlflow_has_a_parent_run_a_configuration_and_a_child_run_a_fold(
    plan: SearchPlan, tmp_path: Path, server: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", server)
    monkeypatch.setenv("MLFLOW_EXPERIMENT_NAME", "mine")
    store, said = search_tracked(plan, tmp_path, "mlflow")
    assert not said
    runs, scores, folds = mlflow_runs(server, "mine"), scores_of(plan, store), folds_of(store, plan)
    assert len(runs) == len(folds) + len(scores)
    for fold in folds:
        run, parent = runs[fold.key], runs[fold.configuration.key]
        configuration = fold.configuration.configuration
        assert run.data.tags["mlflow.parentRunId"] == parent.info.run_id
        assert run.info.status == "FINISHED"
        expected = recorded(store)[configuration.id, fold.name]
        assert run.points == {f"finder/{name}": points for name, points in expected.items()}
        assert run.data.metrics["finder.precision_at_1"] > 0
        assert all(run.data.params[key] == str(value) for key, value in configuration.point.items())
        assert parent.data.metrics["score"] == scores[configuration.id]
        assert parent.data.tags["tune_polar.state"] == "finished"
        assert parent.info.status == "FINISHED"


@pytest.mark.filterwarnings("ignore:::mlflow", "ignore::DeprecationWarning")
def test_mlflow_marks_scores_on_texts_that_a_start_has_seen(
    flawed: SearchPlan, plan: SearchPlan, tmp_path: Path, server: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", server)
    for name, each in (("flawed", flawed), ("honest", plan)):
        monkeypatch.setenv("MLFLOW_EXPERIMENT_NAME", name)
        (tmp_path / name).mkdir()
        tracked_once(each, tmp_path / name, "mlflow")
    marks = {
        name: {run.data.tags.get("tune_polar.start_has_seen") for run in mlflow_runs(server, name).values()}
        for name in ("flawed", "honest")
    }
    assert marks == {"flawed": {"sorter"}, "honest": {None}}


@pytest.mark.filterwarnings("ignore:::mlflow", "ignore::DeprecationWarning")
def test_mlflow_says_what_runs_and_what_was_stopped(
    plan: SearchPlan, server: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    from tune_polar.search.trackers.mlflow import MlflowTracker

    monkeypatch.setenv("MLFLOW_TRACKING_URI", server)
    monkeypatch.setenv("MLFLOW_EXPERIMENT_NAME", "states")
    parent = ConfigurationRun(SearchRun("a", "small", "x"), Configuration(plan.recipe, 0, "as given"))
    fold, other = (FoldRun(parent, Cell(number, 42)) for number in (0, 1))

    def states() -> list[str]:
        runs = mlflow_runs(server, "states")
        return [runs[key].info.status if key in runs else "none" for key in (parent.key, fold.key, other.key)]

    tracker = MlflowTracker(parent.search)
    tracker.fold_started(fold)
    assert states() == ["RUNNING", "RUNNING", "none"]
    tracker.fold_ended(fold, FoldEnd("stopped"))
    assert states() == ["RUNNING", "KILLED", "none"]
    tracker.evaluated(fold, Evaluation("finder", 2, 0.5, 0.25))
    tracker.fold_started(other)
    assert states() == ["RUNNING", "RUNNING", "RUNNING"]
    tracker.close()
    assert states() == ["KILLED", "KILLED", "KILLED"]

    tracker = MlflowTracker(parent.search)
    tracker.evaluated(fold, Evaluation("finder", 2, 0.5, 0.25))
    tracker.evaluated(fold, Evaluation("finder", 4, 0.4, 0.5))
    assert states() == ["RUNNING", "RUNNING", "KILLED"]
    assert mlflow_runs(server, "states")[fold.key].points["finder/checkpoint_metric"] == [(2, 0.25), (4, 0.5)]
    tracker.configuration_ended(parent, ConfigurationEnd("abandoned", None, 0.3))
    tracker.fold_ended(fold, FoldEnd("failed"))
    assert states() == ["KILLED", "FAILED", "KILLED"], "what has ended is not opened again by what ends behind it"
    assert mlflow_runs(server, "states")[parent.key].data.metrics == {"expected_score": 0.3}


@pytest.mark.filterwarnings("ignore:::mlflow", "ignore::DeprecationWarning")
def test_a_server_that_is_down_costs_one_warning(
    plan: SearchPlan, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://127.0.0.1:9")  # nobody listens there
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    store, said = search_tracked(plan, tmp_path, "mlflow")
    assert len(store.folds()) == 4
    warned = [line for line in said if line.startswith("mlflow does not track all of this search: ")]
    dropped = [line for line in said if "messages were not sent; the search's own records are whole" in line]
    assert len(warned) == len(dropped) == 2, "one of each for each of the two drivers"
    assert len(said) == 4


class Slow:
    """A tracker that never comes back."""

    def __init__(self) -> None:
        self.asked = 0

    def __getattr__(self, name: str) -> Any:
        def hang(*_: object) -> None:
            self.asked += 1
            time.sleep(3600)

        return hang


def test_a_tracker_that_hangs_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    said: list[str] = []
    slow = Slow()
    relay = Relay("slow", lambda: slow, said.append, most_waiting=5)
    begun = time.monotonic()
    for _ in range(100):
        relay.put(lambda tracker: tracker.close())
    assert time.monotonic() - begun < 0.5
    relay.close(0.2)
    assert time.monotonic() - begun < 5
    assert slow.asked == 1
    assert relay.dropped == 100
    assert not said, "nothing has failed yet"


def test_what_a_tracker_takes_is_not_counted_as_lost() -> None:
    taken: list[str] = []

    class Keeps:
        def fold_started(self, run: str) -> None:
            taken.append(run)

        def close(self) -> None:
            taken.append("closed")

    relay = Relay("keeps", Keeps, taken.append)  # type: ignore[arg-type]
    for number in range(50):
        relay.put(lambda tracker, number=number: tracker.fold_started(str(number)))  # type: ignore[misc]
    relay.close(30)
    assert taken == [*map(str, range(50)), "closed"]
    assert relay.dropped == 0


def test_a_tracker_that_raises_goes_on_with_what_follows() -> None:
    said: list[str] = []
    taken: list[int] = []
    opened: list[int] = []

    def take(number: int) -> None:
        if number % 2:
            raise ValueError(f"number {number}\nand more")
        taken.append(number)

    class Takes:
        def fold_ended(self, number: int, end: object) -> None:
            take(number)

        def close(self) -> None:
            """Nothing."""

    def open_it() -> Any:
        opened.append(1)
        if len(opened) == 1:
            raise ConnectionError("not yet")
        return Takes()

    relay = Relay("moody", open_it, said.append)
    for number in range(6):
        relay.put(lambda tracker, number=number: tracker.fold_ended(number, None))  # type: ignore[misc]
    relay.close(30)
    assert taken == [2, 4]
    assert relay.dropped == 4
    assert said == ["moody does not track all of this search: ConnectionError: not yet"]


def test_a_tracker_that_is_none_is_refused() -> None:
    one_of = r"--track must be one of \['wandb', 'mlflow', 'tensorboard'\], got "
    with pytest.raises(SpecError, match=one_of + r"'wandbb'; did you mean 'wandb'\?"):
        check_trackers(["wandbb"])
    with pytest.raises(SpecError, match=one_of + "''"):
        check_trackers([""])


def test_a_package_that_is_not_installed_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(PACKAGES, "mlflow", "no_such_package")
    with pytest.raises(SearchError, match="needs the package no_such_package, which is not installed") as told:
        check_trackers(["tensorboard", "mlflow"])
    assert told.value.remedy == "Install it: pip install 'tune-polar[mlflow]'"


def test_wandb_without_an_account_is_refused_before_it_asks(tmp_path: Path) -> None:
    code = "from tune_polar.search.trackers.tracker import check_trackers; check_trackers(['wandb'])"
    environment = {name: value for name, value in os.environ.items() if not name.startswith("WANDB_")}
    environment |= {"HOME": str(tmp_path), "NETRC": str(tmp_path / "netrc"), "WANDB_CONFIG_DIR": str(tmp_path)}
    done = subprocess.run(
        [sys.executable, "-c", code], env=environment, cwd=tmp_path, capture_output=True, text=True, timeout=120
    )
    assert "--track wandb must know an account, got neither WANDB_API_KEY nor a login" in done.stderr


def test_each_name_is_taken_once(monkeypatch: pytest.MonkeyPatch) -> None:
    assert check_trackers(["tensorboard", "tensorboard"]) == ("tensorboard",)
    assert check_trackers([]) == ()


def test_keys_tell_searches_configurations_and_cells_apart(plan: SearchPlan, tmp_path: Path) -> None:
    store, other = open_store(tmp_path / "one"), open_store(tmp_path / "other")
    for each, command in ((store, "one"), (other, "other")):
        PreparedSearch(plan, each, ONE_SLOT).create(command)
    manifests: list[Mapping[str, Any]] = [store.manifest(), other.manifest()]
    searches = [search_run(manifest, plan.recipe) for manifest in manifests]
    assert searches[0] == run_of(store, plan) == SearchRun(searches[0].id, "small", "macro_f1 of vote")
    runs = [ConfigurationRun(each, Configuration(plan.recipe, 0, "as given")) for each in searches]
    keys = [FoldRun(run, Cell(fold, seed)).key for run in runs for fold in (0, 1) for seed in (42, 7)]
    assert len({*keys, *(run.key for run in runs)}) == 10


def test_tensorboard_goes_where_the_environment_says(
    plan: SearchPlan, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(FOLDER_VARIABLE, str(tmp_path / "elsewhere"))
    search_tracked(plan, tmp_path, "tensorboard")
    assert any((tmp_path / "elsewhere").rglob("events.out.tfevents.*"))
    assert not (tmp_path / "curves").exists()
