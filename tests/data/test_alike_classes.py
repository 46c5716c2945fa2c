"""Classes that are nearly spelt like a much more frequent one are told."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from tune_polar.data.column_request import DataRequest, column_specs
from tune_polar.data.load import load_corpus
from tune_polar.data.plans import alike_classes
from tune_polar.data.source import Source


def said(tmp_path: Path, counts: dict[str, int]) -> list[str]:
    words = [name for name, count in counts.items() for _ in range(count)]
    frame = pd.DataFrame({"id": range(len(words)), "text": [f"text {n}" for n in range(len(words))], "topic": words})
    path = tmp_path / "rows.csv"
    frame.to_csv(path, index=False)
    source = Source(kind="files", files={"train": (str(path),)})
    corpus = load_corpus(source, DataRequest(column_specs(classes={"topic": tuple(counts)})))
    return [finding.message for finding in alike_classes(corpus, ["topic", "topic"])]


@pytest.mark.parametrize(
    ("rare", "common"), [("yess", "yes"), ("neutrl", "neutral"), ("nein.", "nein"), ("hatefull", "hateful")]
)
def test_a_rare_class_that_looks_like_a_common_one_is_told(tmp_path: Path, rare: str, common: str) -> None:
    (message,) = said(tmp_path, {common: 60, "something": 40, rare: 8})
    assert repr(rare) in message
    assert repr(common) in message
    assert "8 rows" in message


@pytest.mark.parametrize(
    "counts",
    [
        {"news": 60, "sport": 5},
        {"yes": 60, "yess": 30},
        {"class1": 60, "class2": 5},
        {"1": 60, "11": 3},
        {"no": 60, "so": 3},
    ],
)
def test_other_classes_are_not(tmp_path: Path, counts: dict[str, int]) -> None:
    assert said(tmp_path, counts) == []
