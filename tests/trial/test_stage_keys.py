"""What a stage's key depends on, and what it does not."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from graph_bench import ONE_STAGE, TWO_STAGES, Bench, plans_of, recipe_of

from tune_polar.data.columns import label_column
from tune_polar.data.table import Corpus
from tune_polar.recipe.cells import Cell
from tune_polar.recipe.components import LOSSES
from tune_polar.recipe.recipe import Recipe
from tune_polar.recipe.sections import Encoder
from tune_polar.trial.fold_trial import FoldTrial
from tune_polar.trial.stage_inputs import identity_of, inputs_of


def keys(recipe: Recipe, corpus: Corpus, fold: int = 0, seed: int = 42, **others: Any) -> dict[str, str]:
    """The key of each stage of one cell."""
    trial = FoldTrial(recipe, Cell(fold, seed), inputs_of(recipe, corpus, plans_of(recipe, corpus), **others))
    found: dict[str, str] = {}
    for name, stage in recipe.stages.items():
        found[name] = trial.stage_key(name, None if stage.start is None else found[stage.start.stage])
    return found


@pytest.fixture(scope="module")
def usual(sample: Corpus) -> dict[str, str]:
    return keys(recipe_of(TWO_STAGES), sample)


NO_ATTACK = {"stages__classifier__optimizer__fgm_epsilon": 0}
ONE_GAMMA = {"stages__classifier__losses": {"asymmetric": {}}}
BOTH, SECOND, NONE = {"detector", "classifier"}, {"classifier"}, set[str]()


@pytest.mark.parametrize(
    ("changes", "changed"),
    [
        ({"recipe": "other", "description": "words"}, NONE),
        ({"seeds": [42, 43]}, NONE),
        ({"decide__polarized__k": 3, "decide__polarized__tau": 0.7}, NONE),
        ({"decide__manifestations__rule": "prevalence_match"}, NONE),
        ({"score": {"of": "polarized"}}, NONE),
        ({"stages__classifier__optimizer__lr": 1e-3}, SECOND),
        ({"stages__classifier__losses": {"cross_entropy": {}}}, SECOND),
        ({"stages__classifier__losses__asymmetric__weight": 0.5}, SECOND),
        ({"stages__classifier__head__dropout": 0.3}, SECOND),
        ({"stages__classifier__batches__size": 8}, SECOND),
        ({"stages__classifier__keep": "last"}, SECOND),
        ({"stages__classifier__rows": {}}, SECOND),
        ({"stages__classifier__start": None}, SECOND),
        (
            {"stages__classifier__encoder": {"frozen_layers": 1}, "stages__classifier__optimizer__fgm_epsilon": 0},
            SECOND,
        ),
        (
            {"stages__classifier__task__targets": ["stereotype"], "stages__classifier__losses": {"asymmetric": {}}},
            SECOND,
        ),
        ({"stages__detector__optimizer__max_grad_norm": 1.0}, BOTH),
        ({"stages__detector__losses__soft_triple__centers_lr": 0.0}, BOTH),
        ({"encoder__max_length_tokens": 50}, BOTH),
        ({"encoder__tiny__hidden": 64}, BOTH),
        ({"folds__seed": 1}, BOTH),
        ({"folds__count": 4}, BOTH),
        ({"data__strata": ["religious", "gender/sexual", "racial/ethnic", "political", "other"]}, BOTH),
    ],
    ids=lambda value: str(sorted(value)),
)
def test_settings_change_the_keys_of_what_rests_on_them(
    sample: Corpus, usual: dict[str, str], changes: dict[str, object], changed: set[str]
) -> None:
    found = keys(recipe_of(TWO_STAGES, **changes), sample)
    assert {name for name in found if found[name] != usual[name]} == changed


def test_defaults_written_out_are_the_same(sample: Corpus, usual: dict[str, str]) -> None:
    recipe = recipe_of(TWO_STAGES)
    again = Recipe.model_validate_json(recipe.model_dump_json())
    assert keys(again, sample) == usual


def test_folds_and_seeds_have_their_own(sample: Corpus, usual: dict[str, str]) -> None:
    recipe = recipe_of(TWO_STAGES)
    cells = [usual, keys(recipe, sample, fold=1), keys(recipe, sample, seed=43)]
    assert len({key for found in cells for key in found.values()}) == 6


def test_a_stage_of_another_name_is_another(sample: Corpus) -> None:
    stages = {"polar": ONE_STAGE["stages"]["detector"]}
    renamed = recipe_of({**ONE_STAGE, "stages": stages, "decide": {}, "score": {"of": "polar"}})
    assert keys(renamed, sample)["polar"] != keys(recipe_of(ONE_STAGE), sample)["detector"]


def test_recipes_share_a_stage_that_says_the_same(sample: Corpus, usual: dict[str, str]) -> None:
    fewer = recipe_of(ONE_STAGE, data__labels=["polarization"])
    assert keys(fewer, sample)["detector"] == usual["detector"], "labels that it does not read"


def test_a_mended_component_trains_the_stages_that_name_it(
    sample: Corpus, usual: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(LOSSES["asymmetric"], "version", 2)
    found = keys(recipe_of(TWO_STAGES), sample)
    assert {name for name in found if found[name] != usual[name]} == {"classifier"}


def with_column(corpus: Corpus, name: str, change: Callable[[np.ndarray], np.ndarray]) -> Corpus:
    column = label_column(change(corpus.train.values(name)).tolist())
    train = replace(corpus.train, columns={**corpus.train.columns, name: column})
    return Corpus(corpus.name, {**corpus.splits, "train": train})


def turned(row: int) -> Callable[[np.ndarray], np.ndarray]:
    return lambda values: np.where(np.arange(len(values)) == row, 1 - values, values)


def keys_on_the_same_folds(recipe: Recipe, sample: Corpus, other: Corpus) -> dict[str, str]:
    plans = plans_of(recipe, sample)
    trial = FoldTrial(recipe, Cell(0, 42), inputs_of(recipe, other, plans))
    detector = trial.stage_key("detector", None)
    return {"detector": detector, "classifier": trial.stage_key("classifier", detector)}


@pytest.mark.parametrize(
    ("column", "changed"),
    [("stereotype", SECOND), ("polarization", BOTH), ("religious", BOTH)],
)
def test_a_stage_depends_on_the_columns_it_reads(
    sample: Corpus, usual: dict[str, str], column: str, changed: set[str]
) -> None:
    found = keys_on_the_same_folds(recipe_of(TWO_STAGES), sample, with_column(sample, column, turned(3)))
    assert {name for name in found if found[name] != usual[name]} == changed


def test_texts_of_every_split_matter_and_gold_of_others_does_not(sample: Corpus, usual: dict[str, str]) -> None:
    recipe, dev = recipe_of(TWO_STAGES), sample.splits["dev"]
    reworded = replace(dev, texts=("new", *dev.texts[1:]))
    ungold = replace(dev, columns={})
    train = replace(sample.train, texts=("new", *sample.train.texts[1:]))
    for name, split, same in (("dev", reworded, False), ("dev", ungold, True), ("train", train, False)):
        other = Corpus(sample.name, {**sample.splits, name: split})
        found = keys_on_the_same_folds(recipe, sample, other)
        assert (found == usual) == same
        assert (set(found.values()) & set(usual.values()) == set()) != same
    more = Corpus(sample.name, {**sample.splits, "sbic": dev})
    assert keys_on_the_same_folds(recipe, sample, more) != usual


def test_the_encoder_is_known_by_its_weights_and_not_by_its_name(sample: Corpus) -> None:
    def found(name: str, weights: str, **encoder: object) -> dict[str, str]:
        values = {**ONE_STAGE, "encoder": {"name": name, **encoder}}
        return keys(recipe_of(values), sample, identity=lambda each: weights)

    one = found("here/encoder", "sha256:1")
    assert found("there/encoder", "sha256:1") == one
    assert found("here/encoder", "sha256:1", revision="main") == one
    assert found("here/encoder", "sha256:1", tiny={"hidden": 64}) == one, "which only the embedded one has"
    assert found("here/encoder", "sha256:2") != one
    assert found("here/encoder", "sha256:1", pooling="mean") != one
    assert identity_of(Encoder()) == "tiny"


def test_best_may_start_from_every_fold(sample: Corpus) -> None:
    recipe = recipe_of(TWO_STAGES, stages__classifier__start={"stage": "detector", "fold": "best"})
    trials = [
        FoldTrial(recipe, Cell(fold, 42), inputs_of(recipe, sample, plans_of(recipe, sample))) for fold in range(3)
    ]
    starts = [trial.stage_key("detector", None) for trial in trials]
    assert trials[0].stage_keys == (starts[0], *(trials[0].stage_key("classifier", start) for start in starts))


def test_a_fold_trial_survives_json(graph: Bench) -> None:
    """What a worker is sent is what the driver meant."""
    for values in (ONE_STAGE, TWO_STAGES):
        trial = graph.trial(recipe_of(values), fold=2, seed=7)
        again = FoldTrial.from_json(json.loads(json.dumps(trial.to_json())))
        assert again == trial
        assert (again.id, again.stage_keys) == (trial.id, trial.stage_keys)
        assert str(trial.cell) == "f2-s7"
        assert trial.id.endswith("-f2-s7")


@pytest.mark.parametrize("spoil", [{"cell": {"fold": 0}}, {"inputs": {"detector": {}}}, {"recipe": {}}])
def test_something_else_is_no_fold_trial(graph: Bench, spoil: Mapping[str, object]) -> None:
    data = graph.trial(recipe_of(ONE_STAGE)).to_json()
    with pytest.raises((KeyError, TypeError, ValueError)):
        FoldTrial.from_json({**data, **spoil})
