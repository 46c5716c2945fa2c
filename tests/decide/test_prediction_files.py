from __future__ import annotations

import gzip
import io
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from tune_polar.decide import prediction_files
from tune_polar.decide.prediction_files import read_predictions
from tune_polar.decide.predictions import align
from tune_polar.errors import DecisionError


@pytest.fixture
def frame() -> pd.DataFrame:
    """Two configurations, two folds of three rows, two dev rows and one test row without gold."""
    rows = []
    for seed in ("1", "NA"):
        for number in range(6):
            rows.append([seed, "oof", number % 2, f"t{number}", number in (0, 1), number in (2, 3, 4), 0.5, -1.0])
        rows += [[seed, "dev", None, f"d{n}", n, 1, 2.0, n - 0.5] for n in range(2)]
        rows.append([seed, "test", None, "null", None, None, 0.0, 0.0])
    names = ["seed", "split", "fold", "id", "gold/a/b", "gold/c", "logit/a/b", "logit/c"]
    table = pd.DataFrame(rows, columns=names)
    return table.astype({"fold": "Int64", "gold/a/b": "Int64", "gold/c": "Int64"})


def written(frame: pd.DataFrame, folder: Path, name: str = "p.csv") -> Path:
    path = folder / name
    frame.to_parquet(path, index=False) if path.suffix == ".parquet" else frame.to_csv(path, index=False)
    return path


@pytest.mark.parametrize("name", ["p.csv", "p.csv.gz", "p.parquet"])
def test_every_format_reads_alike(frame: pd.DataFrame, tmp_path: Path, name: str) -> None:
    table = read_predictions(written(frame, tmp_path, name))
    assert table.labels == ("a/b", "c")
    assert [each.name for each in table.configurations] == ["seed=1", "seed=NA"]
    first = table.configurations[0]
    assert first.settings == {"seed": "1"}
    oof = first.splits["oof"]
    assert oof.ids == ("t0", "t1", "t2", "t3", "t4", "t5")
    assert oof.fold is not None
    assert oof.fold.tolist() == [0, 1, 0, 1, 0, 1]
    assert oof.gold is not None
    assert oof.gold[:, 0].tolist() == [True, True, False, False, False, False]
    assert oof.probability[0] == pytest.approx([1 / (1 + np.exp(-0.5)), 1 / (1 + np.exp(1))])
    assert first.splits["test"].gold is None
    assert first.splits["test"].ids == ("null",)
    assert first.splits["dev"].fold is None
    assert len(table.complete) == 2
    assert table.notes == ("every configuration has no gold in test: scores there are not applicable",)


def test_probabilities_are_read_as_they_are(frame: pd.DataFrame, tmp_path: Path) -> None:
    shares = frame.rename(columns=lambda name: name.replace("logit/", "prob/"))
    shares[["prob/a/b", "prob/c"]] = 0.25
    only = shares[shares["seed"] == "1"].drop(columns="seed")
    table = read_predictions(written(only, tmp_path, "mine.csv"))
    assert [each.name for each in table.configurations] == ["mine"]
    assert (table.configurations[0].splits["oof"].probability == 0.25).all()


def test_a_missing_fold_makes_a_configuration_incomplete(frame: pd.DataFrame, tmp_path: Path) -> None:
    lacking = frame[~((frame["seed"] == "NA") & (frame["fold"] == 1))]
    table = read_predictions(written(lacking, tmp_path))
    second = table.configurations[1]
    assert (second.missing_folds, second.missing_rows, second.complete) == ((1,), 3, False)
    assert [each.name for each in table.complete] == ["seed=1"]
    assert "seed=NA lacks fold 1: left out of BBC-CV" in table.notes
    with pytest.raises(DecisionError, match=r"same rows of 'oof', got 3 in 'seed=NA' and 6 in 'seed=1'"):
        align(table.configurations)


def test_single_missing_rows_are_noticed(frame: pd.DataFrame, tmp_path: Path) -> None:
    table = read_predictions(written(frame.drop(index=0), tmp_path))
    assert table.configurations[0].missing_folds == ()
    assert not table.configurations[0].complete
    assert "seed=1 lacks 1 out-of-fold rows that others have: left out of BBC-CV" in table.notes


def test_an_empty_label_is_dropped_and_an_absent_one_noted(frame: pd.DataFrame, tmp_path: Path) -> None:
    frame["gold/c"] = None
    frame["gold/a/b"] = frame["gold/a/b"].where((frame["split"] != "oof") | (frame["fold"] == 0), 0)
    table = read_predictions(written(frame, tmp_path))
    assert table.labels == ("a/b",)
    assert table.configurations[0].splits["dev"].probability.shape == (2, 1)
    assert "label c has no gold in any row and is left out" in table.notes
    assert "every configuration has no positive row of a/b in fold 1" in table.notes


def test_rows_that_are_not_judged_are_left_out(frame: pd.DataFrame, tmp_path: Path) -> None:
    frame["judged"] = (frame["id"] != "t1").astype(int)
    table = read_predictions(written(frame, tmp_path))
    assert [each.name for each in table.configurations] == ["seed=1", "seed=NA"]
    assert table.configurations[0].splits["oof"].ids == ("t0", "t2", "t3", "t4", "t5")
    assert "2 rows whose judged is 0 are left out" in table.notes
    with pytest.raises(DecisionError, match="judged must be 1 in at least one row, got 0 in all 18"):
        read_predictions(written(frame.assign(judged=0), tmp_path))
    with pytest.raises(DecisionError, match="judged must be 0 or 1, got 'x' in row 1"):
        read_predictions(written(frame.assign(judged="x"), tmp_path))


def test_alignment_follows_ids(frame: pd.DataFrame, tmp_path: Path) -> None:
    frame["logit/c"] = np.arange(len(frame)) % 9
    shuffled = frame.sample(frac=1, random_state=3)
    aligned = align(read_predictions(written(shuffled, tmp_path)).configurations)
    assert aligned.fold is not None
    assert (aligned.probability[0] == aligned.probability[1]).all()
    assert (aligned.fold[0] == [int(row_id[1:]) % 2 for row_id in aligned.ids]).all()
    with pytest.raises(DecisionError, match=r"must have the split 'dev2'"):
        align(read_predictions(written(frame, tmp_path)).configurations, "dev2")


def test_a_text_may_be_held_out_in_several_folds(frame: pd.DataFrame, tmp_path: Path) -> None:
    again = frame[(frame["split"] == "oof") & frame["id"].isin(["t0", "t3"])]
    again = again.assign(fold=2, **{"logit/c": 3.0})
    whole = pd.concat([frame, again], ignore_index=True).sample(frac=1, random_state=0)
    table = read_predictions(written(whole, tmp_path))
    assert [len(each.splits["oof"]) for each in table.complete] == [8, 8]
    assert any("has 2 rows of texts that other folds held out too" in note for note in table.notes)
    aligned = align(table.complete)
    assert aligned.fold is not None
    assert sorted(zip(aligned.ids, aligned.fold[0].tolist(), strict=True)) == sorted(
        [*((f"t{row}", row % 2) for row in range(6)), ("t0", 2), ("t3", 2)]
    )
    assert (aligned.fold[0] == aligned.fold[1]).all()
    last = aligned.fold[0] == 2
    assert (aligned.probability[:, last, -1] > 0.95).all()
    one = whole[(whole["seed"] != frame["seed"].iloc[0]) | (whole["fold"] != 2)]
    lacking = read_predictions(written(one, tmp_path))
    assert [each.missing_rows for each in lacking.configurations] in ([2, 0], [0, 2])
    assert len(lacking.complete) == 1


def cell(column: str, row: int, value: object) -> Callable[[pd.DataFrame], pd.DataFrame]:
    def change(frame: pd.DataFrame) -> pd.DataFrame:
        changed = frame.astype({column: object})
        changed.loc[row, column] = value
        return changed

    return change


def renamed(**names: str) -> Callable[[pd.DataFrame], pd.DataFrame]:
    return lambda frame: frame.rename(columns=names)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda f: f.drop(columns="id"), r"p.csv: must have the columns id, got seed, split, fold"),
        (lambda f: f.drop(columns=["gold/a/b", "gold/c"]), r"must have the columns gold/<label>"),
        (lambda f: f.drop(columns="gold/c"), r"gold only for \[\] and scores only for \['c'\]"),
        (
            lambda f: f.drop(columns=["logit/a/b", "logit/c"]),
            r"either logit/<label> or prob/<label> .* got neither",
        ),
        (lambda f: f.assign(**{"prob/c": 0.5}), r"either logit/<label> or prob/<label> columns, got both"),
        (lambda f: f.drop(columns="fold"), r"must have the column fold, since it has rows of split 'oof'"),
        (renamed(fold="id"), r"each column must occur once, got id more than once"),
        (lambda f: f.iloc[:0], r"must have at least one row, got none"),
        (
            cell("id", 2, "t0"),
            r"once per configuration and split \(of oof: and fold\), got 't0' in split 'oof' again in row 3; 1 such",
        ),
        (cell("split", 2, ""), r"split must not be empty, got '' in row 3; 1 such rows"),
        (
            cell("logit/c", 2, None),
            r"logit/c must hold finite numbers, got an empty cell in row 3; 1 such cells",
        ),
        (cell("logit/c", 4, float("inf")), r"logit/c must hold finite numbers, got inf in row 5"),
        (cell("logit/c", 1, "1,5"), r"logit/c must hold numbers, got '1,5' in row 2; 1 such cells"),
        (cell("gold/c", 1, 2), r"gold/c must be 0 or 1, got '2' in row 2"),
        (cell("gold/c", 1, None), r"gold/c must be 0 or 1, got an empty cell in row 2"),
        (cell("gold/c", 6, None), r"gold/c must be 0 or 1, got an empty cell in row 7"),
        (cell("gold/c", 9, 1), r"same gold for one text, got other labels for 't0' in row 10 than in row 1"),
        (cell("fold", 1, None), r"fold must be a whole number, .* got an empty cell in row 2"),
        (cell("fold", 1, 1.5), r"fold must be a whole number, .* got 1.5 in row 2"),
        (cell("fold", 1, "f1"), r"fold must hold numbers, got 'f1' in row 2; 1 such"),
        (
            lambda f: f.assign(**{"gold/a/b": None, "gold/c": None}),
            r"at least one label must have gold, got empty",
        ),
    ],
)
def test_bad_cells(
    frame: pd.DataFrame, tmp_path: Path, change: Callable[[pd.DataFrame], pd.DataFrame], message: str
) -> None:
    with pytest.raises(DecisionError, match=message):
        read_predictions(written(change(frame), tmp_path))


@pytest.mark.parametrize("name", ["p.csv", "p.parquet"])
def test_folds_may_have_names(frame: pd.DataFrame, tmp_path: Path, name: str) -> None:
    own = frame["split"] == "oof"
    called = frame.assign(fold=frame["fold"].map({0: "part a", 1: "part b"}, na_action="ignore").where(own))
    table, plain = (read_predictions(written(each, tmp_path, name)) for each in (called, frame))
    for one, other in zip(table.configurations, plain.configurations, strict=True):
        assert np.array_equal(one.splits["oof"].fold, other.splits["oof"].fold)
    assert set(table.notes) - set(plain.notes) == {
        "folds are numbered in the order of their names: part a is 0, part b is 1"
    }


def test_oof_without_any_gold_is_refused(frame: pd.DataFrame, tmp_path: Path) -> None:
    rows = frame["split"] == "oof"
    frame.loc[rows, ["gold/a/b", "gold/c"]] = None
    with pytest.raises(DecisionError, match=r"gold/a/b must be 0 or 1, got an empty cell in row 1; 12 such cells"):
        read_predictions(written(frame, tmp_path))


def test_probability_outside_its_range(frame: pd.DataFrame, tmp_path: Path) -> None:
    shares = frame.rename(columns=lambda name: name.replace("logit/", "prob/"))
    with pytest.raises(DecisionError, match=r"prob/a/b must lie between 0 and 1, got 2 in row 7") as caught:
        read_predictions(written(shares, tmp_path))
    assert "logit/a/b" in caught.value.remedy


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("absent.csv", None),
        ("empty.csv", b""),
        ("empty.parquet", b""),
        ("noise.csv", bytes(range(256)) * 8),
        ("noise.csv.gz", bytes(range(256)) * 8),
        ("noise.parquet", bytes(range(256)) * 8),
        ("cut.csv.gz", gzip.compress(b"split,fold,id,gold/a,logit/a\n" + b"oof,1,x,1,0.5\n" * 9999, mtime=0)[:60]),
        ("ragged.csv", b"split,fold,id,gold/a,logit/a\noof,1,x,1,0.5\noof,1,y,1,0.5,7,8\n"),
    ],
)
def test_unreadable_files(tmp_path: Path, name: str, content: bytes | None) -> None:
    path = tmp_path / name
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(DecisionError, match=name):
        read_predictions(path)


@pytest.mark.shared
def test_released_predictions_read(shared_dir: Path) -> None:
    table = read_predictions(shared_dir / "data" / "smash" / "st3" / "hau.csv.gz")
    assert len(table.complete) == 9
    assert len(table.labels) == 6
    assert table.notes == ("every configuration has no positive row of invalidation in fold 3",)
    assert align(table.complete, "test").probability.shape == (9, 1644, 6)


def test_a_file_that_unzips_to_more_than_can_be_meant_is_refused_before_it_is_in_memory(
    frame: pd.DataFrame, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "p.csv.gz"
    path.write_bytes(gzip.compress(frame.to_csv(index=False).encode() + b" " * 3_000_000))
    monkeypatch.setattr(prediction_files, "MOST_BYTES", 2_000_000)
    monkeypatch.setattr(pd, "read_csv", None)
    with pytest.raises(DecisionError, match="must have at most 2,000,000 bytes, got more"):
        read_predictions(path)
    path.write_bytes(gzip.compress(bytes(1_000_000)))
    with pytest.raises(DecisionError, match="must be text, got a NUL character"):
        read_predictions(path)


def spoken(said: dict[int, str]) -> Callable[[pd.DataFrame], pd.DataFrame]:
    return lambda frame: frame.assign(**{name: frame[name].map(said) for name in ("gold/a/b", "gold/c")})


@pytest.mark.parametrize("name", ["p.csv", "p.parquet"])
@pytest.mark.parametrize("words", [("0", "1"), ("0.0", "1.00"), ("False", "True"), ("false", "TRUE"), (" 0", "1 ")])
def test_labels_are_read_by_the_rule_of_all_tables(
    frame: pd.DataFrame, tmp_path: Path, name: str, words: tuple[str, str]
) -> None:
    said = read_predictions(written(spoken(dict(enumerate(words)))(frame), tmp_path, name))
    plain = read_predictions(written(frame, tmp_path, "plain.csv"))
    for found, expected in zip(said.configurations, plain.configurations, strict=True):
        for split in ("oof", "dev"):
            assert np.array_equal(found.splits[split].gold, expected.splits[split].gold)  # type: ignore[arg-type]
        assert found.splits["test"].gold is None


@pytest.mark.parametrize("name", ["p.csv", "p.parquet"])
def test_words_that_are_no_labels_are_one_fault(frame: pd.DataFrame, tmp_path: Path, name: str) -> None:
    with pytest.raises(DecisionError, match=r"gold/a/b must be 0 or 1, got 'yes' in row 1; 16 such cells"):
        read_predictions(written(spoken({0: "no", 1: "yes"})(frame), tmp_path, name))


def as_probabilities(frame: pd.DataFrame, first: float) -> pd.DataFrame:
    shares = frame.rename(columns=lambda name: name.replace("logit/", "prob/"))
    shares[["prob/a/b", "prob/c"]] = 0.25
    shares.loc[0, "prob/c"] = first
    return shares


@pytest.mark.parametrize(("written_as", "read_as"), [(1.0000001, 1.0), (np.nextafter(1, 2), 1.0), (-1e-8, 0.0)])
def test_a_probability_within_float_error_of_its_range_is_clipped(
    frame: pd.DataFrame, tmp_path: Path, written_as: float, read_as: float
) -> None:
    table = read_predictions(written(as_probabilities(frame, written_as), tmp_path))
    assert table.configurations[0].splits["oof"].probability[0, 1] == read_as


@pytest.mark.parametrize("value", [1.01, 1.00001, -0.001, 17.5])
def test_another_is_named_as_written(frame: pd.DataFrame, tmp_path: Path, value: float) -> None:
    with pytest.raises(DecisionError, match=rf"prob/c must lie between 0 and 1, got {value} in row 1; 1 such"):
        read_predictions(written(as_probabilities(frame, value), tmp_path))


def packed(text: str, name: str) -> bytes:
    with io.BytesIO() as file:
        with zipfile.ZipFile(file, "w") as archive:
            archive.writestr(name, text)
        return file.getvalue()


FORMS: dict[str, Callable[[str], bytes]] = {
    "comments.csv": lambda text: f"# by hand\n#twice\n{text}".encode(),
    "separator.csv": lambda text: f"sep=;\r\n{text.replace(',', ';')}".encode(),
    "excel.csv": lambda text: f"sep=,\r\n{text}".encode("utf-8-sig"),
    "tabs.tsv": lambda text: text.replace(",", "\t").encode(),
    "tabs.tsv.gz": lambda text: gzip.compress(text.replace(",", "\t").encode()),
    "packed.csv": lambda text: gzip.compress(text.encode()),
    "mark.csv": lambda text: text.encode("utf-16"),
    "little.csv": lambda text: text.encode("utf-16-le"),
    "big.csv": lambda text: text.encode("utf-16-be"),
}


@pytest.mark.parametrize("name", FORMS)
def test_one_table_in_many_forms(frame: pd.DataFrame, tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_bytes(FORMS[name](frame.to_csv(index=False)))
    found, expected = read_predictions(tmp_path / name), read_predictions(written(frame, tmp_path))
    for one, other in zip(found.configurations, expected.configurations, strict=True):
        assert (one.name, one.splits.keys()) == (other.name, other.splits.keys())
        assert all((one.splits[split].probability == other.splits[split].probability).all() for split in one.splits)


def test_parquet_is_read_whatever_its_name(frame: pd.DataFrame, tmp_path: Path) -> None:
    written(frame, tmp_path, "p.parquet").rename(tmp_path / "p.csv")
    assert len(read_predictions(tmp_path / "p.csv").configurations) == 2


@pytest.mark.parametrize(
    ("name", "form", "message"),
    [
        ("p.csv", lambda text: text.replace(",", ";").encode(), "got semicolons; put a first line sep=; before"),
        ("p.csv", lambda text: text.replace(",", "|").encode(), r"got bars; put a first line sep=\|"),
        ("p.csv", lambda text: text.replace(",", "\t").encode(), "got tabs; name the file .tsv, or put"),
        ("p.tsv", lambda text: text.encode(), "by tabs, got commas; name the file .csv, or put"),
        ("p.csv", lambda text: packed(text, "p.csv"), "got a zip archive or a spreadsheet: unpack it"),
        ("p.zip", lambda text: packed(text, "p.csv"), "got a zip archive or a spreadsheet: unpack it"),
        ("p.csv", lambda text: b"\xfd7zXZ\0" + text.encode(), "got an xz file: unpack it"),
        ("p.parquet", lambda text: text.encode(), "CSV, TSV or Parquet and be called so, got other bytes than those"),
        ("p.jsonl", lambda text: b'{"split": "oof", "id": "a"}\n', "be called so, got JSON lines"),
    ],
)
def test_other_forms_are_named(
    frame: pd.DataFrame, tmp_path: Path, name: str, form: Callable[[str], bytes], message: str
) -> None:
    (tmp_path / name).write_bytes(form(frame.to_csv(index=False)))
    with pytest.raises(DecisionError, match=message):
        read_predictions(tmp_path / name)


@pytest.mark.parametrize("change", ["index", "index twice", "trailing comma", "empty column"])
def test_what_tells_no_configurations_apart_is_left_out(frame: pd.DataFrame, tmp_path: Path, change: str) -> None:
    path = tmp_path / "p.csv"
    if change.startswith("index"):
        frame.to_csv(path)
        if change.endswith("twice"):
            pd.read_csv(path, dtype=str, keep_default_na=False).to_csv(path)
    elif change == "trailing comma":
        path.write_text("\n".join(f"{line}," for line in frame.to_csv(index=False).splitlines()) + "\n")
    else:
        frame.assign(notes=None).to_csv(path, index=False)
    table, plain = read_predictions(path), read_predictions(written(frame, tmp_path, "plain.csv"))
    assert [each.name for each in table.configurations] == ["seed=1", "seed=NA"]
    (note,) = set(table.notes) - set(plain.notes)
    assert note == (
        "column notes is empty and is left out" if change == "empty column" else "columns without a name are left out"
    )
    for found, expected in zip(table.configurations, plain.configurations, strict=True):
        for split, part in found.splits.items():
            assert part.ids == expected.splits[split].ids
            assert np.array_equal(part.probability, expected.splits[split].probability)


@pytest.mark.parametrize("name", ["language", "text", "index"])
def test_a_column_of_single_rows_is_no_configuration(frame: pd.DataFrame, tmp_path: Path, name: str) -> None:
    values = {"language": frame["id"].str[-1].isin(["0", "1"]).map({True: "eng", False: "deu"}), "text": frame["id"]}
    one = frame[frame["seed"] == "1"].drop(columns="seed")
    of = one if name == "index" else frame
    table = read_predictions(written(of.assign(**{name: values.get(name, pd.Series(range(len(of))))}), tmp_path))
    assert [each.settings for each in table.configurations] == (
        [{}] if name == "index" else [{"seed": "1"}, {"seed": "NA"}]
    )
    assert f"column {name} tells rows apart and no configurations, and is left out (--group {name} compares them)" in (
        table.notes
    )


def classes_frame(rows: int = 30, names: tuple[str, ...] = ("ant", "bee", "cow")) -> pd.DataFrame:
    """As somebody writes what predict_proba gives."""
    rng = np.random.default_rng(1)
    shares = rng.dirichlet(np.ones(len(names)), rows)
    about = {"split": ["oof"] * (rows - 6) + ["test"] * 6, "id": [f"t{n}" for n in range(rows)]}
    fold = pd.array([n % 3 for n in range(rows - 6)] + [None] * 6, dtype="Int64")
    gold = [names[n] for n in rng.integers(0, len(names), rows)]
    return pd.DataFrame(
        {**about, "fold": fold, "gold": gold} | {f"prob/{n}": shares[:, p] for p, n in enumerate(names)}
    )


@pytest.mark.parametrize("name", ["p.csv", "p.parquet"])
@pytest.mark.parametrize("names", [("ant", "bee", "cow"), ("0", "1", "2")])
def test_classes_are_read_as_predict_proba_gives_them(tmp_path: Path, name: str, names: tuple[str, ...]) -> None:
    frame = classes_frame(names=names)
    table = read_predictions(written(frame, tmp_path, name))
    assert (table.kind, table.labels) == ("class", names)
    oof = table.configurations[0].splits["oof"]
    assert oof.gold is not None
    assert [names[code] for code in oof.gold[:, 0]] == frame["gold"].tolist()[:24]
    np.testing.assert_allclose(oof.probability, frame[[f"prob/{n}" for n in names]].to_numpy()[:24])
    logits = frame.rename(columns=lambda column: column.replace("prob/", "logit/"))
    for each in names:
        logits[f"logit/{each}"] = np.log(frame[f"prob/{each}"]) + 3.0
    again = read_predictions(written(logits, tmp_path, f"logits-{name}"))
    np.testing.assert_allclose(again.configurations[0].splits["oof"].probability, oof.probability, atol=1e-9)


def test_whole_numbers_as_classes_may_lie_beside_empty_cells(tmp_path: Path) -> None:
    frame = classes_frame(names=("0", "1", "2"))
    frame["gold"] = pd.to_numeric(frame["gold"]).where(frame["split"] == "oof")  # 1.0 in the file
    table = read_predictions(written(frame, tmp_path))
    assert table.configurations[0].splits["test"].gold is None
    assert table.configurations[0].splits["oof"].gold is not None


def test_two_classes_are_one_label(tmp_path: Path) -> None:
    frame = classes_frame(names=("no", "yes"))
    table = read_predictions(written(frame, tmp_path))
    assert (table.kind, table.labels) == ("labels", ("yes",))
    oof = table.configurations[0].splits["oof"]
    assert oof.gold is not None
    assert oof.gold[:, 0].tolist() == (frame["gold"][:24] == "yes").tolist()
    assert "two classes, no and yes: yes is the label that is decided" in table.notes


def test_numbers_are_read_as_values(tmp_path: Path) -> None:
    frame = classes_frame().drop(columns=["gold", "prob/ant", "prob/bee", "prob/cow"])
    frame = frame.assign(**{"gold/age": np.arange(30.0), "value/age": np.arange(30.0) - 99})
    table = read_predictions(written(frame, tmp_path))
    assert (table.kind, table.labels) == ("number", ("age",))
    oof = table.configurations[0].splits["oof"]
    assert oof.gold is not None
    assert oof.gold[:, 0].tolist() == list(range(24))
    assert oof.probability[:, 0].tolist() == [n - 99.0 for n in range(24)]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (cell("gold", 2, "dog"), r"gold must be one of the classes ant, bee, cow, got 'dog' in row 3; 1 such cells"),
        (cell("gold", 2, ""), r"gold must be a class, got an empty cell in row 3"),
        (cell("prob/ant", 1, 0.999), r"probabilities of ant, bee, cow must add up to 1, got 1\.\d+ in row 2; 1 such"),
        (lambda f: f.drop(columns=["prob/ant", "prob/bee"]), r"for each of two or more classes, got \['prob/cow'\]"),
        (lambda f: f.rename(columns=lambda n: n.replace("prob/", "value/")), r"for each of two or more classes"),
    ],
)
def test_bad_classes(tmp_path: Path, change: Callable[[pd.DataFrame], pd.DataFrame], message: str) -> None:
    with pytest.raises(DecisionError, match=message):
        read_predictions(written(change(classes_frame()), tmp_path))


@pytest.mark.parametrize(
    ("bound", "what"),
    [("MOST_ROWS", "rows, got 18"), ("MOST_COLUMNS", "columns, got 8"), ("MOST_CELLS", "cells, got ")],
)
def test_more_than_a_report_can_be_made_of_is_refused_by_number(
    frame: pd.DataFrame, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, bound: str, what: str
) -> None:
    paths = [written(frame, tmp_path, name) for name in ("p.csv", "p.csv.gz", "p.parquet")]
    monkeypatch.setattr(prediction_files, bound, 7)
    monkeypatch.setattr(pd, "read_csv", None)
    monkeypatch.setattr(pd, "read_parquet", None)
    for path in paths:
        with pytest.raises(DecisionError, match=rf"at most 7 {what.replace('18', '1[89]')}"):
            read_predictions(path)


def test_cells_that_the_header_does_not_name_are_not_dropped_in_silence(tmp_path: Path) -> None:
    path = tmp_path / "p.csv"
    path.write_text("split,fold,id,gold/a,prob/a\n" + "oof,1,x,1,0.5,0.9\noof,1,y,1,0.5,0.9\n", encoding="utf-8")
    with pytest.raises(DecisionError, match=r"as many cells as the header \(5\), got more in the first"):
        read_predictions(path)
