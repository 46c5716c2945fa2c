from __future__ import annotations

import itertools

import numpy as np
import pytest

from tests.data.plan_bench import corpus_of
from tune_polar.data.columns import class_column, group_column, number_column
from tune_polar.data.labels import POLARIZATION, PROXY_PRIORITY
from tune_polar.data.strata import balance_codes, stratum_of
from tune_polar.errors import DataError


def test_agrees_with_a_plain_loop_on_every_combination() -> None:
    combinations = list(itertools.product([0, 1], repeat=6))
    names = (POLARIZATION, *PROXY_PRIORITY)
    split = corpus_of(dict(zip(names, zip(*combinations, strict=True), strict=True))).train
    expected = []
    for polarized, *types in combinations:
        first = next((place + 1 for place, value in enumerate(types) if value), 5)
        expected.append(first if polarized else 0)

    np.testing.assert_array_equal(stratum_of(split, target=POLARIZATION, strata=PROXY_PRIORITY), expected)


SPLIT = corpus_of(
    {
        "hate": [0, 1, 1, 1, 1],
        "insult": [1, 1, 0, 0, 1],
        "topic": class_column(["a", "b", "b", "c", "c"], ["a", "b", "c"]),
        "language": group_column(["x", "y", "x", "", "x"]),
        "warmth": number_column([1, 2, 3, 4, 5]),
    }
).train


@pytest.mark.parametrize(
    ("strata", "expected"),
    [
        ([], [0, 1, 1, 1, 1]),
        (["topic"], [0, 1, 1, 2, 2]),
        (["language"], [0, 3, 2, 1, 2]),
        (["topic", "insult"], [0, 2, 1, 3, 4]),
    ],
)
def test_strata_of_other_kinds_are_combinations_that_occur(strata: list[str], expected: list[int]) -> None:
    assert stratum_of(SPLIT, target="hate", strata=strata).tolist() == expected


def test_balance_codes_are_of_strata_classes_or_groups() -> None:
    assert balance_codes(SPLIT, "strata", targets=["hate"], strata=["topic"]).tolist() == [0, 1, 1, 2, 2]
    assert balance_codes(SPLIT, "classes", targets=["topic"]).tolist() == [0, 1, 1, 2, 2]
    assert balance_codes(SPLIT, "language", targets=["hate", "insult"]).tolist() == [0, 1, 0, -1, 0]


@pytest.mark.parametrize(
    ("ask", "message"),
    [
        (lambda: stratum_of(SPLIT, target="topic"), "within a 0/1 target, got the target 'topic', a class"),
        (lambda: stratum_of(SPLIT, target="hate", strata=["warmth"]), "{'warmth': 'number'}"),
        (lambda: stratum_of(SPLIT, target="hate", strata=["absent"]), r"missing \['absent'\]"),
        (lambda: balance_codes(SPLIT, "classes", targets=["hate", "insult"]), "by classes must have a single target"),
        (
            lambda: balance_codes(SPLIT, "warmth", targets=["hate"]),
            "by labels, classes or groups, got 'warmth', a number",
        ),
    ],
)
def test_refuses_what_cannot_be_balanced(ask, message: str) -> None:
    with pytest.raises(DataError, match=message):
        ask()
