"""The engine beyond single definitions: alternatives, metrics, plans and what it refuses."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from decision_examples import EXAMPLES, ROWS, Example

from tune_polar.decide.choose_thresholds import THRESHOLD_RULES
from tune_polar.decide.decision_engine import decide_rows, fold_score, judge
from tune_polar.decide.evidence import CUT_PARTS, Evidence
from tune_polar.decide.graph import Graph
from tune_polar.decide.metrics import METRICS
from tune_polar.decide.rows import Gold, Rows
from tune_polar.decide.tables import Table
from tune_polar.errors import DecisionError


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(7)


def with_rows(example: Example, **changes: np.ndarray) -> Example:
    return replace(example, rows={name: replace(each, **changes) for name, each in example.rows.items()})


# -- alternatives -------------------------------------------------------------------------------------------------


def test_alternatives_come_best_first_and_the_decisions_are_the_best_ones(rng):
    judged = EXAMPLES["gate"](rng).judged(alternatives={"labels.rule": list(THRESHOLD_RULES)})
    scores = [each.scored.score for each in judged.alternatives]
    assert scores == sorted(scores, reverse=True)
    assert len(scores) == len(THRESHOLD_RULES)  # the recipe's own is among them and stands there once
    assert judged.own.changes == {}
    assert judged.scored.cross_fitted.score == judged.score == scores[0]
    assert judged.scored.deployed == judged.best.deployed
    best = judged.best.changes.get("labels.rule", "max_f1")
    alone = EXAMPLES["gate"](np.random.default_rng(7))
    alone = replace(alone, steps={**alone.steps, "labels": {**alone.steps["labels"], "rule": best}})
    assert alone.judged().score == judged.score


def test_ties_go_to_the_recipes_own_and_then_to_the_order_of_the_space(rng):
    gold = rng.random((ROWS, 1)) < 0.5
    table = Table.of("probability", [gold.astype(float)])  # every rule decides it without a mistake
    step = {"type": "threshold", "of": "classifier", "rule": "prevalence_match"}
    graph = Graph.of({"it": step}, score="it", stages=["classifier"])
    rows = {"classifier": Rows.of(Gold("binary", gold, ("yes",)), part=np.arange(ROWS) % 3)}
    rules = ["max_f1", "prevalence_match", "fixed"]
    judged = judge(graph, {"classifier": table}, rows, "macro_f1", alternatives={"it.rule": rules})
    assert [each.changes for each in judged.alternatives] == [{}, {"it.rule": "max_f1"}, {"it.rule": "fixed"}]


def test_alternatives_that_the_score_does_not_depend_on_change_nothing(rng):
    example = EXAMPLES["gate"](rng)
    graph = Graph.of(example.steps, score="polarized", stages=example.tables)
    rules = {"labels.rule": ["fixed", "max_f1"]}
    judged = judge(graph, example.tables, example.rows, "macro_f1", alternatives=rules)
    assert [each.changes for each in judged.alternatives] == [{}]


def test_alternatives_of_several_settings_are_combined(rng):
    example = EXAMPLES["gate"](rng)
    steps = {**example.steps, "polarized": {"type": "threshold", "of": "odds", "rule": "fixed"}}
    gold = example.rows["detector"].gold
    tables = {**example.tables, "odds": Table.of("probability", [0.5 * gold.values + 0.5 * rng.random((ROWS, 1))])}
    rows = {**example.rows, "odds": example.rows["detector"]}
    free = {"labels.rule": ["max_f1", "fixed"], "polarized.rule": ["fixed", "max_macro_f1", "max_f1"]}
    judged = judge(Graph.of(steps, score="it", stages=tables), tables, rows, "macro_f1", alternatives=free)
    assert len(judged.alternatives) == 6
    assert sum(not each.changes for each in judged.alternatives) == 1


def test_what_the_recipe_writes_is_scored_by_its_own_rule(rng):
    example = EXAMPLES["threshold"](rng).with_step(at=None, rule="fixed")
    low = {"classifier": Table.of("probability", [0.5 * example.tables["classifier"].models[0]])}
    example = replace(example, tables=low)
    judged = example.judged(alternatives={"it.rule": ["max_f1"]})
    assert judged.best.changes == {"it.rule": "max_f1"}
    assert judged.scored.ladder["as_written"].score == judged.own.scored.score < judged.score


# -- metrics ------------------------------------------------------------------------------------------------------


def test_the_best_of_a_metric_that_should_be_small_is_the_smallest(rng):
    gold = Gold("number", rng.uniform(1, 5, (ROWS, 1)), ("intimacy",))
    table = Table.of("value", [gold.values + rng.normal(0, 2, (ROWS, 1))])
    graph = Graph.of({"it": {"type": "clip", "of": "stage", "high": 9}}, score="it", stages=["stage"])
    rows = {"stage": Rows.of(gold, part=np.arange(ROWS) % 3)}
    highs = {"it.high": [9, 5.0, 20.0]}
    for metric, best in (("rmse", min), ("pearson", max)):
        judged = judge(graph, {"stage": table}, rows, metric, alternatives=highs)
        assert judged.score == best(each.scored.score for each in judged.alternatives)
        assert len({each.scored.score for each in judged.alternatives}) > 1


def test_a_decision_that_the_metric_cannot_score_has_the_usual_one_of_its_gold(rng):
    example = EXAMPLES["gate"](rng)
    metrics = {name: each.metric.name for name, each in example.judged().decisions.items()}
    assert metrics == dict.fromkeys(example.steps, "macro_f1")
    numbers = EXAMPLES["clip"](rng)
    tables, rows = {**example.tables, **numbers.tables}, {**example.rows, **numbers.rows}
    graph = Graph.of({**example.steps, "number": numbers.steps["it"]}, score="number", stages=tables)
    found = judge(graph, tables, rows, "rmse")
    assert {name: each.metric.name for name, each in found.decisions.items()} == {**metrics, "number": "rmse"}


@pytest.mark.parametrize("metric", ["macro_f1", "positive_f1", "micro_f1", "accuracy"])
def test_votes_are_chosen_by_any_metric_of_counts(rng, metric):
    example = replace(EXAMPLES["knn_vote"](rng), metric=metric)
    judged = example.judged().scored
    table, gold = example.tables["detector"].models[0], judged.rows.gold
    found = METRICS[metric].score(gold, judged.ladder["fold_tuned"].decided)
    every = [
        METRICS[metric].score(gold, (table[:, :k].sum(axis=1) >= needed)[:, None])
        for k in range(1, 10)
        for needed in range(k + 1)
    ]
    assert found == pytest.approx(max(every), abs=1e-12)


def test_votes_are_not_chosen_by_what_counts_cannot_say(rng):
    by_rows = replace(METRICS["macro_f1"], name="by_rows", of_counts=None)
    with pytest.raises(DecisionError, match="a metric of their right and wrong answers, got by_rows"):
        replace(EXAMPLES["knn_vote"](rng), metric=by_rows).judged()


def test_probabilities_are_scored_by_log_loss_where_nothing_decides(rng):
    gold = rng.random((ROWS, 1)) < 0.5
    tables = {name: Table.of("probability", [rng.random((ROWS, 1))]) for name in ("small", "large")}
    rows = dict.fromkeys(tables, Rows.of(Gold("binary", gold, ("polarized",)), part=np.arange(ROWS) % 3))
    steps = {
        "mean": {"type": "mean", "of": ["small", "large"], "weights": [1, 3]},
        "polarized": {"type": "threshold", "of": "mean", "rule": "max_macro_f1"},
    }
    judged = judge(Graph.of(steps, score="polarized", stages=tables), tables, rows, "macro_f1")
    expected = 0.25 * tables["small"].models[0] + 0.75 * tables["large"].models[0]
    assert judged.decisions["mean"].metric.name == "log_loss"
    assert judged.decisions["mean"].ladder["fold_tuned"].decided == pytest.approx(expected)
    alone = Graph.of({"it": {"type": "threshold", "of": "s", "rule": "max_macro_f1"}}, score="it", stages=["s"])
    same = judge(alone, {"s": Table.of("probability", [expected])}, {"s": rows["small"]}, "macro_f1")
    assert judged.score == pytest.approx(same.score)
    as_score = judge(Graph.of(steps, score="mean", stages=tables), tables, rows, "log_loss")
    assert as_score.score == judged.decisions["mean"].ladder["cross_fitted"].score


def test_a_mean_of_decisions_is_the_share_that_gives_each_label(rng):
    example = EXAMPLES["threshold"](rng)
    other = {"other": Table.of("probability", [rng.random((ROWS, 3))])}
    steps = {
        "a": example.steps["it"],
        "b": {**example.steps["it"], "of": "other"},
        "share": {"type": "mean", "of": ["a", "b"]},
        "it": {"type": "threshold", "of": "share", "at": 0.75},
    }
    tables, rows = {**example.tables, **other}, {**example.rows, "other": example.rows["classifier"]}
    judged = judge(Graph.of(steps, score="it", stages=tables), tables, rows, "macro_f1")
    both = judged.decisions["a"].ladder["fold_tuned"].decided & judged.decisions["b"].ladder["fold_tuned"].decided
    settings = {**judged.scored.deployed, "it": judged.scored.ladder["as_written"].setting("it")}
    mask = rows["classifier"].mask
    assert np.array_equal(
        decide_rows(Graph.of(steps, score="it", stages=tables), "it", settings, Evidence(tables, rows))[mask], both
    )


def test_constant_predictions_are_said(rng):
    example = EXAMPLES["clip"](rng)
    constant = {"regressor": Table.of("value", [np.full((ROWS, 1), 3.0)])}
    judged = replace(example, tables=constant, metric="pearson").judged().scored
    assert judged.cross_fitted.score == 0.0
    assert judged.cross_fitted.remarks == ("the predictions of intimacy are constant: the correlation counts as 0",)


# -- plans --------------------------------------------------------------------------------------------------------


def test_one_part_is_cut_alike_for_every_configuration(rng):
    example = EXAMPLES["threshold"](rng)
    one = with_rows(example, part=np.zeros(ROWS, dtype=np.int64), ids=np.arange(ROWS) * 3 + 1)
    cut = one.judged().scored.cross_fitted
    assert cut.parts == tuple(range(CUT_PARTS))
    assert len(cut.cell_scores) == 1
    by_hand = with_rows(example, part=np.arange(ROWS) % CUT_PARTS)
    assert np.array_equal(cut.decided, by_hand.judged().scored.cross_fitted.decided)
    shuffled = one.take(rng.permutation(ROWS)).judged().scored
    in_order = np.argsort(shuffled.rows.ids)
    assert np.array_equal(shuffled.cross_fitted.decided[in_order], cut.decided)


def test_scores_are_means_over_seeds_and_cells_are_theirs(rng):
    example = EXAMPLES["gate"](rng)
    seed = np.array([3, 1])[np.arange(ROWS) % 2]
    judged = with_rows(example, seed=seed).judged().scored
    alone = [example.take(seed == each).judged().scored for each in (1, 3)]
    for rung, scored in judged.ladder.items():
        assert scored.score == pytest.approx(np.mean([each.ladder[rung].score for each in alone]))
        assert np.array_equal(scored.decided, np.concatenate([each.ladder[rung].decided for each in alone]))
        assert scored.cell_scores == tuple(score for each in alone for score in each.ladder[rung].cell_scores)
    assert judged.cells == tuple((part, each) for each in (1, 3) for part in range(3))
    assert np.array_equal(np.unique(judged.rows.seed), [1, 3])
    assert (np.diff(judged.rows.seed) >= 0).all()
    # What a final system uses is chosen on all seeds' rows together.
    pooled = example.judged().scored
    assert {name: str(each) for name, each in judged.deployed.items()} == {
        name: str(each) for name, each in pooled.deployed.items()
    }


def test_a_text_that_was_held_out_twice_takes_no_part_in_its_own_choice(rng):
    example = EXAMPLES["threshold"](rng)
    ids, part = np.arange(ROWS) % 60, np.arange(ROWS) // 40
    twice = with_rows(example, ids=ids, part=part)
    before = twice.judged().scored
    for own in range(3):
        held = np.isin(ids, ids[part == own])
        after = twice.with_gold(np.logical_not, held).judged().scored
        rows = before.rows.part == own
        assert np.array_equal(after.cross_fitted.decided[rows], before.cross_fitted.decided[rows])


# -- splits -------------------------------------------------------------------------------------------------------


def test_the_oracle_is_on_labelled_splits_where_there_are_any(rng):
    example = EXAMPLES["gate"](rng)
    dev = EXAMPLES["gate"](rng)
    judged = example.judged(splits={"dev": Evidence(dev.tables, dev.rows)}).scored
    assert "oracle" not in judged.ladder
    assert set(judged.splits["dev"]) == {"oracle", "fold_tuned", "as_written", "plain"}
    assert judged.splits["dev"]["fold_tuned"].settings == (judged.deployed,)
    without = example.judged().scored
    assert without.splits == {}
    assert without.deployed.keys() == judged.deployed.keys()
    assert without.cross_fitted.score == judged.cross_fitted.score


def test_splits_without_a_judged_row_or_a_stage_are_left_out(rng):
    example = EXAMPLES["gate"](rng)
    dev = EXAMPLES["gate"](rng)
    unlabelled = {
        "detector": Rows.unlabelled("binary", ["polarized"], ROWS),
        "classifier": Rows.unlabelled("labels", ["a", "b", "c"], ROWS),
    }
    only = Evidence({"detector": dev.tables["detector"]}, dev.rows)
    judged = example.judged(splits={"test": Evidence(dev.tables, unlabelled), "other": only})
    assert judged.scored.splits == {}
    assert set(judged.decisions["polarized"].splits) == {"other"}
    decided = decide_rows(example.graph, "it", judged.scored.deployed, Evidence(dev.tables, unlabelled))
    assert decided.shape == (ROWS, 3)


# -- what it refuses ----------------------------------------------------------------------------------------------


def test_decisions_beside_the_score_that_cannot_be_judged_say_why(rng):
    example = EXAMPLES["gate"](rng)
    few = {**example.tables, "detector": example.tables["detector"].take(np.arange(60))}
    rows = {**example.rows, "detector": example.rows["detector"].take(np.arange(60))}
    graph = Graph.of(example.steps, score="labels", stages=few)
    judged = judge(graph, few, rows, "macro_f1")
    assert set(judged.decisions) == {"polarized", "labels"}
    assert judged.unjudged == {
        "it": "it must read predictions for the same rows in the same folds, got 120 rows and 60 of 'polarized'"
    }
    with pytest.raises(DecisionError, match="it must read predictions for the same rows"):
        judge(Graph.of(example.steps, score="it", stages=few), few, rows, "macro_f1")


def refused(kind: str, **changes: object) -> Callable[[], object]:
    def call() -> object:
        example = replace(EXAMPLES[kind](np.random.default_rng(0)), **changes)
        return example.judged()

    return call


def gate_with(name: str, rows: Callable[[Rows], Rows] = lambda rows: rows, **step: object) -> Callable[[], object]:
    def call() -> object:
        example = EXAMPLES["gate"](np.random.default_rng(0))
        changed = {**example.rows, name: rows(example.rows[name])} if name in example.rows else example.rows
        steps = {**example.steps, name: {**example.steps[name], **step}} if name in example.steps else example.steps
        return replace(example, rows=changed, steps=steps).judged()

    return call


NAN = {"regressor": Table.of("value", [np.full((ROWS, 1), np.nan)])}


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (refused("knn_vote", metric="f1"), r"the metric must be one of macro_f1, .* got 'f1'"),
        (refused("knn_vote", metric="pearson"), r"pearson scores number gold, got binary gold"),
        (
            refused("knn_vote", metric="log_loss"),
            r"log_loss scores shares, such as a mean of them, got 'it', a knn_vote",
        ),
        (refused("knn_vote", metric="precision_at_1"), r"precision_at_1 scores a stage while it trains"),
        (refused("clip", tables=NAN), r"predicted values must be finite numbers, got nan .* 120 such values"),
        (refused("clip", tables={}), r"it must read a stage or a decision, got 'regressor'"),
        (gate_with("detector", lambda rows: replace(rows, part=rows.part + 1)), r"the same rows in the same folds"),
        (
            gate_with("classifier", lambda rows: replace(rows, mask=np.zeros(ROWS, dtype=bool))),
            r"labels must be chosen on at least one row, got none",
        ),
        (gate_with("it", by="labels"), r"opened by one yes-or-no decision, got 3 columns of bool"),
        (gate_with("labels", per="language_2"), r"`per` must name a column of data.groups"),
        (gate_with("labels", at={"a": 0.5}), r"`at` must name each of \['a', 'b', 'c'\] and nothing else, got \['a'\]"),
        (gate_with("labels", rule="best"), r"the threshold rule must be one of"),
        (gate_with("polarized", k=0), r"k must be at least 1, got 0"),
    ],
)
def test_bad_arguments(call: Callable[[], object], message: str) -> None:
    with pytest.raises(DecisionError, match=message):
        call()


def test_rows_and_tables_belong_together(rng):
    example = EXAMPLES["threshold"](rng)
    short = {"classifier": example.rows["classifier"].take(np.arange(50))}
    with pytest.raises(DecisionError, match=r"classifier must have gold for each of the 120 rows .* got 50"):
        Evidence(example.tables, short)
    with pytest.raises(DecisionError, match=r"part must hold one value per row of gold \(120\), got shape \(3,\)"):
        Rows.of(example.rows["classifier"].gold, part=np.arange(3))
    with pytest.raises(DecisionError, match=r"all of one shape, got \[\(2, 2\), \(3, 2\)\]"):
        Table("probability", (np.ones((2, 2)), np.ones((3, 2))))
    with pytest.raises(DecisionError, match="stage 'classifier' must have a table, got none"):
        judge(example.graph, {"other": example.tables["classifier"]}, {"other": example.rows["classifier"]}, "macro_f1")
    with pytest.raises(DecisionError, match="at least one stage's table, got none"):
        judge(example.graph, {}, {}, "macro_f1")
    wide = {"classifier": Table.of("probability", [rng.random((ROWS, 4))])}
    with pytest.raises(DecisionError, match=r"a probability for each of \['a', 'b', 'c'\], got 4 columns"):
        replace(example, tables=wide).judged()


def test_a_choice_needs_two_parts(rng):
    example = EXAMPLES["threshold"](rng)
    mask = example.rows["classifier"].part == 1
    with pytest.raises(DecisionError, match=r"cross-fitting needs at least 2 folds, got \[1\]"):
        with_rows(example, mask=mask).judged()


def test_parts_that_hold_all_texts_leave_nothing_to_choose_on(rng):
    example = with_rows(EXAMPLES["threshold"](rng), ids=np.arange(ROWS) // 3)
    with pytest.raises(DecisionError, match="it must be chosen on at least one row, got none"):
        example.judged()


@pytest.mark.parametrize("key", ["nobody.rule", "it.colour", "it.at"])
def test_alternatives_of_settings_that_there_are_not_or_that_are_chosen_anyway(rng, key):
    with pytest.raises(DecisionError, match=key):
        EXAMPLES["threshold"](rng).judged(alternatives={key: [1]})


# -- one cell -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", EXAMPLES)
def test_racing_hears_a_number_of_every_kind(rng, kind):
    example = EXAMPLES[kind](rng).take(np.arange(0, ROWS, 3))
    heard = fold_score(example.graph, example.tables, example.rows, example.metric)
    if not example.graph.scored.chooses:
        rows = next(iter(example.rows.values()))
        decided = decide_rows(example.graph, "it", {}, Evidence(example.tables, example.rows))
        assert heard == METRICS[example.metric].score(rows.gold, decided)
    assert np.isfinite(heard)


def test_racing_hears_the_most_that_thresholds_reach_by_any_rule(rng):
    example = EXAMPLES["threshold"](rng)
    by_rule = {
        rule: fold_score(example.with_step(rule=rule).graph, example.tables, example.rows, "macro_f1")
        for rule in THRESHOLD_RULES
    }
    assert len(set(by_rule.values())) == 1
    inside = example.with_step(rule="max_f1").judged().scored.ladder["fold_tuned"].score
    assert by_rule["fixed"] == inside
