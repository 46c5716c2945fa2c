"""A score on texts that a start has seen is marked wherever it stands: terminal, page, card, winner and ensemble."""

from __future__ import annotations

import html
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from tests.cli.test_status import ended
from tests.report.outline import Answer
from tests.store.made_recipes import TWO_STAGES, recipe_of, two_stages
from tests.store.made_store import MadeStore, finished_store, made_store
from tune_polar.evaluate.search_ensembles import ensembles_of
from tune_polar.report.cross_table import CrossTable
from tune_polar.report.document import Words
from tune_polar.report.ensemble_words import ensemble_sentences, ensemble_table
from tune_polar.report.model_card import CardFacts, model_card
from tune_polar.report.page import html_of
from tune_polar.report.page_context import PageContext
from tune_polar.report.store_comparison import comparison, crossed, write_comparison
from tune_polar.report.tidy_tables import configurations_table
from tune_polar.report.winner_recipe import winner_yaml
from tune_polar.report.words import SEEN_MARK
from tune_polar.trial.floor_models import make_floor

SEEN = "sorter starts from finder’s best fold, which was trained on texts that are scored here (TP010)"
NOTE = f"† no honest score, too high: {SEEN}."
NOT_FORETOLD = f"What it will score on new rows: not applicable, {SEEN}."


@pytest.fixture
def flawed(tmp_path: Path) -> MadeStore:
    return finished_store(tmp_path / "flawed", two_stages(sorter__start={"stage": "finder", "fold": "best"}))


@pytest.fixture
def mixed(tmp_path: Path) -> MadeStore:
    """An honest winner, and a configuration that starts from the best fold."""
    made = finished_store(tmp_path / "mixed", two_stages(), (0.5, 0.8))
    made.finish(made.configuration({"sorter.start.fold": "best"}), 0.3)
    return made


def test_the_terminal_marks_scores_by_decision(flawed, tmp_path):
    said = ended(flawed, tmp_path)
    lines = [line for line in said.splitlines() if line]
    (title,) = [line for line in lines if line.startswith("mini: macro-F1 of system")]
    assert title.endswith("cross-fitted †")
    table = [line.split() for line in lines if line.startswith(("0 ", "1 ", "2 "))]
    assert all(row.count(SEEN_MARK) == 2 for row in table), "system and kinds rest on the start, vote does not"
    assert NOTE in said.replace("\n", " ")
    assert NOT_FORETOLD in said
    assert "it will score 0" not in said
    assert "vote: macro-F1 on all rows, cross-fitted." in said
    assert "kinds: macro-F1 on rows with gold hurt = 1, cross-fitted †." in said
    assert "TP010 start that has seen validated texts: sorter starts from finder’s best fold" in said
    chosen = [line.partition("  ")[0] for line in lines if line.startswith(("system (", "kinds (", "vote ("))]
    assert {line for line in chosen if SEEN_MARK in line} == {"system (macro-F1) †", "kinds (macro-F1) †"}


def test_the_terminal_marks_those_configurations_that_do_so(mixed, tmp_path):
    said = ended(mixed, tmp_path)
    lines = said.splitlines()
    (title,) = [line for line in lines if line.startswith("mini: macro-F1 of system")]
    assert title.endswith("cross-fitted")
    marked = {line.split()[0]: line.count(SEEN_MARK) for line in lines if line[:2] in ("0 ", "1 ", "2 ")}
    assert marked == {"0": 0, "1": 0, "2": 2}
    assert NOTE in said
    assert "On the next 40 rows like these it will score" in said


def test_the_page_calls_no_such_score_the_one_to_report(flawed):
    page = PageContext(flawed.summary())
    use = Answer(page, "use")
    assert NOT_FORETOLD in use.texts
    assert any(text.endswith(NOTE) for text in use.texts)
    assert all(SEEN_MARK in value for term, value in use.facts.items() if term.startswith(("Winner", "Published")))
    (ladder,) = [each for each in use.tables if "by where its settings were chosen" in each.caption]
    assert "None with † is one to report" in ladder.caption
    assert "main" not in {row.kind for row in ladder.rows if hasattr(row, "kind")}
    own = [row for row in ladder.texts if row[4] == "out-of-fold rows"]
    assert own
    assert all(row[1].endswith(SEEN_MARK) for row in own)
    assert not any(SEEN_MARK in row[1] for row in ladder.texts if row[0].startswith("dev"))
    assert NOTE in Answer(page, "better").texts
    checks = Answer(page, "believe").table("Every check")
    assert [row["Verdict"] for head, row in checks.items() if head.startswith("TP010")] == ["look here"]
    assert SEEN_MARK in html_of(page)


def test_the_page_of_an_honest_search_has_no_mark(tmp_path):
    assert SEEN_MARK not in html_of(PageContext(finished_store(tmp_path / "s", two_stages()).summary()))


def test_the_pipeline_marks_what_rests_on_the_start(flawed):
    table = Answer(PageContext(flawed.summary()), "pipeline").table("The decisions in their order")
    assert {name: SEEN_MARK in row["Winner"] for name, row in table.items()} == {
        "vote": False,
        "kinds": True,
        "system": True,
    }


def test_card_and_winner_say_it(flawed, mixed):
    facts = CardFacts(3, False, ["."], [], ["tiny"], True, "0.1")
    summary = flawed.summary()
    card = model_card(summary, summary.best, summary.best.outcome, facts)
    assert NOTE in card
    assert NOT_FORETOLD in card
    assert f"{SEEN_MARK}, cross-fitted over 3 folds\n# {NOTE}" in winner_yaml(summary)
    summary = mixed.summary()
    seen = summary.configurations[2]
    assert NOTE in model_card(summary, seen, seen.outcome, facts)
    assert SEEN_MARK not in model_card(summary, summary.best, summary.best.outcome, facts)
    assert SEEN_MARK not in winner_yaml(summary)


def grouped_store(folder: Path) -> MadeStore:
    """A winner that starts from the best fold, in groups that are large enough to be told."""
    made = made_store(folder, two_stages(sorter__start={"stage": "finder", "fold": "best"}), dev=40)
    made.finish(made.configuration("published"), 0.5)
    made.finish(made.configuration({"sorter.optimizer.lr": 0.01}), 0.9)
    return made


def test_the_pipelines_sentence_marks_each_score(tmp_path):
    page = PageContext(grouped_store(tmp_path / "s").summary())
    won = page.won.decisions
    of, gate = (page.shown(won[name].cross_fitted.score) for name in ("kinds", "system"))
    (said,) = [text for text in Answer(page, "pipeline").texts if "alone scores" in text]
    assert f"kinds alone scores {of} {SEEN_MARK};" in said
    assert f"as system, behind vote and on all rows, {gate} {SEEN_MARK}" in said


def test_the_tables_of_groups_mark_each_score(tmp_path):
    page = PageContext(grouped_store(tmp_path / "s").summary())
    of_groups, of_gains = Answer(page, "groups").tables
    assert [row[0] for row in of_groups.texts][-2:] == ["mean over groups", "all pooled"]
    assert all(row[2].partition(" [")[0].endswith(SEEN_MARK) for row in of_groups.texts)
    assert all(cell.endswith(SEEN_MARK) for row in of_gains.texts for cell in row[1:3])
    for table in (of_groups, of_gains):
        assert table.caption.endswith(NOTE.removesuffix("."))
    honest = PageContext(finished_store(tmp_path / "honest", two_stages()).summary())
    assert not any(SEEN_MARK in str(table.texts) + table.caption for table in Answer(honest, "groups").tables)


def test_sentences_of_thresholds_and_gaps_mark_each_score(tmp_path):
    page = PageContext(grouped_store(tmp_path / "s").summary())
    score = page.shown(page.won.decisions["kinds"].cross_fitted.score)
    texts = Answer(page, "thresholds").texts
    assert any(f"max_f1 {score} {SEEN_MARK}" in text for text in texts)
    (gap,) = [text for text in texts if text.startswith("Oracle gap of kinds on out-of-fold rows")]
    assert gap.count(SEEN_MARK) == 2
    assert not any(SEEN_MARK in text for text in texts if text.startswith("Oracle gap of kinds on dev"))
    columns = [each for each in Answer(page, "pipeline").tables if each.caption.startswith("Column by column")]
    assert [SEEN_MARK in head for head in columns[0].columns[:4]] == [False, True, True, False]
    (weakest,) = [text for text in Answer(page, "use").texts if "The weakest of" in text]
    assert f"{SEEN_MARK}, cross-fitted." in weakest


def test_the_map_of_a_vote_on_such_a_stage_marks_its_scores(tmp_path):
    """Two votes: one of a stage that starts from none, one of a stage that starts from the best fold."""
    stages = TWO_STAGES["stages"]
    second = {**stages["finder"], "start": {"stage": "finder", "fold": "best"}}
    other = {**TWO_STAGES["decide"]["vote"], "of": "second"}
    recipe = recipe_of(
        {
            **TWO_STAGES,
            "stages": {"finder": stages["finder"], "second": second},
            "decide": {"vote": TWO_STAGES["decide"]["vote"], "other": other},
            "score": {"of": "vote"},
        }
    )
    page = PageContext(finished_store(tmp_path / "s", recipe).summary())
    answer = Answer(page, "votes")
    marks = [SEEN_MARK in text for text in answer.texts if text.startswith("The best setting, chosen on the rows")]
    assert marks == [False, True]
    settings = [each for each in answer.tables if each.caption.startswith("The settings marked")]
    assert [{SEEN_MARK in row[2] for row in each.texts} for each in settings] == [{False}, {True}]


def test_groups_held_out_are_marked_too(tmp_path):
    folds = {"plan": "leave_groups_out", "by": "language"}
    recipe = recipe_of({**TWO_STAGES, "folds": folds}, sorter__start={"stage": "finder", "fold": "best"})
    of_groups, of_folds = Answer(PageContext(finished_store(tmp_path / "s", recipe).summary()), "unseen").tables
    assert all(SEEN_MARK in row[2] for row in of_groups.texts)
    assert all(SEEN_MARK in row[2] for row in of_folds.texts)
    for table in (of_groups, of_folds):
        assert table.caption.endswith(NOTE.removesuffix("."))


def test_the_page_of_several_stores_says_what_its_mark_means(flawed, mixed, tmp_path):
    summaries = [flawed.summary(), mixed.summary()]
    sections = {name: answer for name, _, answer in comparison(summaries)}
    texts = {
        name: [t for each in answer if isinstance(each, Words) for t in each.texts] for name, answer in sections.items()
    }
    assert NOTE in texts["winners"]
    assert NOTE in texts["apart"]
    assert texts["apart"][0].startswith(f"flawed: no. 1 {SEEN_MARK} and mixed: no. 1 ")
    assert NOTE in html.unescape(write_comparison(summaries, tmp_path / "page.html").read_text(encoding="utf-8"))
    honest = [finished_store(tmp_path / name, two_stages()).summary() for name in ("one", "two")]
    assert SEEN_MARK not in write_comparison(honest, tmp_path / "honest.html").read_text(encoding="utf-8")


def test_ranks_and_held_out_scores_of_several_stores_are_marked(tmp_path):
    evaluated = {**TWO_STAGES["data"], "evaluate": {"later": {"path": "later.csv"}}}
    recipe = recipe_of({**TWO_STAGES, "data": evaluated}, sorter__start={"stage": "finder", "fold": "best"})
    summaries = [finished_store(tmp_path / name, recipe).summary() for name in ("one", "two")]
    table = crossed(summaries)
    assert isinstance(table, CrossTable)
    marked = {
        column: {SEEN_MARK in row[place] for row in table.table().texts}
        for place, column in enumerate(table.table().columns)
    }
    assert marked["made"] == {True}, "held-out rows"
    assert marked["later"] == {False}
    assert NOTE in table.notes()
    assert {tuple(row["start_has_seen"]) for row in table.as_json()["rows"]} == {("sorter",)}
    ranks = {name: answer for name, _, answer in comparison(summaries)}["ranks"][0]
    assert all(SEEN_MARK in cell for row in ranks.texts for cell in row[2:])
    assert ranks.caption.endswith(NOTE.removesuffix("."))
    runs = Answer(PageContext(summaries[0]), "runs")
    (own,) = [each for each in runs.tables if each.caption.startswith("Trained on")]
    assert all(SEEN_MARK in row[1] and SEEN_MARK not in row[2] for row in own.texts)
    assert NOTE in runs.texts


def test_the_table_of_configurations_says_of_which_scores_it_is_so(mixed, flawed, tmp_path):
    summary = mixed.summary()
    table = configurations_table(summary).set_index("configuration")
    seen = summary.configurations[2].configuration.id
    for name in ("start_has_seen", "start_has_seen/kinds", "start_has_seen/system"):
        assert {key: value == "yes" for key, value in table[name].items()} == {key: key == seen for key in table.index}
    assert "start_has_seen/vote" not in table
    honest = configurations_table(finished_store(tmp_path / "honest", two_stages()).summary())
    assert not any("start_has_seen" in name for name in honest)
    vote = recipe_of({**TWO_STAGES, "score": {"of": "vote"}}, sorter__start={"stage": "finder", "fold": "best"})
    of_vote = configurations_table(finished_store(tmp_path / "vote", vote).summary())
    assert "start_has_seen" not in of_vote
    assert set(of_vote["start_has_seen/kinds"]) == {"yes"}


def test_an_ensemble_of_such_configurations_is_flawed_too(flawed):
    report = ensembles_of(flawed.summary())
    said = ensemble_sentences(report, str)
    assert f"No score of the pick or of an ensemble is honest here: {SEEN}." in said
    assert any("not applicable, sorter starts from" in each for each in said)
    assert ensemble_table(report, str).caption.endswith(f"Too high all the same: {SEEN}")


def test_scores_beside_floors_are_marked_and_those_of_floors_are_not(flawed):
    flawed.store.put_floor(make_floor("tfidf", flawed.recipe, flawed.corpus, flawed.plans))
    table = Answer(PageContext(flawed.summary()), "floors").table("Linear models without fine-tuning")
    marked = {name: SEEN_MARK in row["Score"] for name, row in table.items()}
    assert marked == {"tfidf": False, "published": True, "winner": True}


def test_scores_by_extra_rows_are_marked(tmp_path):
    data = {**TWO_STAGES["data"], "extra": {"file": "more.csv"}}
    made = made_store(
        tmp_path / "s", recipe_of({**TWO_STAGES, "data": data}, sorter__start={"stage": "finder", "fold": "best"})
    )
    made.finish(made.configuration("published"), 0.5)
    made.finish(made.configuration({"data.extra.share": 0.5}), 0.8)
    summary = made.summary()
    told = replace(summary, gold=replace(summary.gold, sources=np.array([-1])))
    (scores,) = [each for each in Answer(PageContext(told), "extra-rows").tables if "trained with" in each.caption]
    assert [row[0] for row in scores.texts] == ["50%", "all"]
    assert all(cell.endswith(SEEN_MARK) for row in scores.texts for cell in row[2:])
