"""Train, dev, test, evaluation sets and extra rows may each have another form; labels are read by one rule in all."""

from __future__ import annotations

import gzip
import io
import json
from collections.abc import Callable, Mapping
from pathlib import Path

import pandas as pd
import pytest
from huggingface_hub import HfFileSystem

from tests.data.hub_stand_in import hub
from tune_polar.data.column_request import DataRequest, EvaluationFile, ExtraRequest, column_specs
from tune_polar.data.load import load_corpus
from tune_polar.data.readers import places
from tune_polar.data.source import parse_source
from tune_polar.errors import DataError

Cells = Mapping[str, list[object]]


def csv(cells: Cells, separator: str = ",") -> str:
    return pd.DataFrame(cells).to_csv(index=False, sep=separator)


def parquet(cells: Cells) -> bytes:
    with io.BytesIO() as file:
        pd.DataFrame(cells).to_parquet(file)
        return file.getvalue()


def lines(cells: Cells) -> str:
    return "".join(json.dumps(dict(zip(cells, row, strict=True))) + "\n" for row in zip(*cells.values(), strict=True))


FORMS: Mapping[str, Callable[[Cells], bytes]] = {
    "plain.csv": lambda cells: csv(cells).encode(),
    "tabs.tsv": lambda cells: csv(cells, "\t").encode("utf-16-le"),
    "excel.csv": lambda cells: f"sep=;\r\n{csv(cells, ';')}".encode("utf-8-sig"),
    "noted.csv": lambda cells: f"#by hand\n# and twice\n{csv(cells)}".encode(),
    "packed.csv": lambda cells: gzip.compress(csv(cells).encode()),
    "typed.csv": parquet,
    "typed.parquet": parquet,
    "lines.jsonl": lambda cells: lines(cells).encode("utf-16"),
    "lines.csv": lambda cells: lines(cells).encode(),
}


@pytest.mark.parametrize("form", FORMS)
def test_every_file_of_a_data_set_may_have_any_form(tmp_path: Path, form: str) -> None:
    paths = {}
    for split in ("train", "dev", "test", "there", "extra"):
        paths[split] = tmp_path / f"{split}-{form}"
        paths[split].write_bytes(FORMS[form]({"text": [f"{split}, one", f'{split} "two"'], "hate": [0, 1]}))
    source = parse_source(str(paths["train"]), dev=str(paths["dev"]), test=str(paths["test"]))
    specs = column_specs(labels=["hate"])
    corpus = load_corpus(
        source,
        DataRequest(
            specs,
            extra=ExtraRequest(str(paths["extra"])),
            evaluate={"there": EvaluationFile(str(paths["there"]))},
        ),
    )

    for name in ("dev", "test", "there"):
        split = corpus.splits[name]
        assert (split.texts, split.missing) == ((f"{name}, one", f'{name} "two"'), ())
        assert split.values("hate").tolist() == [0, 1]
    assert corpus.train.texts == ("train, one", 'train "two"', "extra, one", 'extra "two"')


@pytest.mark.parametrize("split", ["data", "dev", "test", "there"])
@pytest.mark.parametrize(
    ("name", "form", "message"),
    [
        ("x.csv", lambda cells: csv(cells, ";").encode(), "got semicolons; put a first line sep=;"),
        ("x.csv", lambda cells: csv(cells, "|").encode(), "got bars; put a first line"),
        ("x.csv", lambda cells: csv(cells, "\t").encode(), "got tabs; name the file .tsv"),
        ("x.tsv", lambda cells: csv(cells).encode(), "got commas; name the file .csv"),
        ("x.csv.zip", lambda cells: b"PK\x03\x04" + csv(cells).encode(), "got a zip archive or a spreadsheet"),
        ("x.json", lambda cells: b"[" + lines(cells).encode() + b"]", "got one list of all rows: write it with"),
    ],
)
def test_another_form_is_one_fault_with_its_remedy(
    tmp_path: Path, split: str, name: str, form: Callable[[Cells], bytes], message: str
) -> None:
    cells: Cells = {"text": [f"number {row}" for row in range(140)], "hate": [row % 2 for row in range(140)]}
    (tmp_path / "good.csv").write_bytes(FORMS["plain.csv"]({"text": ["x", "y"], "hate": [0, 1]}))
    (tmp_path / name).write_bytes(form(cells))
    good, bad = str(tmp_path / "good.csv"), str(tmp_path / name)
    files = {"data": good, "dev": None, "test": None} | ({split: bad} if split != "there" else {})
    request = DataRequest(
        column_specs(labels=["hate"]), evaluate={"there": EvaluationFile(bad)} if split == "there" else {}
    )
    with pytest.raises(DataError) as caught:
        load_corpus(parse_source(str(files["data"]), dev=files["dev"], test=files["test"]), request)
    assert message in caught.value.problem
    assert len(caught.value.problem.splitlines()) == 1


SPELLINGS: Mapping[str, tuple[object, object]] = {
    "whole": (0, 1),
    "real": (0.0, 1.0),
    "truth": (False, True),
    "words": ("false", "TRUE"),
    "digits": ("0.00", "1."),
}
READERS: Mapping[str, Callable[[Cells], bytes]] = {
    "train.csv": FORMS["plain.csv"],
    "train.tsv": lambda cells: csv(cells, "\t").encode(),
    "train.jsonl": lambda cells: lines(cells).encode(),
    "train.parquet": parquet,
}


@pytest.fixture(params=[*READERS, "folder", "hub"])
def labels_of(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Callable[[list[object]], list[int]]:
    """What a search reads in the column ``hate`` of a file with these cells, by each reader."""

    def read(cells: list[object]) -> list[int]:
        name = request.param if request.param in READERS else "train.parquet"
        raw = READERS[name]({"text": [f"text {row}" for row in range(len(cells))], "hate": cells})
        if request.param == "hub":
            with hub({"data/train-00000-of-00001.parquet": raw}) as (endpoint, _):
                system = HfFileSystem(endpoint=endpoint, token=False, skip_instance_cache=True)
                monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", False)
                monkeypatch.setattr(places, "FILE_SYSTEMS", {"hf": lambda: system})
                return loaded("hf://datasets/own/set")
        (tmp_path / name).write_bytes(raw)
        return loaded(str(tmp_path if request.param == "folder" else tmp_path / name))

    def loaded(address: str) -> list[int]:
        corpus = load_corpus(parse_source(address), DataRequest(column_specs(labels=["hate"])))
        return list(corpus.train.values("hate").tolist())

    return read


@pytest.mark.parametrize("spelling", SPELLINGS)
def test_a_label_may_be_spelled_so_by_every_reader(
    labels_of: Callable[[list[object]], list[int]], spelling: str
) -> None:
    assert labels_of([*SPELLINGS[spelling], SPELLINGS[spelling][1]]) == [0, 1, 1]


def test_words_that_are_no_labels_are_one_line_by_every_reader(
    labels_of: Callable[[list[object]], list[int]],
) -> None:
    with pytest.raises(DataError) as caught:
        labels_of(["yes", "no"] * 70)
    (line,) = caught.value.problem.splitlines()
    assert "column hate: a label must be 0 or 1, got 'yes' (also 'no') (140 times, again in rows " in line
    assert "--column" in caught.value.remedy
