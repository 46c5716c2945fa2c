"""Both intervals and the spread between runs, where the truth can be drawn again and again."""

from __future__ import annotations

import numpy as np
import pytest

from tune_polar.decide.metrics import metric_named
from tune_polar.decide.rows import Gold, Rows
from tune_polar.stats.bbc_cv import BbcCv, Candidate, bbc_cv
from tune_polar.stats.new_rows import NewRowsScore, new_rows_score
from tune_polar.stats.run_spread import RunSpread, run_spread

FOLDS, ROWS, NEW = 5, 400, 250
SIGNAL = 1.4
LABELS = ("a", "b")
MACRO = metric_named("macro_f1")


def macro_f1(gold: np.ndarray, decided: np.ndarray) -> float:
    return MACRO.score(Gold("labels", gold, LABELS), decided)


def rows_of(count: int, signal: np.ndarray | float, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Gold and decisions, (rows, 2); ``signal`` per row or for all."""
    gold = rng.random((count, 2)) < (0.4, 0.15)
    shift = np.broadcast_to(np.asarray(signal), (count,))[:, None]
    return gold, rng.normal(size=gold.shape) + shift * gold >= 0.9


def about(gold: np.ndarray, fold: np.ndarray, **more: np.ndarray) -> Rows:
    return Rows.of(Gold("labels", gold, LABELS), part=fold, **more)


def chosen(rows: Rows, decided: list[np.ndarray], rng: np.random.Generator, rounds: int = 300) -> BbcCv:
    return bbc_cv(rows, [Candidate(str(n), "", each) for n, each in enumerate(decided)], rng, rounds=rounds)


def ahead(
    rows: Rows, decided: list[np.ndarray], new: int, rng: np.random.Generator, runs: RunSpread | None = None
) -> NewRowsScore:
    corrected = chosen(rows, decided, rng, 1000)
    return new_rows_score(corrected, rows, decided[corrected.winner], new, runs, rng)


def spread_of(rows: Rows, decided: list[np.ndarray], rng: np.random.Generator) -> RunSpread:
    found = run_spread(rows, decided, MACRO, 0.02, rng)
    assert found is not None
    return found


def coverage(run_spread_of: float, contained: bool, repetitions: int = 100) -> tuple[float, float]:
    """How often the 90% interval of either kind holds one more run's score on new rows."""
    rng = np.random.default_rng(5)
    fold = np.arange(ROWS) % FOLDS
    held = [0, 0]
    for _ in range(repetitions):
        own = SIGNAL + run_spread_of * rng.normal(size=(6, FOLDS))
        gold, _ = rows_of(ROWS, 0.0, rng)
        decided = [rng.normal(size=gold.shape) + each[fold][:, None] * gold >= 0.9 for each in own]
        new = macro_f1(*rows_of(NEW, SIGNAL + run_spread_of * rng.normal(), rng))
        rows = about(gold, fold)
        corrected = chosen(rows, decided, rng)
        runs = run_spread(rows, decided, MACRO, corrected.standard_error, rng) if contained else None
        found = new_rows_score(corrected, rows, decided[corrected.winner], NEW, runs, rng)
        held[0] += new in found.interval(0.9)
        held[1] += new in found.expected(0.9)
    return held[0] / repetitions, held[1] / repetitions


def test_it_holds_the_score_of_a_new_set_as_often_as_it_says() -> None:
    prediction, expectation = coverage(0.0, contained=True)
    assert prediction == pytest.approx(0.9, abs=0.08)
    assert expectation < 0.75, "of the expected score: a new set need not lie in it"


def test_runs_that_differ_are_covered_only_where_they_count() -> None:
    (with_runs, _), (without, _) = coverage(0.4, contained=True), coverage(0.4, contained=False)
    assert without < 0.7
    assert with_runs > 0.8


def test_the_spread_is_that_of_the_runs_and_not_of_rows_or_hard_folds() -> None:
    """Known by construction: every run deviates by 0.3 of a row's noise; all of a fold alike by as much again."""
    rng, found, plain = np.random.default_rng(0), [], []
    fold = np.arange(2000) % FOLDS
    for deviation, into in ((0.3, found), (0.0, plain)):
        for _ in range(6):
            hard = 0.3 * rng.normal(size=FOLDS)
            own = SIGNAL + hard + deviation * rng.normal(size=(8, FOLDS))
            gold, _ = rows_of(2000, 0.0, rng)
            decided = [rng.normal(size=gold.shape) + each[fold][:, None] * gold >= 0.9 for each in own]
            spread = spread_of(about(gold, fold), decided, rng)
            assert spread.source == "configurations"
            into.append(spread.sd)
    truth = np.std([macro_f1(*rows_of(20_000, SIGNAL + 0.3 * rng.normal(), rng)) for _ in range(60)])
    assert np.mean(found) == pytest.approx(truth, rel=0.25)
    assert np.mean(plain) < 0.4 * truth
    assert min(plain) > 0


def test_seeds_on_the_same_folds_come_first() -> None:
    rng = np.random.default_rng(1)
    fold = np.arange(2000) % FOLDS
    gold, _ = rows_of(2000, 0.0, rng)
    own = SIGNAL + 0.3 * rng.normal(size=(3, 4, FOLDS))
    seeds = [
        np.concatenate([rng.normal(size=gold.shape) + each[fold][:, None] * gold >= 0.9 for each in of]) for of in own
    ]
    rows = about(
        np.tile(gold, (4, 1)), np.tile(fold, 4), seed=np.repeat(np.arange(4), 2000), ids=np.tile(np.arange(2000), 4)
    )
    spread = spread_of(rows, seeds, rng)
    truth = np.std([macro_f1(*rows_of(20_000, SIGNAL + 0.3 * rng.normal(), rng)) for _ in range(60)])
    assert (spread.source, spread.configurations) == ("seeds", 3)
    assert spread.sd == pytest.approx(truth, rel=0.35)
    assert 20 < spread.degrees <= 3 * 3 * FOLDS
    other = np.where(np.arange(8000) < 2000, np.tile(fold, 4), np.tile(fold[::-1], 4))
    apart = about(np.tile(gold, (4, 1)), other, seed=rows.seed, ids=rows.ids)
    assert run_spread(apart, seeds, MACRO, 0.02, rng) is None, "seeds that held out other rows cannot be compared"


def test_one_configuration_has_only_its_folds_and_one_run_nothing() -> None:
    rng = np.random.default_rng(2)
    gold, decided = rows_of(ROWS, SIGNAL, rng)
    alone = spread_of(about(gold, np.arange(ROWS) % FOLDS), [decided], rng)
    assert (alone.source, alone.degrees) == ("folds", pytest.approx(FOLDS - 1))
    whole = about(gold, np.zeros(ROWS, dtype=np.int64))
    assert run_spread(whole, [decided, ~decided], MACRO, 0.02, rng) is None
    found = ahead(whole, [decided], 100, rng)
    assert found.runs is None
    assert found.parts["run"] == 0.0


def test_the_draws_are_those_of_the_definition() -> None:
    """Without runs: about the corrected score, the errors of the chosen one and a new sample, in plain loops."""
    rng = np.random.default_rng(3)
    gold, _ = rows_of(ROWS, SIGNAL, rng)
    many = [rng.normal(size=gold.shape) + SIGNAL * gold >= 0.9 for _ in range(3)]
    found = ahead(about(gold, np.arange(ROWS) % FOLDS), many, NEW, rng)
    whole = np.array([macro_f1(gold, each) for each in many])
    errors, fresh = [], []
    for _ in range(1500):
        drawn = rng.integers(ROWS, size=ROWS)
        errors.append(macro_f1(gold[drawn], many[int(whole.argmax())][drawn]) - whole.max())
        new = rng.integers(ROWS, size=NEW)
        fresh.append(macro_f1(gold[new], many[int(whole.argmax())][new]))
    assert found.parts["measured"] == pytest.approx(np.std(errors), rel=0.1)
    assert found.parts["rows"] == pytest.approx(np.std(fresh), rel=0.1)
    assert found.draws.std() == pytest.approx(np.hypot(np.std(errors), np.std(fresh)), rel=0.1)
    assert found.estimate == pytest.approx(
        chosen(about(gold, np.arange(ROWS) % FOLDS), many, rng, 1000).corrected, abs=0.01
    )


def test_errors_of_a_correlation_are_added_up_on_fishers_scale() -> None:
    """One configuration with a large r: the ends lie as far off in z as theory says, and further below than above."""
    rng, metric, count, new = np.random.default_rng(12), metric_named("pearson"), 500, 200
    gold = rng.normal(size=(count, 1))
    guess = 0.9 * gold + (1 - 0.9**2) ** 0.5 * rng.normal(size=gold.shape)
    rows = Rows.of(Gold("number", gold, ("x",)), part=np.arange(count) % FOLDS)
    corrected = bbc_cv(rows, [Candidate("a", "", guess)], rng, metric=metric, rounds=2000)
    found = new_rows_score(corrected, rows, guess, new, None, rng)
    interval, expected = found.interval(0.9), found.expected(0.9)
    for ends, variance in ((expected, 1 / count), (interval, 1 / count + 1 / new)):
        width = np.arctanh(ends.high) - np.arctanh(ends.low)
        assert width == pytest.approx(2 * 1.645 * variance**0.5, rel=0.1)
    assert found.estimate - interval.low > 1.15 * (interval.high - found.estimate)
    assert found.parts["measured"] == pytest.approx((1 - found.estimate**2) * corrected.standard_error)
    several = [guess + 0.3 * rng.normal(size=gold.shape) for _ in range(6)]
    spread = run_spread(rows, several, metric, corrected.standard_error, rng)
    with_runs = new_rows_score(corrected, rows, guess, new, spread, rng)
    assert spread is not None
    assert with_runs.run == pytest.approx(spread.sd * (1 - with_runs.estimate**2))


def test_choosing_among_many_whose_runs_differ_is_luck_that_is_taken_off() -> None:
    """All are equal: what the best looks better by is luck of rows and of runs; one more run has neither."""
    rng = np.random.default_rng(4)
    fold, deviation, off = np.arange(ROWS) % FOLDS, 0.5, []
    truth = np.mean([macro_f1(*rows_of(4000, SIGNAL + deviation * z, rng)) for z in rng.normal(size=300)])
    plain = []
    for _ in range(8):
        gold, _ = rows_of(ROWS, 0.0, rng)
        own = SIGNAL + deviation * rng.normal(size=(40, FOLDS))
        decided = [rng.normal(size=gold.shape) + each[fold][:, None] * gold >= 0.9 for each in own]
        rows = about(gold, fold)
        corrected = chosen(rows, decided, rng)
        order = np.argsort(-corrected.whole)
        runs = run_spread(rows, [decided[n] for n in order], MACRO, corrected.standard_error, rng)
        found = new_rows_score(corrected, rows, decided[corrected.winner], NEW, runs, rng)
        assert found.luck > 0
        off.append(found.estimate - truth)
        plain.append(corrected.corrected - truth)
    assert abs(np.mean(off)) < 0.6 * np.mean(plain)


def test_more_new_rows_give_a_narrower_interval_and_leave_the_expectation() -> None:
    rng = np.random.default_rng(2)
    gold, decided = rows_of(ROWS, SIGNAL, rng)
    rows = about(gold, np.arange(ROWS) % FOLDS)
    widths, expected = [], []
    for new in (50, 500, 50_000):
        found = ahead(rows, [decided], new, np.random.default_rng(7))
        widths.append(np.ptp((found.interval(0.9).low, found.interval(0.9).high)))
        expected.append(np.ptp((found.expected(0.9).low, found.expected(0.9).high)))
    assert widths[0] > widths[1] > widths[2]
    assert expected[0] == expected[1] == expected[2]
    assert widths[2] == pytest.approx(expected[2], rel=0.1)


def test_distance_is_in_deviations_of_its_own_side() -> None:
    rng = np.random.default_rng(8)
    gold, decided = rows_of(ROWS, SIGNAL, rng)
    found = ahead(about(gold, np.arange(ROWS) % FOLDS), [decided], NEW, rng)
    middle = np.median(found.draws)
    below = found.draws[found.draws <= middle]
    assert found.distance(middle - 0.1) == pytest.approx(-0.1 / np.sqrt(np.mean((below - middle) ** 2)))
    assert found.distance(middle) == 0
    assert found.distance(middle + 0.1) > 0
