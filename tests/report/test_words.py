"""Words follow from columns, metric and decisions, and are the same wherever they stand."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import replace
from html import unescape
from pathlib import Path
from typing import get_args

import numpy as np
import pandas as pd
import pytest

from tests.report.outline import Answer
from tests.store.made_recipes import recipe_of, regression, three_classes, two_stages
from tests.store.made_store import finished_store
from tune_polar.cli.score_table import score_table
from tune_polar.decide.judgement import Rung
from tune_polar.decide.metrics import METRICS, metric_named
from tune_polar.decide.prediction_files import read_predictions
from tune_polar.decide.rows import GoldKind
from tune_polar.recipe.cells import Cell
from tune_polar.recipe.components import DECISIONS as KINDS
from tune_polar.recipe.recipe_file import RecipeOptions, load_recipe
from tune_polar.report import words
from tune_polar.report.decide.threshold_document import decide_document
from tune_polar.report.decide.threshold_json import report_data
from tune_polar.report.document import Figures
from tune_polar.report.page import html_of
from tune_polar.report.page_context import PageContext
from tune_polar.report.store_comparison import comparison
from tune_polar.report.winner_recipe import winner_changes, winner_yaml
from tune_polar.report.words import (
    CellWords,
    chosen_on,
    decided_by,
    decision_words,
    gap_words,
    per_column_words,
    score_words,
)
from tune_polar.stats.intervals import signed
from tune_polar.stats.threshold_report import ReportSettings, threshold_report

PageOf = Callable[[str], PageContext]
FOLDS = CellWords(tuple(Cell(fold, 42) for fold in range(3)))
SEEDS = CellWords(tuple(Cell(0, seed) for seed in (1, 2)))
BOTH = CellWords(tuple(Cell(fold, seed) for seed in (1, 2) for fold in (0, 1)))


def test_cells_go_by_what_tells_them_apart() -> None:
    assert [each.many for each in (FOLDS, SEEDS, BOTH)] == ["folds", "seeds", "cells"]
    assert [each.name(each.cells[1]) for each in (FOLDS, SEEDS, BOTH)] == ["fold 1", "seed 2", "fold 1, seed 1"]
    assert FOLDS.names(FOLDS.cells[:2]) == "folds 0 and 1"
    assert FOLDS.names(FOLDS.cells[:1]) == "fold 0"
    assert SEEDS.names(SEEDS.cells) == "seeds 1 and 2"
    assert BOTH.names(BOTH.cells[:2]) == "fold 0, seed 1; fold 1, seed 1"
    assert FOLDS.count(1) == "1 fold"


def test_where_settings_were_chosen_follows_the_plan() -> None:
    assert set(words.RUNGS) == set(get_args(Rung))
    assert chosen_on("cross_fitted", FOLDS) == "the other folds"
    assert chosen_on("cross_fitted", SEEDS) == "the other four fifths of the rows"
    assert chosen_on("inside_folds", SEEDS) == "these very rows"
    assert chosen_on("oracle", FOLDS, "dev") == "dev gold itself"
    assert chosen_on("plain", FOLDS, kind="threshold") == "nowhere: 0.5"
    assert chosen_on("as_written", FOLDS) == "nowhere: as the recipe writes them"
    part = "the recipe’s; what it leaves open: "
    assert chosen_on("as_written", FOLDS, leaves_open=True) == f"{part}the other folds"
    assert chosen_on("as_written", FOLDS, "dev", leaves_open=True) == f"{part}all out-of-fold rows"


def test_how_rows_come_to_one_score_follows_the_plan() -> None:
    assert FOLDS.pooling == "all rows are pooled and scored once"
    assert BOTH.pooling == "each seed’s rows are pooled and scored once, then averaged"
    assert SEEDS.pooling == "each seed’s rows are scored once, then averaged"
    assert (FOLDS.counted, BOTH.counted) == ("", ", each counted once a seed")
    assert (SEEDS.unlike_pooled, bool(BOTH.unlike_pooled)) == ("", True)


@pytest.mark.parametrize(
    ("metric", "kind", "text"),
    [
        ("macro_f1", "labels", "F1"),
        ("macro_f1", "class", "F1"),
        ("macro_f1", "binary", "macro-F1"),
        ("positive_f1", "binary", "F1"),
        ("accuracy", "binary", "accuracy"),
    ],
)
def test_a_columns_part_of_a_score_follows_the_gold(metric: str, kind: GoldKind, text: str) -> None:
    assert per_column_words(metric_named(metric), kind) == text


def test_what_the_recipe_writes_in_part_is_not_chosen_nowhere(page_of: PageOf) -> None:
    row = Answer(page_of("two stages"), "use").table("The winner’s ")["as written"]
    assert row["Settings chosen on"] == "the recipe’s; what it leaves open: the other folds", "it writes no thresholds"
    assert (
        Answer(page_of("a vote"), "use")
        .table("The winner’s ")["as written"]["Settings chosen on"]
        .startswith("nowhere")
    )


def test_one_split_with_seeds_has_no_folds(page_of: PageOf) -> None:
    page = page_of("one split four seeds")
    for name in ("use", "better", "ensemble", "votes", "thresholds", "pipeline", "confusion", "runs"):
        answer = Answer(page, name)
        said = [*answer.texts, *(text for table in answer.tables for text in (table.caption, *table.columns))]
        said += [each.note for each in answer.blocks if isinstance(each, Figures)]
        said = [text for text in said if text not in ("fold-tuned", "cross-fitted", "inside folds")]
        found = [text for text in said if re.search(r"\bfolds?\b(?!-)|pooled|pools", re.sub("out.of.fold", "", text))]
        assert [text for text in found if "one fold cannot say" not in text] == [], name


def test_rows_of_several_seeds_are_not_taken_for_texts(page_of: PageOf) -> None:
    answer = Answer(page_of("two seeds"), "pipeline")
    (text,) = [text for text in answer.texts if text.startswith("vote rejects")]
    assert " of 240 rows, each counted once a seed, " in text
    captions = [
        each.caption for name in ("pipeline", "confusion") for each in Answer(page_of("two seeds"), name).tables
    ]
    assert sum("each counted once a seed" in each for each in captions) == len(captions) - 1, "all but the decisions"


@pytest.mark.parametrize("shape", ["one cell", "one cell of numbers"])
def test_one_cell_has_no_noise(page_of: PageOf, shape: str) -> None:
    page = page_of(shape)
    assert page.noise is None
    assert "± 0.000" not in html_of(PageContext(page.summary))
    assert [row["SD"] for row in Answer(page, "better").table("Finished").values()] == ["—"] * 3
    sensitive = Answer(page, "sensitive")
    assert not any("may well be noise" in text for text in sensitive.texts)
    assert 'class="noise"' not in "".join(sensitive.figures)
    table = score_table(page.summary)
    assert "score" in table.columns
    assert not any(column.startswith("−") for column in table.columns)
    assert not any("±" in cell for row in table.texts for cell in row)


def test_every_metric_and_decision_that_is_shipped_has_words() -> None:
    assert set(METRICS) <= set(words.METRICS)
    assert set(KINDS) <= set(words.DECISIONS)


@pytest.mark.parametrize(
    ("metric", "value", "text"),
    [("macro_f1", 0.041, "4.1 F1 points"), ("macro_f1", -0.041, "−4.1 F1 points"), ("pearson", -0.012, "−0.012 r")],
)
def test_unit_and_factor_are_the_metrics_own(metric: str, value: float, text: str) -> None:
    assert gap_words(value, metric_named(metric)) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [(0.25, "+0.250"), (-1.5, "−1.500"), (-12.345, "−12.35"), (297.49, "+297.5"), (17677.4, "+17677")],
)
def test_a_difference_of_numbers_has_no_more_digits_than_tell(value: float, text: str) -> None:
    assert signed(value, metric_named("mae")) == text


def test_the_score_is_told_in_the_recipes_own_names() -> None:
    assert score_words(two_stages()) == "macro-F1 of system (kinds where vote says yes, nothing elsewhere), on all rows"
    assert score_words(three_classes()) == "macro-F1 of model (the likeliest class by model), on all rows"
    assert score_words(regression()) == "Pearson’s r of model (the numbers of model, held in range), on all rows"
    recipe = two_stages()
    assert decision_words(recipe.decide["vote"]) == "a vote of finder’s nearest training rows"
    settings = {
        "decide.vote.k": 49,
        "decide.vote.tau": 0.4,
        "decide.kinds.rule": "fixed",
        "decide.kinds.at": {"x": 0.5},
    }
    assert decided_by(recipe, settings) == "k=49, τ=0.4; fixed"


def renamed() -> dict[str, object]:
    """A detector's recipe whose column is called otherwise."""
    stage = {
        "task": {"type": "binary", "target": "hateful"},
        "head": {"type": "projection", "size": 8},
        "optimizer": {"lr": 1e-3},
    }
    return {
        "recipe": "mine",
        "data": {"labels": ["hateful"]},
        "folds": {"count": 3},
        "stages": {"reader": stage},
        "decide": {"verdict": {"type": "knn_vote", "of": "reader", "k": 5, "tau": 0.4}},
        "score": {"of": "verdict"},
    }


def test_a_column_of_another_name_leaves_no_trace_of_the_usual_one(tmp_path: Path) -> None:
    text = html_of(PageContext(finished_store(tmp_path / "store", recipe_of(renamed())).summary()))
    shown = unescape(re.sub(r"<style.*?</style>", "", text, flags=re.DOTALL)).replace("tune-polar", "")
    assert "hateful" in shown
    assert "verdict" in shown
    assert not re.search(r"polar|detector|classifier|gold.gated|stereotyp|vilific", shown, re.IGNORECASE)


def test_a_shipped_recipe_on_another_column_says_nothing_of_its_usual_one(tmp_path: Path) -> None:
    """``search st1 --column polarization=hateful``: the recipe's name for the column stays, what it means does not."""
    recipe = load_recipe("st1", RecipeOptions(encoder="tiny")).recipe
    source = {"kind": "files", "path": "/data/tweets.csv", "columns": {"polarization": "hateful"}}
    about = {"source": source, "name": "tweets", "fingerprint": "f" * 64, "rows": {"train": 150}}
    command = "tune-polar search st1 --data tweets.csv --column polarization=hateful"
    made = finished_store(tmp_path / "store", recipe, rows=150, dev=0, data=about, command=command)
    summary = made.summary()
    for words_of_it in (recipe.description, "detector of polarized texts"):
        described = recipe.model_copy(update={"description": words_of_it})
        told = replace(summary, facts=replace(summary.facts, recipe=described))
        said = [
            html_of(PageContext(told)),
            winner_yaml(told) or "",
            winner_changes(told),
            str(comparison([told, told])),
        ]
        shown = unescape(re.sub(r"<wbr>|<style.*?</style>", "", "\n".join(said), flags=re.DOTALL))
        assert "macro-F1 of vote (a vote of detector’s nearest training rows), on all rows" in shown
        assert "published" in shown
        assert set(re.findall(r"(?i)\w*polari[sz]\w*", shown.replace("tune_polar", ""))) == {"polarization"}
        assert words_of_it not in shown


def predictions(folder: Path, folds: int) -> Path:
    rng = np.random.default_rng(3)
    parts = []
    for split, rows in (("oof", 120), ("dev", 40)):
        gold = (rng.random((rows, 2)) < 0.4).astype(int)
        for model in ("a", "b"):
            logit = rng.normal(size=gold.shape) + 2 * gold - 1
            fold = np.arange(rows) % folds if split == "oof" else pd.NA
            part = pd.DataFrame(
                {"model": model, "split": split, "fold": fold, "id": [f"{split}{n}" for n in range(rows)]}
            )
            for place, name in enumerate("pq"):
                part[f"gold/{name}"], part[f"logit/{name}"] = gold[:, place], logit[:, place]
            parts.append(part.astype({"fold": "Int64"}))
    pd.concat(parts).to_csv(folder / "p.csv", index=False)
    return folder / "p.csv"


@pytest.mark.parametrize("folds", [3, 1])
def test_decide_and_the_page_name_the_ways_of_choosing_alike(tmp_path: Path, page_of: PageOf, folds: int) -> None:
    report = threshold_report(read_predictions(predictions(tmp_path, folds)), ReportSettings(rounds=100))
    document = decide_document(report)
    (table,) = next(each for each in document.sections if each.title == "Selected configuration").tables
    cells = CellWords(tuple(Cell(fold, 0) for fold in range(folds)))
    said = {row[0]: row[-1] for row in table.texts}
    names = {name: rung for rung, name in words.RUNGS.items()}
    for name in ("inside folds", "fold-tuned", "cross-fitted", "plain"):
        assert said[name] == chosen_on(names[name], cells, kind="threshold")
    assert said["oracle on dev"] == chosen_on("oracle", cells, "dev")
    data = json.loads(json.dumps(report_data(report), allow_nan=False))
    told = {row["chosen"] for each in data["scores"] for row in each["scored"]}
    assert told <= set(words.RUNGS)
    columns = set(Answer(page_of("five labels"), "thresholds").table("model, F1 of each column")["a"])
    assert columns - {""} <= set(words.RUNGS.values())
