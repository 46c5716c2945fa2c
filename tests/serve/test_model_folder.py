"""A model as a folder: opened by transformers alone in a fresh process, and by predict, with the same logits."""

from __future__ import annotations

import json
import resource
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from transformers import (
    BertConfig,
    BertModel,
    BertTokenizer,
    DistilBertConfig,
    DistilBertModel,
    ErnieConfig,
    ErnieModel,
    RobertaConfig,
    RobertaModel,
    XLMRobertaConfig,
    XLMRobertaModel,
)

from tune_polar.errors import ModelError, StoreError
from tune_polar.model.encoder import load_encoder
from tune_polar.model.heads import build_head
from tune_polar.model.seeding import seeded_start
from tune_polar.model.tokens import HubTokenizer
from tune_polar.serve.composition import CellModels, Composition
from tune_polar.serve.fold_models import Model
from tune_polar.serve.model_file import read_model_folder
from tune_polar.serve.model_folder import folder_models, public_name, write_card, write_model_folder
from tune_polar.trial.inference import TrainedStage
from tune_polar.trial.stage_shape import StageShape

TEXTS = ["天地 人", "你 我 他", "abc 男女", "天"]
CPU = torch.device("cpu")
OPEN_ALONE = """
import json, sys
from transformers import AutoModelForSequenceClassification, AutoTokenizer
model = AutoModelForSequenceClassification.from_pretrained(sys.argv[1]).eval()
tokenizer = AutoTokenizer.from_pretrained(sys.argv[1])
read = tokenizer(json.loads(sys.argv[2]), padding=True, truncation=True, return_tensors="pt")
read.pop("token_type_ids", None)
logits = model(**read).logits.tolist()
about = [model.config.id2label, model.config.problem_type, tokenizer.model_max_length]
print(json.dumps([logits, about]))
assert not [name for name in sys.modules if name.startswith("tune_polar")]
"""
KINDS: dict[str, tuple[Any, Any]] = {
    "bert": (BertConfig, BertModel),
    "ernie": (ErnieConfig, ErnieModel),
    "roberta": (RobertaConfig, RobertaModel),
    "xlm-roberta": (XLMRobertaConfig, XLMRobertaModel),
}


def encoder_at(folder: Path, kind: str = "bert") -> Path:
    config, model = KINDS.get(kind, (DistilBertConfig, DistilBertModel))
    names = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *sorted(set("".join(TEXTS)) - {" "})]
    sizes = {"hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 32}
    if kind == "distilbert":
        sizes = {"dim": 16, "n_layers": 2, "n_heads": 2, "hidden_dim": 32}
    with seeded_start(3):
        model(config(vocab_size=len(names), max_position_embeddings=40, pad_token_id=0, **sizes)).save_pretrained(
            folder
        )
    BertTokenizer(vocab={name: number for number, name in enumerate(names)}).save_pretrained(folder)
    return folder


def shape_of(gold: Any, columns: tuple[str, ...], head: str = "linear", **about: Any) -> StageShape:
    predicts: Any = "value" if gold == "number" else "probability"
    settings = {"dropout": 0.1}
    return replace(StageShape(gold, columns, "topic", predicts, head, settings, "cls", 12, "fp32", None), **about)


def composition_of(shape: StageShape, cells: int = 1) -> Composition:
    kind = {"labels": "threshold", "binary": "threshold", "class": "argmax", "number": "clip"}[shape.gold]
    step: dict[str, Any] = {"type": kind, "of": "model"}
    settings: dict[str, Any] = {}
    if kind == "threshold":
        settings = {"model": {"at": dict.fromkeys(shape.columns, 0.5)}}
    models = tuple(CellModels(fold, 42, {"model": f"key{fold}"}) for fold in range(cells))
    return Composition("c0ffee", "folds", {"model": shape}, models, {"model": step}, "model", "macro_f1", settings)


def loads(folder: Path, shape: StageShape) -> Any:
    """Stages with weights of their own for each cell, as a training would have left them."""

    def load(cell: CellModels, name: str) -> TrainedStage:
        encoder, tokenizer = load_encoder(str(folder), pooling=shape.pooling)
        with seeded_start(10 + (cell.fold or 0)):
            for parameter in encoder.parameters():
                torch.nn.init.normal_(parameter, std=0.3)
            head = build_head(shape.head, encoder.hidden_size, len(shape.columns), **shape.head_settings)
        arrays = {f"head.{each}": tensor.numpy() for each, tensor in head.state_dict().items()}
        arrays |= {f"encoder.{each}": tensor.numpy() for each, tensor in encoder.state_dict().items()}
        return TrainedStage(name, shape, encoder, tokenizer, arrays, CPU)

    return load


def logits_of(stage: TrainedStage) -> np.ndarray:
    rows = []
    for text in TEXTS:
        ids = torch.from_numpy(stage.tokens([text])[0]).unsqueeze(0)
        with torch.inference_mode():
            rows.append(stage.model(ids, torch.ones_like(ids)).outputs[0].numpy())
    return np.stack(rows)


def opened_alone(folder: Path) -> tuple[np.ndarray, Any]:
    done = subprocess.run(
        [sys.executable, "-c", OPEN_ALONE, str(folder), json.dumps(TEXTS)],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
        cwd="/",
    )
    assert done.returncode == 0, done.stderr
    logits, about = json.loads(done.stdout)
    return np.array(logits), about


@pytest.mark.parametrize(
    ("kind", "head", "gold", "columns", "problem"),
    [
        ("bert", "linear", "labels", ("loud", "sly"), "multi_label_classification"),
        ("bert", "pooler", "class", ("news", "sport", "other"), "single_label_classification"),
        ("ernie", "linear", "binary", ("rude",), "multi_label_classification"),
        ("roberta", "linear", "class", ("a", "b"), "single_label_classification"),
        ("xlm-roberta", "pooler", "number", ("stars",), "regression"),
    ],
)
def test_transformers_alone_gives_the_same_logits(
    tmp_path: Path, kind: str, head: str, gold: str, columns: tuple[str, ...], problem: str
) -> None:
    shape = shape_of(gold, columns, head)
    composition, load = composition_of(shape), loads(encoder_at(tmp_path / "encoder", kind), shape)
    folder = tmp_path / "model"
    assert write_model_folder(folder, composition, load, [], {}).opens_alone == (".",)
    logits, (names, told, longest) = opened_alone(folder)
    expected = logits_of(load(composition.cells[0], "model"))
    assert np.abs(logits - expected).max() < 2e-5 * max(1.0, np.abs(expected).max())
    assert np.ptp(expected, axis=0).max() > 100 * np.abs(logits - expected).max(), "rows differ"
    assert (list(names.values()), told, longest) == (list(columns), problem, 12)


@pytest.mark.parametrize(
    ("kind", "shape"),
    [
        ("bert", shape_of("labels", ("loud", "sly"), "mlp")),
        ("bert", shape_of("labels", ("loud", "sly"), pooling="mean")),
        ("distilbert", shape_of("labels", ("loud", "sly"))),
    ],
)
def test_what_transformers_has_no_head_for_is_an_encoder_and_a_head(
    tmp_path: Path, kind: str, shape: StageShape
) -> None:
    load = loads(encoder_at(tmp_path / "encoder", kind), shape)
    written = write_model_folder(tmp_path / "model", composition_of(shape), load, [], {})
    assert (written.opens_alone, written.others) == ((), (".",))
    assert (tmp_path / "model/head.safetensors").is_file()


@pytest.mark.parametrize("cells", [1, 3])
@pytest.mark.parametrize("head", ["linear", "mlp"])
def test_the_folder_predicts_as_the_store_did(tmp_path: Path, cells: int, head: str) -> None:
    shape = shape_of("labels", ("loud", "sly"), head)
    composition = composition_of(shape, cells)
    load = loads(encoder_at(tmp_path / "encoder"), shape)
    folder = tmp_path / "model"
    write_model_folder(folder, composition, load, [{"value": 0.5}], {"data": "abc"})
    shutil.rmtree(tmp_path / "encoder")
    read = read_model_folder(folder)
    assert [cell.name for cell in read.cells] == [f"f{fold}-s42" for fold in range(cells)]
    again = Model(read, folder_models(folder, read), CPU).predict(TEXTS)
    encoder_at(tmp_path / "encoder")
    before = Model(composition, load, CPU).predict(TEXTS)
    for one, other in zip(again.tables["model"].models, before.tables["model"].models, strict=True):
        assert np.abs(one - other).max() < 1e-5
    assert np.array_equal(again.decided["model"], before.decided["model"])
    assert (again.agreement is None) == (cells == 1)
    assert json.loads((folder / "decision.json").read_text())["scores"] == [{"value": 0.5}]
    said = "".join(path.read_text() for path in folder.rglob("*.json"))
    assert str(tmp_path) not in said
    assert "encoder/" not in said


def changed(folder: Path, name: str, how: Any) -> None:
    path = folder / name
    path.write_bytes(how(path.read_bytes()))


@pytest.mark.parametrize(
    ("name", "how", "said"),
    [
        ("model.json", lambda raw: raw[:50], "must be readable JSON"),
        ("model.json", lambda raw: b"[]", "must describe a model"),
        ("model.json", lambda raw: b'{"composition": {"format": 2}}', "must have format 1, got 2"),
        ("model.json", lambda raw: raw.replace(b'"score": "model"', b'"score": "none"'), "must name a decision"),
        ("model.json", lambda raw: raw.replace(b'"loud": 0.5', b'"quiet": 0.5'), "`at` must name each of"),
        ("model.json", lambda raw: raw.replace(b'"key0"', b'"../../etc"'), "names must be letters"),
        ("model.json", lambda raw: raw.replace(b'"head": "linear"', b'"head": "magic"'), "magic"),
        ("model.safetensors", lambda raw: raw[: len(raw) // 2], "must be whole"),
        ("head.safetensors", lambda raw: raw[:-5], "must be a whole safetensors file"),
        ("config.json", lambda raw: b"{}", "config.json must name a model"),
    ],
)
def test_a_folder_of_something_else_is_refused(tmp_path: Path, name: str, how: Any, said: str) -> None:
    shape = shape_of("labels", ("loud", "sly"))
    folder = tmp_path / "model"
    write_model_folder(folder, composition_of(shape), loads(encoder_at(tmp_path / "encoder"), shape), [], {})
    changed(folder, name, how)

    def predict() -> None:
        read = read_model_folder(folder)
        Model(read, folder_models(folder, read), CPU).predict(TEXTS)

    with pytest.raises((ModelError, StoreError)) as refused:
        predict()
    assert said in str(refused.value)


def test_a_folder_that_holds_something_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "model").mkdir()
    (tmp_path / "model/mine.txt").write_text("mine")
    shape = shape_of("labels", ("loud", "sly"))
    with pytest.raises(StoreError, match="new or empty folder"):
        write_model_folder(tmp_path / "model", composition_of(shape), loads(tmp_path, shape), [], {})
    assert [path.name for path in (tmp_path / "model").iterdir()] == ["mine.txt"]


@contextmanager
def files_of_at_most(size: int) -> Iterator[None]:
    """The system refuses longer ones, as a full disk would."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


@pytest.mark.parametrize("size", [50, 800, 5000], ids=["settings", "tokenizer", "weights"])
def test_a_full_disk_is_told_with_the_folder_to_remove(tmp_path: Path, size: int) -> None:
    shape, folder = shape_of("labels", ("loud", "sly")), tmp_path / "model"
    load = loads(encoder_at(tmp_path / "encoder"), shape)
    with (
        files_of_at_most(size),
        pytest.raises(StoreError, match=r"model must take the model's files, but: .*too large"),
    ):
        write_model_folder(folder, composition_of(shape), load, [], {})
    with files_of_at_most(5), pytest.raises(StoreError) as caught:
        write_card(folder, "# A model")
    assert caught.value.remedy.startswith("Remove that folder, which is half written, and free space")


def test_an_encoders_path_is_nobodys_business(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "jane/secret").mkdir(parents=True)
    assert public_name("google-bert/bert-base-uncased") == "google-bert/bert-base-uncased"
    assert public_name("tiny") == "tiny"
    (tmp_path / "tiny").mkdir()
    assert public_name("tiny") == "tiny", "whatever folder is called so"
    for path in ("jane/secret", "/home/jane/encoder", "~/encoder", "../encoder", "./encoder"):
        assert public_name(path) == "an encoder from a folder"


def test_tokens_are_made_once_for_all_cells_of_a_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shape = shape_of("labels", ("a", "b"))
    about = composition_of(shape, cells=3)
    load = loads(encoder_at(tmp_path / "encoder"), shape)
    write_model_folder(tmp_path / "model", about, load, [], {})
    asked, encode = [], HubTokenizer.encode
    monkeypatch.setattr(
        HubTokenizer, "encode", lambda self, texts, length: (asked.append(len(texts)), encode(self, texts, length))[1]
    )
    read = read_model_folder(tmp_path / "model")
    found = Model(read, folder_models(tmp_path / "model", read), CPU)
    found.prepare()
    asked.clear()  # what loading asks of a tokenizer
    predicted = found.predict(TEXTS)
    assert asked == [len(TEXTS)]
    theirs = Model(about, load, CPU).predict(TEXTS)
    assert np.allclose(predicted.tables["model"].ensemble, theirs.tables["model"].ensemble, atol=1e-6)
