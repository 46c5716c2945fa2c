"""`--time` and `--until` as typed."""

from __future__ import annotations

import pytest

from tune_polar.cli.stopping import check_for_kind, limits, seconds_of
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


def test_limits_of_the_words() -> None:
    both = limits("1m", "converged", 5)
    assert (both.seconds, both.until_converged, both.trials_given) == (60.0, True, True)
    assert not limits("1m", None, None).trials_given
    with pytest.raises(SpecError, match="--until must be `converged`, got 'done'"):
        limits(None, "done", None)


def test_an_ablation_cannot_converge() -> None:
    check_for_kind(limits(None, "converged", None), "search")
    check_for_kind(limits("1h", None, None), "ablation")
    with pytest.raises(SearchError, match="must go with a search of a space, got an ablation"):
        check_for_kind(limits(None, "converged", None), "ablation")
    with pytest.raises(SearchError, match="--trials must go with a search of a space"):
        check_for_kind(limits(None, None, 3), "ablation")
