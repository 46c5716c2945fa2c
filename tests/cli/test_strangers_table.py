"""What the command line makes of a stranger's table: task, columns, folds and seeds, from its words alone."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.cli.asking import ask
from tune_polar.api.data_words import DataWords
from tune_polar.api.search_request import RecipeWords, asked, space_of
from tune_polar.api.seeds import seeds_of
from tune_polar.data.load import load_corpus
from tune_polar.errors import DataError, SpecError
from tune_polar.search.recipe_data import data_request, fold_plans, read_corpus


@pytest.mark.parametrize(
    ("recipe", "targets", "task", "decision", "metric"),
    [
        ("classifier", ["rude"], "binary", "threshold", "macro_f1"),
        ("classifier", ["mood"], "binary", "threshold", "macro_f1"),
        ("classifier", ["topic"], "multiclass", "argmax", "macro_f1"),
        ("classifier", ["intimacy"], "multiclass", "argmax", "macro_f1"),
        ("classifier", ["rude", "loud"], "multilabel", "threshold", "macro_f1"),
        ("regressor", ["intimacy"], "regression", "clip", "pearson"),
        ("regressor", ["warmth"], "regression", "clip", "pearson"),
    ],
)
def test_the_task_follows_from_the_column(
    tweets: Path, recipe: str, targets: list[str], task: str, decision: str, metric: str
) -> None:
    found = ask(tweets, recipe, *targets)
    made = found.loaded.recipe
    (stage,) = made.stages.values()
    assert (stage.task.name, stage.columns, made.score.metric) == (task, tuple(targets), metric)
    assert made.decide[made.score.of].name == decision
    assert set(made.data.kinds) == set(targets)
    assert space_of(found.loaded, None).name == recipe
    corpus = read_corpus(made, found.source)
    assert set(corpus.train.columns) == set(targets)
    assert fold_plans(made, corpus)["model"].count == 5


def test_of_two_words_the_one_that_counts_as_1_is_told(tweets: Path) -> None:
    found = ask(tweets, "classifier", "mood")
    assert found.notes == ("mood: 'calm' counts as 1",)
    corpus = load_corpus(found.source, data_request(found.loaded.recipe))
    assert corpus.train.values("mood").tolist() == [1, 0] * 30
    other = ask(tweets, "classifier", "mood", columns=["mood=mood=angry"])
    assert load_corpus(other.source, data_request(other.loaded.recipe)).train.values("mood").tolist() == [0, 1] * 30
    assert other.notes == ()


def test_groups_stay_whole(tweets: Path) -> None:
    found = ask(tweets, "classifier", "rude", groups=["author"])
    assert found.loaded.recipe.folds.model_dump()["together"] == ("author",)
    corpus = read_corpus(found.loaded.recipe, found.source)
    plan, authors = fold_plans(found.loaded.recipe, corpus)["model"], corpus.train.values("author")
    for fold in range(plan.count):
        assert not set(authors[plan.training_rows(fold)]) & set(authors[plan.validation_rows(fold)])


def test_columns_that_only_balance_may_be_lacking_and_are_told(tweets: Path) -> None:
    found = ask(tweets, "st1", columns=["polarization=mood=angry"])
    assert found.loaded.recipe.data.labels == ("polarization",)
    assert found.loaded.recipe.data.strata == ()
    assert "they only balance folds and batches: political, racial/ethnic" in found.notes[0]
    assert "polarization" not in found.notes[0]
    kept = ask(tweets, "st1", columns=["polarization=mood=angry", "political=loud"]).loaded.recipe.data
    assert (kept.labels, kept.strata) == (("polarization", "political"), ("political",))


@pytest.mark.parametrize(
    ("recipe", "targets", "words", "message"),
    [
        ("classifier", ["moode"], {}, r"tweets\.csv: the file must have the column 'moode', got .*did you mean 'mood'"),
        ("classifier", ["warmth"], {}, r"labels or classes for this recipe, got 'warmth', which holds numbers"),
        ("classifier", ["tweet"], {}, r"two values, at most 50 classes, or numbers, got 60 different texts in 'tweet'"),
        ("classifier", ["rude", "topic"], {}, r"several targets must each hold 0 and 1, got .* in 'topic'"),
        ("regressor", ["topic"], {}, r"two different numbers or more, got 'art', 'news', 'sport' in 'topic'"),
        ("regressor", ["intimacy", "warmth"], {}, r"--target must name one column, or several of 0 and 1"),
        ("st3", ["rude"], {}, r"--target must be used with a recipe of one stage"),
        ("st1", ["topic"], {}, r"^recipe st1: decide\.vote\.of: must name neighbours of a yes/no column"),
        ("classifier", [], {}, r"the recipe `classifier` must be told which column it learns, got no --target"),
        ("regressor", [], {}, r"the recipe `regressor` must be told which column it learns"),
        ("classifier", ["rude"], {"groups": ["author"], "changes": ["folds.plan=given"]}, r"got folds\.plan: given"),
        ("classifier", ["rude"], {"columns": ["text=topic"]}, r"--text must name the column that --column names"),
        ("classifier", ["rude"], {"columns": ["text"]}, r"--column must look like NAME=COLUMN, got 'text'"),
        (
            "classifier",
            ["rude"],
            {"changes": ["learning_rate=1"]},
            r"--set learning_rate: .*did you mean '.*optimizer\.lr'",
        ),
        (
            "st1",
            [],
            {"columns": ["polarization=rude"], "changes": ["detector.head=linear"]},
            r"^recipe st1: stages\.detector\.losses\.soft_triple: must stand with a head of type projection",
        ),
    ],
)
def test_what_does_not_go_together_is_told(
    tweets: Path, recipe: str, targets: list[str], words: dict[str, Any], message: str
) -> None:
    with pytest.raises((DataError, SpecError), match=message) as told:
        ask(tweets, recipe, *targets, **words)
    assert "_shipped" not in str(told.value)
    assert "trials/" not in str(told.value), "no line of a shipped file is to blame"


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ({"columns": ["tittle=topic"]}, r"--column must name one of text, id, rude, source_id, .*got 'tittle'"),
        ({"columns": ["rude=rood"]}, r"must have the column 'rood', got .*; did you mean 'rude'"),
        ({"groups": ["auther"]}, r"auther"),
        ({"id": "number"}, r"must have the column 'number'"),
    ],
)
def test_a_mistyped_column_is_told_with_those_there_are(tweets: Path, words: dict[str, Any], message: str) -> None:
    def search() -> None:
        found = ask(tweets, "classifier", "rude", **words)
        fold_plans(found.loaded.recipe, read_corpus(found.loaded.recipe, found.source))

    with pytest.raises((DataError, SpecError), match=message):
        search()


# -- recipe files -------------------------------------------------------------------------------------------------

MINE = """\
recipe: mine
data: {classes: {topic: [art, news, sport]}}
stages: {sorter: {task: {type: multiclass, target: topic}}}
"""


@pytest.mark.parametrize(
    ("text", "encoder"),
    [
        (MINE, "tiny"),
        (MINE + "encoder: some/encoder\n", "some/encoder"),
        (MINE + "encoder: {name: some/encoder}\n", "some/encoder"),
        (MINE + "encoder: {max_length_tokens: 32}\n", "tiny"),
        ("recipe: mine\nextends: st1\n", "tiny"),
        ("recipe: mine\nextends: st1\nchanges: {encoder.name: some/encoder}\n", "some/encoder"),
        ("recipe: mine\nextends: base\n", "base/encoder"),
        ("recipe: mine\nextends: base\nchanges: {sorter.optimizer.lr: 1e-4}\n", "base/encoder"),
    ],
)
def test_a_recipe_file_that_names_an_encoder_keeps_it(tweets: Path, text: str, encoder: str) -> None:
    (tweets.parent / "base.yaml").write_text(MINE.replace("mine", "base") + "encoder: base/encoder\n")
    path = tweets.parent / "mine.yaml"
    path.write_text(text)
    words = {"columns": ["polarization=rude"]} if "st1" in text else {}
    assert ask(tweets, str(path), **words).loaded.recipe.encoder.name == encoder
    assert ask(tweets, str(path), encoder="tiny", **words).loaded.recipe.encoder.name == "tiny"


def test_a_recipe_of_three_lines_can_be_searched(tweets: Path) -> None:
    path = tweets.parent / "mine.yaml"
    path.write_text(MINE)
    found = ask(tweets, str(path))
    assert space_of(found.loaded, None).name == "default"
    assert fold_plans(found.loaded.recipe, read_corpus(found.loaded.recipe, found.source))["sorter"].count == 5


def test_a_folder_called_tiny_is_not_the_embedded_encoder(tweets: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tweets.parent)
    (tweets.parent / "tiny").mkdir()
    for said, encoder in ((None, "tiny"), ("tiny", "tiny"), ("./tiny", str(tweets.parent / "tiny"))):
        assert ask(tweets, "classifier", "topic", encoder=said).loaded.recipe.encoder.name == encoder


def test_a_shipped_recipe_keeps_its_encoder_only_where_asked_to(tweets: Path) -> None:
    words = RecipeWords("st1"), DataWords("sample")
    assert asked(*words).loaded.recipe.encoder.name == "tiny"
    assert asked(*words, own_encoder=True).loaded.recipe.encoder.name == "nghuyong/ernie-3.0-xbase-zh"


# -- seeds --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("words", "own", "seeds"),
    [
        ("1", [42], [42]),
        ("3", [42], [42, 43, 44]),
        ("2", [0, 1, 2], [0, 1]),
        ("4", [5, 1], [5, 1, 6, 7]),
        ("0,1,2", [42], [0, 1, 2]),
        ("7,", [42], [7]),
    ],
)
def test_seeds_are_a_number_or_a_list(words: str, own: list[int], seeds: list[int]) -> None:
    assert seeds_of(words, own) == seeds


@pytest.mark.parametrize("words", ["", "0", "1001", "-1", "a", "1,a", "1,1", "1.5", ",", "2147483648,"])
def test_what_are_no_seeds_is_refused(words: str) -> None:
    with pytest.raises(SpecError, match="--seeds must"):
        seeds_of(words, [42])


def test_seeds_reach_the_recipe(tweets: Path) -> None:
    assert ask(tweets, "classifier", "rude", seeds="3").loaded.recipe.seeds == (42, 43, 44)
