from __future__ import annotations

import numpy as np
import pytest

from tune_polar.data.columns import (
    Column,
    class_column,
    group_column,
    joined,
    label_column,
    number_column,
    text_column,
)
from tune_polar.errors import DataError


def test_groups_are_coded_in_order_of_the_alphabet_and_may_be_none() -> None:
    column = group_column(["b", "", "a", "b"])

    assert column.names == ("a", "b")
    assert column.values.tolist() == [1, -1, 0, 1]
    assert column.words() == ["b", "", "a", "b"]
    assert column.take(np.array([2, 1])).words() == ["a", ""]


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: label_column([0, 2]), "a label column must hold what its kind allows"),
        (lambda: Column("label", np.array([0.0, 1.0])), "a label column"),
        (lambda: class_column(["x", "z"], ["x", "y"]), "a class column"),
        (lambda: class_column(["x"], ["x", "x"]), "a class column"),
        (lambda: number_column([1.0, float("nan")]), "a number column"),
        (lambda: Column("group", np.array([-2]), ("a",)), "a group column"),
        (lambda: Column("text", np.array([1])), "a text column"),
        (lambda: Column("label", ("0",)), "a label column"),
        (lambda: label_column([1]).words(), "words must be asked of classes, groups and texts, got a label"),
        (lambda: joined([label_column([1]), number_column([1])]), "must be of one kind"),
        (lambda: joined([class_column(["x"], ["x"]), class_column(["x"], ["x", "y"])]), "must be of one kind"),
    ],
)
def test_refuses_what_a_kind_does_not_allow(make, message: str) -> None:
    with pytest.raises(DataError, match=message):
        make()


def test_columns_below_each_other_keep_their_meaning() -> None:
    groups = joined([group_column(["b"]), group_column(["a", "b"])])
    assert (groups.names, groups.words()) == (("a", "b"), ["b", "a", "b"])
    assert joined([text_column(["x"]), text_column(["y"])]).words() == ["x", "y"]
    assert joined([number_column([1]), number_column([2.5])]).values.tolist() == [1.0, 2.5]


def test_bytes_are_of_meanings_and_not_of_codes() -> None:
    assert group_column(["b"]).as_bytes() == group_column(["b"], ["a", "b", "c"]).as_bytes()
    assert group_column(["ab", "c"]).as_bytes() != group_column(["a", "bc"]).as_bytes()
    assert class_column(["b"], ["a", "b"]).as_bytes() != class_column(["b"], ["a", "b", "c"]).as_bytes()
    assert label_column([1]).as_bytes() != number_column([1]).as_bytes()
