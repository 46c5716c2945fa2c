from __future__ import annotations

import json
from pathlib import Path

import pytest

from tune_polar.data.source import Source, parse_source, source_from_json
from tune_polar.errors import DataError


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in ("polar/train/zho.csv", "mine/train.tsv", "mine/dev.jsonl", "empty/notes.txt", "file.csv", "dev.csv"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_what_data_may_name(here: Path) -> None:
    assert parse_source("sample") == parse_source("sample", language="zho") == Source(kind="sample")
    assert parse_source("polar") == Source(kind="polar", path=str(here / "polar"), language="zho")
    assert parse_source("polar/", language="eng,zho").language == "eng,zho"
    folder = parse_source("mine", columns={"text": "tweet"})
    assert folder == Source(
        kind="files",
        path=str(here / "mine"),
        files={"train": (str(here / "mine/train.tsv"),), "dev": (str(here / "mine/dev.jsonl"),)},
        columns={"text": "tweet"},
    )
    named = {"train": "file.csv", "dev": "dev.csv", "test": "dev.csv"}
    file = parse_source("file.csv", dev="dev.csv", test="dev.csv")
    assert file.files == {name: (str(here / path),) for name, path in named.items()}


@pytest.mark.parametrize(
    ("data", "options", "message"),
    [
        ("sample", {"language": "eng"}, "--language, --dev, --test and --column must be left out with --data sample"),
        ("sample", {"dev": "dev.csv"}, "must be left out with --data sample"),
        ("sample", {"columns": {"text": "t"}}, "must be left out with --data sample"),
        ("", {}, r"--data must be `sample`, a folder, a file that exists or hf://.*, got ''"),
        ("absent", {}, "--data must be `sample`.*, got 'absent'"),
        ("nul\0", {}, r"must be `sample`.*, got 'nul\\x00'"),
        ("x" * 5000, {}, "must be `sample`"),
        ("file.csv/below", {}, "must be `sample`"),
        ("polar", {"dev": "dev.csv"}, "--dev, --test and --column must be left out where --data is a POLAR folder"),
        ("polar", {"columns": {"text": "t"}}, "must be left out where --data is a POLAR folder"),
        ("file.csv", {"language": "eng"}, "--language must be left out where --data is no POLAR folder, got 'eng'"),
        ("mine", {"dev": "dev.csv"}, "--dev must be left out where the folder has a dev file, got 'dev.csv' beside"),
        ("empty", {}, "a folder must have a train file .*, as POLAR has, train/<language>.csv; got .'notes.txt'"),
    ],
)
def test_options_that_do_not_go_together(here: Path, data: str, options: dict[str, object], message: str) -> None:
    with pytest.raises(DataError, match=message) as caught:
        parse_source(data, **options)  # type: ignore[arg-type]
    assert caught.value.remedy


@pytest.mark.parametrize(
    "source",
    [
        Source(kind="sample", seed=3),
        Source(kind="polar", path="/x", language="deu"),
        Source(kind="files", path="/x", files={"train": ("/x/a", "/x/b"), "dev": ("/y",)}, columns={"text": "tweet"}),
    ],
)
def test_a_manifest_keeps_a_source(source: Source) -> None:
    assert source_from_json(json.loads(json.dumps(source.model_dump(mode="json")))) == source


NO_SOURCES = [None, [], "sample", {}, {"kind": "web"}, {"kind": "sample", "url": "x"}, {"kind": 3}]


@pytest.mark.parametrize("kept", [*NO_SOURCES, {"kind": "files", "files": {"train": []}}])
def test_what_is_no_source_in_a_manifest_is_refused(kept: object) -> None:
    with pytest.raises(DataError, match="a manifest's data source must name kind and path"):
        source_from_json(kept)
