"""How many slots are used, for GPUs of every kind of throughput."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import pytest

from tune_polar.search.resources.fair_sharing import GAIN, FairShare, Watched

CURVES = {
    "each slot adds as much": [1, 2, 3, 4, 5, 6, 7, 8],
    "two are slower than one after the other": [1, 0.9, 0.8, 0.7],
    "two as fast as one": [1, 1.01],
    "two as one, four as two": [1, 1.0, 1.0, 1.0],
    "flat from three on": [1, 1.8, 2.4, 2.42, 2.43, 2.43, 2.43, 2.43, 2.43, 2.43],
    "a peak in the middle": [1, 1.6, 2.0, 1.9, 1.5, 1.2, 1.0, 0.8],
    "a peak beyond the half": [1, 1.5, 1.9, 2.3, 2.5, 2.2, 1.9, 1.6],
    "one slot": [1],
}
BEST = [8, 1, 1, 1, 3, 3, 5, 1]


def settle(curve: Sequence[float], share: FairShare, kinds: Sequence[str] = ("first",)) -> list[int]:
    """Run on a GPU that gets ``curve[n - 1]`` done with n slots; the numbers of slots used, in order."""
    used = [share.slots]
    for kind in itertools.islice(itertools.cycle(kinds), 2000):
        if share.settled:
            break
        pace = curve[share.slots - 1] / share.slots * (1.0 if kind == "first" else 5.0)
        share.trained(kind, 1000, 1000 / pace / 100, share.slots)
        if used[-1] != share.slots:
            used.append(share.slots)
    return used


@pytest.mark.parametrize(("name", "best"), list(zip(CURVES, BEST, strict=True)))
@pytest.mark.parametrize("kinds", [("first",), ("first", "second", "second")], ids=["one kind", "two"])
def test_no_more_slots_than_raise_throughput(name: str, best: int, kinds: Sequence[str]) -> None:
    curve = CURVES[name]
    share = FairShare(len(curve), enough_seconds=100.0)
    used = settle(curve, share, kinds)
    assert share.settled
    assert share.slots == best
    assert used[0] == len(curve), "all slots first"
    assert len(used) <= 7
    highest = max(curve)
    assert curve[best - 1] >= highest * (1 - 2 * GAIN)


def test_all_slots_of_one_are_never_doubted() -> None:
    assert FairShare(1).settled


def test_unlike_work_is_not_compared() -> None:
    share = FairShare(2, enough_seconds=10.0)
    share.trained("first", 100, 20.0, 2)
    assert share.slots == 1
    share.trained("second", 5000, 20.0, 1)  # of a faster kind: says nothing about two slots
    assert (share.slots, share.settled) == (1, False)
    share.trained("first", 60, 10.0, 1)
    assert (share.slots, share.settled) == (2, True), "6 steps a second by one, 10 by two at 5 each"


def test_stretches_under_another_number_of_slots_do_not_count() -> None:
    share = FairShare(4, enough_seconds=1.0)
    share.trained("first", 100, 100.0, 3)
    assert share.slots == 4


def test_progress_becomes_stretches_of_one_mixture() -> None:
    now = 0.0
    watched = Watched(FairShare(2, enough_seconds=10.0), gpus=2, clock=lambda: now)
    assert watched.slots(4) == 4
    watched.changed(4)
    for second in range(30):
        now = float(second)
        for trial in "abcd":
            watched.progressed(trial, "first", 10 * second)
    assert watched.slots(4) == 2, "one slot on each of two GPUs is tried now"
    watched.changed(3)  # one has ended: the others run on unevenly, which says nothing
    now = 100.0
    watched.progressed("a", "first", 5000)
    now = 200.0
    watched.progressed("a", "first", 9000)
    assert watched.share.slots == 1
    assert not watched.share.settled
    watched.changed(2)
    for second in range(30):
        now = 300.0 + second
        for trial in "ab":
            watched.progressed(trial, "first", 9000 + 30 * second)
    assert watched.share.settled
    assert watched.slots(4) == 2
