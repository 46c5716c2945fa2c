"""`--time` and `--until` as typed."""

from __future__ import annotations

import pytest

from tune_polar.api.stopping_words import Extent, seconds_of
from tune_polar.errors import SearchError, SpecError


@pytest.mark.parametrize(
    ("text", "seconds"), [("2h", 7200), ("30m", 1800), ("90s", 90), ("1h30m", 5400), ("1h1s", 3601)]
)
def test_durations(text: str, seconds: int) -> None:
    assert seconds_of(text) == seconds


@pytest.mark.parametrize("text", ["", "0s", "0h0m", "2", "h", "-1h", "1.5h", "30m1h", "1h 30m", "2 h", "1d", "٣h"])
def test_what_is_no_duration_is_refused(text: str) -> None:
    with pytest.raises(SpecError, match="--time must be hours, minutes and seconds above 0"):
        seconds_of(text)


@pytest.mark.parametrize("seconds", [0, -1.0, float("inf"), float("nan")])
def test_nor_is_a_number_of_seconds_that_is_none(seconds: float) -> None:
    with pytest.raises(SpecError, match="--time must be hours, minutes and seconds above 0"):
        seconds_of(seconds)
    assert seconds_of(90) == 90.0


def test_limits_of_the_words() -> None:
    both = Extent(5, "1m", "converged").limits()
    assert (both.seconds, both.until_converged, both.trials_given) == (60.0, True, True)
    assert not Extent(time="1m").limits().trials_given
    with pytest.raises(SpecError, match="--until must be `converged`, got 'done'"):
        Extent(until="done").limits()
    with pytest.raises(SpecError, match="--racing must be one of none, "):
        Extent(racing="lottery").rule()


def test_an_ablation_cannot_converge() -> None:
    Extent(3, until="converged", racing="model").check_for_kind("search")
    Extent(time="1h", racing="none").check_for_kind("ablation")
    with pytest.raises(SearchError, match="must go with a search of a space, got an ablation"):
        Extent(until="converged").check_for_kind("ablation")
    with pytest.raises(SearchError, match="--trials must go with a search of a space"):
        Extent(3).check_for_kind("ablation")
    with pytest.raises(SearchError, match="--racing model must go with a search of a space"):
        Extent(racing="model").check_for_kind("ablation")
