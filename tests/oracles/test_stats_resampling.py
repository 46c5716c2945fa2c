"""Bootstrap, paired bootstrap and BBC-CV against loops over drawn rows."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from tune_polar.decide.metrics import METRICS, Metric, metric_named
from tune_polar.decide.rows import Gold, GoldKind, Rows
from tune_polar.stats.bbc_cv import Candidate, bbc_cv
from tune_polar.stats.bootstrap import bootstrap_scores
from tune_polar.stats.paired import row_paired_bootstrap
from tune_polar.stats.row_kinds import row_kinds
from tune_polar.stats.weighted_scores import WeightedScores, bootstrap_weights

seeds = st.integers(0, 2**32 - 1)
Array = NDArray[Any]
MACRO = metric_named("macro_f1")
NAMES: dict[GoldKind, tuple[str, ...]] = {
    "binary": ("a",),
    "labels": ("a", "b", "c"),
    "class": ("x", "y", "z"),
    "number": ("u", "v"),
}
SCORED = [(kind, each.name) for each in METRICS.values() for kind in each.kinds if each.reads == "decided"]


def made(kind: GoldKind, seed: int, rows: int, candidates: int = 4, *, decimals: int = 15) -> tuple[Gold, list[Array]]:
    """Gold, and decisions that are often right; of numbers with few ``decimals`` some are the same."""
    rng = np.random.default_rng(seed)
    if kind == "number":
        values = rng.normal(size=(rows, 2)).round(decimals)
        return Gold(kind, values, NAMES[kind]), [
            (values + rng.normal(size=values.shape)).round(decimals) for _ in range(candidates)
        ]
    if kind == "class":
        codes = rng.choice(3, size=(rows, 1), p=(0.6, 0.3, 0.1))
        return Gold(kind, codes, NAMES[kind]), [
            np.where(rng.random(codes.shape) < 0.7, codes, rng.integers(3, size=codes.shape)) for _ in range(candidates)
        ]
    gold = rng.random((rows, len(NAMES[kind]))) < np.array([0.6, 0.3, 0.1])[: len(NAMES[kind])]
    return Gold(kind, gold, NAMES[kind]), [gold ^ (rng.random(gold.shape) < 0.2) for _ in range(candidates)]


def labels(seed: int, rows: int = 60, candidates: int = 4) -> tuple[Gold, list[Array]]:
    return made("labels", seed, rows, candidates)


def score(gold: Gold, decided: Array, rows: Array, metric: Metric = MACRO) -> float:
    """Of some rows, a row as often as it is named; nothing scores 0."""
    return metric.score(gold.take(rows), decided[rows]) if len(rows) else 0.0


# -- weights -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("kind", "name"), SCORED)
@given(seed=seeds)
@settings(max_examples=8, deadline=None)
def test_weighted_scores_equal_scores_of_repeated_rows(kind: GoldKind, name: str, seed: int) -> None:
    metric, (gold, decided) = metric_named(name), made(kind, seed, 40, decimals=1)
    weights = np.random.default_rng(seed).integers(0, 4, size=(5, 40)).astype(np.float32)
    found = WeightedScores(Rows.of(gold), decided, metric).scores(weights)
    for i, weight in enumerate(weights.astype(int)):
        for j, guess in enumerate(decided):
            expected = score(gold, guess, np.repeat(np.arange(40), weight), metric)
            assert found[i, j] == pytest.approx(expected, abs=1e-9)


@given(seeds)
@settings(max_examples=10, deadline=None)
def test_a_text_is_drawn_with_all_its_rows_and_seeds_are_averaged(seed: int) -> None:
    """Two seeds of thirty rows, which are twenty texts: some stand in two rows of a seed."""
    gold, decided = labels(seed)
    rng = np.random.default_rng(seed)
    text = np.concatenate([rng.permutation(np.arange(30) % 20) for _ in range(2)])
    rows = Rows.of(gold, seed=np.arange(60) // 30, ids=100 + text)
    prepared = WeightedScores(rows, decided, MACRO)
    assert prepared.units == 20
    appeared = list(dict.fromkeys(text.tolist()))
    weights = rng.integers(0, 3, size=(4, 20))
    found = prepared.scores(weights.astype(np.float32))
    for i, weight in enumerate(weights):
        often = {each: weight[place] for place, each in enumerate(appeared)}
        for j, guess in enumerate(decided):
            of_seeds = [
                score(gold, guess, np.concatenate([np.full(often[text[row]], row) for row in own]))
                for own in (range(30), range(30, 60))
            ]
            assert found[i, j] == pytest.approx(np.mean(of_seeds), abs=1e-12)


def test_rounds_draw_rows_uniformly_with_replacement() -> None:
    drawn = bootstrap_weights(200, 500, np.random.default_rng(0))
    assert (drawn.sum(axis=1) == 200).all()
    assert (drawn == 0).mean() == pytest.approx((1 - 1 / 200) ** 200, abs=0.003)
    assert drawn.mean(axis=0) == pytest.approx(1, abs=0.25)


@pytest.mark.parametrize("drawn", [30, 200, 1000])
def test_another_number_of_rows_can_be_drawn(drawn: int) -> None:
    found = bootstrap_weights(200, 2000, np.random.default_rng(0), drawn)
    assert found.dtype == np.float32
    assert (found.sum(axis=1) == drawn).all()
    assert found.mean(axis=0) == pytest.approx(drawn / 200, rel=0.35)
    assert found.var() == pytest.approx(drawn / 200 * (1 - 1 / 200), rel=0.05)


# -- BBC-CV ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("kind", "name"), [("labels", "macro_f1"), ("class", "accuracy"), ("number", "mae")])
@example(seed=777)
@given(seed=seeds)
@settings(max_examples=6, deadline=None)
def test_bbc_cv_equals_the_algorithm_written_as_a_loop(kind: GoldKind, name: str, seed: int) -> None:
    metric, (gold, decided) = metric_named(name), made(kind, seed, 60)
    candidates = [Candidate(f"c{i}", "", each) for i, each in enumerate(decided)]
    result = bbc_cv(Rows.of(gold), candidates, np.random.default_rng(seed), metric=metric, rounds=100)
    best = np.argmax if metric.larger_is_better else np.argmin
    outside, winners, all_outside, looks = [], [], [], []
    raw = [score(gold, each, np.arange(60), metric) for each in decided]
    for weight in bootstrap_weights(60, 100, np.random.default_rng(seed)).astype(int):
        bag, out = np.repeat(np.arange(60), weight), np.flatnonzero(weight == 0)
        inside = [score(gold, each, bag, metric) for each in decided]
        winners.append(int(best(np.round(inside, 12))))
        looks.append(inside[int(best(raw))])
        all_outside.append([score(gold, each, out, metric) for each in decided])
        outside.append(all_outside[-1][winners[-1]])
    lost = np.array(raw) - np.mean(all_outside, axis=0)
    curvature = np.mean([lost[winner] for winner in winners])
    assert result.plain == pytest.approx(np.mean(outside), abs=1e-9)
    least, most = metric.range
    assert result.corrected == pytest.approx(np.clip(np.mean(outside) + curvature, least, most), abs=1e-9)
    assert (result.interval.low, result.interval.high) == pytest.approx(
        tuple(np.quantile(np.clip(result.corrected - (np.array(looks) - np.mean(looks)), least, most), [0.025, 0.975])),
        abs=1e-6,
    )
    assert result.raw_best == pytest.approx(raw[best(raw)], abs=1e-9)
    assert result.winner == int(best(raw))
    assert result.win_share == pytest.approx(np.bincount(winners, minlength=4) / 100)
    by_how_much = result.raw_best - result.corrected
    assert result.optimism == pytest.approx(by_how_much if metric.larger_is_better else -by_how_much)


# -- bootstrap of rows -------------------------------------------------------------------------------------------


@given(seeds)
@settings(max_examples=20, deadline=None)
def test_kinds_of_rows_hold_every_row_once(seed: int) -> None:
    gold, decided = labels(seed)
    kinds = row_kinds(gold, decided[0], decided[1])
    for which in (0, 1):
        rows = np.repeat(np.arange(len(kinds.count)), kinds.count)
        again = Gold("labels", kinds.gold[rows], gold.names)
        assert MACRO.per_column(again, kinds.decided[which][rows]) == pytest.approx(
            MACRO.per_column(gold, decided[which]), abs=1e-12
        )
    drawn = kinds.drawn(7, np.random.default_rng(seed))
    assert (drawn.sum(axis=1) == len(gold)).all()
    for number, counts in enumerate(drawn):
        rows = np.repeat(np.arange(len(counts)), counts)
        expected = MACRO.per_column(Gold("labels", kinds.gold[rows], gold.names), kinds.decided[1][rows])
        assert kinds.per_column(drawn, 1)[number] == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize("kind", ["binary", "labels"])
def test_bootstrap_agrees_with_resampling_row_by_row(kind: GoldKind) -> None:
    gold, (decided,) = made(kind, 7, 300, candidates=1)
    result = bootstrap_scores(gold, decided, np.random.default_rng(0), rounds=4000)
    rng = np.random.default_rng(1)
    draws = []
    for _ in range(2000):
        rows = rng.integers(len(gold), size=len(gold))
        draws.append(MACRO.per_column(gold.take(rows), decided[rows]))
    expected = np.quantile(draws, [0.025, 0.975], axis=0)
    found = np.array([(interval.low, interval.high) for interval in result.per_class_intervals]).T
    assert found == pytest.approx(expected, abs=0.02)
    macro = np.quantile(np.mean(draws, axis=1), [0.025, 0.975])
    assert (result.macro_interval.low, result.macro_interval.high) == pytest.approx(macro, abs=0.01)
    assert result.macro_f1 in result.macro_interval
    assert result.per_class == pytest.approx(MACRO.per_column(gold, decided))


def test_row_paired_bootstrap_agrees_with_resampling_row_by_row() -> None:
    gold, (first, second) = labels(8, 300, candidates=2)
    result = row_paired_bootstrap(gold, first, second, np.random.default_rng(0), rounds=4000)
    rng = np.random.default_rng(1)
    draws = []
    for _ in range(2000):
        rows = rng.integers(len(gold), size=len(gold))
        draws.append(score(gold, first, rows) - score(gold, second, rows))
    assert (result.interval.low, result.interval.high) == pytest.approx(
        tuple(np.quantile(draws, [0.025, 0.975])), abs=0.01
    )
    assert result.difference == pytest.approx(MACRO.score(gold, first) - MACRO.score(gold, second))
    share = min(np.mean(np.array(draws) <= 0), np.mean(np.array(draws) >= 0))
    assert result.p_value == pytest.approx(2 * share, abs=0.05)


def test_equal_models_of_many_labels_are_rarely_told_apart() -> None:
    """Most rows are alone in their pattern of labels, and vary all the same."""
    told = 0
    for seed in range(40):
        rng = np.random.default_rng(seed)
        gold = Gold("labels", rng.random((400, 12)) < 0.3, tuple(f"l{place}" for place in range(12)))
        first, second = (gold.values ^ (rng.random((400, 12)) < 0.2) for _ in range(2))
        told += 0 not in row_paired_bootstrap(gold, first, second, rng, rounds=300).interval
    assert told <= 6  # of 40 at 5%: more in one of 300 cases


@given(seeds)
@settings(max_examples=10, deadline=None)
def test_exchanging_the_pair_changes_the_sign(seed: int) -> None:
    gold, (first, second) = labels(seed, candidates=2)
    one = row_paired_bootstrap(gold, first, second, np.random.default_rng(1), rounds=100)
    same = row_paired_bootstrap(gold, first, first, np.random.default_rng(1), rounds=100)
    other = row_paired_bootstrap(gold, second, first, np.random.default_rng(1), rounds=100)
    assert one.difference == pytest.approx(-other.difference, abs=1e-12)
    assert (same.difference, same.interval.low, same.interval.high, same.p_value) == (0, 0, 0, 1)
