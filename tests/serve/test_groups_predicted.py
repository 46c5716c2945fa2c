"""Settings by group, of texts whose groups were there when they were chosen, and of others."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from tests.cli.conftest import Ran
from tests.cli.conftest import run as run  # a fixture
from tests.serve.test_model_folder import CPU, composition_of, encoder_at, loads, shape_of
from tune_polar.api.model_words import ModelWords
from tune_polar.api.predicting import Collected, predict, text_columns
from tune_polar.api.python_words import in_python
from tune_polar.data.new_texts import NewTexts, TextColumns, new_texts
from tune_polar.errors import DataError, SpecError
from tune_polar.recipe.submission import Submission
from tune_polar.serve.composition import Composition
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
Run = Callable[..., Ran]
GROUPS = ("eng", "zho", "", "eng", "new")


def going_by(*columns: str) -> Composition:
    """Decisions each by one of the columns."""
    steps = {f"by_{name}": {"type": "threshold", "of": "model", "per": name} for name in columns}
    if len(columns) == 2:
        steps["both"] = {"type": "gate", "of": f"by_{columns[0]}", "by": f"by_{columns[1]}"}
    steps = steps or {"all": {"type": "threshold", "of": "model"}}
    return replace(COMPOSITION, steps=steps, settings={}, score=list(steps)[-1])


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


BARE = "id,text\n{0}1,天\n{0}2,地\n"
ON_ALL, OF_ENG = ["1", "1"], ["0", "0"]


class RefusedError(Exception):
    """What a command says that ends with 2."""


def files_of(folder: Path, *names: str, text: str = BARE) -> list[str]:
    for name in names:
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text(text.format(name[0]), encoding="utf-8")
    return [str(folder / name) for name in names]


@pytest.fixture
def submit(run: Run, words: ModelWords, tmp_path: Path) -> Callable[..., dict[str, list[str]]]:
    """What is handed in: of each member the cells that were decided."""
    recipe, output = tmp_path / "form.yaml", tmp_path / "handed-in.zip"
    recipe.write_text(
        "recipe: form\ndata: {labels: [rude], groups: [language]}\n"
        "stages: {model: {task: {type: binary, target: rude}}}\nsubmission: pred_{language}.csv\n"
    )

    def submitted(*arguments: str) -> dict[str, list[str]]:
        ran = run("submit", words.place, *arguments, "-o", str(output), "--recipe", str(recipe), "--device", "cpu")
        if ran.code:
            raise RefusedError(ran.err)
        with zipfile.ZipFile(output) as archive:
            lines = {name: archive.read(name).decode().splitlines()[1:] for name in archive.namelist()}
        return {name: [line.rpartition(",")[2] for line in rows] for name, rows in lines.items()}

    return submitted


def test_files_without_the_column_are_decided_by_the_word_that_names_them(
    submit: Callable[..., dict[str, list[str]]], tmp_path: Path
) -> None:
    eng, zho = files_of(tmp_path, "eng.csv", "zho.csv")
    assert submit(eng, "--language", "eng") == {"pred_eng.csv": OF_ENG}
    assert submit(eng, "--language", "zho") == {"pred_zho.csv": ON_ALL}
    assert submit(eng, zho) == {"pred_eng.csv": OF_ENG, "pred_zho.csv": ON_ALL}
    with pytest.raises(RefusedError, match="the file must have the column 'lg'"):
        submit(eng, zho, "--column", "language=lg")


def test_files_with_the_column_go_by_it_whatever_word_names_them(
    submit: Callable[..., dict[str, list[str]]], tmp_path: Path
) -> None:
    (own,) = files_of(tmp_path, "zho.csv", text="id,text,language\n1,天,eng\n2,地,new\n")
    (bare,) = files_of(tmp_path, "eng.csv")
    assert submit(own) == {"pred_eng.csv": ["0"], "pred_new.csv": ["1"]}
    assert submit(own, "--language", "deu") == {"pred_deu.csv": ["0", "1"]}
    assert submit(own, bare) == {"pred_zho.csv": ["0", "1"], "pred_eng.csv": OF_ENG}


@pytest.mark.parametrize("names", [("eng/test.csv", "deu/test.csv"), ("eng.csv", "eng.tsv"), ("eng.csv", "eng.csv")])
def test_files_whose_names_say_the_same_are_not_handed_in_as_one(
    submit: Callable[..., dict[str, list[str]]], tmp_path: Path, names: tuple[str, ...]
) -> None:
    files = files_of(tmp_path, *names)
    with pytest.raises(RefusedError, match=r"names that tell their language apart(.|\n)*--language"):
        submit(*files)
    assert not (tmp_path / "handed-in.zip").exists()


def test_predict_takes_the_language_of_texts_that_lack_it(
    run: Run, words: ModelWords, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (bare,) = files_of(tmp_path, "bare.csv")
    (own,) = files_of(tmp_path, "own.csv", text="id,text,language\n1,天,eng\n2,地,new\n")
    (plain,) = files_of(tmp_path, "plain.txt", text="天\n地\n")
    output = tmp_path / "said.csv"
    for file, word, expected in (
        (bare, "eng", OF_ENG),
        (bare, "zho", ON_ALL),
        (plain, "eng", OF_ENG),
        ("-", "eng", OF_ENG),
        (own, "zho", ["0", "1"]),
    ):
        monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO("天\n地\n".encode())))
        ran = run("predict", words.place, file, "-o", str(output), "--language", word, "--device", "cpu")
        assert ran.code == 0, ran.err
        assert ("no settings were chosen" in ran.err) == (expected != OF_ENG)
        assert pd.read_csv(output, dtype=str)["rude"].tolist() == expected
    ran = run("predict", words.place, bare, "-o", str(output), "--language", " ")
    assert (ran.code, "--language must be a word" in ran.err) == (2, True)


@pytest.mark.parametrize(("groups", "stands_for"), [(("topic",), "topic"), (("topic", "language"), "language")])
def test_the_word_stands_for_the_language_or_the_only_column(groups: tuple[str, ...], stands_for: str) -> None:
    assert text_columns(going_by(*groups), None, None, {}, "eng").words == {stands_for: "eng"}


@pytest.mark.parametrize("groups", [(), ("topic", "place")])
def test_a_word_that_stands_for_no_column_is_refused(groups: tuple[str, ...]) -> None:
    with pytest.raises(SpecError, match="--language must stand for the column that rows are decided by"):
        text_columns(going_by(*groups), None, None, {}, "eng")


def test_files_of_one_name_are_told_apart_by_their_addresses(run: Run, words: ModelWords, tmp_path: Path) -> None:
    alike = files_of(tmp_path, "eng/test.csv", "deu/test.csv", text=BARE.replace("{0}", ""))
    (other,) = files_of(tmp_path, "other.csv", text="id,text\n1,天\n1,地\n")
    output = tmp_path / "said.csv"
    ran = run("predict", words.place, *alike, "-o", str(output), "--language", "eng", "--device", "cpu")
    assert pd.read_csv(output)["file"].tolist() == [alike[0]] * 2 + [alike[1]] * 2
    assert "comes more than once" not in ran.err
    Path(alike[1]).write_text("id,text\n1,天\n1,地\n", encoding="utf-8")
    for files, named in (((*alike, other), alike[1]), ((alike[0], other), "other.csv")):
        ran = run("predict", words.place, *files, "-o", str(output), "--language", "eng", "--device", "cpu")
        assert f"{named}: the id '1' comes more than once" in ran.err
