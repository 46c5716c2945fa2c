from __future__ import annotations

import gzip
import io
import socket
from collections.abc import Callable

import pyarrow as pa
import pytest
from huggingface_hub import HfFileSystem
from pyarrow import parquet

from tests.data.hub_stand_in import hub
from tune_polar.data.column_request import DataRequest, column_specs
from tune_polar.data.load import load_corpus
from tune_polar.data.readers import Place, places, read_raw
from tune_polar.data.source import parse_source
from tune_polar.errors import DataError

LABELS = DataRequest(column_specs(labels=["hate"]))


@pytest.fixture
def at(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Lets hf:// mean the hub at an address, asked without any token."""
    for name in ("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", False)  # it is on this machine

    def choose(endpoint: str) -> None:
        system = HfFileSystem(endpoint=endpoint, token=False, skip_instance_cache=True)
        monkeypatch.setattr(places, "FILE_SYSTEMS", {"hf": lambda: system})

    return choose


def shard(*texts: str) -> bytes:
    file = io.BytesIO()
    parquet.write_table(pa.table({"text": list(texts), "hate": [len(text) % 2 for text in texts]}), file)
    return file.getvalue()


def test_reads_a_repository_as_the_hub_lays_it_out(at: Callable[[str], None]) -> None:
    files = {
        "README.md": b"# set",
        "data/train-00000-of-00002.parquet": shard("a", "bb"),
        "data/train-00001-of-00002.parquet": shard("ccc"),
        "data/validation-00000-of-00001.parquet": shard("dddd"),
    }
    with hub(files) as (endpoint, asked):
        at(endpoint)
        source = parse_source("hf://datasets/own/set")
        corpus = load_corpus(source, LABELS)

    assert source.files["train"] == (
        "hf://datasets/own/set/data/train-00000-of-00002.parquet",
        "hf://datasets/own/set/data/train-00001-of-00002.parquet",
    )
    assert corpus.name == "set"
    assert corpus.train.texts == ("a", "bb", "ccc")
    assert corpus.train.ids == ("train-1", "train-2", "train-3")
    assert corpus.train.values("hate").tolist() == [1, 0, 1]
    assert corpus.dev is not None
    assert corpus.dev.texts == ("dddd",)
    assert not any(path.endswith("README.md") for path in asked)


def test_reads_one_file_in_pieces(at: Callable[[str], None], monkeypatch: pytest.MonkeyPatch) -> None:
    rows = "".join(f"{row},text {row},{row % 2}\n" for row in range(2000))
    files = {
        "a/train.csv": f"id,text,hate\n{rows}".encode(),
        "b.csv.gz": gzip.compress(f"id,text,hate\n{rows}".encode()),
    }
    with hub(files) as (endpoint, _):
        at(endpoint)
        for path in ("a/train.csv", "b.csv.gz"):
            corpus = load_corpus(parse_source(f"hf://datasets/own/set/{path}"), LABELS)
            assert len(corpus.train) == 2000
            assert corpus.train.ids[-1] == "1999"


@pytest.mark.parametrize(
    ("address", "message"),
    [
        ("hf://datasets/own/none", r"repository not found|got 'hf://datasets/own/none'"),
        ("hf://datasets/own/set/absent.csv", "got 'hf://datasets/own/set/absent.csv'"),
        ("hf://datasets/own", "hf://datasets/OWNER/NAME"),
        ("hf://", "hf://datasets/OWNER/NAME"),
        ("hf://datasets/own/set/other", "must have a train file"),
        ("s3://bucket/x.csv", r"an address must be a path or begin with hf://, got s3://"),
    ],
)
def test_refuses_what_is_not_there(at: Callable[[str], None], address: str, message: str) -> None:
    with hub({"other/x.txt": b"x"}) as (endpoint, _):
        at(endpoint)
        with pytest.raises(DataError, match=message) as caught:
            parse_source(address)
    assert caught.value.remedy


def test_a_hub_that_does_not_answer_and_a_gated_file_are_told(at: Callable[[str], None]) -> None:
    with socket.socket() as bound:  # bound and not listening: connections are refused
        bound.bind(("127.0.0.1", 0))
        at(f"http://127.0.0.1:{bound.getsockname()[1]}")
        with pytest.raises(
            DataError, match=r"must be reachable, got ConnectError(.|\n)*hf download --repo-type dataset"
        ):
            parse_source("hf://datasets/own/set/train.csv")
        _, findings = read_raw(Place("hf://datasets/own/set/train.csv"))
        assert [finding.code for finding in findings] == ["unreachable"]
    with hub({"train.csv": b"id,text,hate\n1,x,1\n"}, denied=True) as (endpoint, _):
        at(endpoint)
        with pytest.raises(DataError, match=r"set/train.csv: must be given by the hub, got GatedRepoError.* log in"):
            load_corpus(parse_source("hf://datasets/own/set/train.csv"), LABELS)


def test_an_offline_hub_is_told(at: Callable[[str], None], monkeypatch: pytest.MonkeyPatch) -> None:
    with hub({"train.csv": b"text,hate\na,1\n"}) as (endpoint, _):
        at(endpoint)
        monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
        with pytest.raises(DataError, match="Remedy: HF_HUB_OFFLINE or TRANSFORMERS_OFFLINE is set"):
            parse_source("hf://datasets/own/set")
