"""Settings by group, of texts whose groups were there when they were chosen, and of others."""

from __future__ import annotations

import io
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from tests.serve.test_model_folder import CPU, composition_of, encoder_at, loads, shape_of
from tune_polar.api.model_words import ModelWords
from tune_polar.api.predicting import Collected, predict, text_columns
from tune_polar.api.python_words import in_python
from tune_polar.data.new_texts import NewTexts, TextColumns, new_texts
from tune_polar.errors import DataError
from tune_polar.recipe.submission import Submission
from tune_polar.serve.fold_models import Model
from tune_polar.serve.model_folder import write_model_folder
from tune_polar.serve.predict import predict_all
from tune_polar.serve.submit import Grouping, answer, empty_file
from tune_polar.serve.unknown_groups import UnknownGroups

SETTINGS = {"model": {"pooled": {"at": {"rude": 0.0}}, "groups": {"eng": {"at": {"rude": "never"}}}}}
SHAPE = shape_of("binary", ("rude",))
COMPOSITION = replace(
    composition_of(SHAPE, cells=2),
    steps={"model": {"type": "threshold", "of": "model", "per": "language"}},
    settings=SETTINGS,
)
GROUPS = ("eng", "zho", "", "eng", "new")


def grouped(folder: Path) -> Model:
    COMPOSITION.check()
    return Model(COMPOSITION, loads(encoder_at(folder), SHAPE), CPU)


@pytest.fixture(scope="module")
def words(tmp_path_factory: pytest.TempPathFactory) -> ModelWords:
    place = tmp_path_factory.mktemp("grouped")
    write_model_folder(place / "model", COMPOSITION, loads(encoder_at(place / "encoder"), SHAPE), [], {})
    return ModelWords(str(place / "model"))


def predicted(words: ModelWords, texts: Any, say: Callable[[str], None] = lambda _: None) -> list[int]:
    table = predict(words, texts, lambda about: text_columns(about, None, None, {}), "cpu", None, say)
    found: list[int] = table["rude"].tolist()
    return found


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


def test_a_submission_is_told_of_them_too(tmp_path: Path) -> None:
    model, said = grouped(tmp_path / "encoder"), list[str]()
    path = tmp_path / "a.csv"
    path.write_text("id,text,language,author\n1,天,eng\u200b ,a\n2,地,new,b\n3,人,eng,c\n", encoding="utf-8")
    form, columns = Submission(member="pred_{language}.csv"), TextColumns(groups={"language": "language"})
    grouping = Grouping("language", None)
    file = empty_file(form, model.composition, grouping)
    answer(model, file, new_texts([str(path)], columns, 2), grouping, said.append)
    assert file.write(tmp_path / "s.zip", None) == {"pred_eng.csv": 2, "pred_new.csv": 1}
    assert said == [
        "language 'new': no settings were chosen for it; decided by those chosen on all rows together.",
    ]


def test_a_group_is_what_a_reader_sees_as_in_the_search(words: ModelWords, tmp_path: Path) -> None:
    cells, said = ["eng", " eng", "e\u200bng"], list[str]()
    frame = pd.DataFrame({"text": ["天", "地", "人"], "language": cells})
    frame.to_csv(tmp_path / "a.csv", index=False)
    for texts in (frame, str(tmp_path / "a.csv")):
        assert predicted(words, texts, said.append) == [0, 0, 0]
    assert said == []


def test_texts_without_columns_are_decided_by_what_was_chosen_on_all(
    words: ModelWords, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "new.txt").write_text("天\n地\n", encoding="utf-8")
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO("天\n地\n".encode())))
    frame = pd.DataFrame({"text": ["天", "地"], "language": [None, ""]})
    for texts in (["天", "地"], pd.Series(["天", "地"]), str(tmp_path / "new.txt"), "-", frame):
        said: list[str] = []
        assert predicted(words, texts, said.append) == [1, 1]
        assert said == ["texts without language are decided by the settings chosen on all rows together."]


def test_new_groups_are_told_after_rows_without_any() -> None:
    said: list[str] = []
    told = UnknownGroups(COMPOSITION, said.append)
    for group in ("", "eng", "", "new", "other"):
        told.look_at(NewTexts("a.csv", ("1",), ("天",), {"language": (group,)}))
    assert [sentence.partition(":")[0] for sentence in said] == [
        "texts without language are decided by the settings chosen on all rows together.",
        "language 'new'",
    ]


def test_a_table_without_the_groups_is_told_how_to_name_them(words: ModelWords, tmp_path: Path) -> None:
    frame = pd.DataFrame({"text": ["天"], "lg": ["eng"]})
    frame.to_csv(tmp_path / "new.csv", index=False)
    for texts in (frame, str(tmp_path / "new.csv")):
        with pytest.raises(DataError, match=r"must have the column 'language', got \['text', 'lg'\]") as told:
            predicted(words, texts)
        assert told.value.remedy.startswith("`--column language=COLUMN` names the column with each row's language.")
        assert in_python(told.value.remedy, {"columns"}).startswith("`columns={'language': 'COLUMN'}` names the column")
        named = predict(
            words, texts, lambda about: text_columns(about, None, None, {"language": "lg"}), "cpu", None, print
        )
        assert named["rude"].tolist() == [0]


def test_a_text_without_its_group_is_refused(tmp_path: Path) -> None:
    model = grouped(tmp_path / "encoder")
    for groups in (None, {}, {"language": ("eng",)}):
        with pytest.raises(DataError, match="every text must come with its language"):
            model.predict(["天", "人"], groups)
