"""Every racing rule keeps what racing promises, and each does what it is named for."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import wilcoxon

from tune_polar.decide.array_checks import FloatArray
from tune_polar.decide.metrics import metric_named
from tune_polar.errors import SpecError
from tune_polar.recipe.cells import Cell
from tune_polar.search.racing.board import CURVE_POINTS, Board, RunningCell, curve_values
from tune_polar.search.racing.model_rule import chance_to_win
from tune_polar.search.racing.most_promising import Promise, expected_improvement
from tune_polar.search.racing.racing_names import CURVE_RULES, RULES, race_named, racing_named
from tune_polar.search.racing.verdicts import ALWAYS_FINISHED, Race

seeds = st.integers(0, 2**32 - 1)
every_rule = pytest.mark.parametrize("name", list(RULES))
every_curve_rule = pytest.mark.parametrize("name", list(CURVE_RULES))


def drawn(seed: int, rows: int = 14, spread: float = 0.05) -> Board:
    """A search under way: some configurations finished, some partly, some with a score that is not a number."""
    rng = np.random.default_rng(seed)
    scores = 0.6 + spread * rng.normal(size=(rows, 1)) + 0.02 * rng.normal(size=5) + 0.012 * rng.normal(size=(rows, 5))
    curves = np.full((rows, 5, CURVE_POINTS), np.nan)
    for row, fold in np.ndindex(rows, 5):
        final = scores[row, fold]
        curves[row, fold] = curve_values([(s, final - 0.1 * (1 - s)) for s in (0.25, 0.5, 0.75, 1.0)])
    finals = scores.mean(axis=1) - 0.01
    for row in range(rows):
        missing = rng.permutation(5)[: rng.integers(0, 6)]
        scores[row, missing] = np.nan
        curves[row, missing] = np.nan
    finals[np.isnan(scores).any(axis=1)] = np.nan
    open_ = np.isnan(finals) & (rng.random(rows) < 0.8)
    return Board(scores, finals, open_, curves)


def permuted(board: Board, order: FloatArray) -> Board:
    return Board(board.scores[order], board.finals[order], board.open[order], board.curves[order])


@every_rule
@given(seeds)
@settings(max_examples=40, deadline=None)
def test_what_is_given_up_is_open_old_enough_and_not_among_the_best(name: str, seed: int) -> None:
    board = drawn(seed)
    rule = RULES[name]()
    given_up = Race(rule).given_up(board)
    best = np.argsort(-np.nan_to_num(board.predicted[0], nan=-np.inf))[:ALWAYS_FINISHED]
    for row in given_up:
        assert board.open[row]
        assert max(1, rule.fewest_cells) <= board.counts[row] < board.cells
        assert row not in best
        assert row != board.incumbent


@every_rule
@given(seeds)
@settings(max_examples=25, deadline=None)
def test_the_order_of_configurations_changes_nothing(name: str, seed: int) -> None:
    board = drawn(seed)
    order = np.random.default_rng(seed).permutation(len(board.scores))
    race = Race(RULES[name]())
    assert sorted(order[race.given_up(permuted(board, order))]) == race.given_up(board)
    assert race.given_up(board) == race.given_up(board)


@every_rule
def test_scores_that_are_no_numbers_stop_nothing_and_break_nothing(name: str) -> None:
    board = drawn(3)
    board.scores[board.open] = np.nan
    assert Race(RULES[name]()).given_up(board) == []
    empty = Board(
        np.full((3, 5), np.nan), np.full(3, np.nan), np.ones(3, dtype=bool), np.full((3, 5, CURVE_POINTS), np.nan)
    )
    assert Race(RULES[name]()).given_up(empty) == []


def table(rows: list[list[float]], finished: int, spare: int = 0) -> Board:
    """The first rows are finished, the others open; ``spare`` good ones are added so that no row is protected."""
    scores = np.array(rows + [[0.9, 0.9, 0.9, 0.9, 0.9]] * spare)
    finals = np.where(np.isnan(scores).any(axis=1), np.nan, scores.mean(axis=1))
    return Board(scores, finals, np.isnan(finals), np.full((*scores.shape, CURVE_POINTS), np.nan))


NAN = float("nan")
INCUMBENT = [0.70, 0.72, 0.74, 0.76, 0.78]


@pytest.mark.parametrize(
    ("name", "scores", "stops"),
    [
        ("none", [0.1, NAN, NAN, NAN, NAN], False),
        ("aggressive", [NAN, NAN, NAN, NAN, 0.779], True),
        ("aggressive", [0.701, NAN, NAN, NAN, NAN], False),
        ("forgiving", [NAN, NAN, NAN, NAN, 0.701], False),
        ("forgiving", [NAN, NAN, 0.71, 0.68, NAN], True),
        ("wilcoxon", [0.1, 0.1, 0.1, NAN, NAN], False),
        ("wilcoxon", [0.1, 0.1, 0.1, 0.1, NAN], True),
        ("wilcoxon", [0.1, 0.1, 0.1, 0.9, NAN], False),
        ("model", [0.2, NAN, NAN, NAN, NAN], True),
        ("model", [0.73, NAN, NAN, NAN, NAN], False),
    ],
)
def test_what_each_rule_is_named_for(name: str, scores: list[float], stops: bool) -> None:
    others = [INCUMBENT, [x - 0.01 for x in INCUMBENT], [x - 0.02 for x in INCUMBENT], [x - 0.1 for x in INCUMBENT]]
    board = table([*others, scores], finished=4)
    assert bool(RULES[name]().hopeless(board)[4]) is stops


def test_wilcoxon_is_scipys() -> None:
    board = drawn(5, spread=0.02)
    theirs = board.scores[board.incumbent]
    found = RULES["wilcoxon"]().hopeless(board)
    for row in np.flatnonzero(board.open & (board.counts >= 2)):
        difference = (board.scores[row] - theirs)[~np.isnan(board.scores[row])]
        p = wilcoxon(difference, alternative="less", zero_method="zsplit").pvalue
        is_better = np.nanmean(board.scores[row]) >= theirs.mean()
        assert found[row] == (p < 0.1 and not is_better)


def test_doubling_keeps_the_better_half_of_a_rung() -> None:
    scores = np.full((8, 5), NAN)
    scores[:, 0] = np.arange(8) / 10
    board = Board(scores, np.full(8, NAN), np.ones(8, dtype=bool), np.full((8, 5, CURVE_POINTS), NAN))
    assert RULES["doubling"]().hopeless(board).tolist() == [True] * 4 + [False] * 4


@every_curve_rule
@given(seeds, st.sampled_from([0.25, 0.5, 0.75]))
@settings(max_examples=25, deadline=None)
def test_a_curve_never_ends_what_would_be_among_the_best(name: str, seed: int, share: float) -> None:
    board = drawn(seed, rows=30)
    race = Race(RULES["model"](), CURVE_RULES[name]())
    for row in np.flatnonzero(board.open & (board.counts < 5))[:4]:
        fold = int(np.flatnonzero(np.isnan(board.scores[row]))[0])
        for value in (0.2, 0.5, 0.9, NAN):
            running = RunningCell(int(row), fold, share, value)
            if race.gives_up_within(board, running):
                expected, _ = CURVE_RULES[name]().predicted(board, running)
                assert (np.delete(board.predicted[0], row) > expected).sum() >= ALWAYS_FINISHED
                assert not np.isnan(value)


@every_curve_rule
def test_a_curve_far_below_all_others_ends_its_configuration(name: str) -> None:
    board = drawn(1, rows=40)
    row = int(np.flatnonzero(board.open & (board.counts < 5))[0])
    fold = int(np.flatnonzero(np.isnan(board.scores[row]))[0])
    race = Race(RULES["model"](), CURVE_RULES[name]())
    assert race.gives_up_within(board, RunningCell(row, fold, 0.5, 0.1))
    assert not Race(RULES["model"]()).gives_up_within(board, RunningCell(row, fold, 0.5, 0.1))


def test_the_models_chances_are_right_as_often_as_they_say() -> None:
    """Scores drawn from the model itself: of rows given a chance in a band, that share does win."""
    said: list[float] = []
    came: list[bool] = []
    for seed in range(150):
        rng = np.random.default_rng(seed)
        whole = 0.6 + 0.03 * rng.normal(size=(24, 1)) + 0.02 * rng.normal(size=5) + 0.012 * rng.normal(size=(24, 5))
        scores, truth = whole.copy(), whole.mean(axis=1) + 0.005 * rng.normal(size=24)  # scored by another measure
        for row in range(8, 24):
            scores[row, rng.permutation(5)[: rng.integers(1, 5)]] = NAN
        finals = np.where(np.isnan(scores).any(axis=1), NAN, truth)
        board = Board(scores, finals, np.isnan(finals), np.full((24, 5, CURVE_POINTS), NAN))
        chances = chance_to_win(board)
        said += chances[board.open].tolist()
        came += (truth[board.open] > np.nanmax(finals)).tolist()
    chances, won = np.array(said), np.array(came)
    for low, high in ((0.0, 0.02), (0.02, 0.2), (0.2, 0.5), (0.5, 1.0)):
        band = (chances >= low) & (chances <= high)
        assert won[band].mean() == pytest.approx(chances[band].mean(), abs=0.06), (low, high)


def test_the_most_promising_comes_next_and_a_new_one_where_none_is() -> None:
    hopeless, good = [0.5, NAN, NAN, NAN, NAN], [0.77, NAN, NAN, NAN, NAN]
    rest = [[x - 0.03 for x in INCUMBENT], [x + 0.02 for x in INCUMBENT], [x - 0.06 for x in INCUMBENT]]
    board = table([INCUMBENT, *rest, hopeless, good], finished=4)
    assert Promise().next_row(board, [4, 5], may_open=True) == 5
    assert Promise().next_row(board, [4], may_open=True) is None
    assert Promise().next_row(board, [4], may_open=False) == 4
    assert Promise().next_row(board, [], may_open=True) is None
    nothing_finished = table([hopeless, good], finished=0)
    assert Promise().next_row(nothing_finished, [0, 1], may_open=True) == 0


def test_expected_improvement_against_chance() -> None:
    rng = np.random.default_rng(0)
    drawn_scores = rng.normal(0.6, 0.02, 400_000)
    found = expected_improvement(np.array([0.6]), np.array([0.02]), 0.61)
    assert found[0] == pytest.approx(np.maximum(drawn_scores - 0.61, 0).mean(), rel=0.01)


def test_curves_are_compared_by_share_of_steps() -> None:
    values = curve_values([(0.25, 0.3), (0.5, 0.2), (1.0, 0.6)])
    assert np.isnan(values[:9]).all()
    assert values[9] == values[20] == 0.3
    assert values[CURVE_POINTS - 1] == 0.6


def test_an_unknown_rule_is_refused() -> None:
    with pytest.raises(SpecError, match=r"--racing must be one of none, .*, got 'fast'"):
        race_named("fast")
    cells = (Cell(0, 42), Cell(1, 42))
    assert racing_named("none", cells, metric_named("macro_f1")).gives_up is False
    assert racing_named("model", cells, metric_named("macro_f1")).gives_up is True
