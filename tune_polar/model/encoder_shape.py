"""How large an encoder is, read from its config.json alone: neither torch nor transformers is loaded for it."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

from tune_polar.errors import ModelError
from tune_polar.model.decoder_shape import DECODERS, GEMMAS, decoder_sizes
from tune_polar.model.encoder_files import CONFIG_FILE

# Backbones that compute attention without keeping its (tokens × tokens) weights; others keep them for the backward.
_FUSED_ATTENTION = frozenset({"bert", "ernie", "roberta", "xlm-roberta", "camembert", "electra", "distilbert"})
_OTHER_NAMES = {  # of DistilBERT
    "hidden_size": "dim",
    "num_hidden_layers": "n_layers",
    "num_attention_heads": "n_heads",
    "intermediate_size": "hidden_dim",
}


@dataclass(frozen=True)
class EncoderShape:
    """Sizes that decide what an encoder needs of memory."""

    model_type: str
    layers: int
    hidden: int
    heads: int
    intermediate: int
    vocabulary: int
    parameters: int  # without a pooler
    matrices: tuple[tuple[int, int], ...]  # (in, out) of one layer's, attention's four first
    fused_attention: bool
    stored_bytes: int = 4  # an entry, in its files

    @property
    def linear_parameters(self) -> int:
        """Of the layers' matrices: under mixed precision each forward copies them to 16 bits."""
        return self.layers * sum(width * outputs for width, outputs in self.matrices)

    @property
    def largest_matrix(self) -> int:
        """Entries of the largest of a layer's matrices."""
        return max(width * outputs for width, outputs in self.matrices)

    @property
    def word_embeddings(self) -> int:
        """Entries of the token matrix, which FGM keeps a copy of."""
        return self.vocabulary * self.hidden


def shape_of_config(config: Mapping[str, Any]) -> EncoderShape:
    """The shape that a config.json describes.

    Raises:
        ModelError: it does not give an encoder's sizes.
    """
    if isinstance(config.get("text_config"), Mapping):  # of a model of texts and pictures
        config = {"dtype": config.get("dtype", config.get("torch_dtype")), **config["text_config"]}
    kind = str(config.get("model_type", ""))
    try:
        if kind in DECODERS:
            return EncoderShape(kind, *decoder_sizes(config), stored_bytes=_stored(config))
        layers, hidden, heads, intermediate = (
            _size(config, name)
            for name in ("num_hidden_layers", "hidden_size", "num_attention_heads", "intermediate_size")
        )
        vocabulary = _size(config, "vocab_size")
        positions = _size(config, "max_position_embeddings")
        if config.get("position_biased_input") is False:  # DeBERTa's positions are relative alone
            positions = 0
        types = 0 if kind in ("distilbert", "mpnet") else int(config.get("type_vocab_size", 2))
        width = int(config.get("embedding_size") or hidden)  # ELECTRA's embeddings may be narrower
    except (TypeError, ValueError) as error:
        raise ModelError(
            f"config.json must give an encoder's sizes, but: {error}",
            "Choose an encoder of the BERT, ERNIE, RoBERTa or DeBERTa kind, or a decoder as Gemma, Llama or Qwen.",
        ) from None
    tasks = int(config.get("task_type_vocab_size", 3)) if kind == "ernie" and config.get("use_task_id") else 0
    each = (*((hidden, hidden),) * 4, (hidden, intermediate), (intermediate, hidden))
    matrices = 4 * hidden * hidden + 2 * hidden * intermediate
    vectors = 4 * hidden + intermediate + hidden + 4 * hidden  # biases, and scale and shift of two norms
    embeddings = (vocabulary + positions + types + tasks) * width + 2 * width
    projection = 0 if width == hidden else width * hidden + hidden
    table = _SHARED.get(kind)
    shared = 0 if table is None else table(config)
    return EncoderShape(
        model_type=kind,
        layers=layers,
        hidden=hidden,
        heads=heads,
        intermediate=intermediate,
        vocabulary=vocabulary,
        parameters=embeddings + projection + shared + layers * (matrices + vectors),
        matrices=each,
        fused_attention=kind in _FUSED_ATTENTION,
        stored_bytes=_stored(config),
    )


def shape_of_folder(folder: Path) -> EncoderShape:
    """The shape of the encoder in ``folder``.

    Raises:
        ModelError: there is no readable config.json, or it is not of an encoder.
    """
    try:
        config = json.loads((folder / CONFIG_FILE).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ModelError(
            f"{folder / CONFIG_FILE} must be readable JSON: {error}", "Download the encoder again."
        ) from None
    if not isinstance(config, dict):
        raise ModelError(f"{folder / CONFIG_FILE} must hold keys and values", "Download the encoder again.")
    return shape_of_config(config)


def _stored(config: Mapping[str, Any]) -> int:
    """Bytes of an entry by the precision that the config names."""
    return 2 if str(config.get("dtype", config.get("torch_dtype"))).endswith("float16") else 4


def _size(config: Mapping[str, Any], name: str) -> int:
    value = config.get(name, config.get(_OTHER_NAMES.get(name, name)))
    if not isinstance(value, int) or isinstance(value, bool) or value < 1:
        raise ValueError(f"{name} must be a whole number of at least 1, got {value!r}")
    return value


def _mpnet_table(config: Mapping[str, Any]) -> int:
    return int(config.get("relative_attention_num_buckets", 32)) * _size(config, "num_attention_heads")


def _deberta_table(config: Mapping[str, Any]) -> int:
    if not config.get("relative_attention"):
        return 0
    hidden, buckets = _size(config, "hidden_size"), int(config.get("position_buckets", -1))
    if buckets < 1:
        buckets = int(config.get("max_relative_positions", -1))
    if buckets < 1:
        buckets = _size(config, "max_position_embeddings")
    norm = 2 * hidden if "layer_norm" in str(config.get("norm_rel_ebd", "none")) else 0
    return 2 * buckets * hidden + norm


# Tables that all layers of a kind share.
_SHARED: Mapping[str, Callable[[Mapping[str, Any]], int]] = MappingProxyType(
    {"mpnet": _mpnet_table, "deberta-v2": _deberta_table}
)

# Sizes of the published encoders, for machines that have not downloaded it yet.
PUBLISHED_CONFIGS: Mapping[str, Mapping[str, Any]] = MappingProxyType(
    {
        "nghuyong/ernie-3.0-xbase-zh": MappingProxyType(
            {
                "model_type": "ernie",
                "num_hidden_layers": 20,
                "hidden_size": 1024,
                "num_attention_heads": 16,
                "intermediate_size": 4096,
                "vocab_size": 40_000,
                "max_position_embeddings": 2048,
                "type_vocab_size": 4,
                "use_task_id": True,
                "task_type_vocab_size": 3,
            }
        ),
        **GEMMAS,
    }
)
