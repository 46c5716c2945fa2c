from __future__ import annotations

import pytest

from tune_polar.data.column_request import ColumnSpec, column_specs
from tune_polar.data.layout import Layout
from tune_polar.errors import DataError


def test_specs_come_in_the_order_of_a_recipe() -> None:
    specs = column_specs(
        labels=["hate"],
        classes={"topic": ["news", "sport"]},
        numbers={"warmth": [1, 5]},
        groups=["language"],
        texts={"positive": {"column": "implied", "otherwise": "augmented"}, "reply": "answer"},
        strata=["insult", "hate", "language"],
        told_apart_by=["author", "language"],
        given_by="split",
    )

    assert specs == (
        ColumnSpec("hate", "label"),
        ColumnSpec("insult", "label"),
        ColumnSpec("topic", "class", names=("news", "sport")),
        ColumnSpec("warmth", "number", low=1.0, high=5.0),
        ColumnSpec("language", "group"),
        ColumnSpec("positive", "text", column="implied", otherwise="augmented"),
        ColumnSpec("reply", "text", column="answer"),
        ColumnSpec("author", "group", of_folds=True),
        ColumnSpec("split", "group", optional=True, of_folds=True),
    )


@pytest.mark.parametrize(
    "declared",
    [
        {"labels": ["a"], "groups": ["a"]},
        {"labels": ["a", "a"]},
        {"labels": ["text"]},
        {"groups": ["id"]},
        {"texts": {"source_id": "x"}},
        {"told_apart_by": ["author", "id"]},
        {"strata": ["text"]},
    ],
)
def test_refuses_names_that_are_taken(declared: dict[str, object]) -> None:
    with pytest.raises(DataError, match="a column must be declared once and not be called text, id or source_id"):
        column_specs(**declared)  # type: ignore[arg-type]


def test_refuses_a_name_that_nothing_reads() -> None:
    layout = Layout(column_specs(labels=["polarization"]), {"polarisation": "hateful"})

    with pytest.raises(
        DataError, match=r"one of text, id, polarization, source_id, alone or .*, got 'polarisation'; did you"
    ):
        layout.check_names([])
    Layout(column_specs(texts={"positive": {"column": "a", "otherwise": "b"}}), {"a": "x", "dev.b": "y"}).check_names(
        ["dev"]
    )


@pytest.mark.parametrize(
    ("asked", "header", "own_name", "found"),
    [
        (None, ["hate"], False, ("hate", None)),
        (None, ["hat"], False, None),
        ("class", ["class", "hate"], False, ("class", None)),
        ("class", ["hate"], False, None),
        ("class", ["hate"], True, ("hate", None)),
        ("class=yes", ["class"], False, ("class", "yes")),
        ("a=b=yes", ["a=b"], False, ("a=b", "yes")),
        ("class=yes", ["class=yes", "class"], False, ("class=yes", None)),
        ("class=", ["class"], False, ("class", "")),
    ],
)
def test_finds_a_column(asked: str | None, header: list[str], own_name: bool, found: object) -> None:
    layout = Layout((ColumnSpec("hate", "label"),), {} if asked is None else {"hate": asked})

    assert layout.find("hate", header, own_name=own_name) == found
    assert found is None or found[0] in layout.all_candidates()  # type: ignore[index]
