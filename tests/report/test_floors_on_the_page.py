"""Is fine-tuning worth its hours: what page, terminal and JSON say of floors."""

from __future__ import annotations

from collections.abc import Callable

from tests.report.outline import Answer
from tune_polar.decide.metrics import metric_named
from tune_polar.report.difference import CellDifference
from tune_polar.report.floor_comparison import compared, floor_lines, floor_sentences, floors_data, judged_floors
from tune_polar.report.page_context import PageContext
from tune_polar.stats.paired import fold_paired

PageOf = Callable[[str], PageContext]


def test_difference_and_interval_are_those_of_the_same_cells(page_of: PageOf) -> None:
    page = page_of("floors beside")
    (floor,) = judged_floors(page)
    data = floors_data(page)
    assert data["encoder"]["not_applicable"].startswith("the embedded encoder is pretrained on nothing")
    assert data["tfidf"]["score"] == floor.scores.score
    reference, winner = data["tfidf"]["compared"]
    for row, told in ((page.reference, reference), (page.best, winner)):
        paired = fold_paired(
            row.scores.by_cell(page.cells.cells), floor.scores.by_cell(page.cells.cells), metric=page.metric
        )
        assert told["difference"] == paired.difference
        assert told["interval"] == [paired.interval.low, paired.interval.high]


def test_the_page_says_it_in_sentences_and_a_table(page_of: PageOf) -> None:
    page = page_of("floors beside")
    found = Answer(page, "floors")
    text = " ".join(found.texts)
    assert "tfidf (n-grams of characters (TF-IDF) and a linear model): fold by fold the published configuration" in text
    assert "fold by fold the winner differs from it by" in text
    assert "a floor takes seconds" in text
    table = found.table("Linear models without fine-tuning")
    assert set(table) == {"tfidf", "published", "winner"}
    assert len(floor_lines(page)) == 1


def test_a_sample_is_told(page_of: PageOf) -> None:
    page = page_of("floor of a sample")
    assert any("a sample of 60 of 120 rows" in each for each in floor_sentences(page))
    (line,) = floor_lines(page)
    assert line.startswith("floor tfidf 0.")
    assert " (a sample of 60 of 120 rows): " in line
    assert floors_data(page)["tfidf"]["rows"] == 60


def test_scores_beside_a_sample_are_of_the_same_rows(page_of: PageOf) -> None:
    page = page_of("floor of a sample")
    (floor,) = judged_floors(page)
    table = Answer(page, "floors").table("Linear models without fine-tuning")
    for each in compared(page, floor):
        row = table[f"{each.called}, on the sample of tfidf"]
        assert row["Score"] == page.shown(each.score)
        assert each.score != each.row.scores.score
        assert table["tfidf"]["Score"] == page.shown(each.floor_score)


def test_without_one_the_section_says_why(page_of: PageOf) -> None:
    (reason,) = Answer(page_of("two stages"), "floors").texts
    assert reason.startswith("Not applicable: tfidf (")
    assert "resume" in reason


def test_the_luck_of_having_been_chosen_is_no_reason_for_fine_tuning() -> None:
    metric = metric_named("macro_f1")
    ahead = CellDifference(0.03, 0.005, 0.01, 0.05, 5, 5, metric)
    assert (ahead.verdict, ahead.verdict_beyond(0.005), ahead.verdict_beyond(0.02)) == ("better", "better", "within")
    error = metric_named("mae")
    assert CellDifference(-0.03, 0.005, -0.05, -0.01, 5, 5, error).verdict_beyond(0.02) == "within"


def test_what_choosing_was_worth_is_taken_off_before_the_verdict(page_of: PageOf) -> None:
    page = page_of("floors beside")
    (floor,) = judged_floors(page)
    reference, winner = compared(page, floor)
    assert not isinstance(page.corrected, str)
    assert reference.luck == 0
    assert winner.luck >= max(page.corrected.optimism, 0)
    assert winner.verdict == winner.difference.verdict_beyond(winner.luck)
