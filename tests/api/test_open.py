"""A recorded search from Python: figures, tables and page, the same as those of the command line."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import tune_polar
from tests.report.shapes import SHAPES
from tests.store.made_store import MadeStore
from tune_polar.api.report import Page
from tune_polar.errors import SpecError, StoreError
from tune_polar.evaluate.correction import corrected_best
from tune_polar.evaluate.expected_score import ahead_of
from tune_polar.recipe.recipe_file import load_recipe
from tune_polar.report.reading import summary_for_page
from tune_polar.report.tidy_tables import configurations_table, folds_table

Made = Callable[[str], MadeStore]


def test_figures_are_those_of_page_and_command_line(made: Made) -> None:
    store = made("rich").store
    found, summary = tune_polar.open(store.url), summary_for_page(store)
    best, corrected = found.best, corrected_best(summary)
    assert best is not None
    assert not isinstance(corrected, str)
    assert summary.best is not None
    assert best.id == summary.best.configuration.id
    assert best.score == summary.best.scores.score  # type: ignore[union-attr]
    assert best.corrected == corrected.corrected
    ahead = ahead_of(summary)
    assert not isinstance(ahead, str)
    expected, prediction = ahead.new_rows.expected(0.9), ahead.new_rows.interval(0.9)
    assert best.interval == (expected.low, expected.high)
    assert best.prediction == (prediction.low, prediction.high)
    assert (best.next_rows, best.level) == (ahead.new_rows.rows, 0.9)
    assert best.expected == ahead.new_rows.estimate
    assert best.interval[0] < best.expected < best.interval[1]
    assert best.settings.items() >= dict(summary.best.configuration.point).items()
    pd.testing.assert_frame_equal(found.configurations(), configurations_table(summary))
    pd.testing.assert_frame_equal(found.table(), folds_table(summary))
    assert len(found.table()) == len(summary.configurations) * len(summary.cells)
    assert str(found.status) in repr(found)
    assert found.status.finished + found.status.open + found.status.failed + found.status.stopped == 26


def test_fewer_new_rows_are_foretold_less_closely(made: Made) -> None:
    store = made("rich").store.url
    few, many = (tune_polar.open(store, new_rows=rows).best for rows in (20, 2000))
    assert few is not None
    assert many is not None
    assert few.prediction is not None
    assert many.prediction is not None
    assert (few.next_rows, many.next_rows) == (20, 2000)
    assert few.expected == many.expected
    assert few.prediction[1] - few.prediction[0] > 1.5 * (many.prediction[1] - many.prediction[0])
    assert "next 20 rows" in tune_polar.open(store, new_rows=20).report().html
    with pytest.raises(SpecError, match="new_rows= must be at least 1, got 0"):
        tune_polar.open(store, new_rows=0)


def test_the_best_one_is_a_recipe_that_can_be_given_back(made: Made, tmp_path: Path) -> None:
    best = tune_polar.open(made("rich").store.url).best
    assert best is not None
    path = tmp_path / "winner.yaml"
    path.write_text(best.yaml, encoding="utf-8")
    assert load_recipe(str(path)).recipe == best.recipe


@pytest.mark.parametrize("shape", SHAPES)
def test_every_shape_of_store_can_be_looked_at(made: Made, shape: str) -> None:
    store = made(shape).store
    found = tune_polar.open(store.url)
    assert (found.best is None) == (summary_for_page(store).best is None)
    assert found._repr_html_().count("<tr") <= 11
    assert len(found.table()) == len(found.configurations()) * len(summary_for_page(store).cells)
    assert "<html" in found.report().html


def test_predictions_are_those_of_the_records(made: Made) -> None:
    one = made("rich")
    found = tune_polar.open(one.store.url)
    best = found.best
    assert best is not None
    table = found.predictions()
    assert set(table["configuration"]) == {best.id}
    assert set(table["split"]) >= {"oof", "test"}
    assert found.predictions(best.number).equals(table)
    assert found.predictions("winner").equals(table)
    assert found.predictions("published").equals(found.predictions(0))
    assert not found.predictions("published").equals(table)
    assert found.predictions(best.id, stage="sorter").equals(table)
    assert not found.predictions(stage="finder").equals(table)
    values = table.filter(like="prob/").to_numpy()
    assert np.all((values >= 0) & (values <= 1))
    open_one = int(found.configurations().query("state == 'incomplete'")["number"].iloc[0])
    assert len(found.predictions(open_one).query("split == 'oof'")) > 0


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        (
            {"configuration": "nobody"},
            r"configuration= must be winner, published, or the id or number of one of the 26 configurations of .*, got "
            "'nobody'",
        ),
        ({"configuration": "publised"}, "got 'publised'; did you mean 'published'"),
        ({"configuration": 99}, "got '99'"),
        ({"stage": "sortar"}, r"stage must be one of \['finder', 'sorter'\], got 'sortar'; did you mean 'sorter'"),
    ],
)
def test_what_is_not_there_is_refused(made: Made, asked: dict[str, object], message: str) -> None:
    with pytest.raises(SpecError, match=message):
        tune_polar.open(made("rich").store.url).predictions(**asked)  # type: ignore[arg-type]


def test_a_search_without_a_score_has_no_best(fresh: Made) -> None:
    one = fresh("rich")
    for fold in (one.folder / "folds").iterdir():
        fold.unlink()
    found = tune_polar.open(one.folder)
    assert found.best is None
    with pytest.raises(StoreError, match="no configuration has finished all its folds"):
        found.predictions()


def test_a_search_that_has_only_begun_has_tables_without_rows(fresh: Made) -> None:
    one = fresh("rich")
    for folder in ("folds", "failures", "abandoned", "configurations"):
        for record in (one.folder / folder).iterdir():
            record.unlink()
    found = tune_polar.open(one.folder)
    assert found.table().query("state == 'finished'").empty
    assert found.configurations()["score"].empty
    assert "0 of 26 configurations finished" in found._repr_html_()


def test_what_is_recorded_meanwhile_is_seen(fresh: Made) -> None:
    one = fresh("rich")
    found = tune_polar.open(one.folder)
    before = found.status.finished
    one.finish(one.configuration({"sorter.optimizer.lr": 0.06}), 0.2)
    assert found.status.finished == before + 1


def test_the_page_is_shown_in_a_frame_of_its_own_and_written_where_asked(made: Made, tmp_path: Path) -> None:
    found = tune_polar.open(made("rich").store.url)
    shown = found.report()
    assert (shown.path, list(tmp_path.iterdir())) == (None, [])
    frame = shown._repr_html_()
    assert frame.startswith('<iframe sandbox="allow-scripts" ')
    assert frame.count("<") == 2, "all of the page is escaped"
    written = found.report(tmp_path / "page.html")
    assert written.path is not None
    assert written.path.read_text(encoding="utf-8") == written.html
    with pytest.raises(StoreError, match=r"must be a file ending in \.html, got .*page\.txt"):
        found.report(tmp_path / "page.txt")
    assert Page("<p>").__repr__() == "<page of 3 characters>"


def test_what_is_no_search_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("text\n")
    with pytest.raises(StoreError, match=r"must hold manifest\.json, but there is no such folder"):
        tune_polar.open(tmp_path / "absent")
    with pytest.raises(StoreError, match=r"must hold manifest\.json, but there is none"):
        tune_polar.open(tmp_path)
    with pytest.raises(StoreError, match=r"a\.csv"):
        tune_polar.open(tmp_path / "a.csv")
    with pytest.raises(SpecError, match="store must be text, got 3"):
        tune_polar.open(3)  # type: ignore[arg-type]
    with pytest.raises(SpecError, match="store must be text, got None") as told:
        tune_polar.open(None)  # type: ignore[arg-type]
    assert "leave it out" not in told.value.remedy
    with pytest.raises(SpecError, match=r"store must be UTF-8, got b'caf\\xe9'"):
        tune_polar.open("caf\udce9")
    assert sorted(tmp_path.iterdir()) == [tmp_path / "a.csv"]


def test_pages_and_models_go_to_places_in_utf_8(made: Made) -> None:
    found = tune_polar.open(made("rich").store.url)
    with pytest.raises(SpecError, match="path must be UTF-8"):
        found.report("caf\udce9.html")
    with pytest.raises(SpecError, match="folder must be UTF-8"):
        found.export("caf\udce9")


def test_a_working_folder_that_is_not_utf_8_is_told(
    made: Made, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "caf\udce9"
    folder.mkdir()
    monkeypatch.chdir(folder)
    with pytest.raises(SpecError, match="the working folder must be UTF-8"):
        tune_polar.open(made("rich").store.url)
    with pytest.raises(SpecError, match="the working folder must be UTF-8"):
        tune_polar.search("st1")
    assert list(folder.iterdir()) == []


def test_a_name_that_this_locale_has_no_bytes_for_is_told() -> None:
    program = """
import tune_polar
for call in (lambda: tune_polar.open("na\\u00efve"), lambda: tune_polar.search("st3", store="na\\u00efve")):
    try:
        call()
    except tune_polar.TunePolarError as error:
        print(error)
"""
    of_c = {**os.environ, "LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
    said = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, env=of_c, timeout=120).stdout
    told = r"store must be read as UTF-8, but this process reads it as ascii, got 'na\xefve'"
    assert said.count(told) == 2, said


def ran(program: str) -> list[str]:
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 0, done.stderr
    return done.stdout.split()


def test_importing_the_package_loads_nothing() -> None:
    """No library and no module of its own: what it costs is what `importlib` and `typing` cost."""
    program = (
        "import sys\nbefore = {*sys.modules}\nimport tune_polar\ndir(tune_polar)\n"
        "print(*sorted({*sys.modules} - before - {each for each in sys.modules if each.partition('.')[0] in "
        "sys.stdlib_module_names}), len({*sys.modules} - before) < 60)"
    )
    assert ran(program) == ["tune_polar", "True"]


def test_looking_at_a_search_loads_neither_ray_nor_torch(made: Made) -> None:
    program = (
        f"import sys, tune_polar\nfound = tune_polar.open({made('rich').store.url!r})\n"
        "found.best, found.table(), found.predictions(), found.report(), found._repr_html_()\n"
        "print('looked', *sorted(set(sys.modules) & {'ray', 'torch', 'optuna', 'transformers'}))"
    )
    assert ran(program) == ["looked"]


def test_search_is_the_function_whatever_is_imported() -> None:
    program = (
        "import tune_polar.search.stopping.limits\nimport tune_polar\nfrom tune_polar import search\n"
        "from tune_polar.search.stopping.limits import Limits\nimport inspect\n"
        "assert tune_polar.search is search and 'trials' in inspect.signature(search).parameters\n"
        "print(Limits.__module__)"
    )
    assert ran(program) == ["tune_polar.search.stopping.limits"]
    with pytest.raises(AttributeError, match="has no attribute 'seek'"):
        tune_polar.seek  # type: ignore[attr-defined]  # noqa: B018
