from __future__ import annotations

import json
import os
import pickle
import shutil
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
import torch
from huggingface_hub import try_to_load_from_cache

from tune_polar.errors import ModelError
from tune_polar.model.encoder import load_encoder
from tune_polar.model.encoder_location import encoder_identity
from tune_polar.model.hub import resolve_commit

COMMIT = "0123456789abcdef0123456789abcdef01234567"
LOAD = """
import json, sys, time
from tune_polar.errors import ModelError
from tune_polar.model.encoder import load_encoder
start = time.monotonic()
try:
    encoder, tokenizer = load_encoder("small/bert", pooling=sys.argv[1])
    outcome = {"layers": len(encoder.layers), "tokens": tokenizer.vocabulary_size, "pooling": encoder.pooling}
except ModelError as error:
    outcome = {"error": str(error)}
print(json.dumps(outcome | {"seconds": time.monotonic() - start}))
"""


def fill_hub_cache(cache: Path, source: Path) -> Path:
    """Lay ``source`` out as the hub's client does after a download of small/bert at main."""
    repository = cache / "models--small--bert"
    shutil.copytree(source, repository / "snapshots" / COMMIT)
    (repository / "refs").mkdir()
    (repository / "refs" / "main").write_text(COMMIT, encoding="utf-8")
    return repository / "snapshots" / COMMIT


def load_in_new_process(endpoint: str, home: Path, pooling: str = "cls") -> tuple[dict[str, object], str]:
    """What ``LOAD`` prints, and its standard error; the hub's client reads its settings when it is imported."""
    environment = {name: value for name, value in os.environ.items() if "proxy" not in name.lower()}
    environment |= {"HF_ENDPOINT": endpoint, "HF_HOME": str(home), "HF_HUB_OFFLINE": "0", "HF_HUB_DISABLE_XET": "1"}
    environment |= {"HF_HUB_DISABLE_PROGRESS_BARS": "1", "HF_HUB_DISABLE_TELEMETRY": "1", "OMP_NUM_THREADS": "1"}
    ended = subprocess.run(
        [sys.executable, "-c", LOAD, pooling], env=environment, capture_output=True, text=True, timeout=120, check=True
    )
    outcome: dict[str, object] = json.loads(ended.stdout)
    return outcome, ended.stderr


@contextmanager
def serve(folder: Path) -> Iterator[tuple[str, list[str]]]:
    """A hub that has ``folder`` as small/bert, and the paths it is asked for."""
    asked: list[str] = []

    class Hub(BaseHTTPRequestHandler):
        def do_HEAD(self) -> None:
            self.answer(with_body=False)

        def do_GET(self) -> None:
            self.answer(with_body=True)

        def answer(self, *, with_body: bool) -> None:
            asked.append(self.path)
            file = folder / self.path.partition(f"{COMMIT}/")[2]
            status, body = 404, b""
            if self.path.startswith("/api/models/small/bert"):
                names = [{"rfilename": path.name} for path in folder.iterdir()]
                status, body = 200, json.dumps({"id": "small/bert", "sha": COMMIT, "siblings": names}).encode()
            elif self.path.startswith(f"/small/bert/resolve/{COMMIT}/") and file.is_file():
                status, body = 200, file.read_bytes()
            self.send_response(status)
            self.send_header("X-Repo-Commit", COMMIT)
            if status == 404:
                self.send_header("X-Error-Code", "EntryNotFound")
            self.send_header("ETag", f'"{file.name}"')
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            if with_body:
                self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:
            """Keep the test's output quiet."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Hub)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}", asked
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@pytest.mark.parametrize("name", ["nobody/no-such-encoder", "not a name!"])
def test_unreachable_or_impossible_ids_are_refused(name: str, offline: Path) -> None:
    with pytest.raises(ModelError, match=r"be had from the hub, .* at main is neither(.|\n)*hf download"):
        load_encoder(name, pooling="cls")


def test_cached_repository_loads_offline(bert_folder: Path, offline: Path) -> None:
    fill_hub_cache(offline, bert_folder)
    encoder, tokenizer = load_encoder("small/bert", pooling="mean")
    assert len(encoder.layers) == 2
    assert tokenizer.vocabulary_size == encoder.word_embeddings.num_embeddings
    assert encoder_identity("small/bert") == f"small/bert@{COMMIT}"
    assert encoder_identity("small/bert", COMMIT) == f"small/bert@{COMMIT}"
    with pytest.raises(ModelError, match="at other is neither"):
        resolve_commit("small/bert", "other")


def test_cached_pickled_tensors_load_like_safetensors(bert_folder: Path, pickled: Path, offline: Path) -> None:
    fill_hub_cache(offline, pickled)
    expected = load_encoder(str(bert_folder), pooling="cls")[0].state_dict()
    actual = load_encoder("small/bert", pooling="cls")[0].state_dict()
    assert list(actual) == list(expected)
    for name, tensor in expected.items():
        torch.testing.assert_close(actual[name], tensor, rtol=0, atol=0)


class MakesFolder:
    """Pickled, an instruction to make a folder when it is read."""

    def __init__(self, marker: Path) -> None:
        self.marker = marker

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return os.mkdir, (str(self.marker),)


def test_cached_pickles_that_would_execute_are_refused_unexecuted(pickled: Path, offline: Path, tmp_path: Path) -> None:
    snapshot = fill_hub_cache(offline, pickled)
    marker = tmp_path / "executed"
    (snapshot / "pytorch_model.bin").write_bytes(pickle.dumps(MakesFolder(marker)))
    with pytest.raises(ModelError, match=r"tensors alone(.|\n)*nothing in it was executed"):
        load_encoder("small/bert", pooling="cls")
    assert not marker.exists()


@pytest.mark.parametrize("missing", ["model.safetensors", "tokenizer*"])
def test_incomplete_cached_repository_is_refused_offline(missing: str, bert_folder: Path, offline: Path) -> None:
    for path in fill_hub_cache(offline, bert_folder).glob(missing):
        path.unlink()
    with pytest.raises(ModelError, match=r"whole in the hub's cache(.|\n)*hf download"):
        load_encoder("small/bert", pooling="mean")


def test_unreachable_hub_is_told_quickly_and_quietly(tmp_path: Path) -> None:
    with socket.socket() as bound:  # bound and not listening: connections are refused
        bound.bind(("127.0.0.1", 0))
        outcome, noise = load_in_new_process(f"http://127.0.0.1:{bound.getsockname()[1]}", tmp_path)
    assert "be had from the hub, 'small/bert' at main is neither" in str(outcome["error"])
    assert float(str(outcome["seconds"])) < 5.0
    assert noise == ""


def test_cached_repository_asks_nothing_of_the_hub(bert_folder: Path, tmp_path: Path) -> None:
    fill_hub_cache(tmp_path / "hub", bert_folder)
    with serve(bert_folder) as (endpoint, asked):
        outcome, noise = load_in_new_process(endpoint, tmp_path)
    assert (outcome["layers"], asked, noise) == (2, [], "")


def test_how_texts_are_pooled_is_asked_once_where_another_program_filled_the_cache(copy: Path, tmp_path: Path) -> None:
    """Else a sentence-transformers encoder that ``AutoModel`` has loaded before would be pooled in another way."""
    fill_hub_cache(tmp_path / "hub", copy)
    pooling = {"word_embedding_dimension": 32, "pooling_mode_cls_token": False, "pooling_mode_mean_tokens": True}
    with serve(copy) as (endpoint, asked):  # which has none
        outcome, noise = load_in_new_process(endpoint, tmp_path, "auto")
        assert (outcome.get("pooling"), noise) == ("cls", ""), outcome
        assert len([path for path in asked if "1_Pooling" in path]) == 1
    known = try_to_load_from_cache("small/bert", "1_Pooling/config.json", cache_dir=tmp_path / "hub", revision=COMMIT)
    assert known is not None, "its absence is remembered"
    shutil.rmtree(tmp_path / "hub")
    fill_hub_cache(tmp_path / "hub", copy)
    with socket.socket() as bound:  # bound and not listening: connections are refused
        bound.bind(("127.0.0.1", 0))
        outcome, noise = load_in_new_process(f"http://127.0.0.1:{bound.getsockname()[1]}", tmp_path, "auto")
    assert (outcome.get("pooling"), noise) == ("cls", ""), outcome
    (copy / "1_Pooling").mkdir()
    (copy / "1_Pooling/config.json").write_text(json.dumps(pooling), encoding="utf-8")
    with serve(copy) as (endpoint, _):
        outcome, noise = load_in_new_process(endpoint, tmp_path, "auto")
    assert (outcome.get("pooling"), noise) == ("mean", ""), outcome


def test_only_what_is_needed_is_downloaded(pickled: Path, tmp_path: Path) -> None:
    (pickled / "optimizer.bin").write_bytes(b"not wanted")
    with serve(pickled) as (endpoint, asked):
        outcome, noise = load_in_new_process(endpoint, tmp_path)
    assert (outcome.get("layers"), noise) == (2, ""), outcome
    names = {path.rpartition("/")[2] for path in asked if path.startswith("/small")}
    assert names == {"config.json", "tokenizer.json", "tokenizer_config.json", "pytorch_model.bin"}
    cached = tmp_path / "hub" / "models--small--bert" / "snapshots" / COMMIT
    assert {path.name for path in cached.iterdir()} == names
