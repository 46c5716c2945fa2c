"""What a search tells of itself: what matters, what it cost, how it was trained and where its records lie."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from tests.report.outline import Answer
from tests.store.made_recipes import two_stages
from tests.store.made_store import PROVENANCE, MadeStore, made_store
from tune_polar.evaluate.manifest_facts import DataDoubt
from tune_polar.evaluate.summary import summarise
from tune_polar.recipe.cells import Cell
from tune_polar.recipe.fill import fill
from tune_polar.report.correction import correction_sentence
from tune_polar.report.page import html_of
from tune_polar.report.page_context import PageContext, PageOptions
from tune_polar.report.racing_words import saved_by_racing
from tune_polar.report.reading import FEWEST_IN_FULL, READ_IN_FULL, most_in_full, summary_for_page
from tune_polar.report.searched import SearchedParameter
from tune_polar.report.sections import cost
from tune_polar.report.sections.provenance import store_address
from tune_polar.store.abandonment import StoppedAt

PageOf = Callable[[str], PageContext]
Made = Callable[[str], MadeStore]
LR = "sorter.optimizer.lr"


@pytest.fixture(scope="module")
def many(tmp_path_factory: pytest.TempPathFactory) -> MadeStore:
    """The recipe and 24 more whose skill grows with the learning rate."""
    made = made_store(tmp_path_factory.mktemp("many") / "store", two_stages(), trials=25, seed=8)
    made.finish(made.configuration("published"), 0.3)
    for place in range(24):
        skill = 0.97 if place == 23 else 0.2 + 0.4 * place / 23
        made.finish(made.configuration({LR: 0.0001 * 1000 ** (place / 23)}), skill)
    return made


# Reading


def test_only_the_best_and_the_reference_are_read_in_full(many: MadeStore) -> None:
    whole, read = summarise(many.store), summary_for_page(many.store, read_in_full=3)
    assert [row.configuration.id for row in read.finished] == [row.configuration.id for row in whole.finished]
    assert [row.scores for row in read.finished] == [row.scores for row in whole.finished]
    assert whole.reference is not None
    in_full = {row.configuration.id for row in read.finished if row.outcome is not None}
    assert in_full == {*(row.configuration.id for row in whole.finished[:3]), whole.reference.configuration.id}
    assert "Entered are the 4 configurations read in full, the best of 25" in html_of(PageContext(read))


def test_what_a_choice_was_among_is_told(tmp_path: Path, many: MadeStore) -> None:
    made = made_store(tmp_path / "seen", two_stages())
    for skill, changes in ((0.5, {}), (0.6, {LR: 0.01}), (0.2, {"sorter.start.fold": "best"})):
        made.finish(made.configuration(changes), skill)
    said = correction_sentence(PageContext(summary_for_page(made.store)))
    assert "1 whose scores rest on a start that has seen validated texts did not enter (TP010)." in said
    assert "Entered are" not in said
    few = correction_sentence(PageContext(summary_for_page(many.store, read_in_full=3)))
    assert "the best of 25: the others would win some rounds too" in few


def test_reading_says_which_configuration_it_is_at(many: MadeStore) -> None:
    said: list[str] = []
    summary_for_page(many.store, read_in_full=3, told=said.append)
    assert "scoring configuration 25 of 25 …" in said
    assert said[-1] == "reading predictions of configuration 4 of 4 …"


def test_the_more_predictions_each_has_the_fewer_are_read_in_full(
    many: MadeStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    summary = summarise(many.store, "scores")
    columns = sum(len(each.names) if each.kind == "class" else 1 for each in summary.gold.train.columns.values())
    rows = sum(len(split) * (1 if name == "train" else 3) for name, split in summary.gold.splits.items())
    assert len(summary.cells) == 3
    assert most_in_full(summary) == READ_IN_FULL
    monkeypatch.setattr("tune_polar.report.reading.MOST_VALUES", 7 * rows * columns)
    assert most_in_full(summary) == 7
    assert sum(row.outcome is not None for row in summary_for_page(many.store).finished) == 8, "and the reference"
    monkeypatch.setattr("tune_polar.report.reading.MOST_VALUES", 1)
    assert most_in_full(summary) == FEWEST_IN_FULL


# What matters, how sensitive


def test_few_configurations_say_nothing_of_what_matters(page_of: PageOf) -> None:
    page = page_of("two stages")
    (text,) = Answer(page, "matters").texts
    assert text.startswith("Not enough data: 3 configurations can be learnt from, and 10 are")
    figures = Answer(page, "sensitive").figures
    assert len(figures) == 1
    assert "line pd" not in figures[0]


def test_the_parameter_that_decides_is_named_and_its_edge_flagged(many: MadeStore) -> None:
    page = PageContext(many.summary())
    matters, sensitive = Answer(page, "matters"), Answer(page, "sensitive")
    assert list(matters.table("Importance of each parameter")) == [LR]
    assert f"{LR} stands out from chance" in matters.texts[1]
    assert "line pd" in sensitive.figures[0]
    (row,) = sensitive.table("Every parameter in words").values()
    assert row["Winner"] == "0.1"
    (check,) = [each for each in page.checks if each.code == "TP001"]
    assert sensitive.texts[1] == f"{check.messages[0]} (TP001)."


def test_few_configurations_say_nothing_of_why(page_of: PageOf) -> None:
    (text,) = Answer(page_of("two stages"), "why").texts
    assert text.startswith("Not enough data: 3 configurations can be learnt from, and 10 are")


def test_the_way_to_the_winner_is_shared_among_its_settings(page_of: PageOf) -> None:
    page = page_of("rich")
    why = Answer(page, "why")
    rows = why.table("What each setting of the winner adds")
    assert len(rows) == len(page.way.shares)  # type: ignore[union-attr]
    assert all(row["published"] != row["winner"] for row in rows.values())
    assert "Take " in why.texts[1] or "It takes all" in why.texts[1]
    told = [float(row["Gain"].replace("−", "-").split()[0]) for row in rows.values()]
    assert told == sorted(told, reverse=True)
    assert "width" in why.figures[0]


def test_an_edge_beyond_which_there_is_nothing_is_not_flagged(page_of: PageOf) -> None:
    page = page_of("rich")
    (check,) = [each for each in page.checks if each.code == "TP001"]
    rows = Answer(page, "sensitive").table("Every parameter in words")
    flagged = {key.split(" ")[0] for key in rows if "TP001" in key}
    assert flagged == {message.partition(" = ")[0] for message in check.messages}


def test_every_configuration_is_one_linked_point(page_of: PageOf) -> None:
    (figure,) = Answer(page_of("two stages"), "sensitive").figures
    assert sorted(re.findall(r'data-c="(\d+)"', figure)) == ["0", "1", "2"]
    assert figure.count('class="pt win"') == 1
    assert figure.count('class="pt pub"') == 1


def test_a_value_outside_the_range_stands_where_it_is(tmp_path: Path) -> None:
    space = {LR: {"type": "float", "low": 1e-4, "high": 5e-4, "log": True}}
    made = made_store(tmp_path / "s", two_stages(), space=space)
    made.finish(made.configuration("published"), 0.5)
    given = made.recipe.stages["sorter"].optimizer.lr
    assert given > 5e-4
    for rate in (1e-4, 5e-4):
        made.finish(made.configuration({LR: rate}), 0.6)
    answer = Answer(PageContext(made.summary()), "sensitive")
    places = {float(x) for x in re.findall(r'class="pt[^"]*" data-c="\d+" d="M([\d.]+) ', answer.figures[0])}
    assert len(places) == 3, "none lies on another"
    assert f"Values of {LR} lie outside the range searched" in answer.texts[0]
    parameter = SearchedParameter("x", (), 1e-6, 9e-6)
    assert [parameter.axis([each]).high for each in (5e-6, 1.2e-5, 0.002)] == [9e-6, 1.2e-5, 9e-6]


def test_only_what_costs_a_training_has_a_panel(page_of: PageOf) -> None:
    page = page_of("rich")
    keys = {each.key for each in page.searched}
    assert "sorter.losses.asymmetric.gamma_negative.y/z" in keys, "a vector is one parameter a column"
    drawn = {key.split(" ")[0] for key in Answer(page, "sensitive").table("Every parameter in words")}
    assert drawn == {key for key in keys if not key.startswith("decide.")}
    assert [each.name for each in page.importances.parameters] != []  # type: ignore[union-attr]


def test_an_idle_parameter_keeps_its_configuration(page_of: PageOf) -> None:
    """Some configurations have no start, and all their other parameters count."""
    page = page_of("rich")
    start = next(each for each in page.searched if each.key == "sorter.start")
    numbers = {start.number(row.configuration.recipe) for row, _ in page.scored}
    assert numbers == {0.0, 1.0}
    assert not isinstance(page.importances, str)


def test_places_in_a_range() -> None:
    log = SearchedParameter("lr", ("lr",), 0.001, 0.1, log=True)
    assert log.unit(0.01) == pytest.approx(0.5)
    assert log.from_unit(0.5) == pytest.approx(0.01)
    assert log.words == "0.001 to 0.1, log scale"
    choices = SearchedParameter("start", ("start",), 0, 1, choices=("finder", "null"))
    assert choices.unit(1) == 1
    assert choices.shown(1.0) == "null"
    assert choices.words == "finder, null"
    assert not SearchedParameter("rule", ("rule",), 0, 0, choices=("max_f1",)).varies
    assert SearchedParameter("centers", ("centers",), 1, 30, whole=True).shown(27.1) == "27"


# Racing


def test_what_racing_gave_up_says_after_how_many_folds_and_why(fresh: Made) -> None:
    made = fresh("two stages")
    incumbent = made.store.configurations()[0]
    for lr, within in ((0.011, None), (0.012, StoppedAt(made.cells[1], "sorter", 1500))):
        stopped = made.finish(made.configuration({LR: lr}), 0.1, cells=made.cells[:1])
        made.abandon(stopped, incumbent, predicted=0.31234, chance=0.1, within=within)
    page = PageContext(made.summary())
    rows = list(Answer(page, "better").table("Failed: ").values())
    assert [row["State"] for row in rows] == ["stopped early", "stopped early"]
    assert rows[0]["Why"] == (
        "Stopped after 1 fold by racing (model): expected 0.3123 ± 0.0200, the best so far was 0.5000."
    )
    assert "and within fold 1 (sorter, step 1,500)" in rows[1]["Why"]
    saved = Answer(page, "cost").facts["Saved by racing"]
    assert saved.startswith("4 fold trials of 2 configurations stopped early")
    assert "a chance of at most 19%" in saved  # 1 − 0.9²


def test_nothing_given_up_is_nothing_saved(page_of: PageOf) -> None:
    assert saved_by_racing(page_of("two stages").summary).startswith("nothing:")


# Cost


def test_costs_are_counted_by_slot(fresh: Made) -> None:
    made = fresh("two stages")
    other = replace(PROVENANCE, pid=8, started="2026-01-02T03:05:05+00:00")
    made.finish(made.configuration({LR: 0.02}), 0.3, provenance=other)
    answer = Answer(PageContext(made.summary()), "cost")
    rows = answer.table("Time by slot")
    assert {name: row["fold trials"] for name, row in rows.items()} == {
        "lab-1, process 7": "9",
        "lab-1, process 8": "3",
    }
    assert [row["share"] for row in rows.values()] == ["75%", "25%"]
    assert answer.figures[0].count('class="span') == 12
    assert answer.facts["Fold trials"] == "12 finished of 12 planned"
    assert answer.facts["Saved by reuse"] == "no stage: each had settings of its own"
    assert answer.facts["Time in fold trials"] == "12 min 12 s, 1 min 1 s each on average"


def test_reuse_memory_and_failures_are_told(page_of: PageOf) -> None:
    facts = Answer(page_of("rich"), "cost").facts
    assert facts["Saved by reuse"].startswith("33 finder stages, about ")
    assert "sorter" in facts["Made to fit into memory"]
    assert "1 attempt ran out of memory" in facts["Made to fit into memory"]
    assert facts["Fold trials"] == "71 finished of 78 planned; 2 failures"


def test_a_time_that_is_no_time_is_left_out(fresh: Made) -> None:
    made = fresh("nothing")
    made.finish(made.configuration("published"), 0.5, provenance=replace(PROVENANCE, started="<yesterday>"))
    assert Answer(PageContext(made.summary()), "cost").texts == ["Not enough data: no fold has finished."]


# Training


def test_each_stage_has_its_curves_and_where_they_ended(page_of: PageOf) -> None:
    answer = Answer(page_of("two seeds"), "training")
    (table,) = answer.tables
    assert len(table.rows) == 2 * 6
    assert table.texts[0] == ("finder, fold 0, seed 42", "20", "3.33", "10", "0.500", "early, patience ran out")
    assert [figure.count('class="line fold"') for figure in answer.figures] == [6, 6]
    assert answer.texts[0].startswith("finder: 6 of 6 cells stopped early, 0 had the best checkpoint")


def test_epochs_that_the_bound_by_steps_cuts_are_no_planned_steps(tmp_path: Path) -> None:
    recipe = fill(two_stages(), {"sorter.optimizer.max_steps": 12})
    made = made_store(tmp_path / "store", recipe)
    best = made.configuration("published")
    for cell in made.cells:
        made.store.put_stage(replace(made.stage(best, "finder", cell), steps=30, stopped="last_step"))
        cut = replace(made.stage(best, "sorter", cell), steps=12, total_steps=12, stopped="last_step")
        made.store.put_stage(cut)
        made.store.put_fold(made.record(best, cell))
    answer = Answer(PageContext(made.summary()), "training")
    (table,) = answer.tables
    ended = {row[0].partition(",")[0]: row[2:3] + row[-1:] for row in table.texts}
    assert ended == {"finder": ("5.00", "all planned steps"), "sorter": ("2.00", "max_steps, before 5 epochs")}
    (said,) = [text for text in answer.texts if "max_epochs" in text]
    assert said == (
        "sorter: in 3 folds of 3 its 12 steps (sorter.optimizer.max_steps) are 2.00 epochs of the 5 that "
        "sorter.optimizer.max_epochs asks for; null is no bound."
    )


# Provenance


def test_provenance_names_data_folds_seeds_and_machines(fresh: Made) -> None:
    made = fresh("two stages")
    other = replace(PROVENANCE, host="lab-2", device="H200", versions={"python": "3.12.1", "torch": "2.13"})
    made.finish(made.configuration({LR: 0.02}), 0.3, provenance=other)
    answer = Answer(PageContext(made.summary()), "provenance")
    assert answer.facts["Command"] == "tune-polar search mini"
    assert answer.facts["Store"] == made.store.url
    assert answer.facts["Data"] == "/data/made.csv"
    assert answer.facts["Data fingerprint"] == made.corpus.fingerprint
    assert "Doubtful in the data" not in answer.facts
    doubts = (DataDoubt("own-text", "implied", 1200), DataDoubt("of-our-own", "", 1))
    doubted = replace(made.summary(), facts=replace(made.summary().facts, doubts=doubts))
    assert Answer(PageContext(doubted), "provenance").facts["Doubtful in the data"] == (
        "1,200 × no further text, so that the row itself stands in (column implied); 1 × of-our-own"
    )
    assert answer.facts["Fold plan"] == made.plans["finder"].hash
    assert answer.facts["Seeds"] == "search 11, training 42, folds 42"
    assert answer.facts["torch"] == "2.13"
    machines = answer.table("Fold trials by machine")
    assert [tuple(row.values()) for row in machines.values()] == [
        ("lab-1", "cpu (x86_64)", "9", "9 min 9 s", "—"),
        ("lab-2", "H200", "3", "3 min 3 s", "python 3.12.1"),
    ]


def test_stages_with_plans_of_their_own_name_each(page_of: PageOf, made: Made) -> None:
    facts = Answer(page_of("paper folds"), "provenance").facts
    assert {name: facts[f"Fold plan, {name}"] for name in ("finder", "sorter")} == {
        name: plan.hash for name, plan in made("paper folds").plans.items()
    }


def test_records_are_linked_from_where_the_page_lies(made: Made, tmp_path: Path) -> None:
    store = made("two stages")
    page = store.folder.parent / "pages" / "report.html"
    address = store_address(store.summary("states").url, page)
    assert address == "../store"
    answer = Answer(PageContext(store.summary(), PageOptions(store_address=address)), "provenance")
    links = [entry.href for each in answer.tables for row in each.laid_out for entry in row.cells if entry.href]
    assert len(links) == 3 * (1 + 3) + 2 * 3
    for link in links:
        assert (page.parent / link).resolve().is_file(), link
    assert store_address("s3://bucket/x", tmp_path / "report.html") is None
    assert store_address("store", None) is None


def test_cells_without_a_record_have_no_link(page_of: PageOf) -> None:
    page = page_of("rich")
    (records,) = [each for each in Answer(page, "provenance").tables if each.caption.startswith("configurations/")]
    for row, texts in zip(page.summary.configurations, records.texts, strict=True):
        done = {Cell(record.fold, record.seed) for record in row.folds}
        assert [text != "—" for text in texts[2:]] == [cell in done for cell in page.cells.cells]


def test_joined_stretches_cover_the_time_of_their_fold_trials(page_of: PageOf, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = Answer(page_of("rich"), "cost")
    monkeypatch.setattr(cost, "SPANS_AT_MOST", 0)
    joined = Answer(page_of("rich"), "cost")
    span = re.compile(r'class="span \w+"[^>]* x="([\d.]+)%" y="\d+" width="([\d.]+)%')
    ends = [[float(x) + float(width) for x, width in span.findall(each.figures[0])] for each in (whole, joined)]
    assert 1 <= len(ends[1]) < len(ends[0])
    assert max(ends[1]) == pytest.approx(max(ends[0]), abs=0.1)
