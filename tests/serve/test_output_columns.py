"""No column of a file of predictions takes the place of another, whatever labels and targets are called."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.serve.test_model_folder import CPU, composition_of, encoder_at, loads, shape_of
from tune_polar.api.predicting import Collected
from tune_polar.data.new_texts import NewTexts
from tune_polar.serve.fold_models import Model
from tune_polar.serve.predict import predict_all

XY = ("model.x.probability", "model.y.probability")


@pytest.mark.parametrize(
    ("gold", "columns", "target", "names"),
    [
        ("binary", ("rude",), "rude", ["rude", "rude.probability"]),
        ("binary", ("file",), "file", ["model.file", "model.file.probability"]),
        ("class", ("x", "y"), "file", ["model.file", *XY]),
        ("class", ("file", "id"), "t", ["t", "file.probability", "id.probability"]),
        ("class", ("x", "y"), "models.agreement", ["model.models.agreement", *XY]),
        ("class", ("x", "y"), "y.probability", ["model.y.probability.decided", *XY]),
        (
            "labels",
            ("a", "a.probability"),
            "",
            [
                "model.a.decided",
                "model.a.probability.decided",
                "model.a.probability",
                "model.a.probability.probability",
            ],
        ),
    ],
)
def test_names_tell_all_columns_apart(
    tmp_path: Path, gold: Any, columns: tuple[str, ...], target: str, names: list[str]
) -> None:
    shape = shape_of(gold, columns, target=target)
    model = Model(composition_of(shape, cells=2), loads(encoder_at(tmp_path / "encoder"), shape), CPU)
    found = Collected()
    list(predict_all(model, [NewTexts("b.csv", ("7", "8"), ("天", "地"))], found, lambda _: None, with_file=True))
    table = found.table()
    assert list(table) == ["id", "file", *names, "models.agreement"]
    assert (table["id"].tolist(), table["file"].tolist()) == (["7", "8"], ["b.csv", "b.csv"])
    assert set(table[names[0]]) <= {0, 1, *columns}
    assert table[names[-1]].between(0, 1, inclusive="neither").all()
