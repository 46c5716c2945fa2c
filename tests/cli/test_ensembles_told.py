"""What commands say of ensembles: at the end of a search, in `status`, in `decide`."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.store.made_recipes import regression, two_stages
from tests.store.made_store import finished_store
from tune_polar.api.consoles import result_console
from tune_polar.api.winner_files import write_ensemble
from tune_polar.cli.ending import print_ensemble
from tune_polar.evaluate.ensemble_of_search import ensemble_file_of
from tune_polar.report.ensemble_yaml import read_ensemble
from tune_polar.report.page import html_of
from tune_polar.report.page_context import PageContext, PageOptions

Run = Callable[..., Any]


@pytest.mark.parametrize("make", [two_stages, regression])
def test_the_end_and_status_say_what_it_is_worth(run: Run, tmp_path: Path, capsys, make) -> None:
    made = finished_store(tmp_path / "store", make(), (0.5, 0.6, 0.4))
    summary = made.summary()
    print_ensemble(result_console(), summary)
    told = capsys.readouterr().out
    assert "uniform mean of 3" in told
    assert "greedy ensemble" in told
    assert "90% interval" in told
    assert "passes a text" in told
    assert "ensemble" not in run("status", "store").out
    write_ensemble(summary, made.folder)
    assert "ensemble of 3 configurations, as of the search’s last end: " in run("status", "store").out
    about = json.loads(run("status", "store", "--json").out)["ensemble"]
    assert [each["kind"] for each in about["ensembles"]] == ["uniform", "greedy"]
    assert about["ensembles"][1]["passes"] == sum(len(set(row.stages.values())) for row in made.store.folds())


def test_a_damaged_file_hides_nothing(run: Run, tmp_path: Path) -> None:
    made = finished_store(tmp_path / "store", two_stages(), (0.5, 0.6))
    (made.folder / "ensemble.yaml").write_text("ensemble: [")
    found = run("status", "store")
    assert "ensemble.yaml" in found.out
    assert "records" in found.out


def test_one_configuration_and_none(tmp_path: Path, capsys) -> None:
    made = finished_store(tmp_path / "store", two_stages(), (0.5,))
    print_ensemble(result_console(), made.summary())
    assert "there is nothing to combine" in capsys.readouterr().out


def test_a_page_that_is_written_again_and_again_waits_for_the_end(tmp_path: Path) -> None:
    summary = finished_store(tmp_path / "store", two_stages(), (0.5, 0.6)).summary()
    waits = "it is computed once the search has ended"
    assert waits in html_of(PageContext(summary, PageOptions(reload_seconds=5)))
    assert waits not in html_of(PageContext(summary))


def test_merged_searches_have_one_of_their_own(run: Run, tmp_path: Path) -> None:
    made = finished_store(tmp_path / "one", two_stages(), (0.5, 0.6, 0.4))
    run("merge", "one", "-o", "both")
    assert read_ensemble(tmp_path / "both" / "ensemble.yaml").score.ensemble == pytest.approx(
        ensemble_file_of(made.summary()).score.ensemble
    )
    assert (tmp_path / "both" / "winner.yaml").is_file()


@pytest.mark.shared
def test_released_predictions_gain_by_an_ensemble(run: Run, shared_dir: Path) -> None:
    """English ST3, nine real models: the mean is better than the pick, cross-fitted, and comes within ten seconds."""
    began = time.process_time()
    path = shared_dir / "data" / "smash" / "st3" / "eng.csv.gz"
    about = json.loads(run("decide", str(path), "--rule", "max_f1", "--json").out)["reports"][0]["ensemble"]
    assert time.process_time() - began < 10
    assert about["candidates"] == 9
    for each in about["ensembles"]:
        assert each["better"]
        assert 0.005 < each["gain"] < 0.04
        assert sum(member["weight"] for member in each["members"]) == pytest.approx(1)
