"""What records of folds that did not finish say: when to try again, and below what."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tune_polar.store.failures import (
    MAX_LOSSES,
    OUT_OF_MEMORY,
    WORKER_LOST,
    FailureRecord,
    Reached,
    given_up,
    tried_evaluations,
    tried_memory,
)
from tune_polar.store.training_facts import MemoryUse, Provenance

ABOUT = Provenance("here", 1, "cuda", "2026-01-02T03:04:05+00:00", {})


def failure(
    attempt: int,
    kind: str = OUT_OF_MEMORY,
    *,
    rows: int | None = None,
    recompute: bool = False,
    last: bool = False,
    reached: Reached | None = None,
) -> FailureRecord:
    used = None if rows is None else MemoryUse(16, rows, recompute, is_last=last)
    place = Reached("first", 0, 3) if rows is not None and reached is None else reached
    return FailureRecord("c" * 12, 0, 42, attempt, kind, "so it goes", "Traceback", ABOUT, place, used)


def lost(attempt: int, *reached: object) -> FailureRecord:
    return failure(attempt, WORKER_LOST, reached=Reached(*reached) if reached else None)  # type: ignore[arg-type]


def test_only_the_smallest_parts_are_final() -> None:
    failures = [failure(0, rows=16), failure(1, rows=8), failure(2, rows=4)]
    assert given_up(failures) is None
    final = failure(3, rows=1, recompute=True, last=True)
    assert given_up([*failures, final]) is final


def test_an_error_of_the_trial_is_final() -> None:
    error = failure(1, "ValueError")
    assert given_up([lost(0), error]) is error
    assert error.first_line == "ValueError: so it goes"


def test_before_a_stage_began_running_out_counts_as_a_lost_worker() -> None:
    failures = [failure(attempt) for attempt in range(MAX_LOSSES)]
    assert given_up(failures[:-1]) is None
    assert given_up(failures) is failures[-1]


def test_lost_workers_between_are_counted_by_themselves() -> None:
    failures = [lost(0), failure(1, rows=16), lost(2), failure(3, rows=8)]
    assert given_up(failures) is None
    assert given_up([*failures, lost(4)]) is not None


@pytest.mark.parametrize(
    ("places", "is_given_up"),
    [
        ([("first", 0, 5), ("first", 0, 5), ("first", 0, 5)], True),
        ([("first", 0, 5), ("first", 0, 6), ("first", 0, 7)], False),
        ([("first", 0, 900), ("second", 1, 1), ("second", 1, 1)], False),
        ([("first", 0, 900), ("second", 1, 1), ("second", 1, 1), ("second", 1, 0)], True),
        ([("third", 2, 1), ("first", 0, 9), ("second", 1, 9)], True),
    ],
)
def test_a_worker_that_gets_further_is_tried_again(places: list[tuple[str, int, int]], is_given_up: bool) -> None:
    failures = [lost(attempt, *place) for attempt, place in enumerate(places)]
    assert (given_up(failures) is not None) == is_given_up
    assert (given_up(failures[::-1]) is not None) == is_given_up, "in the order of attempts"


def test_the_next_attempt_goes_below_the_most_sparing_way_of_each_stage() -> None:
    found = tried_memory(
        [
            failure(1, rows=4),
            failure(0, rows=16),
            failure(2, rows=8),
            failure(0, rows=16, recompute=True, reached=Reached("second", 1, 0)),
            failure(3, rows=2, reached=Reached("second", 1, 0)),
            failure(4),
            lost(5, "first", 0, 1),
        ]
    )
    assert {stage: (used.micro_rows, used.recompute) for stage, used in found.items()} == {
        "first": (4, False),
        "second": (16, True),
    }


def test_failures_come_back() -> None:
    for each in (failure(0, rows=4), lost(1), lost(2, "first", 0, 7)):
        assert FailureRecord.from_json(each.to_json()) == each


@pytest.mark.parametrize(
    "changed",
    [
        {"attempt": -1},
        {"fold": "0"},
        {"reached": ["first", 0, 1]},
        {"reached": {"stage": "first", "number": 0}},
        {"reached": {"stage": 1, "number": 0, "step": 1}},
        {"memory": {"batch_rows": 16}},
        {"kind": None},
    ],
)
def test_failures_of_another_kind_are_refused(changed: dict[str, object]) -> None:
    with pytest.raises(ValueError, match="validation error"):
        FailureRecord.from_json({**lost(0).to_json(), **changed})


def test_an_evaluation_that_ran_out_of_memory_is_told_apart_from_a_step() -> None:
    plain = failure(0, rows=1, recompute=True, last=True)
    many, few, one = (replace(plain, evaluation_rows=rows) for rows in (64, 2, 1))
    assert [each.is_final for each in (many, few, one)] == [False, False, True]
    assert tried_memory([many, few]) == {}
    assert tried_evaluations([few, many]) == {"first": 2}
    assert FailureRecord.from_json(few.to_json()) == few
