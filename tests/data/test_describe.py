from __future__ import annotations

import numpy as np
import pytest

from tune_polar.data.corpus import Corpus, Split
from tune_polar.data.describe import describe


def test_shares_are_of_all_rows_or_of_the_polarized() -> None:
    labels = {"polarization": np.array([1, 1, 0, 0]), "other": np.array([1, 0, 0, 0])}
    train = Split("train", tuple("abcd"), ("x", "xx", "xxx", "xxxx"), labels)
    corpus = Corpus("made", {"train": train, "test": Split("test", ("e",), ("y",), {})})

    (_, first), (name, last) = describe(corpus)

    assert first["shares"] == {"polarization": 0.5, "other": 0.5}
    assert first["mean_characters"] == pytest.approx(2.5)
    assert (name, last) == (
        "test",
        {"rows": 1, "mean_characters": 1.0, "longest_characters": 1, "shares": {}},
    )
