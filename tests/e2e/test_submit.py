"""From a search of real texts to the file that their competition wants: the right ids, columns and order, or none."""

from __future__ import annotations

import csv
import zipfile
from pathlib import Path

import pytest

from tests.e2e.conftest import QUICK, Command

pytestmark = [pytest.mark.e2e, pytest.mark.shared]
MEMBER = "subtask_3/pred_zho.csv"


def rows_of(path: Path) -> list[list[str]]:
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.reader(file))


def write(path: Path, rows: list[list[str]]) -> str:
    with path.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows(rows)
    return str(path)


def test_a_search_of_polar_ends_in_its_submission(command: Command, shared_dir: Path, tmp_path: Path) -> None:
    polar, store, zipped = shared_dir / "data/polar", tmp_path / "store", tmp_path / "submission.zip"
    command("search", "st3", "--data", str(polar), "--language", "zho", "--store", str(store), *QUICK, seconds=600)
    header, *texts = rows_of(polar / "dev/zho.csv")
    bare = write(tmp_path / "test.csv", [row[:2] for row in (header, *texts)])  # a test file has no labels

    said = command("submit", str(store), bare, "-o", str(zipped)).stdout
    assert said == f"{zipped}: {MEMBER}, {len(texts)} rows\n"
    with zipfile.ZipFile(zipped) as archive:
        assert archive.namelist() == [MEMBER]
        told, *rows = list(csv.reader(archive.read(MEMBER).decode().splitlines()))
    first = header.index("stereotype")
    assert told == ["id", *header[first : first + 6]]
    assert [row[0] for row in rows] == [row[0] for row in texts]
    assert {cell for row in rows for cell in row[1:]} <= {"0", "1"}

    predicted = tmp_path / "predicted.csv"
    command("predict", str(store), bare, "-o", str(predicted))
    columns, *answers = rows_of(predicted)
    places = [columns.index(f"system.{name}") for name in told[1:]]
    assert [[row[0], *(row[place] for place in places)] for row in answers] == rows

    model, again = tmp_path / "model", tmp_path / "again.zip"
    command("export", str(store), "--model", str(model))
    refused = command("submit", str(model), bare, "-o", str(again), code=2).stderr
    assert "in a section `submission`, got none" in refused, "a model's folder has no recipe"
    command("submit", str(model), bare, "-o", str(again), "--recipe", "st3", "--language", "zho")
    assert again.read_bytes() == zipped.read_bytes()

    one, other = texts[3][0], texts[5][0]
    cases = {
        "repeated": ([header[:2], *(row[:2] for row in texts), texts[3][:2]], None, f"are repeated: '{one}'"),
        "missing": ([header[:2], *(row[:2] for row in texts if row[0] != one)], [*texts], f"are missing: '{one}'"),
        "extra": (
            [header[:2], *(row[:2] for row in texts)],
            [r for r in texts if r[0] != other],
            f"are extra: '{other}'",
        ),
    }
    for name, (given, wanted, error) in cases.items():
        file, out = write(tmp_path / f"{name}.csv", given), tmp_path / f"{name}.zip"
        ids = [] if wanted is None else ["--ids", write(tmp_path / "ids.csv", [["id"], *([row[0]] for row in wanted)])]
        refused = command("submit", str(store), file, "-o", str(out), *ids, code=2).stderr
        assert error in refused
        assert not out.exists()

    own = tmp_path / "own.yaml"
    own.write_text("recipe: own\nextends: st3\nsubmission: null\n")
    refused = command("submit", str(store), bare, "-o", str(zipped), "--recipe", str(own), code=2).stderr
    assert "must say what the competition wants in a section `submission`, got none" in refused
    assert "member: pred_{language}.csv" in refused
    form = "{member: mine.tsv, format: tsv, columns: [vilification]}"
    own.write_text(f"recipe: own\nextends: {store}/winner.yaml\nsubmission: {form}\n")
    command("submit", str(store), bare, "-o", str(zipped), "--recipe", str(own))
    with zipfile.ZipFile(zipped) as archive:
        lines = archive.read("mine.tsv").decode().splitlines()
    assert lines[:1] == ["id\tvilification"]
    assert [line.split("\t")[1] for line in lines[1:]] == [row[told.index("vilification")] for row in rows]
    for words, error in (
        (["--recipe", "no-such"], "no-such"),
        (["--recipe", "st1"], "submission.columns must name columns that are decided, of"),
        (["--language", "../x"], "language must make a name of a file"),
        (["--id", "none"], "the file must have the column 'none'"),
        (["--ids", str(tmp_path / "none.csv")], "none.csv"),
        (["--text", "none"], "the file must have the column 'none'"),
        (["--device", "tpu"], "--device must be"),
    ):
        assert error in command("submit", str(store), bare, "-o", str(tmp_path / "y.zip"), *words, code=2).stderr
    assert "must be a table with ids" in command("submit", str(store), "-", "-o", "y.zip", code=2).stderr
    assert not (tmp_path / "y.zip").exists()
