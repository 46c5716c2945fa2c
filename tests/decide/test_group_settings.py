"""Which rows choose a group's setting, and what decides where they are too few."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from tune_polar.decide.groups import FEWEST_TEXTS, GroupSettings, PerGroup
from tune_polar.decide.kinds import Inputs, KnnVote, Sample, Threshold, Thresholds
from tune_polar.decide.metrics import METRICS
from tune_polar.decide.rows import Gold
from tune_polar.decide.tables import Table
from tune_polar.errors import DecisionError

NAMES = ("a", "b")


def sample(groups: np.ndarray, seed: int = 0) -> Sample:
    rng = np.random.default_rng(seed)
    gold = rng.random((len(groups), 2)) < 0.4
    shares = np.clip(0.3 + 0.3 * gold + rng.normal(0, 0.2, gold.shape), 0, 1)
    inputs = Inputs((Table.of("probability", [shares]),), NAMES, groups)
    rows = np.arange(len(groups))
    return Sample(inputs, Gold("labels", gold, NAMES), rows % 2, rows, METRICS["macro_f1"])


def test_a_group_with_enough_rows_has_its_own_choice() -> None:
    groups = np.repeat(["eng", "deu", ""], [60, 40, 30])
    rows, kind = sample(groups), Threshold()
    chosen = PerGroup(kind).choose(PerGroup(kind).prepare(rows), (0, 1))
    assert set(chosen.own) == {"eng", "deu"}  # rows of no group choose nothing of their own
    for name in ("eng", "deu"):
        alone = rows.take(groups == name)
        assert np.array_equal(chosen.own[name].values, kind.choose(alone, (0, 1)).values)
    assert np.array_equal(chosen.pooled.values, kind.choose(rows, (0, 1)).values)


def test_too_few_rows_take_the_choice_of_all() -> None:
    groups = np.repeat([0, 1, -1], [100, FEWEST_TEXTS - 1, 50])
    kind = PerGroup(Threshold())
    prepared = kind.prepare(sample(groups))
    assert set(kind.choose(prepared, (0, 1)).own) == {0}
    groups = np.repeat([0, 1], [100, FEWEST_TEXTS])
    prepared = kind.prepare(sample(groups))
    assert set(kind.choose(prepared, (0, 1)).own) == {0, 1}
    assert set(kind.choose(prepared, (1,)).own) == {0}  # counted among the rows that may choose


def test_rows_of_three_seeds_are_no_more_texts() -> None:
    few = np.repeat([0, 1], [100, FEWEST_TEXTS - 1])
    every = sample(np.tile(few, 3))
    rows = replace(every, ids=np.tile(np.arange(len(few)), 3))
    kind = PerGroup(Threshold())
    assert set(kind.choose(kind.prepare(every), (0, 1)).own) == {0, 1}
    assert set(kind.choose(kind.prepare(rows), (0, 1)).own) == {0}


def test_a_column_without_a_positive_row_takes_its_threshold_of_all() -> None:
    groups = np.repeat(["eng", "ita"], [80, 40])
    rows = sample(groups)
    rows.gold.values[groups == "ita", 1] = False
    kind = Threshold()
    chosen = PerGroup(kind).choose(PerGroup(kind).prepare(rows), (0, 1))
    own = kind.choose(rows.take(groups == "ita"), (0, 1)).values
    assert chosen.own["ita"].values.tolist() == [own[0], chosen.pooled.values[1]]
    assert own[1] == 2.0


def test_votes_of_a_group_without_a_positive_row_are_those_of_all() -> None:
    rng = np.random.default_rng(1)
    groups = np.repeat(["eng", "ita"], [80, 40])
    gold = rng.random((120, 1)) < 0.5
    gold[groups == "ita"] = False
    table = Table.of("neighbours", [(rng.random((120, 5)) < 0.5).astype(np.uint8)])
    inputs, part = Inputs((table,), ("x",), groups), np.zeros(120)
    rows = Sample(inputs, Gold("binary", gold, ("x",)), part, np.arange(120), METRICS["macro_f1"])
    kind = PerGroup(KnnVote())
    assert set(kind.choose(kind.prepare(rows), (0,)).own) == {"eng"}


def test_every_row_is_decided_by_its_group() -> None:
    groups = np.array(["eng", "deu", "new", "", "eng"])
    inputs = Inputs((Table.of("probability", [np.full((5, 2), 0.5)]),), NAMES, groups)
    low, high = (Thresholds(NAMES, np.full(2, value)) for value in (0.4, 0.6))
    decided = PerGroup(Threshold()).decide(inputs, GroupSettings(high, {"eng": low}))
    assert decided[:, 0].tolist() == [True, False, False, False, True]


def test_settings_say_each_group() -> None:
    low, high = (Thresholds(("a",), np.array([value])) for value in (0.4, 2.0))
    settings = GroupSettings(high, {"eng": low})
    assert str(settings) == "eng: a 0.4; others: a none"
    assert settings.written() == {"pooled": {"at": {"a": "never"}}, "groups": {"eng": {"at": {"a": 0.4}}}}


def test_groups_must_be_known() -> None:
    rows = sample(np.repeat(["eng"], 30))
    with pytest.raises(DecisionError, match="`per` must name a column"):
        PerGroup(Threshold()).decide(
            Inputs(rows.inputs.tables, NAMES), GroupSettings(Thresholds(NAMES, np.ones(2)), {})
        )
