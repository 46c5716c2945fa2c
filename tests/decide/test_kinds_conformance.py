"""What every registered kind of decision keeps to, alone and inside the engine."""

from __future__ import annotations

import inspect
from dataclasses import replace

import numpy as np
import pytest
from decision_examples import EXAMPLES, PARTS, ROWS, Example

from tune_polar.decide.decision_engine import decide_rows
from tune_polar.decide.evidence import Evidence
from tune_polar.decide.groups import PerGroup
from tune_polar.decide.kinds import DECISIONS, build_decision, register
from tune_polar.decide.metrics import METRICS
from tune_polar.decide.rows import Gold, Rows
from tune_polar.decide.tables import Table
from tune_polar.errors import DecisionError

CHOOSING = [name for name, kind in DECISIONS.items() if kind.parameters and not kind.gives_table]


@pytest.fixture(params=range(3))
def rng(request):
    return np.random.default_rng(request.param)


@pytest.fixture(params=[*EXAMPLES, *(f"{name} per language" for name in CHOOSING)])
def example(request, rng) -> Example:
    name, _, per = request.param.partition(" per ")
    made = EXAMPLES[name](rng)
    return made.with_step(per=per) if per else made


def decided(example: Example, settings) -> np.ndarray:
    return decide_rows(example.graph, "it", settings, Evidence(example.tables, example.rows))


def test_every_kind_has_an_example():
    assert {name.partition(" ")[0] for name in EXAMPLES} == set(DECISIONS)
    assert set(CHOOSING) == {"knn_vote", "threshold", "calibrate"}


@pytest.mark.parametrize("kind", DECISIONS)
def test_every_setting_has_a_default_and_is_a_keyword(kind):
    assert all(
        each.default is not inspect.Parameter.empty for each in inspect.signature(DECISIONS[kind]).parameters.values()
    )
    assert build_decision(kind) == DECISIONS[kind]()
    with pytest.raises(DecisionError, match=f"{kind} must be given its own settings, got .*'colour'"):
        build_decision(kind, colour=1)


def test_a_name_is_registered_once():
    with pytest.raises(ValueError, match="'clip' must be registered once"):
        register("clip")(DECISIONS["clip"])


def test_all_rungs_are_there(example):
    judged = example.judged()
    ladder = judged.scored.ladder
    assert set(ladder) >= {"oracle", "inside_folds", "fold_tuned", "cross_fitted", "as_written"}
    assert ("plain" in ladder) == example.graph.scored.chooses
    for scored in ladder.values():
        assert np.isfinite(scored.score)
        assert len(scored.decided) == np.count_nonzero(example.rows[next(iter(example.tables))].mask)
        assert len(scored.cell_scores) == PARTS
        assert (len(scored.parts) or 1) == len(scored.settings)
    assert judged.score == ladder["cross_fitted"].score
    assert judged.unjudged == {}


def test_the_metric_scores_what_is_decided(example):
    judged = example.judged().scored
    for rung in ("fold_tuned", "cross_fitted", "as_written"):
        scored = judged.ladder[rung]
        assert scored.score == METRICS[example.metric].score(judged.rows.gold, scored.decided)
        assert np.array_equal(scored.per_column, METRICS[example.metric].per_column(judged.rows.gold, scored.decided))


def test_fold_tuned_is_choosing_on_all_rows_and_deciding_by_it(example):
    judged = example.judged().scored
    fold_tuned = judged.ladder["fold_tuned"]
    assert fold_tuned.settings == (judged.deployed,)
    mask = example.rows[next(iter(example.tables))].mask
    assert np.array_equal(fold_tuned.decided, decided(example, judged.deployed)[mask])


def test_no_row_takes_part_in_its_own_choice(example):
    part = np.arange(ROWS) % PARTS
    before = example.judged().scored
    changes = {"class": lambda codes: (codes + 1) % 3, "number": lambda values: 6 - values}
    for own in range(PARTS):
        change = changes.get(before.rows.gold.kind, np.logical_not)
        after = example.with_gold(change, part == own).judged().scored
        rows = before.rows.part == own
        assert np.array_equal(after.ladder["cross_fitted"].decided[rows], before.ladder["cross_fitted"].decided[rows])


def test_deciding_is_row_by_row(example, rng):
    settings = example.judged().scored.deployed
    whole = decided(example, settings)
    some = rng.permutation(ROWS)[:50]
    assert np.array_equal(decided(example.take(some), settings), whole[some])


def test_the_order_of_rows_does_not_matter(example, rng):
    before = example.judged()
    after = example.take(rng.permutation(ROWS)).judged()
    assert after.score == pytest.approx(before.score, abs=1e-12)
    assert {name: str(each) for name, each in after.scored.deployed.items()} == {
        name: str(each) for name, each in before.scored.deployed.items()
    }


def test_models_that_agree_decide_together_as_one_alone(example):
    settings = example.judged().scored.deployed
    several = {name: Table.of(table.kind, table.models * 4) for name, table in example.tables.items()}
    assert np.array_equal(decided(replace(example, tables=several), settings), decided(example, settings))


def test_settings_can_be_written_into_the_recipe(example):
    """What is chosen, written as a recipe has it, decides the same once it is read."""
    judged = example.judged().scored
    node = example.graph.scored
    if not node.decision.parameters or isinstance(node.decision, PerGroup):
        return
    chosen = judged.deployed["it"]
    assert set(chosen.written()) == set(node.decision.parameters)
    assert str(chosen)
    written = example.with_step(**chosen.written()).judged().scored.ladder["as_written"]
    assert np.array_equal(written.decided, judged.ladder["fold_tuned"].decided)


def test_decisions_that_choose_nothing_are_the_same_everywhere(example):
    judged = example.judged().scored
    if not example.graph.scored.chooses:
        assert judged.deployed == {}
        every = [judged.ladder[rung].decided for rung in ("cross_fitted", "fold_tuned", "as_written", "inside_folds")]
        assert all(np.array_equal(every[0], each) for each in every)


@pytest.mark.parametrize(
    "kind", [name for name in EXAMPLES if " " not in name and name not in ("gate", "mean", "ensemble")]
)
def test_gold_and_tables_of_other_kinds_are_refused(kind, rng):
    made = EXAMPLES[kind](rng)
    name = next(iter(made.tables))
    wrong = "value" if made.tables[name].kind != "value" else "probability"
    table = Table.of(wrong, [np.zeros((ROWS, made.tables[name].width))])
    with pytest.raises(DecisionError, match=f"{kind} reads a table of {made.tables[name].kind}, got {wrong}"):
        replace(made, tables={name: table}).judged()
    gold = Gold("labels", np.zeros((ROWS, 2)), ("p", "q"))
    if kind in ("threshold", "clip", "calibrate"):
        gold = Gold("class", np.zeros((ROWS, 1)), ("p", "q"))
    with pytest.raises(DecisionError, match=f"{kind} decides .* gold, got {gold.kind} gold"):
        replace(made, rows={name: Rows.of(gold, part=made.rows[name].part)}, metric="macro_f1").judged()
