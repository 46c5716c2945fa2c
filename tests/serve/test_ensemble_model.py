"""An ensemble of a search as one model: its members' tables, its decisions, and what is no ensemble of that search."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from tests.store.made_recipes import one_vote, regression, three_classes, two_stages
from tests.store.made_store import MadeStore, finished_store
from tune_polar.api.model_words import ModelWords
from tune_polar.api.winner_files import write_ensemble
from tune_polar.decide.tables import Table
from tune_polar.errors import SpecError, StoreError
from tune_polar.evaluate.ensemble_file import EnsembleFile
from tune_polar.report.ensemble_card import ensemble_card
from tune_polar.report.ensemble_words import ensemble_sentences
from tune_polar.report.ensemble_yaml import read_ensemble
from tune_polar.report.model_card import CardFacts
from tune_polar.serve.composition import Composition
from tune_polar.serve.recorded_ensemble import recorded_ensemble
from tune_polar.serve.stored_composition import lacking_weights, stored_composition

QUALITIES = (0.5, 0.6, 0.4, 0.55)
GROUPED = {"vote": {"type": "knn_vote", "of": "finder"}, "system": {"type": "gate", "of": "kinds", "by": "vote"}}
GROUPED["kinds"] = {"type": "threshold", "of": "sorter", "per": "language"}


def written(folder: Path, recipe) -> tuple[MadeStore, EnsembleFile]:
    made = finished_store(folder / "s", recipe, QUALITIES, rows=240)
    path = write_ensemble(made.summary(), made.folder)
    assert path is not None
    return made, read_ensemble(path)


@pytest.mark.parametrize("make", [two_stages, one_vote, three_classes, regression])
@pytest.mark.parametrize("seeds", [(42,), (1, 2)])
def test_its_tables_are_those_of_its_file(tmp_path: Path, make, seeds):
    made, file = written(tmp_path, make(seeds=seeds))
    found = ModelWords(str(made.folder), ensemble=True).found(made.store)
    model = Composition.from_json(json.loads(json.dumps(found.folds().to_json())), "model.json")
    assert model == found.folds()
    assert len(model.cells) == sum(len(each.cells) for each in file.members)
    answers = {
        name: [made.store.stage(cell.stages[name]).table("dev") for cell in model.cells] for name in model.stages
    }
    tables = {
        each.configuration: {
            name: Table.of(
                model.members[each.configuration].shapes[name].predicts,
                [
                    table
                    for table, cell in zip(answers[name], model.cells, strict=True)
                    if cell.member == each.configuration
                ],
            )
            for name in model.stages
        }
        for each in file.members
    }
    theirs, mine = file.tables(tables), model.tables(answers, model.cells)
    for name in model.stages:
        assert np.array_equal(mine[name].ensemble, theirs[name].ensemble)
        assert mine[name].kind == model.shapes[name].predicts
    assert model.shares.sum() == pytest.approx(1)
    assert {str(each) for each in model.chosen.values()} == {str(each) for each in file.chosen().values()}


def test_settings_by_group_are_kept(tmp_path: Path):
    made, file = written(tmp_path, two_stages(data__groups=["language"], decide=GROUPED))
    model = ModelWords(str(made.folder), ensemble=True).found(made.store).folds()
    assert model.groups == ("language",)
    assert set(model.chosen["kinds"].own) == set(file.decide["kinds"]["groups"])


def test_weights_that_are_gone_are_named_with_the_command_that_trains_them(tmp_path: Path):
    made, file = written(tmp_path, two_stages())
    words = ModelWords(str(made.folder), ensemble=True)
    found = words.found(made.store)
    assert len(lacking_weights(made.store, found.folds())) == len(found.folds().cells)
    with pytest.raises(
        StoreError, match=f"weights of the ensemble must be there, but those of {file.members[0].configuration}"
    ):
        stored_composition(made.store, found, all_rows=False)
    with pytest.raises(StoreError) as refused:
        stored_composition(made.store, found, all_rows=False)
    assert refused.value.remedy.endswith(f"`tune-polar fit {made.folder} --ensemble`.")


def test_without_a_file_the_records_give_the_same(tmp_path: Path):
    made, file = written(tmp_path, two_stages())
    (made.folder / "ensemble.yaml").unlink()
    assert ModelWords(str(made.folder), ensemble=True).found(made.store).file == file
    alone = finished_store(tmp_path / "alone", two_stages(), (0.5,))
    with pytest.raises(StoreError, match="must have an ensemble, but: there is one configuration"):
        ModelWords(str(alone.folder), ensemble=True).found(alone.store)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"configuration": "0" * 12}, "the search has no configuration 000000000000"),
        ({"cells": ({"fold": 7, "seed": 42},)}, "f7-s42 has not finished"),
        ({"k": {}}, "has no k of finder"),
    ],
)
def test_an_ensemble_of_something_else_is_refused(tmp_path: Path, change, said: str):
    made, file = written(tmp_path, two_stages())
    data = file.model_dump(mode="json")
    data["members"][0] |= change
    with pytest.raises(StoreError, match=r"other\.yaml must be an ensemble of this search, but .*" + said):
        recorded_ensemble(made.summary("scores"), EnsembleFile.model_validate(data), "other.yaml", "")
    data["members"][0] = file.model_dump(mode="json")["members"][0]
    data["stages"]["sorter"]["columns"] = ["a", "b"]
    data["decide"]["kinds"]["at"] = {"a": 0.5, "b": 0.5}
    with pytest.raises(StoreError, match="the search has no stage sorter of labels"):
        recorded_ensemble(made.summary("scores"), EnsembleFile.model_validate(data), "other.yaml", "")


@pytest.mark.parametrize("words", [{"all_rows": True}, {"configuration": "published"}])
def test_words_that_exclude_each_other_are_refused(words):
    with pytest.raises(SpecError):
        ModelWords("s", ensemble=True, **words).check()


@pytest.mark.parametrize(
    "change",
    [
        {"members": {}},
        {"weight": 0.0},
        {"weight": -1.0},
        {"k": {}},
        {"shapes": {}},
        {"cells": ()},
    ],
)
def test_what_is_no_ensemble_is_no_model(tmp_path: Path, change):
    made, _ = written(tmp_path, two_stages())
    model = ModelWords(str(made.folder), ensemble=True).found(made.store).folds()
    name, member = next(iter(model.members.items()))
    of_member = {key: value for key, value in change.items() if key in ("weight", "k", "shapes")}
    broken = replace(model, members={**model.members, name: replace(member, **of_member)})
    broken = replace(broken, **{key: value for key, value in change.items() if key not in of_member})
    with pytest.raises(StoreError, match="must describe a model"):
        Composition.from_json(json.loads(json.dumps(broken.to_json())), "model.json")


def test_the_card_has_the_figures_of_the_page(tmp_path: Path):
    made, file = written(tmp_path, two_stages())
    summary = made.summary()
    facts = CardFacts(12, False, (), ("members/a",), ["tiny"], True, "1.0", len(file.members))
    card = ensemble_card(summary, file, facts)
    from tune_polar.evaluate.search_ensembles import ensembles_of
    from tune_polar.report.page_context import PageContext

    for sentence in ensemble_sentences(ensembles_of(summary), PageContext(summary).index.names_by_id):
        assert sentence in card
    assert file.members[0].configuration in card
    other = file.model_copy(update={"members": file.members[:1]})
    assert f"{file.score.ensemble:.4f} cross-fitted" in ensemble_card(summary, other, facts)
