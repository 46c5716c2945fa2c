"""Errors point to the user's words and files; a shipped file is named where it is itself at fault."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tune_polar import assets
from tune_polar.api import search_request, shipped_file_errors
from tune_polar.api.data_words import DataWords
from tune_polar.api.search_request import RecipeWords, asked
from tune_polar.api.shipped_file_errors import faults_of
from tune_polar.errors import SpecError
from tune_polar.recipe import recipe_file
from tune_polar.recipe.recipe_file import RecipeOptions, load_recipe

LINEAR = {"detector.head.type": "linear"}


def test_what_an_option_breaks_is_not_laid_to_a_shipped_line() -> None:
    with (
        pytest.raises(SpecError, match=r"^recipe st1: stages\.detector\.losses\.soft_triple: must stand") as told,
        faults_of("st1"),
    ):
        load_recipe("st1", RecipeOptions(changes=LINEAR))
    assert "recipe st1: stages.detector.predicts: must be" in told.value.problem, "all faults are told"
    assert told.value.remedy.endswith("`tune-polar list st1` shows its keys.")


def test_nor_is_what_a_file_breaks_that_extends_it(tmp_path: Path) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text("recipe: mine\nextends: st3\nchanges: {detector.head.type: linear}\n")
    with (
        pytest.raises(SpecError, match=rf"^{path}: stages\.detector\.losses\.soft_triple: must stand"),
        faults_of(str(path)),
    ):
        load_recipe(str(path))


def test_faults_of_the_words_themselves_stay_as_they_are() -> None:
    with pytest.raises(SpecError, match=r"^--set detector\.optimizer\.lr: must be greater than 0"), faults_of("st1"):
        load_recipe("st1", RecipeOptions(changes={"detector.optimizer.lr": -1}))


def test_a_shipped_file_that_somebody_has_broken_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    trials = tmp_path / "trials"
    shutil.copytree(assets.shipped("trials"), trials)
    (trials / "st1.yaml").write_text((trials / "st1.yaml").read_text().replace("type: projection", "type: linear"))
    for module in (recipe_file, shipped_file_errors, search_request):
        monkeypatch.setattr(module, "shipped", lambda folder: tmp_path / folder)
    with pytest.raises(SpecError, match=rf"^{trials}/st1\.yaml:\d+: "):
        asked(RecipeWords("st1"), DataWords("sample"))
