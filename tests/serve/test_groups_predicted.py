"""Settings by group, of texts whose groups were there when they were chosen, and of others."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from tests.serve.test_model_folder import CPU, composition_of, encoder_at, loads, shape_of
from tune_polar.api.predicting import Collected
from tune_polar.data.new_texts import NewTexts
from tune_polar.errors import DataError
from tune_polar.serve.fold_models import Model
from tune_polar.serve.predict import predict_all

SETTINGS = {"model": {"pooled": {"at": {"rude": 0.0}}, "groups": {"eng": {"at": {"rude": "never"}}}}}
GROUPS = ("eng", "zho", "", "eng", "new")


def grouped(folder: Path) -> Model:
    shape = shape_of("binary", ("rude",))
    about = replace(
        composition_of(shape, cells=2),
        steps={"model": {"type": "threshold", "of": "model", "per": "language"}},
        settings=SETTINGS,
    )
    about.check()
    return Model(about, loads(encoder_at(folder), shape), CPU)


def test_each_group_by_its_own_and_others_by_what_was_chosen_on_all(tmp_path: Path) -> None:
    model, said, found = grouped(tmp_path / "encoder"), list[str](), Collected()
    texts = ("天地 人", "你 我 他", "男女", "天", "人")
    parts = [
        NewTexts("a.csv", tuple(f"{part}{row}" for row in range(5)), texts, {"language": GROUPS}) for part in "xyz"
    ]
    assert list(predict_all(model, parts, found, said.append)) == [5, 10, 15]
    table = found.table()
    assert table["rude"].tolist() == [int(name != "eng") for name in GROUPS] * 3
    (sentence,) = said
    assert sentence.startswith("language '', 'new', 'zho': no settings were chosen")


def test_a_text_without_its_group_is_refused(tmp_path: Path) -> None:
    model = grouped(tmp_path / "encoder")
    for groups in (None, {}, {"language": ("eng",)}):
        with pytest.raises(DataError, match="every text must come with its language"):
            model.predict(["天", "人"], groups)
