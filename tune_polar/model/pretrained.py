"""Load a pretrained backbone from a folder or the hub, running no code of its own."""

from __future__ import annotations

import inspect
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from transformers import (
    MODEL_FOR_CAUSAL_LM_MAPPING,
    MODEL_FOR_MASKED_LM_MAPPING,
    MODEL_MAPPING,
    AutoConfig,
    PreTrainedConfig,
    PreTrainedModel,
)
from transformers.utils import logging as transformers_logging

from tune_polar.errors import ModelError
from tune_polar.model.encoder_files import DOWNLOAD_REMEDY
from tune_polar.model.pretrained_weights import read_weights

MOST_LAYERS = 1000


def is_causal(config: PreTrainedConfig) -> bool:
    """Whether it is of a decoder: a token sees only those before it."""
    return type(config) not in MODEL_FOR_MASKED_LM_MAPPING


def load_backbone(folder: Path, *, as_stored: bool = False) -> PreTrainedModel:
    """Load the encoder or decoder in ``folder`` without a pooler, with 32-bit weights or as its files have them.

    Of a model of texts and pictures the part that reads texts is taken.

    Names of older checkpoints (``bert.`` or ``ernie.`` in front, LayerNorm's gamma and beta) are understood, and heads
    that an encoder does not have are left out.

    Raises:
        ModelError: it is not an encoder, or its weights are damaged, incomplete or a pickle of more than tensors.
    """
    config = _encoder_config(folder)
    weights = read_weights(folder)
    text_config = getattr(config, "text_config", None)
    if text_config is not None:
        config, weights = text_config, _of_text(weights)
    layers = getattr(config, "num_hidden_layers", 1)
    if not isinstance(layers, int) or layers > MOST_LAYERS:  # each is built before any weight is looked at
        raise ModelError(
            f"config.json must name at most {MOST_LAYERS:,} layers, that of {str(folder)!r} has num_hidden_layers "
            f"{layers!r}",
            "Download the encoder again. " + DOWNLOAD_REMEDY,
        )
    model_class: Any = MODEL_MAPPING[type(config)]
    if isinstance(model_class, tuple):  # several, of which none is the encoder whole, as of Funnel
        raise ModelError(
            f"an encoder must be one kind of model, {config.model_type!r} is {len(model_class)}",
            "Choose an encoder of the BERT, ERNIE, RoBERTa or DeBERTa kind.",
        )
    # A pooler that the checkpoint lacks would be drawn at random, and no pooling here uses one
    takes_pooler = "add_pooling_layer" in inspect.signature(model_class.__init__).parameters
    options = {"add_pooling_layer": False} if takes_pooler else {}
    try:
        with quiet_transformers():
            backbone, report = model_class.from_pretrained(
                None,
                config=config,
                state_dict=weights,
                dtype=_stored_dtype(weights) if as_stored else torch.float32,
                # A config.json could name a kernel of the hub here, which is code
                attn_implementation=None,
                output_loading_info=True,
                **options,
            )
    except Exception as error:
        raise ModelError(
            f"weights must fit the encoder's config.json, those of {str(folder)!r} do not load: {error}",
            "Download the encoder again. " + DOWNLOAD_REMEDY,
        ) from error
    missing = sorted(report["missing_keys"])
    if missing:
        raise ModelError(
            f"the weights must hold the whole encoder, those of {str(folder)!r} lack {len(missing)} tensors, "
            f"for example {missing[:3]}",
            "Give an encoder whose weights are complete: parts drawn at random would train in its place.",
        )
    loaded: PreTrainedModel = backbone
    return loaded


def _encoder_config(folder: Path) -> PreTrainedConfig:
    try:
        config: PreTrainedConfig = AutoConfig.from_pretrained(folder, trust_remote_code=False)
    except Exception as error:
        raise ModelError(
            f"config.json must name a model that transformers knows, that of {str(folder)!r} does not: {error}",
            "Check the folder or id; encoders that bring their own code cannot be used.",
        ) from error
    inner = getattr(config, "text_config", None) or config
    if config.is_encoder_decoder or not any(
        type(inner) in mapping for mapping in (MODEL_FOR_MASKED_LM_MAPPING, MODEL_FOR_CAUSAL_LM_MAPPING)
    ):
        raise ModelError(
            f"an encoder must be a masked or causal language model, {str(folder)!r} is {config.model_type!r}",
            "Choose an encoder of the BERT, ERNIE, RoBERTa or DeBERTa kind, or a decoder as Gemma, Llama or Qwen.",
        )
    if getattr(config, "quantization_config", None) is not None:
        raise ModelError(
            f"an encoder that is to be trained must not be quantised, {str(folder)!r} has a quantization_config",
            "Choose the encoder's unquantised weights.",
        )
    return config


def _of_text(weights: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """Those of the language model inside a larger one, under the names it gives them itself."""
    mark = "language_model."
    found = {name.partition(mark)[2].removeprefix("model."): each for name, each in weights.items() if mark in name}
    return {name: each for name, each in found.items() if not name.startswith("lm_head.")}


def _stored_dtype(weights: dict[str, torch.Tensor]) -> torch.dtype:
    """That of most of the weights."""
    entries: dict[torch.dtype, int] = {}
    for each in weights.values():
        if each.is_floating_point():
            entries[each.dtype] = entries.get(each.dtype, 0) + each.numel()
    return max(entries, key=lambda dtype: entries[dtype], default=torch.float32)


@contextmanager
def quiet_transformers() -> Iterator[None]:
    """Keep its bar and its table of unused weights off the terminal: what matters there is an error here."""
    verbosity = transformers_logging.get_verbosity()
    shows_bars = transformers_logging.is_progress_bar_enabled()
    transformers_logging.set_verbosity(logging.ERROR)
    transformers_logging.disable_progress_bar()
    try:
        yield
    finally:
        transformers_logging.set_verbosity(verbosity)
        if shows_bars:
            transformers_logging.enable_progress_bar()
