"""Votes, thresholds, gates, classes, numbers, groups, other sets and losses: each as the engine found it."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy import stats

from tests.report.outline import Answer
from tests.report.shapes import rich_recipe
from tests.store.made_recipes import NUMBER, recipe_of
from tests.store.made_store import MadeStore, finished_store, made_store
from tune_polar.decide.confusion_scores import confusion
from tune_polar.decide.decision_engine import judge
from tune_polar.decide.graph import Graph
from tune_polar.decide.groups import GroupSettings
from tune_polar.decide.judgement import Judgement, Rung
from tune_polar.decide.kinds import Thresholds
from tune_polar.decide.votes import VoteRule
from tune_polar.report.correction import worth_sentences
from tune_polar.report.ladder import shown_threshold
from tune_polar.report.losses.soft_triple import distinct_centers
from tune_polar.report.page_context import PageContext
from tune_polar.report.sections.votes import TAUS, score_at, score_map
from tune_polar.report.winner_recipe import winner_recipe
from tune_polar.report.words import RUNGS
from tune_polar.stats.intervals import signed
from tune_polar.store.records import StageRecord

PageOf = Callable[[str], PageContext]
Made = Callable[[str], MadeStore]


def judged(page: PageContext, name: str) -> Judgement:
    return page.won.decisions[name]


# A decision by where its settings were chosen


@pytest.mark.parametrize(
    ("shape", "section", "decision"),
    [
        ("two stages", "thresholds", "kinds"),
        ("five labels", "thresholds", "model"),
        ("two seeds", "thresholds", "kinds"),
        ("a vote", "votes", "vote"),
        ("one split four seeds", "votes", "vote"),
        ("per language", "thresholds", "answer"),
    ],
)
def test_a_decisions_table_is_its_ladder(page_of: PageOf, shape: str, section: str, decision: str) -> None:
    page = page_of(shape)
    found = judged(page, decision)
    names = {words: rung for rung, words in RUNGS.items()}
    tables = [each for each in Answer(page, section).tables if each.caption.startswith(f"{decision}, ")]
    assert len(tables) == 1 + ("dev" in found.splits)
    for table, ladder in zip(tables, (found.ladder, found.splits.get("dev")), strict=False):
        rungs: list[Rung] = [names[column] for column in table.columns[1:]]
        assert ladder is not None
        assert rungs[0] == ("inside_folds" if table is tables[0] else "oracle")
        rows = {row[0]: [re.sub(r" \(.*\)$", "", each) for each in row[1:]] for row in table.texts}
        assert next(iter(rows)) == "settings chosen on"
        *_, whole = rows.values()
        assert whole == [page.shown(ladder[rung].score) for rung in rungs]
        columns = found.rows.gold.names if len(found.rows.gold.names) > 1 else ()
        for place, name in enumerate(columns):
            assert rows[name] == [page.shown(float(ladder[rung].per_column[place])) for rung in rungs]


def test_what_the_recipe_writes_has_a_column_only_where_it_writes_something(page_of: PageOf) -> None:
    for shape, section, has_it in (("a vote", "votes", True), ("five labels", "thresholds", False)):
        tables = [each for each in Answer(page_of(shape), section).tables if each.kind == "numbers comparison"]
        assert all(("as written" in table.columns) == has_it for table in tables)


def test_hindsight_is_the_difference_of_its_two_scores(page_of: PageOf) -> None:
    page = page_of("no dev")
    found = judged(page, "vote")
    inside, crossed = found.ladder["inside_folds"].score, found.cross_fitted.score
    (sentence,) = [text for text in Answer(page, "votes").texts if text.startswith("Oracle gap of vote on out-of-fold")]
    assert f"gives {inside:.3f}" in sentence
    assert f"(cross-fitted) {crossed:.3f}" in sentence
    assert inside > crossed
    assert f"The difference, {100 * (inside - crossed):.1f} F1 points, is hindsight, and in part" in sentence
    assert "There is no dev split with gold, so every score here is on out-of-fold rows." in Answer(page, "votes").texts


# Votes


@pytest.mark.parametrize("shape", ["two stages", "a vote", "two seeds", "one split four seeds"])
def test_the_map_scores_every_setting_as_the_engine_does(page_of: PageOf, shape: str) -> None:
    page = page_of(shape)
    outcome, found = page.won, judged(page, "vote")
    ks, grid = score_map(outcome, found)
    rule = found.deployed["vote"]
    assert isinstance(rule, VoteRule)
    if len({seed for _, seed in found.cells}) == 1:
        assert score_at(outcome, found, rule) == pytest.approx(found.ladder["fold_tuned"].score)
    assert grid.shape == (len(ks), len(TAUS))
    for column, row in ((0, 0), (2, 10), (len(ks) - 1, len(TAUS) - 1)):
        given = VoteRule(ks[column], TAUS[row])
        assert score_at(outcome, found, given) == pytest.approx(float(grid[column, row])), given


def test_the_map_marks_what_was_chosen(page_of: PageOf) -> None:
    page = page_of("two stages")
    found, answer = judged(page, "vote"), Answer(page, "votes")
    rows = answer.table("The settings marked")
    (figure,) = answer.figures
    chosen = [row for name, row in rows.items() if name.startswith("◆")]
    assert [row["k and τ"] for row in chosen] == [str(found.deployed["vote"])]
    assert [row["k and τ"] for name, row in rows.items() if name.startswith("■")] == ["k=5, τ=0.4"]
    assert [row["k and τ"] for name, row in rows.items() if name.startswith("▲")] == [
        str(found.splits["dev"]["oracle"].setting("vote"))
    ]
    own = {str(settings["vote"]) for settings in found.cross_fitted.settings}
    assert {row["k and τ"] for name, row in rows.items() if name.startswith("●")} == own
    said = " ".join(name for name in rows if name.startswith("●"))
    assert all(f"fold {fold}" in said for fold in range(3))
    assert figure.count('class="mark') == len(rows)
    assert figure.count('class="q8"') >= 1


def test_equal_settings_of_parts_are_one_mark(page_of: PageOf) -> None:
    rows = Answer(page_of("one split four seeds"), "votes").table("The settings marked")
    parts = [part for name in rows if name.startswith("●") for part in name.split("; ")]
    assert len(parts) == 4 * 5, "each seed's fifths, each once"
    settings = [row["k and τ"] for name, row in rows.items() if name.startswith("●")]
    assert len(settings) == len(set(settings))


# Thresholds


@pytest.mark.parametrize("shape", ["two stages", "five labels", "two seeds", "binary", "one split four seeds"])
def test_each_rule_chooses_what_the_engine_chooses_by_it(page_of: PageOf, shape: str) -> None:
    page = page_of(shape)
    outcome = page.won
    name = next(name for name, each in outcome.decisions.items() if each.kind == "threshold")
    (table,) = [each for each in Answer(page, "thresholds").tables if each.caption.startswith("Thresholds on all")]
    rules = {row[1] for row in table.texts}
    assert len(rules) >= 2
    steps = {name: outcome.graph.steps[name]}
    for rule in rules:
        graph = Graph.of(steps, score=name, stages=outcome.graph.stages).changed({f"{name}.rule": rule})
        own = judge(graph, outcome.evidence.tables, outcome.evidence.rows, outcome.metric).scored
        setting = own.deployed[name]
        assert isinstance(setting, Thresholds)
        rows = {row[0]: row for row in table.texts if row[1] == rule}
        for place, column in enumerate(own.rows.gold.names):
            inside, crossed = (own.ladder[rung].per_column[place] for rung in ("inside_folds", "cross_fitted"))
            assert rows[column][2] == shown_threshold(float(setting.values[place]))
            assert rows[column][4] == f"{crossed:.2f}"
            assert rows[column][5] == signed(float(inside - crossed), own.metric)


@pytest.mark.parametrize("shape", ["two seeds", "binary", "one split four seeds"])
def test_thresholds_used_are_those_of_a_final_system(page_of: PageOf, shape: str) -> None:
    """Chosen on the rows of all seeds together, not on those of the first."""
    page = page_of(shape)
    name = next(name for name, each in page.won.decisions.items() if each.kind == "threshold")
    written = winner_recipe(page.best).decide[name].at
    found = judged(page, name)
    first = found.ladder["fold_tuned"].settings[0][name]
    assert isinstance(first, Thresholds)
    assert first.values.tolist() != list(written.values()), "the seeds choose others"
    answer = Answer(page, "thresholds")
    rule = page.won.best.changes.get(f"{name}.rule", page.won.graph.setting(f"{name}.rule"))
    (table,) = [each for each in answer.tables if each.caption.startswith("Thresholds on all")]
    used = {row[0]: row[2] for row in table.texts if row[1] == rule}
    assert used == {label: shown_threshold(value) for label, value in written.items()}
    for figure, value in zip(answer.figures, written.values(), strict=True):
        assert f"By {rule} the threshold is {shown_threshold(value)}, cross-fitted" in figure


def test_a_yes_or_no_question_is_drawn_and_told_by_its_score(page_of: PageOf) -> None:
    page = page_of("binary")
    answer, found = Answer(page, "thresholds"), judged(page, "model")
    (figure,) = answer.figures
    crossed = found.cross_fitted.score
    assert "hate: macro-F1, precision and recall over the threshold" in figure
    assert f"cross-fitted macro-F1 {crossed:.2f}" in figure
    (table,) = [each for each in answer.tables if each.caption.startswith("Thresholds on all")]
    assert table.columns[4] == "macro-F1"
    assert table.texts[0][4] == f"{crossed:.2f}"
    (stage,) = page.won.evidence.tables
    rows, shares = page.won.evidence.rows[stage], page.won.evidence.tables[stage].ensemble
    setting = found.deployed["model"]
    assert isinstance(setting, Thresholds)
    height = confusion(rows.gold.values, shares >= setting.values).macro_f1()[0]
    top = re.search(r'class="pt win" d="M[\d.]+ ([\d.]+)m', figure)
    assert top is not None
    assert float(top[1]) == pytest.approx(12 + (1 - height) * (216 - 12 - 40), abs=0.06)
    assert figure.count('class="line thin"') == 6, "one a cell"


def test_what_does_not_gain_by_hindsight_promises_nothing(page_of: PageOf) -> None:
    for shape in ("rich", "two stages", "binary", "per language", "one split four seeds"):
        texts = Answer(page_of(shape), "thresholds").texts
        told = [text for text in texts if " would promise " in text]
        assert told
        assert all(re.search(r"would promise (no|\d[\d.]* (F1 )?points) more\.$", text) for text in told), told


def test_curves_have_a_panel_a_column_and_a_line_a_fold(page_of: PageOf) -> None:
    page = page_of("five labels")
    figures = Answer(page, "thresholds").figures
    assert len(figures) == 5
    assert all(figure.count('class="line thin"') == 3 for figure in figures)
    assert all(figure.count('class="line rule used"') == 1 for figure in figures)
    assert "刻板印象" in figures[4]


def test_many_columns_have_panels_of_the_unsteadiest_alone(tmp_path) -> None:
    names = [f"l{number}" for number in range(30)]
    values = {
        "recipe": "wide",
        "data": {"labels": names},
        "folds": {"count": 2},
        "stages": {"model": {"task": {"type": "multilabel", "targets": names}}},
    }
    page = PageContext(finished_store(tmp_path / "store", recipe_of(values), dev=0).summary())
    answer = Answer(page, "thresholds")
    assert len(answer.figures) == 24
    assert len(answer.table("model, F1 of each column")) == 2 + 30
    assert any("the 24 columns whose thresholds move most" in getattr(each, "note", "") for each in answer.blocks)


def test_each_groups_thresholds_are_shown_by_its_name(page_of: PageOf) -> None:
    page = page_of("per language")
    setting = judged(page, "answer").deployed["answer"]
    assert isinstance(setting, GroupSettings)
    rows = Answer(page, "thresholds").table("Thresholds for each language")
    names = page.summary.gold.train.columns["language"].names
    assert list(rows) == [*(names[code] for code in setting.own), "others"]
    for code, own in setting.own.items():
        assert isinstance(own, Thresholds)
        assert rows[names[code]]["hate"] == shown_threshold(float(own.values[0]))


def test_degenerate_thresholds_are_those_of_the_check(page_of: PageOf) -> None:
    for shape in ("two stages", "per language", "five labels"):
        page = page_of(shape)
        (check,) = [each for each in page.checks if each.code == "TP003"]
        texts = Answer(page, "thresholds").texts
        assert [f"{message}." for message in check.messages] == [text for text in texts if text[:-1] in check.messages]
        assert ("No threshold used here is degenerate (TP003)." in texts) == (not check.messages)


# The gate


@pytest.mark.parametrize("shape", ["two stages", "two seeds", "rich", "one split four seeds"])
def test_what_the_gate_costs_adds_up(page_of: PageOf, shape: str) -> None:
    page = page_of(shape)
    gate, of, by = (judged(page, name) for name in ("system", "kinds", "vote"))
    answer = Answer(page, "pipeline")
    through, truth = by.cross_fitted.decided[:, 0] > 0, by.rows.gold.values[:, 0] > 0
    keeper = answer.table("The decisions of vote")
    counted = [[int(keeper[f"hurt = {value}"][column]) for column in ("let through", "rejected")] for value in (1, 0)]
    assert counted == [
        [int((through & truth).sum()), int((~through & truth).sum())],
        [int((through & ~truth).sum()), int((~through & ~truth).sum())],
    ]
    rows = answer.table("Column by column")
    for place, name in enumerate(gate.rows.gold.names):
        alone, behind = float(of.cross_fitted.per_column[place]), float(gate.cross_fitted.per_column[place])
        assert rows[name]["F1 alone"] == f"{alone:.2f}"
        assert rows[name]["F1 behind vote"] == f"{behind:.2f}"
        assert rows[name]["difference"] == signed(behind - alone, gate.metric)
        # Of the rows that both are judged on, those with the label that kinds finds and the gate does not.
        lost, positives = (int(each) for each in rows[name]["right ones lost to the gate"].split(" of "))
        gold, decided = gate.rows.gold.values[:, place] > 0, gate.cross_fitted.decided[:, place] > 0
        assert positives == int((of.rows.gold.values[:, place] > 0).sum())
        found = of.cross_fitted.decided[:, place] > 0
        assert lost == int((found & (of.rows.gold.values[:, place] > 0)).sum()) - int((gold & decided & truth).sum())
        false = int(rows[name]["false ones beside the rows with gold hurt = 1"])
        assert false == int((decided & ~truth).sum())
    cost = 100 * (of.cross_fitted.score - gate.cross_fitted.score)
    assert any(
        f"rejects or lets through wrongly costs {cost:.1f} F1 points.".replace("-", "−") in text
        for text in answer.texts
    )


def test_decisions_stand_in_their_order_with_their_scores(page_of: PageOf) -> None:
    page = page_of("two stages")
    rows = Answer(page, "pipeline").table("The decisions in their order")
    assert list(rows) == list(page.recipe.decide)
    assert page.reference is not None
    assert page.reference.outcome is not None
    for name, row in rows.items():
        assert row["Winner"] == page.shown(judged(page, name).cross_fitted.score)
        assert row["Published"] == page.shown(page.reference.outcome.decisions[name].cross_fitted.score)
    assert rows["vote"]["What it is"] == "a vote of finder’s nearest training rows"
    assert rows["kinds"]["Judged on"] == "rows with gold hurt = 1"


def test_a_gate_that_cannot_be_judged_says_why(page_of: PageOf) -> None:
    page = page_of("two stages")
    known = {name: each for name, each in page.won.decisions.items() if name != "kinds"}
    outcome = replace(page.won, judged=replace(page.won.judged, decisions=known, unjudged={"kinds": "too few rows"}))
    rows = [replace(row, outcome=outcome) if row is page.best else row for row in page.summary.configurations]
    answer = Answer(PageContext(replace(page.summary, configurations=tuple(rows))), "pipeline")
    assert answer.table("The decisions")["kinds"]["Winner"] == "not scored (too few rows)"
    assert "Not applicable: kinds cannot be scored, too few rows." in answer.texts


# Classes, numbers, groups, other sets


def test_classes_are_counted_by_what_they_were_given(page_of: PageOf) -> None:
    page = page_of("three classes")
    found = page.won.judged.scored
    gold, decided = found.rows.gold.values[:, 0], found.cross_fitted.decided[:, 0]
    rows = Answer(page, "confusion").table("Rows with the row’s gold")
    names = found.rows.gold.names
    for code, name in enumerate(names):
        row = rows[f"{name} ({int((gold == code).sum()):,})"]
        assert [int(row[other]) for other in names] == [int(((gold == code) & (decided == k)).sum()) for k in range(3)]
    assert sum(int(row[name]) for row in rows.values() for name in names) == len(gold)


def test_labels_given_wrongly_are_counted_beside_those_of_gold(page_of: PageOf) -> None:
    page = page_of("five labels")
    found = page.won.judged.scored
    gold, decided = found.rows.gold.values > 0, found.cross_fitted.decided > 0
    rows = list(Answer(page, "confusion").table("Texts with the row’s gold label").values())
    names = found.rows.gold.names
    for one in range(5):
        for other, name in enumerate(names):
            wrong = int((gold[:, one] & decided[:, other] & ~gold[:, other]).sum())
            both = int((gold[:, one] & gold[:, other]).sum())
            own = int((gold[:, one] & decided[:, one]).sum())
            assert rows[one][name] == (str(own) if one == other else f"{wrong} / {both}")


def test_numbers_are_told_by_fold_and_by_group(page_of: PageOf) -> None:
    page = page_of("regression")
    found = page.won.judged.scored
    gold, decided = found.rows.gold.values[:, 0], found.cross_fitted.decided[:, 0]
    answer = Answer(page, "numbers")
    rows = answer.table("closeness by fold and by group")
    languages = page.summary.gold.train.columns["language"].names
    subsets = {f"fold {fold}": found.rows.part == fold for fold in range(3)}
    subsets |= {f"language: {name}": found.rows.groups["language"] == code for code, name in enumerate(languages)}
    assert set(subsets) <= set(rows)
    for name, own in {**subsets, "all": np.ones(len(gold), dtype=bool)}.items():
        row = next(each for said, each in rows.items() if said.startswith(name))
        assert row["rows"] == str(int(own.sum()))
        assert row["r"] == f"{np.corrcoef(gold[own], decided[own])[0, 1]:.2f}"
        assert float(row["mean error"].replace("−", "-")) == pytest.approx(np.abs(decided - gold)[own].mean(), rel=0.01)
        assert float(row["bias"].replace("−", "-")) == pytest.approx((decided - gold)[own].mean(), rel=0.02, abs=1e-4)
    assert len(answer.figures) == 2
    assert answer.figures[0].count("pt faint") == len(gold)
    assert answer.figures[0].count("band pd") == 1


@pytest.mark.parametrize(("slope", "said"), [(-1, "comes out lower by "), (0.4, "drawn to the middle"), (2, "further")])
def test_what_becomes_of_extremes_follows_the_slope(tmp_path: Path, slope: float, said: str) -> None:
    class Moved(MadeStore):
        def stage(self, *about: Any, **more: Any) -> StageRecord:
            record = super().stage(*about, **more)
            arrays = {
                name: 3 + slope * (each - 3) if "/value" in name else each for name, each in record.arrays.items()
            }
            return replace(record, arrays=arrays)

    made = made_store(tmp_path / "s", recipe_of(NUMBER), dev=0)
    made = Moved(**{name: getattr(made, name) for name in made.__dataclass_fields__})
    made.finish(made.configuration("published"), 0.95)
    page = PageContext(made.summary())
    (text,) = [text for text in Answer(page, "numbers").texts if text.startswith("A gold value")]
    assert said in text
    assert "-" not in text
    assert all("-" not in cell for cell in Answer(page, "numbers").table("closeness by fold")["all"].values())


def test_numbers_are_told_by_gold_value_and_folds_by_their_noise(page_of: PageOf) -> None:
    page = page_of("languages held out")
    found = page.won.judged.scored
    gold, decided = found.rows.gold.values[:, 0], found.cross_fitted.decided[:, 0]
    answer = Answer(page, "numbers")
    rows = answer.table("closeness by gold value")
    assert sum(int(row["rows"].replace(",", "")) for row in rows.values()) == len(gold)
    for said, row in rows.items():
        low, high = (float(end) for end in said.split(" to "))
        own = (gold >= low) & ((gold < high) | (high == gold.max()))
        assert row["rows"] == str(int(own.sum()))
        mean, noise = (float(each.replace("−", "-")) for each in row["predicted"].split(" ± "))
        assert mean == pytest.approx(decided[own].mean(), rel=0.01)
        folds = [(decided - gold)[own & (found.rows.part == fold)].mean() for fold in found.rows.parts]
        assert noise == pytest.approx(np.std(folds, ddof=1), rel=0.01)
        assert float(row["mean error"]) == pytest.approx(np.abs(decided - gold)[own].mean(), rel=0.01)
        assert float(row["of a constant"]) == pytest.approx(np.abs(gold - gold.mean())[own].mean(), rel=0.01)
    (rare,) = [text for text in answer.texts if text.startswith("Rare are")]
    ends = gold <= 2, gold >= 4
    own = min(ends[::-1], key=np.sum)
    found_there = np.argsort(-decided if own is ends[1] else decided, kind="stable")[: own.sum()]
    assert f"the {own.sum()} rows ({own.mean():.1%}) with gold in the {'upper' if own is ends[1] else 'lower'}" in rare
    assert f"{own[found_there].mean():.0%} are among them, where chance finds {own.mean():.0%}" in rare


def test_calibrated_numbers_are_told_by_where_they_were_calibrated(page_of: PageOf) -> None:
    page = page_of("calibrated")
    answer = Answer(page, "numbers")
    for name in ("steps", "level"):
        found = page.won.decisions[name]
        row = answer.table(f"{name}, mean absolute error, on out-of-fold")["mean absolute error"]
        for rung in ("inside_folds", "fold_tuned", "cross_fitted", "plain"):
            assert row[RUNGS[rung]].startswith(page.shown(found.ladder[rung].score))
    written = winner_recipe(page.best)
    chosen = page.won.judged.best.deployed["steps"]
    assert [list(each) for each in written.decide["steps"].points] == chosen.written()["points"]


def test_groups_have_intervals_and_a_mean_beside_the_pool(page_of: PageOf) -> None:
    page = page_of("languages held out")
    found = page.won.judged.scored
    gold, decided = found.rows.gold.values[:, 0], found.cross_fitted.decided[:, 0]
    answer = Answer(page, "groups")
    rows = answer.table(f"{found.name} by language")
    owns = [found.rows.groups["language"] == code for code in range(3)]
    each = [np.corrcoef(gold[own], decided[own])[0, 1] for own in owns]
    assert rows["mean over groups"]["Pearson’s r"] == page.shown(np.mean(each))
    assert rows["all pooled"]["Pearson’s r"] == page.shown(np.corrcoef(gold, decided)[0, 1])
    for row in rows.values():
        low, high = map(float, row["95% interval"].split(" to "))
        assert low < float(row["Pearson’s r"]) < high
    assert any("Between groups lies" in text and "pooled" in text for text in answer.texts)


@pytest.mark.parametrize("shape", ["languages held out", "classes by group"])
def test_unseen_groups_stand_beside_seen_ones(page_of: PageOf, shape: str) -> None:
    page = page_of(shape)
    found, answer = page.won.judged.scored, Answer(page, "unseen")
    rows, decided = found.rows, found.cross_fitted.decided
    names = page.summary.gold.train.columns["language"].names
    plan, groups = next(iter(page.summary.gold.plans.values())), page.summary.gold.train.values("language")
    trained = [set(groups[plan.training_rows(fold)].tolist()) for fold in range(plan.count)]
    unseen = np.array(
        [code not in trained[fold] for code, fold in zip(rows.groups["language"], rows.part, strict=True)]
    )

    def score(own: np.ndarray) -> str:
        return page.shown(found.metric.score(rows.gold.take(own), decided[own]))

    told = answer.table(f"{found.name}: ")
    for code, name in enumerate(names):
        for half, word in ((unseen, "unseen"), (~unseen, "seen")):
            own = (rows.groups["language"] == code) & half
            assert told[name][f"rows {word}"] == str(int(own.sum()))
            assert told[name][word] == (score(own) if own.sum() >= 20 else "")
    by_fold = answer.tables[1]
    for fold, row in enumerate(by_fold.texts):
        cell = rows.part == fold
        (held,) = [code for code in range(len(names)) if code not in trained[fold]]
        assert row[:3] == (f"fold {fold}", names[held], score(cell))
        assert row[4] == score(cell & unseen)
    if shape == "languages held out":
        assert any("languages" not in text and "Over the 3 that folds both hold out" in text for text in answer.texts)
    scores = [score(own) for code in range(len(names)) if (own := (rows.groups["language"] == code) & unseen).any()]
    low, high = _of_one_more([float(each) for each in scores], correlation=found.metric.is_correlation)
    (told_of_one_more,) = [text for text in answer.texts if "A language that is in no row here would score" in text]
    ends = re.search(r"would score (-?[0-9.]+) to (-?[0-9.]+) \(90%", told_of_one_more.replace("−", "-"))
    assert ends is not None
    assert [float(each) for each in ends.groups()] == pytest.approx([low, high], abs=0.02)
    assert any("one more language is another question" in text for text in worth_sentences(page))


def _of_one_more(scores: list[float], *, correlation: bool) -> tuple[float, float]:
    """The 90% interval of one more score, by SciPy's Student t."""
    values = np.arctanh(scores) if correlation else np.array(scores)
    error = values.std(ddof=1) * (1 + 1 / len(values)) ** 0.5
    low, high = stats.t.interval(0.9, len(values) - 1, values.mean(), error)
    return (np.tanh(low), np.tanh(high)) if correlation else (max(low, 0.0), min(high, 1.0))


def test_a_constant_prediction_is_said_so_and_never_nan(fresh: Callable[[str], MadeStore]) -> None:
    made = fresh("one number for all")
    page = PageContext(made.summary())
    rows = Answer(page, "groups").table("model by language")
    assert {row["Pearson’s r"] for row in rows.values()} - {""} <= {"0.000 (constant)", "0.000"}


@pytest.mark.parametrize("shape", ["two stages", "regression", "per language", "smaller is better"])
def test_every_group_is_scored_by_the_scores_own_metric(page_of: PageOf, shape: str) -> None:
    page = page_of(shape)
    found, answer = page.won.judged.scored, Answer(page, "groups")
    rows = answer.table(f"{found.name} by language")
    names = page.summary.gold.train.columns["language"].names
    scores = {}
    for code, name in enumerate(names):
        own = found.rows.groups["language"] == code
        scores[name] = found.metric.score(found.rows.gold.take(own), found.cross_fitted.decided[own])
        assert list(rows[name].values())[1:3] == [str(int(own.sum())), page.shown(scores[name])]
    best = (max if found.metric.larger_is_better else min)(scores, key=scores.__getitem__)
    assert any(text.startswith(f"Best is {best} ") for text in answer.texts)


def test_other_sets_are_scored_and_the_search_chooses_nothing_on_them(page_of: PageOf) -> None:
    page = page_of("two stages")
    answer = Answer(page, "elsewhere")
    for name, judgement in page.won.decisions.items():
        (table,) = [each for each in answer.tables if each.caption == f"{name} on other sets"]
        ladder = judgement.splits["test"]
        assert {row[0] for row in table.texts} == {"test"}
        for row in table.texts:
            rung = next(rung for rung, words in RUNGS.items() if words == row[2])
            assert row[3] == page.shown(ladder[rung].score)
            assert row[1] == str(len(ladder[rung].decided))
            assert rung != "oracle"
    assert "Test and evaluation sets are scored, and this search chooses nothing on them" in answer.texts[-1]
    (later,) = Answer(page_of("regression"), "elsewhere").tables
    assert {row[0] for row in later.texts} == {"later"}


# Losses


def test_a_losss_setting_stands_beside_what_it_does(page_of: PageOf) -> None:
    page = page_of("rich")
    answer, found = Answer(page, "meanings"), judged(page, "kinds")
    rows = answer.table("By cross-fitted decisions, as scored")
    system = judged(page, "system")
    counts = confusion(system.rows.gold.values, system.cross_fitted.decided)
    for place, name in enumerate(found.rows.gold.names):
        row = rows[f"{name}, winner"]
        measured = (counts.precision(), counts.recall(), counts.positive_f1())
        assert [row[key] for key in ("precision", "recall", "F1")] == [f"{each[place]:.2f}" for each in measured]
    assert rows["y/z, published"]["γ−"] == "2"
    won = page.best.configuration.recipe.stages["sorter"].losses["asymmetric"].gamma_negative["x"]
    assert rows["x, winner"]["γ−"] == f"{won:.3g}"
    panels = [figure for figure in answer.figures if 'id="gamma-' in figure]
    assert len(panels) == 2, "a panel a column that was searched"
    assert panels[0].count("pt precision") == len(page.in_full)


def test_centers_are_counted_as_distinct(page_of: PageOf) -> None:
    rows = Answer(page_of("rich"), "meanings").table("Centers a class")
    assert {row["distinct, hurt = 1"] for row in rows.values()} == {"5.0"}
    centers = np.array([[1, 0, 0], [2, 0.01, 0], [0, 1, 0], [0, 0, 1], [1, 1, 0], [0, 0, 2]], dtype=float)
    assert distinct_centers(centers) == [2, 2]
    angles = np.deg2rad([0, 15, 30, 45, 60, 75])
    arc = np.stack([np.cos(angles), np.sin(angles)], axis=1)
    assert distinct_centers(np.concatenate([arc, -arc])) == [1, 1], "a chain of near centers is one group"


def test_layers_learn_at_their_own_rates(page_of: PageOf) -> None:
    page = page_of("rich")
    answer = Answer(page, "meanings")
    (table,) = [each for each in answer.tables if each.caption == "Learning rate by layer"]
    column = table.columns.index("finder, published")
    rates = [float(row[column]) for row in table.texts]
    depth = rich_recipe().stages["finder"].encoder.tiny.layers
    assert rates == pytest.approx([1e-3 * 0.9**step for step in range(depth + 1)], rel=1e-3)
    assert table.texts[-1][0] == "embeddings"


def test_a_loss_without_a_view_has_no_section(page_of: PageOf) -> None:
    assert Answer(page_of("five labels"), "meanings").texts == ["Not applicable: no setting here needs explaining."]
