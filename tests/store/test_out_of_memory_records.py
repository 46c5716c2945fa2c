"""What records of folds that ran out of memory say: when to try again, and below what."""

from __future__ import annotations

import pytest

from tune_polar.store.record import (
    MAX_LOSSES,
    OUT_OF_MEMORY,
    WORKER_LOST,
    FailureRecord,
    FoldRecord,
    MemoryUse,
    Provenance,
    StageName,
    given_up,
    tried_memory,
)

ABOUT = Provenance("here", 1, "cuda", "2026-01-02T03:04:05+00:00", {})


def failure(
    attempt: int,
    kind: str = OUT_OF_MEMORY,
    *,
    rows: int | None = None,
    recompute: bool = False,
    last: bool = False,
    stage: StageName = "detector",
    fold: int = 0,
) -> FailureRecord:
    used = None if rows is None else MemoryUse(16, rows, recompute, is_last=last)
    reached = None if rows is None else (stage, 3)
    return FailureRecord("c" * 12, fold, 42, attempt, kind, "so it goes", "Traceback", ABOUT, reached, used)


def test_only_the_smallest_parts_are_final() -> None:
    failures = [failure(0, rows=16), failure(1, rows=8), failure(2, rows=4)]
    assert given_up(failures) is None
    final = failure(3, rows=1, recompute=True, last=True)
    assert given_up([*failures, final]) is final


def test_before_a_stage_began_it_counts_as_a_lost_worker() -> None:
    failures = [failure(attempt) for attempt in range(MAX_LOSSES)]
    assert given_up(failures[:-1]) is None
    assert given_up(failures) is failures[-1]


def test_lost_workers_between_are_counted_by_themselves() -> None:
    failures = [failure(0, WORKER_LOST), failure(1, rows=16), failure(2, WORKER_LOST), failure(3, rows=8)]
    assert given_up(failures) is None
    assert given_up([*failures, failure(4, WORKER_LOST)]) is not None


def test_the_next_attempt_goes_below_the_most_sparing_way_of_each_stage() -> None:
    found = tried_memory(
        [
            failure(1, rows=4, fold=1),
            failure(0, rows=16),
            failure(0, rows=8, stage="classifier"),
            failure(2, WORKER_LOST),
            failure(3),
        ]
    )
    assert {stage: used.micro_rows for stage, used in found.items()} == {"detector": 4, "classifier": 8}
    recomputing = tried_memory([failure(0, rows=1), failure(1, rows=16, recompute=True)])["detector"]
    assert (recomputing.micro_rows, recomputing.recompute) == (16, True)


def test_records_come_back_as_they_were_and_older_ones_can_be_read() -> None:
    record = failure(2, rows=4)
    assert FailureRecord.from_json(record.to_json()) == record
    older = record.to_json()
    del older["memory"]
    assert FailureRecord.from_json(older).memory is None
    fold = FoldRecord("c" * 12, 0, 42, "d", None, (), {}, 1.0, ABOUT, {"detector": MemoryUse(16, 4, False)})
    assert FoldRecord.from_json(fold.to_json()) == fold
    of_before = fold.to_json()
    del of_before["memory"]
    assert FoldRecord.from_json(of_before).memory == {}


@pytest.mark.parametrize(
    ("used", "said"),
    [
        (MemoryUse(24, 24, False), "batch 24 at once"),
        (MemoryUse(24, 12, False), "batch 24 in parts of 12"),
        (MemoryUse(24, 3, True), "batch 24 in parts of 3, with gradient checkpointing"),
    ],
)
def test_a_plan_in_words(used: MemoryUse, said: str) -> None:
    assert str(used) == said
    assert used.is_plain == (said == "batch 24 at once")
