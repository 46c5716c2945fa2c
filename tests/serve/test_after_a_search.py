"""What follows a search: cards of any configuration, what is announced to be trained, tables of predictions."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.cli.conftest import Ran
from tests.cli.conftest import run as run  # a fixture
from tests.store.trained_store import trained_store, with_models_of_all_rows
from tune_polar.data.new_texts import TextColumns, new_texts
from tune_polar.errors import DataError

Run = Callable[..., Ran]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "new.csv").write_text("id,text\n-a,text 1\n@b,text 2\n3,text 3\n", encoding="utf-8")
    return tmp_path


def test_the_card_of_every_configuration_tells_how_far_its_runs_differ(run: Run, folder: Path) -> None:
    store = trained_store(folder / "store", seeds=[1, 2])
    for configuration in store.configurations():
        assert run("export", "store", "--model", "model", "--configuration", configuration.id).code == 0
        card = (folder / "model" / "README.md").read_text(encoding="utf-8")
        assert "Training it again moves the score by about" in card
        assert "cannot be told here" not in card
        shutil.rmtree(folder / "model")


def test_only_stages_without_weights_are_said_to_be_trained(run: Run, folder: Path) -> None:
    store = trained_store(folder / "store", (None,))
    with_models_of_all_rows(store)
    shutil.rmtree(folder / "store" / "models")
    assert "to train" not in run("fit", "store", "--all-rows").err
    assert "Nothing is left to train" in run("fit", "store", "--all-rows").err


def test_ids_that_a_spreadsheet_would_take_for_formulas_are_told(run: Run, folder: Path) -> None:
    trained_store(folder / "store", (None,))
    told = run("predict", "store", "new.csv", "-o", "said.csv").err
    assert "id '-a' and others that begin with = + - @ stand behind a ' in this file" in told
    assert told.count("stand behind a '") == 1
    rows = (folder / "said.csv").read_text(encoding="utf-8").splitlines()[1:]
    assert [row.split(",")[0] for row in rows] == ["'-a", "'@b", "3"]
    assert "stand behind" not in run("predict", "store", "new.csv", "-o", "said.jsonl").err
    assert '"-a"' in (folder / "said.jsonl").read_text(encoding="utf-8")


def test_an_id_is_not_empty(folder: Path) -> None:
    (folder / "odd.csv").write_text("id,text\n1,a\n ,b\n", encoding="utf-8")
    with pytest.raises(DataError, match=r"odd\.csv, row 3, column id: an id must not be empty"):
        list(new_texts([str(folder / "odd.csv")], TextColumns(), 10))


@pytest.mark.parametrize(
    "words",
    [
        ("submit", "store", "LONG.csv", "-o", "out.csv"),
        ("submit", "store", "new.csv", "-o", "LONG.csv"),
        ("predict", "store", "new.csv", "--ensemble-file", "LONG"),
    ],
)
def test_a_name_that_no_file_can_have_is_one_clear_error(run: Run, folder: Path, words: tuple[str, ...]) -> None:
    trained_store(folder / "store", (None,))
    ran = run(*(word.replace("LONG", "n" * 300) for word in words))
    assert ran.code == 2, ran.err
    assert "Remedy" in ran.err
