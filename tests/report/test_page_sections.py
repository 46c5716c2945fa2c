"""The sections of the page against numbers computed another way."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from handmade_store import FOLDS, PROVENANCE, StoreBuilder

from tune_polar.decide.scores import label_macro_f1
from tune_polar.report.configuration_index import configuration_index
from tune_polar.report.context import PageOptions, page_context
from tune_polar.report.page import build_page
from tune_polar.report.panel import Panel, choice_axis, linear_axis, range_axis
from tune_polar.report.reading import summary_for_page
from tune_polar.report.record_paths import store_address
from tune_polar.report.score_ladder import score_ladder
from tune_polar.report.searched import SearchedParameter, searched_parameters
from tune_polar.report.setting_meanings import distinct_centers
from tune_polar.report.store_comparison import comparison_page, write_comparison
from tune_polar.report.votes_map import sweep_votes_at
from tune_polar.stats.paired import fold_paired
from tune_polar.store.correction import corrected_best
from tune_polar.store.summary import summarise

NewStore = Callable[..., StoreBuilder]


@pytest.fixture
def many(new_store: NewStore) -> StoreBuilder:
    """Published and 24 more whose skill grows with the learning rate."""
    builder = new_store(trials=25)
    builder.finish(builder.configuration("published"), 0.3)
    for place in range(24):
        builder.finish(
            builder.configuration(lr=0.0001 * 1000 ** (place / 23)), 0.97 if place == 23 else 0.2 + 0.4 * place / 23
        )
    return builder


# -- reading -----------------------------------------------------------------------------------------------------


def test_only_the_best_and_the_published_are_read_in_full(many: StoreBuilder) -> None:
    whole, page = summarise(many.store), summary_for_page(many.store, read_in_full=3)
    assert [row.configuration.id for row in page.finished] == [row.configuration.id for row in whole.finished]
    assert [row.scores for row in page.finished] == [row.scores for row in whole.finished]
    read = {row.configuration.id for row in page.finished if row.outcome is not None}
    published = page.published
    assert published is not None
    assert read == {row.configuration.id for row in page.finished[:3]} | {published.configuration.id}
    text = build_page(page)
    assert "Entered are the 4 configurations read in full, the best of 25" in text


# -- 1 -----------------------------------------------------------------------------------------------------------


def test_the_ladder_agrees_with_the_outcome_and_rises_with_hindsight(finished: StoreBuilder) -> None:
    summary = finished.summary()
    best = summary.best
    assert best is not None
    assert best.outcome is not None
    rows = {row.name: row for row in score_ladder(best, corrected_best(summary))}
    assert list(rows) == ["oracle", "fold-tuned", "cross-fitted", "corrected", "dev, oracle", "dev, fold-tuned"]
    assert float(rows["cross-fitted"].score) == pytest.approx(best.outcome.score, abs=0.006)
    assert float(rows["oracle"].score) >= float(rows["cross-fitted"].score)
    assert float(rows["dev, oracle"].score) >= float(rows["dev, fold-tuned"].score)
    assert [row.name for row in rows.values() if row.is_main] == ["corrected"]


@pytest.mark.parametrize("labels", [(), ("a", "b")])
def test_the_ladder_without_dev_or_rivals_says_why(new_store: NewStore, labels: tuple[str, ...]) -> None:
    builder = new_store(dev=False, labels=labels)
    builder.finish(builder.configuration("published"), 0.5)
    summary = builder.summary()
    assert summary.best is not None
    rows = {row.name: row for row in score_ladder(summary.best, corrected_best(summary))}
    assert rows["corrected"].interval.startswith("not applicable: needs two configurations")
    assert rows["dev, oracle"].score == "—"
    assert rows["cross-fitted"].is_main


# -- 2 -----------------------------------------------------------------------------------------------------------


def test_the_matrix_holds_corrected_paired_differences(finished: StoreBuilder) -> None:
    summary = finished.summary()
    section = page_context(summary).told_apart
    assert section.names == ("no. 1", "published", "no. 2")
    scores = [np.array(row.scores.best.fold_scores) for row in summary.finished if row.scores is not None]
    paired = fold_paired(scores[0], scores[2], planned_folds=FOLDS)
    assert section.rows[0].cells[2].text == f"{100 * paired.difference:+.1f}".replace("-", "−")
    assert [cell.text for cell in section.rows[2].cells] == ["", "", ""]
    assert section.sentences[0].startswith("Of 3 pairs of the top configurations")


def test_the_published_configuration_is_always_in_the_matrix(many: StoreBuilder) -> None:
    section = page_context(many.summary()).told_apart
    assert len(section.names) == 9
    assert section.names[-1] == "published"


def test_one_configuration_alone_is_compared_with_nothing(new_store: NewStore) -> None:
    builder = new_store()
    builder.finish(builder.configuration("published"), 0.5)
    assert page_context(builder.summary()).told_apart.missing.startswith("Not enough data")


def test_merged_configurations_of_one_number_have_distinct_names(finished: StoreBuilder) -> None:
    summary = finished.summary()
    twins = tuple(
        replace(row, configuration=replace(row.configuration, number=1)) if row.configuration.number else row
        for row in summary.configurations
    )
    names = [entry.name for entry in configuration_index(replace(summary, configurations=twins)).entries]
    assert len(set(names)) == len(names) == 3
    assert sum(name.startswith("no. 1 (") for name in names) == 2


# -- 3 and 4 -----------------------------------------------------------------------------------------------------


def test_few_configurations_say_nothing_of_what_matters(finished: StoreBuilder) -> None:
    page = page_context(finished.summary())
    assert page.importance.missing.startswith("Not enough data: 3 configurations have finished")
    assert page.sensitivity.curves_missing
    assert len(page.sensitivity.figures) == 1
    assert "line pd" not in page.sensitivity.figures[0]


def test_the_parameter_that_decides_is_named_and_its_edge_flagged(many: StoreBuilder) -> None:
    page = page_context(many.summary())
    assert [row.name for row in page.importance.rows] == ["detector.lr"]
    assert "detector.lr stands out from chance" in page.importance.sentences[1]
    assert "line pd" in page.sensitivity.figures[0]
    row = page.sensitivity.rows[0]
    assert row.winner == "0.1"
    assert "upper end of the range" in row.warning
    assert page.sensitivity.warnings


def test_every_configuration_is_one_linked_point(finished: StoreBuilder) -> None:
    figure = page_context(finished.summary()).sensitivity.figures[0]
    assert sorted(re.findall(r'data-c="(\d+)"', figure)) == ["0", "1", "2"]
    assert figure.count('class="pt win"') == 1
    assert figure.count('class="pt pub"') == 1


def test_places_in_a_range() -> None:
    log = SearchedParameter("lr", 0.001, 0.1, log=True)
    assert log.unit(0.01) == pytest.approx(0.5)
    assert log.from_unit(0.5) == pytest.approx(0.01)
    assert [log.edge(value) for value in (0.001, 0.01, 0.1)] == ["lower", "", "upper"]
    choices = SearchedParameter("transfer", choices=("same_fold", "none"))
    assert choices.unit(1) == 1
    assert choices.edge(1) == ""
    assert choices.shown(1.0) == "none"
    assert SearchedParameter("centers", 1, 30, whole=True).shown(27.1) == "27"


def test_a_vector_is_one_parameter_a_label(new_store: NewStore) -> None:
    space = {
        "name": "s",
        "parameters": {
            "classifier.gamma_negative": {"type": "vector", "element": {"type": "float", "low": 0, "high": 4}}
        },
    }
    builder = new_store(changes={"space": space})
    found = searched_parameters(builder.summary().facts)
    assert [each.key for each in found] == [f"classifier.gamma_negative.{label}" for label in builder.labels]
    assert found[0].number(builder.recipe) == 2.0


def test_the_map_marks_the_choice_and_scores_it_as_the_sweep_does(finished: StoreBuilder) -> None:
    summary = finished.summary()
    best, section = summary.best, page_context(summary).votes
    assert best is not None
    assert best.predictions is not None
    assert best.outcome is not None
    chosen = best.outcome.detector.chosen
    assert sweep_votes_at(best.predictions, chosen) == pytest.approx(best.outcome.detector.fold_tuned)
    assert section.rows[0].votes == str(chosen)
    assert section.figure.count('class="mark"') == FOLDS
    assert len(section.rows) == 2 + FOLDS + 1
    assert section.figure.count('class="q8"') >= 1


def test_centers_that_have_merged_count_once() -> None:
    centers = np.array([[1, 0, 0], [2, 0.01, 0], [0, 1, 0], [0, 0, 1], [1, 1, 0], [0, 0, 2]], dtype=float)
    assert distinct_centers(centers) == [2, 2]


def test_a_chain_of_near_centers_is_one_group() -> None:
    angles = np.deg2rad([0, 15, 30, 45, 60, 75])
    arc = np.stack([np.cos(angles), np.sin(angles)], axis=1)
    assert distinct_centers(np.concatenate([arc, -arc])) == [1, 1]


# -- 5 and 6 -----------------------------------------------------------------------------------------------------


def test_threshold_curves_carry_every_rule_and_fold(finished: StoreBuilder) -> None:
    page = page_context(finished.summary())
    assert len(page.curves.figures) == len(finished.labels)
    assert page.curves.figures[0].count('class="line thin"') == FOLDS
    assert len({row.rule for row in page.curves.rows}) >= 5
    used = [row for row in page.curves.rows if row.is_used]
    assert [row.label for row in used] == list(finished.labels)


def test_what_the_detector_costs_adds_up(finished: StoreBuilder) -> None:
    summary = finished.summary()
    best = summary.best
    assert best is not None
    assert best.outcome is not None
    section = page_context(summary).pipeline
    assert section.passed_on is not None
    assert section.passed_on.table is not None
    for label, gated, end, *_ in section.passed_on.table.rows:
        place = finished.labels.index(label)
        decided = best.outcome.best
        truth = label_macro_f1(decided.gold[:, [place]], decided.decided[:, [place]])
        assert float(end) == pytest.approx(truth, abs=0.0051)
        assert best.outcome.thresholds is not None
        own = best.outcome.thresholds.score("cross_fitted", "oof").per_class[place]
        assert float(gated) == pytest.approx(own, abs=0.0051)
    assert section.detector is not None
    counted = sum(int(cell.replace(",", "")) for row in section.detector.rows for cell in row[1:3])
    assert counted == len(best.outcome.best.gold)


def test_a_detector_alone_passes_nothing_on(new_store: NewStore) -> None:
    builder = new_store(labels=())
    builder.finish(builder.configuration("published"), 0.5)
    page = page_context(builder.summary())
    assert page.pipeline.passed_on is not None
    assert page.pipeline.passed_on.missing.startswith("Not applicable")
    assert page.pipeline.confusion is None
    assert page.curves.missing.startswith("Not applicable")
    assert page.pipeline.curves is not None
    assert len(page.pipeline.curves.figures) == 1


# -- 7 and 8 -----------------------------------------------------------------------------------------------------


def test_costs_are_counted_by_slot(finished: StoreBuilder) -> None:
    other = replace(PROVENANCE, pid=8, started="2026-01-02T03:05:05+00:00")
    finished.finish(finished.configuration(lr=0.02), 0.3, provenance=other)
    section = page_context(finished.summary()).cost
    assert section.slots is not None
    assert [(row[0], row[2]) for row in section.slots.rows] == [("lab-1, process 7", "9"), ("lab-1, process 8", "3")]
    assert section.figure.count('class="span') == 12
    facts = {fact.term: fact.value for fact in section.facts}
    assert facts["Fold trials"] == "12 finished of 12 planned"
    assert facts["Saved by reuse"] == "no stage: each had settings of its own"


def test_a_time_that_is_no_time_is_left_out(new_store: NewStore) -> None:
    builder = new_store()
    builder.finish(builder.configuration("published"), 0.5, provenance=replace(PROVENANCE, started="<yesterday>"))
    assert page_context(builder.summary()).cost.missing


def test_records_are_linked_from_where_the_page_lies(finished: StoreBuilder, tmp_path: Path) -> None:
    summary = finished.summary()
    address = store_address(summary.url, tmp_path / "pages" / "report.html")
    assert address == "../store"
    page = page_context(summary, PageOptions(store_address=address))
    links = [link for row in page.records.rows for link in (row.configuration, *row.folds)] + list(page.records.stages)
    assert len(links) == 3 * (1 + FOLDS) + 2 * FOLDS
    for link in links:
        assert (tmp_path / "pages" / link.address).resolve().is_file(), link
    assert store_address("s3://bucket/x", tmp_path / "report.html") is None


def test_example_texts_are_shown_only_where_asked_for(finished: StoreBuilder) -> None:
    summary = finished.summary()
    texts = {row_id: f"secret <b>{row_id}</b>" for row_id in finished.gold.train.ids}
    assert "secret" not in build_page(summary)
    page = build_page(summary, PageOptions(texts=texts))
    assert page.count("secret &lt;b&gt;") == 3 * len(finished.labels)
    assert "Content warning" in page
    assert "holds no texts" not in page


# -- several stores ----------------------------------------------------------------------------------------------


def test_several_searches_are_compared_by_their_winners(tmp_path: Path) -> None:
    summaries = []
    for name, skill in (("one", 0.4), ("two", 0.8)):
        builder = StoreBuilder(tmp_path / name)
        builder.finish(builder.configuration("published"), 0.2)
        builder.finish(builder.configuration(lr=skill / 10), skill)
        summaries.append(builder.summary())
    page = comparison_page(summaries)
    assert [row[0] for row in page.searches.rows] == ["one", "two"]
    assert page.comparable == ""
    assert len(page.differences) == 1
    assert page.settings is not None
    assert "detector.lr" in [row[0] for row in page.settings.rows]
    assert write_comparison(summaries, tmp_path / "both.html").read_text(encoding="utf-8").count("<section") == 3


def test_searches_of_other_data_are_not_paired(tmp_path: Path) -> None:
    summaries = []
    for name, data in (("one", "a"), ("two", "b")):
        builder = StoreBuilder(tmp_path / name)
        builder.finish(builder.configuration("published"), 0.5)
        summary = builder.summary()
        summaries.append(replace(summary, facts=replace(summary.facts, data_fingerprint=data)))
    assert "different data" in comparison_page(summaries).comparable


# -- charts ------------------------------------------------------------------------------------------------------


def test_points_lie_where_their_axes_say() -> None:
    panel = Panel("p", "<t>", "d", range_axis(0.001, 0.1, "x", log=True), linear_axis([0.0, 1.0], "y", pad=0.0))
    left, bottom = panel.at(0.001, 0.0)
    right, top = panel.at(0.1, 1.0)
    assert panel.at(0.01, 0.5) == pytest.approx(((left + right) / 2, (bottom + top) / 2))
    assert panel.at(99.0, 99.0) == (right, top)
    panel.dot(0.01, 0.5, "pt", place=3, title="<&>")
    assert 'data-c="3"' in panel.svg()
    assert "<title>&lt;&amp;&gt;</title>" in panel.svg()
    assert "&lt;t&gt;" in panel.svg()
    assert [word for _, word in choice_axis(["a", "b" * 30], "c").ticks] == ["a", "b" * 22 + "…"]
    assert [word for _, word in range_axis(0.0031, 0.0044, "x", log=True).ticks] == ["0.0031", "0.0044"]
