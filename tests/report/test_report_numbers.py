from __future__ import annotations

import math
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tune_polar.report.drawing.panel import Panel, linear_axis, range_axis
from tune_polar.report.numbers import (
    axis_ticks,
    count,
    decimals_for,
    duration,
    fixed,
    listed,
    setting,
    spread,
    tick_words,
    with_error,
)


@pytest.mark.parametrize(
    ("value", "error", "text"),
    [
        (0.69782, 0.0091, "0.698 ± 0.009"),
        (0.69782, 0.0134, "0.698 ± 0.013"),
        (0.69782, 0.0412, "0.70 ± 0.04"),
        (0.69782, 0.2, "0.70 ± 0.20"),
        (0.69782, 0.0, "0.698 ± 0.000"),
        (2.345, 1.7, "2.3 ± 1.7"),
        (133995.98, 17677.44, "134000 ± 18000"),
        (-133995.98, 45.6, "−134000 ± 50"),
        (0.69782, math.nan, "0.698 ± nan"),
        (0.697821234, 0.000001, "0.6978 ± 0.0000"),
    ],
)
def test_a_score_has_the_digits_its_error_allows(value: float, error: float, text: str) -> None:
    assert with_error(value, error) == text


@given(st.floats(1e-4, 0.35))
def test_the_error_keeps_one_or_two_significant_digits(error: float) -> None:
    shown = fixed(error, decimals_for(error)).replace(".", "").lstrip("0")
    assert 1 <= len(shown) <= 2


@pytest.mark.parametrize(("value", "text"), [(-0.012, "−0.01"), (-0.001, "0.00"), (0.5, "0.50")])
def test_minus_is_a_true_minus_and_zero_has_none(value: float, text: str) -> None:
    assert fixed(value, 2) == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0.31, "0.3 s"),
        (9.99, "10.0 s"),
        (42.2, "42 s"),
        (59.6, "1 min"),
        (185, "3 min 5 s"),
        (3600, "1 h"),
        (7800, "2 h 10 min"),
        (273_600, "3 d 4 h"),
    ],
)
def test_durations(seconds: float, text: str) -> None:
    assert duration(seconds) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "null"),
        (True, "true"),
        (3, "3"),
        (0.00134827, "0.001348"),
        ("max_f1", "max_f1"),
        ([], "none"),
        (["a", 0.5], "a, 0.5"),
    ],
)
def test_settings_read_as_in_a_recipe(value: object, text: str) -> None:
    assert setting(value) == text


def test_words() -> None:
    assert (count(1, "fold"), count(1000, "fold"), count(2, "has", "have")) == ("1 fold", "1,000 folds", "2 have")
    assert [listed(words) for words in ([], ["a"], ["a", "b"], ["a", "b", "c"])] == ["", "a", "a and b", "a, b and c"]


def test_one_fold_has_no_spread() -> None:
    assert spread([0.4]) is None
    assert with_error(0.4, spread([0.4])) == "0.400"
    assert spread([0.4, 0.6]) == pytest.approx(math.sqrt(0.02))


@given(st.floats(0, 1), st.floats(1e-6, 1))
def test_ticks_are_few_rising_and_within_the_range(low: float, width: float) -> None:
    high = low + width
    ticks = axis_ticks(low, high)
    assert 1 <= len(ticks) <= 5
    assert list(ticks) == sorted(set(ticks))
    assert low - 1e-6 * width <= ticks[0] <= ticks[-1] <= high + 1e-6 * width


@pytest.mark.parametrize(
    ("ends", "words"),
    [
        ((0.0, 1.0), ("0.0", "0.2", "0.4", "0.6", "0.8", "1.0")),
        ((0.7, 0.8), ("0.70", "0.72", "0.74", "0.76", "0.78", "0.80")),
        ((1e-6, 9e-6), ("2e-06", "4e-06", "6e-06", "8e-06")),
        ((1e-12, 9e-12), ("2e-12", "4e-12", "6e-12", "8e-12")),
        ((1e6, 5e6), ("1e+06", "2e+06", "3e+06", "4e+06", "5e+06")),
        ((-2e6, 0.0), ("−2e+06", "−1.5e+06", "−1e+06", "−5e+05", "0")),
        ((0.0, 40000.0), ("0", "10000", "20000", "30000", "40000")),
    ],
)
def test_a_ticks_word_tells_what_it_is(ends: tuple[float, float], words: tuple[str, ...]) -> None:
    ticks = axis_ticks(*ends, most=6)
    assert tick_words(ticks) == words
    assert [float(word.replace("−", "-")) for word in words] == pytest.approx(ticks)


def test_ticks_of_powers_do_not_overprint() -> None:
    ticks = range_axis(1e-12, 0.1, "x", log=True).ticks
    assert [word for _, word in ticks] == ["1e-12", "1e-10", "1e-08", "1e-06", "0.0001", "0.01"]


def test_words_of_large_scores_stay_in_the_panel() -> None:
    panel = Panel("p", "", "", linear_axis([0, 1], "x"), linear_axis([1e6, 5e6], "score"))
    (left,) = {
        float(x) for x in re.findall(r'<text class="tick" x="([\d.]+)" y="[\d.]+" text-anchor="end">\de', panel.svg())
    }
    assert left > 14 + 5 * 6
    assert Panel("p", "", "", linear_axis([0, 1], "x"), linear_axis([0.6, 0.7], "score")).left <= 56


def test_ticks_of_a_range_without_width() -> None:
    assert axis_ticks(0.4, 0.4) == (0.4,)
