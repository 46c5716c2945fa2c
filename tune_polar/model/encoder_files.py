"""Which files make a pretrained encoder, in a folder or in a repository of the hub."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

from tune_polar.errors import ModelError

CONFIG_FILE = "config.json"
POOLING_FILE = "1_Pooling/config.json"  # of sentence-transformers: how it makes one vector of a row
# The first that is there holds the weights; an index names the files (shards) they are spread over.
WEIGHT_FILES = (
    "model.safetensors",
    "model.safetensors.index.json",
    "pytorch_model.bin",
    "pytorch_model.bin.index.json",
)
TOKENIZER_FILES = (
    "added_tokens.json",
    "merges.txt",
    "sentencepiece.bpe.model",
    "special_tokens_map.json",
    "spiece.model",
    "spm.model",
    "tokenizer.json",
    "tokenizer.model",
    "tokenizer_config.json",
    "vocab.json",
    "vocab.txt",
)
DOWNLOAD_REMEDY = (
    "On a machine with network run `hf download ID --local-dir FOLDER`, copy FOLDER here and give its path; "
    "or use the embedded encoder, `tiny`."
)


def weight_file(names: Sequence[str]) -> str | None:
    """The one of ``names`` that holds an encoder's weights or lists their shards: safetensors before pickles."""
    return next((name for name in WEIGHT_FILES if name in names), None)


def shard_names(index: Path) -> list[str]:
    """Names of the files that ``index`` spreads the weights over, sorted.

    Raises:
        ModelError: it is no index, or names a file of another kind or outside its own folder.
    """
    suffix = index.name.removesuffix(".index.json").rpartition(".")[2]  # "safetensors" or "bin"
    try:
        stored = json.loads(index.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ModelError(f"{index} must be JSON: {error}", "Download the encoder again.") from error
    weight_map = stored.get("weight_map") if isinstance(stored, dict) else None
    names = set(map(str, weight_map.values())) if isinstance(weight_map, dict) else set()
    strangers = sorted(name for name in names if Path(name).name != name or not name.endswith(f".{suffix}"))
    if not names or strangers:
        raise ModelError(
            f"a weight_map must name .{suffix} files beside its index, that of {index} names {strangers[:3] or 'none'}",
            "Download the encoder again.",
        )
    return sorted(names)


def weight_files(folder: Path) -> list[Path]:
    """The index, where there is one, and every file with tensors, in the order they are read.

    Raises:
        ModelError: ``folder`` holds no weights, or not all shards.
    """
    name = weight_file([name for name in WEIGHT_FILES if (folder / name).is_file()])
    if name is None:
        raise ModelError(
            f"an encoder must come with its weights, {str(folder)!r} has none of {', '.join(WEIGHT_FILES)}",
            DOWNLOAD_REMEDY,
        )
    if not name.endswith(".index.json"):
        return [folder / name]
    files = [folder / name, *(folder / shard for shard in shard_names(folder / name))]
    missing = [file.name for file in files if not file.is_file()]
    if missing:
        raise ModelError(
            f"every file that {name} names must be there, {str(folder)!r} lacks {len(missing)}, for example "
            f"{missing[0]}",
            DOWNLOAD_REMEDY,
        )
    return files
