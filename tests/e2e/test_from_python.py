"""Searches begun from Python: twice in one process, from a thread, from a DataFrame, interrupted."""

from __future__ import annotations

import json
import signal
import textwrap
import time
from pathlib import Path

import pandas as pd
import pytest

import tune_polar
from tests.e2e.from_python import ran, start
from tune_polar.store.store import open_store

pytestmark = pytest.mark.e2e


def test_two_searches_in_one_process_and_more_of_the_first(tmp_path: Path) -> None:
    out, err = ran(
        tmp_path,
        """
        before = [signal.getsignal(each) for each in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGUSR1)]
        first = begin(store="one")
        import numpy as np
        second = begin(store="two", trials=np.int64(2), folds=np.int64(2), slots=np.int8(1), keep_weights=np.int64(1))
        after = [signal.getsignal(each) for each in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGUSR1)]
        assert before == after, (before, after)
        assert first.best.score == second.best.score and first.best.id == second.best.id
        pd.testing.assert_frame_equal(first.predictions(), second.predictions())
        seconds = first.table()["seconds"].tolist()
        assert first.resume(trials=np.int64(3), checkpoint_every=np.float32(60), progress="none") is first
        assert first.table()["seconds"].tolist()[:4] == seconds, "what was finished is not trained again"
        assert first.status.is_complete and first.status.finished == 3
        assert not left(), left()
        print(first.best.score)
        """,
    )
    assert err == "", "progress='none' says nothing"
    assert len(out.split()) == 1
    found = tune_polar.open(tmp_path / "one")
    assert found.best is not None
    assert found.best.score == float(out)
    manifest = open_store(tmp_path / "one").manifest()
    assert manifest["command"].startswith("tune_polar.search(recipe='classifier', data=DataFrame, text='tweet', ")
    assert "river" not in json.dumps(manifest), "no record holds a text"
    for name in ("report.html", "winner.yaml"):
        assert (tmp_path / "one" / name).is_file()

    again = """
        found = tune_polar.open("one")
        try:
            found.resume(trials=4, progress="none")
        except tune_polar.TunePolarError as error:
            print("first:", error.problem)
        try:
            found.resume(trials=4, data=TWEETS.iloc[::-1], text="tweet", progress="none")
        except tune_polar.TunePolarError as error:
            print("second:", error.problem)
        found.resume(trials=4, data=TWEETS, text="tweet", progress="lines")
        print("finished:", found.status.finished)
    """
    out, err = ran(tmp_path, again)
    first, second, finished = out.splitlines()
    assert first == "first: the rows of train were given as a DataFrame, which no record holds"
    assert second.startswith("second: ")
    assert "the rows of train" in second
    assert finished == "finished: 4"
    assert "#3 " in err, "lines are told"


def test_new_texts_are_predicted_in_every_form(tmp_path: Path) -> None:
    out, err = ran(
        tmp_path,
        """
        found = begin(trials=1, store="store")
        texts = ["a slow river", "loud, and an angry crowd", "slow"]
        table = found.predict(texts)
        assert table["id"].tolist() == ["1", "2", "3"], table
        assert set(table["mood"]) <= {0, 1} and table["mood.probability"].between(0, 1).all(), table.columns
        rows = pd.DataFrame({"said": texts, "id": ["x", "y", "z"]})
        rows.to_csv("new.csv", index=False)
        same = [
            found.predict(pd.Series(texts, index=["x", "y", "z"])),
            found.predict(rows, text="said"),
            found.predict(rows.rename(columns={"said": "tweet"})),
            found.predict("new.csv", text="said"),
            tune_polar.open("store").predict(tuple(texts), batch_rows=1).assign(id=["x", "y", "z"]),
        ]
        for each in same:
            pd.testing.assert_frame_equal(each, table.assign(id=["x", "y", "z"]), rtol=1e-5)
        for wrong, more in [
            ([], {}), (["a", " "], {}), ([1], {}), (3, {}), (rows, {}), (rows, {"text": "said", "columns": {"a": "b"}}),
            (texts, {"configuration": "nobody"}), (texts, {"device": "cuda:99"}), (texts, {"batch_rows": 0}),
            (texts, {"all_rows": True}), ("absent.csv", {}),
        ]:
            try:
                found.predict(wrong, **more)
                print("taken:", wrong, more)
            except tune_polar.TunePolarError as error:
                print(type(error).__name__, error.problem.splitlines()[0])
        """,
    )
    assert err == ""
    told = out.splitlines()
    assert len(told) == 11
    assert not [line for line in told if line.startswith("taken")], told
    said = ("must have rows", "text must not be empty", "each text must be text", "got a int", "the column", "columns=")
    for line, words in zip(told, said, strict=False):
        assert words in line, (line, words)


def test_from_a_thread_beside_which_others_print(tmp_path: Path) -> None:
    out, _ = ran(
        tmp_path,
        """
        found = []
        thread = threading.Thread(target=lambda: found.append(begin(trials=1, store="store", racing="none")))
        thread.start()
        while thread.is_alive():
            print("beside", flush=True)
            thread.join(1)
        print("best", found[0].best is not None, len(left()))
        """,
    )
    lines = out.splitlines()
    assert lines[-1] == "best True 0"
    assert lines.count("beside") > 2


def test_a_second_search_is_refused_and_the_first_goes_on(tmp_path: Path) -> None:
    out, _ = ran(
        tmp_path,
        """
        first = []
        thread = threading.Thread(target=lambda: first.append(begin(store="one")))
        thread.start()
        while not os.path.exists("one/manifest.json"):
            assert thread.is_alive()
            time.sleep(0.05)
        for moment in ("starting", "training"):
            while moment == "training" and not (os.path.isdir("one/folds") and os.listdir("one/folds")):
                assert thread.is_alive()
                time.sleep(0.05)
            for second in (
                lambda: begin(store="two"),
                lambda: begin(store="two", address="auto"),
                lambda: tune_polar.open("one").resume(data=TWEETS, text="tweet", trials=9, progress="none"),
            ):
                try:
                    second()
                    print("taken")
                except tune_polar.TunePolarError as error:
                    print(type(error).__name__, error.problem)
        thread.join()
        assert first[0].status.is_complete and first[0].status.planned == 2, first[0].status
        print("second:", os.path.exists("two"), len(left()))
        print("then:", begin(trials=1, store="two").best is not None)
        """,
    )
    *told, second, then = out.splitlines()
    problem = "a process must run one search at a time, for it knows one Ray, got a second while the first one runs"
    assert told == [f"SearchError {problem}"] * 6
    assert (second, then) == ("second: False 0", "then: True")


def test_a_ray_that_runs_already_is_left_as_it_is(tmp_path: Path) -> None:
    out, _ = ran(
        tmp_path,
        """
        done = begin(trials=1, store="done")
        import ray
        ray.init(num_cpus=1, include_dashboard=False, logging_level="ERROR", log_to_driver=False)
        answer = ray.put("theirs")
        for ask in (
            lambda: begin(store="store"),
            lambda: begin(store="store", address=ray.get_runtime_context().gcs_address),
            lambda: done.resume(trials=2, progress="none"),
        ):
            try:
                ask()
                print("taken")
            except tune_polar.TunePolarError as error:
                print(error.problem, "|", error.remedy)
            print(ray.is_initialized() and ray.get(answer), os.path.exists("store"), done.status.planned)
        from tune_polar.errors import SearchError
        from tune_polar.search.ray.ray_session import joined_cluster, local_ray
        from tune_polar.search.resources.slots import Slots
        for session in (local_ray(Slots(1, threads=1, gpu=False)), joined_cluster("auto")):
            try:
                with session:
                    print("taken")
            except SearchError as error:
                print(error.problem)
            print(ray.get(answer))
        ray.shutdown()
        print("then:", done.resume(trials=2, progress="none").status.finished)
        """,
    )
    problem = "Ray must not run in this process already, since a search starts or joins its own, got one that does"
    anew = "a process of its own (spawned: a forked one takes its parent's Ray for its own)"
    remedy = f"End it before with ray.shutdown(), or search in {anew}."
    asked, sessions = [f"{problem} | {remedy}", "theirs False 1"], [problem, "theirs"]
    assert out.splitlines() == [*asked * 3, *sessions * 2, "then: 2"]


@pytest.mark.parametrize("moment", ["starting", "training"])
def test_an_interrupt_loses_nothing_and_leaves_no_process(tmp_path: Path, moment: str) -> None:
    process = start(
        tmp_path,
        """
        try:
            begin(trials=30, store="store", set={"encoder.tiny.hidden": 32, "model.optimizer.max_steps": 40})
            print("not interrupted")
        except KeyboardInterrupt as interrupt:
            print(interrupt)
        assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
        import ray
        print("ray is shut down:", not ray.is_initialized(), len(left()))
        if tune_polar.open("store").table().query("state == 'finished'").empty:
            sys.exit()
        found = tune_polar.open("store")
        finished = int((found.table()["state"] == "finished").sum())
        found.resume(data=TWEETS, text="tweet", time=1, progress="none")
        print("kept:", int((found.table()["state"] == "finished").sum()) >= finished)
        """,
    )
    wanted = {"starting": "manifest.json", "training": "folds/*.json"}[moment]
    until = time.monotonic() + 200
    while not list((tmp_path / "store").glob(wanted)):
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < until
        time.sleep(0.1)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=200)
    assert process.returncode == 0, f"{out}\n{err}"
    assert "Traceback" not in err
    lines = out.splitlines()
    assert "ray is shut down: True 0" in lines
    if moment == "training":
        assert lines[0] == "every finished fold is recorded: tune_polar.open('store').resume() goes on"
        assert lines[-1] == "kept: True"
        assert (tmp_path / "store" / "report.html").is_file()


def test_a_recipe_as_a_mapping_and_the_winner_given_back(tmp_path: Path) -> None:
    program = """
        recipe = {
            "recipe": "mine",
            "data": {"labels": ["angry"]},
            "folds": {"count": 2},
            "encoder": {"name": "tiny", "tiny": {"hidden": 32}},
            "stages": {"model": {"task": {"type": "binary", "target": "angry"}, "optimizer": {"max_steps": 6}}},
        }
        space = {"space": "mine", "recipe": "mine", "parameters": {
            "model.optimizer.lr": {"type": "float", "low": 1e-3, "high": 1e-2, "log": True}}}
        rows = TWEETS.assign(angry=(TWEETS["mood"] == "angry").astype(int))
        more = dict(columns={"text": "tweet"}, slots=1, progress="none")
        found = tune_polar.search(recipe, rows, space=space, trials=2, store="one", **more)
        print(sorted(name for name in found.table() if name.startswith("point/")))
        again = tune_polar.search(found.best.recipe, rows, trials=1, store="two", **more)
        print(len(again.configurations()))
    """
    out, _ = ran(tmp_path, program)
    assert out.splitlines() == ["['point/model.optimizer.lr']", "1"]
    assert pd.notna(tune_polar.open(tmp_path / "two").configurations()["score"]).all()


def test_the_examples_that_train_run_too(tmp_path: Path) -> None:
    program = """
        import functools, types
        from tests.api.examples import TRAINS, run
        tweets = TWEETS.rename(columns={"mood": "label"})
        search = functools.partial(tune_polar.search, **{**SMALL, "store": "store"})
        values = {"tune_polar": types.SimpleNamespace(search=search), "tweets": tweets}
        print([run(name, values) > 0 for name in TRAINS])
    """
    out, _ = ran(tmp_path, f"sys.path.insert(0, {str(Path(__file__).parents[2])!r})\n" + textwrap.dedent(program))
    assert "[True, True, True, True, True]" in out
