from __future__ import annotations

import itertools

import numpy as np
import pytest

from tune_polar.data.labels import POLARIZATION, PROXY_PRIORITY
from tune_polar.data.proxy import proxy_class
from tune_polar.errors import DataError


def test_agrees_with_a_plain_loop_on_every_combination() -> None:
    combinations = list(itertools.product([0, 1], repeat=6))
    names = (POLARIZATION, *PROXY_PRIORITY)
    labels = {name: np.array(column) for name, column in zip(names, zip(*combinations, strict=True), strict=True)}
    expected = []
    for polarized, *types in combinations:
        first = next((place + 1 for place, value in enumerate(types) if value), 5)
        expected.append(first if polarized else 0)

    np.testing.assert_array_equal(proxy_class(labels), expected)


def test_without_types_it_is_the_target() -> None:
    labels = {"hate": np.array([0, 1, 1])}

    np.testing.assert_array_equal(proxy_class(labels, target="hate", priority=()), [0, 1, 1])


def test_names_the_missing_labels() -> None:
    with pytest.raises(DataError, match=r"missing \['gender/sexual'"):
        proxy_class({POLARIZATION: np.array([1])})
