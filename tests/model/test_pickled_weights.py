from __future__ import annotations

import json
import os
import pickle
import tarfile
from collections import OrderedDict
from contextlib import suppress
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import nn

from tune_polar.errors import ModelError
from tune_polar.model.encoder import load_encoder
from tune_polar.model.encoder_location import encoder_identity
from tune_polar.model.pretrained_weights import read_weights


class MakesFolder:
    """Pickled, an instruction to make a folder when it is read."""

    def __init__(self, marker: Path) -> None:
        self.marker = marker

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return os.mkdir, (str(self.marker),)


def write_shards(folder: Path) -> None:
    """Spread pytorch_model.bin over two files and an index."""
    weights = torch.load(folder / "pytorch_model.bin", weights_only=True)
    (folder / "pytorch_model.bin").unlink()
    names = sorted(weights)
    weight_map = {}
    for number, part in enumerate((names[::2], names[1::2]), start=1):
        file = f"pytorch_model-{number:05d}-of-00002.bin"
        torch.save({name: weights[name] for name in part}, folder / file)
        weight_map |= dict.fromkeys(part, file)
    index = {"metadata": {}, "weight_map": weight_map}
    (folder / "pytorch_model.bin.index.json").write_text(json.dumps(index), encoding="utf-8")


def assert_same_weights(first: str, second: str) -> None:
    expected = load_encoder(first, pooling="cls")[0].state_dict()
    actual = load_encoder(second, pooling="cls")[0].state_dict()
    assert list(actual) == list(expected)
    for name, tensor in expected.items():
        torch.testing.assert_close(actual[name], tensor, rtol=0, atol=0)


def test_pickled_tensors_load_like_safetensors(bert_folder: Path, pickled: Path) -> None:
    assert_same_weights(str(bert_folder), str(pickled))


@pytest.mark.parametrize("as_zip", [True, False])
def test_both_of_torchs_formats_load(as_zip: bool, bert_folder: Path, pickled: Path) -> None:
    weights = OrderedDict(
        (name, nn.Parameter(tensor)) for name, tensor in load_file(bert_folder / "model.safetensors").items()
    )
    torch.save(weights, pickled / "pytorch_model.bin", _use_new_zipfile_serialization=as_zip)
    assert_same_weights(str(bert_folder), str(pickled))


def test_sharded_pickles_load(bert_folder: Path, pickled: Path) -> None:
    write_shards(pickled)
    assert_same_weights(str(bert_folder), str(pickled))


def test_safetensors_are_preferred(bert_folder: Path, copy: Path) -> None:
    identity = encoder_identity(str(copy))
    (copy / "pytorch_model.bin").write_bytes(b"never read")
    assert_same_weights(str(bert_folder), str(copy))
    assert encoder_identity(str(copy)) == identity


@pytest.mark.parametrize("kind", ["plain pickle", "zip", "legacy"])
@pytest.mark.parametrize("forced", ["0", "1"])
def test_pickles_that_would_execute_are_refused_unexecuted(
    kind: str, forced: str, pickled: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD", forced)
    marker = tmp_path / "executed"
    stored = {"bert.embeddings.word_embeddings.weight": MakesFolder(marker)}
    path = pickled / "pytorch_model.bin"
    if kind == "plain pickle":
        path.write_bytes(pickle.dumps(stored))
    else:
        torch.save(stored, path, _use_new_zipfile_serialization=kind == "zip")
    with pytest.raises(
        ModelError, match=r"tensors alone(.|\n)*nothing in it was executed\n.*model.safetensors"
    ) as info:
        load_encoder(str(pickled), pooling="cls")
    assert "weights_only" not in str(info.value)
    assert not marker.exists()
    with suppress(RuntimeError):  # torch finds only afterwards that a plain pickle is none of its own files
        torch.load(path, weights_only=False)
    assert marker.exists()  # the trap is a working one


def test_shards_that_would_execute_are_refused_unexecuted(pickled: Path, tmp_path: Path) -> None:
    write_shards(pickled)
    marker = tmp_path / "executed"
    torch.save({"cls.predictions.bias": MakesFolder(marker)}, pickled / "pytorch_model-00002-of-00002.bin")
    with pytest.raises(ModelError, match=r"00002-of-00002.bin' is damaged or needs more"):
        load_encoder(str(pickled), pooling="cls")
    assert not marker.exists()


def test_whole_modules_are_refused(pickled: Path) -> None:
    torch.save(nn.Linear(2, 2), pickled / "pytorch_model.bin")
    with pytest.raises(ModelError, match=r"must be whole and hold tensors alone"):
        read_weights(pickled)


def test_tar_files_of_old_are_refused(pickled: Path) -> None:
    with tarfile.open(pickled / "pytorch_model.bin", "w") as archive:
        for name in ("storages", "tensors", "pickle"):
            archive.addfile(tarfile.TarInfo(name))
    with pytest.raises(ModelError, match=r"must be whole and hold tensors alone") as info:
        read_weights(pickled)
    assert "weights_only" not in str(info.value)


@pytest.mark.parametrize(
    ("stored", "found"),
    [
        ([torch.zeros(2)], "list"),
        ({"model": {"weight": torch.zeros(2)}, "epoch": 3}, "dict under 'model'"),
        ({3: torch.zeros(2)}, "Tensor under 3"),
    ],
)
def test_training_checkpoints_are_refused(stored: object, found: str, pickled: Path) -> None:
    torch.save(stored, pickled / "pytorch_model.bin")
    with pytest.raises(ModelError, match=f"must map names to tensors, .* holds {found}"):
        read_weights(pickled)


@pytest.mark.parametrize("as_zip", [True, False])
@pytest.mark.parametrize("share", [0.0, 0.02, 0.5, 0.99])
def test_cut_files_are_refused(as_zip: bool, share: float, pickled: Path) -> None:
    path = pickled / "pytorch_model.bin"
    weights = torch.load(path, weights_only=True)
    torch.save(weights, path, _use_new_zipfile_serialization=as_zip)
    path.write_bytes(path.read_bytes()[: int(path.stat().st_size * share)])
    with pytest.raises(ModelError, match=r"must be whole and hold tensors alone"):
        read_weights(pickled)


def test_folder_without_weights_is_refused(pickled: Path) -> None:
    (pickled / "pytorch_model.bin").unlink()
    for use in (encoder_identity, lambda name: load_encoder(name, pooling="cls")):
        with pytest.raises(ModelError, match=r"has none of model.safetensors, .*pytorch_model.bin"):
            use(str(pickled))


def test_missing_shards_are_refused(pickled: Path) -> None:
    write_shards(pickled)
    (pickled / "pytorch_model-00001-of-00002.bin").unlink()
    with pytest.raises(ModelError, match=r"lacks 1, for example pytorch_model-00001-of-00002.bin"):
        load_encoder(str(pickled), pooling="cls")


@pytest.mark.parametrize(
    "index",
    [
        "[]",
        "{}",
        '{"weight_map": []}',
        '{"weight_map": {}}',
        '{"weight_map": {"a": 3}}',
        '{"weight_map": {"a": "../x.bin"}}',
        '{"weight_map": {"a": "/tmp/x.bin"}}',
        '{"weight_map": {"a": "model.safetensors"}}',
        "not json",
    ],
)
def test_strange_indexes_are_refused(index: str, pickled: Path) -> None:
    (pickled / "pytorch_model.bin").unlink()
    (pickled / "pytorch_model.bin.index.json").write_text(index, encoding="utf-8")
    with pytest.raises(ModelError, match=r"index.json must be JSON|must name .bin files beside its index"):
        read_weights(pickled)


def test_safetensors_index_cannot_lead_to_pickles(copy: Path) -> None:
    weights = load_file(copy / "model.safetensors")
    (copy / "model.safetensors").unlink()
    save_file(weights, copy / "model-1.safetensors")
    index = copy / "model.safetensors.index.json"
    index.write_text(json.dumps({"weight_map": dict.fromkeys(weights, "model-1.safetensors")}), encoding="utf-8")
    assert set(read_weights(copy)) == set(weights)
    index.write_text(json.dumps({"weight_map": {"a": "pytorch_model.bin"}}), encoding="utf-8")
    with pytest.raises(ModelError, match=r"must name .safetensors files"):
        read_weights(copy)


def test_identity_follows_pickled_weights(pickled: Path) -> None:
    whole = encoder_identity(str(pickled))
    with (pickled / "pytorch_model.bin").open("ab") as file:
        file.write(b" ")
    assert encoder_identity(str(pickled)) != whole


def test_identity_follows_every_shard(pickled: Path) -> None:
    write_shards(pickled)
    seen = {encoder_identity(str(pickled))}
    for path in sorted(pickled.glob("pytorch_model*")):
        with path.open("ab") as file:
            file.write(b" ")
        seen.add(encoder_identity(str(pickled)))
    assert len(seen) == 4
