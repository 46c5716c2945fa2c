"""How large a decoder is, read from its config.json alone."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

DECODERS = frozenset({"gemma", "gemma2", "gemma3_text", "llama", "mistral", "qwen2", "qwen3"})
_NORMS = {"gemma2": 4, "gemma3_text": 4}  # of a layer; of the others 2
_NORMED_HEADS = {"gemma3_text", "qwen3"}  # queries and keys have norms of their own
_VOCABULARY = {"gemma3_text": 262_208}  # where a config leaves it out

Matrices = tuple[tuple[int, int], ...]


def decoder_sizes(config: Mapping[str, Any]) -> tuple[int, int, int, int, int, int, Matrices, bool]:
    """Layers, hidden, heads, intermediate, vocabulary, parameters without the language head, a layer's matrices, and
    whether attention is fused.

    Raises:
        ValueError: a size is missing, or is no whole number of at least 1.
    """
    kind = str(config["model_type"])
    layers, hidden, heads, inner = (
        _whole(config, name)
        for name in ("num_hidden_layers", "hidden_size", "num_attention_heads", "intermediate_size")
    )
    shared = _whole(config, "num_key_value_heads", heads)
    width = _whole(config, "head_dim", hidden // heads)
    vocabulary = _whole(config, "vocab_size", _VOCABULARY.get(kind))
    asking, answering = heads * width, shared * width
    matrices = (
        *((hidden, asking), (hidden, answering), (hidden, answering), (asking, hidden)),
        *((hidden, inner), (hidden, inner), (inner, hidden)),
    )
    vectors = _NORMS.get(kind, 2) * hidden + (2 * width if kind in _NORMED_HEADS else 0)
    if kind == "qwen2":  # the one with biases
        vectors += asking + 2 * answering
    one = sum(each * outputs for each, outputs in matrices) + vectors
    parameters = vocabulary * hidden + hidden + layers * one
    return layers, hidden, heads, inner, vocabulary, parameters, matrices, True


def _whole(config: Mapping[str, Any], name: str, otherwise: int | None = None) -> int:
    value = config.get(name)
    value = otherwise if value is None else value
    if not isinstance(value, int) or isinstance(value, bool) or value < 1:
        raise ValueError(f"{name} must be a whole number of at least 1, got {value!r}")
    return value


def _gemma(layers: int, hidden: int, heads: int, shared: int, inner: int, width: int) -> Mapping[str, Any]:
    return MappingProxyType(
        {
            "model_type": "gemma3_text",
            "num_hidden_layers": layers,
            "hidden_size": hidden,
            "num_attention_heads": heads,
            "num_key_value_heads": shared,
            "intermediate_size": inner,
            "head_dim": width,
            "vocab_size": 262_144 if layers == 26 else 262_208,
            "dtype": "bfloat16",
        }
    )


# Sizes of the published decoders, for machines that have not downloaded them yet.
GEMMAS: Mapping[str, Mapping[str, Any]] = {
    "google/gemma-3-1b-pt": _gemma(26, 1152, 4, 1, 6912, 256),
    "google/gemma-3-4b-pt": _gemma(34, 2560, 8, 4, 10_240, 256),
    "google/gemma-3-12b-pt": _gemma(48, 3840, 16, 8, 15_360, 256),
    "google/gemma-3-27b-pt": _gemma(62, 5376, 32, 16, 21_504, 128),
}
