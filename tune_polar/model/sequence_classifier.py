"""An encoder and its head as one model that transformers opens by itself, where it has such a head."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn
from transformers import MODEL_FOR_SEQUENCE_CLASSIFICATION_MAPPING, PreTrainedModel

from tune_polar.model.encoder import TextEncoder
from tune_polar.model.heads import Head, LinearHead, PoolerHead
from tune_polar.model.pretrained import quiet_transformers

# Kinds of encoders whose classifier is Linear → tanh → Linear of the first token, by where the two layers lie.
_POOLER = {"bert", "ernie", "roc_bert", "nezha"}  # `pooler.dense` of the encoder, then `classifier`
_DENSE = {"roberta", "xlm-roberta", "camembert", "mpnet", "data2vec-text", "xlm-roberta-xl", "roberta-prelayernorm"}
# tanh(x·s)/s is x to 2·10⁻⁸·x² for this power of two: a head without that layer passes through it unchanged
_SCALE = 2.0**-12
_TOLERANCE = 1e-4  # of logits, relative to the largest
_PROBLEMS = {
    "binary": "multi_label_classification",  # of one label: transformers takes the sigmoid of each
    "labels": "multi_label_classification",
    "class": "single_label_classification",
    "number": "regression",
}


def sequence_classifier(encoder: TextEncoder, head: Head, columns: Sequence[str], gold: str) -> PreTrainedModel | None:
    """The model of ``AutoModelForSequenceClassification`` that gives the same logits; None where there is none.

    BERT, ERNIE, RoBERTa, XLM-R and their like put Linear → tanh → Linear on the first token. The head ``pooler`` is
    just that. The head ``linear`` becomes that by a first layer so small that tanh leaves it as it is, to rounding.
    Other heads, other poolings and other kinds of encoders have no like. What is built is tried on a few rows.

    Args:
        encoder: trained, on the CPU.
        head: trained, on the CPU.
        columns: names of the outputs.
        gold: what they are: ``binary``, ``labels``, ``class`` or ``number``.
    """
    kind = encoder.backbone.config.model_type
    model_class: Any = MODEL_FOR_SEQUENCE_CLASSIFICATION_MAPPING.get(type(encoder.backbone.config), None)
    layers = _layers(head)
    if encoder.pooling != "cls" or layers is None or model_class is None or kind not in _POOLER | _DENSE:
        return None
    config = copy.deepcopy(encoder.backbone.config)
    config.num_labels = len(columns)
    config.id2label = dict(enumerate(columns))
    config.label2id = {name: place for place, name in enumerate(columns)}
    config.problem_type = _PROBLEMS[gold]
    with quiet_transformers(), torch.random.fork_rng(devices=[]):
        built: PreTrainedModel = model_class(config).eval()
    backbone: nn.Module = getattr(built, built.base_model_prefix)
    lacking = backbone.load_state_dict(encoder.backbone.state_dict(), strict=False)
    if lacking.unexpected_keys or any("pooler" not in name for name in lacking.missing_keys):
        return None
    first, last = (
        (backbone.get_submodule("pooler.dense"), built.get_submodule("classifier"))
        if kind in _POOLER
        else (built.get_submodule("classifier.dense"), built.get_submodule("classifier.out_proj"))
    )
    with torch.no_grad():
        for layer, (weight, bias) in zip((first, last), layers, strict=True):
            layer.weight.copy_(weight)
            layer.bias.copy_(bias)
    return built if _agree(encoder, head, built) else None


def _layers(head: Head) -> tuple[tuple[Tensor, Tensor], tuple[Tensor, Tensor]] | None:
    """Weights and biases of the two layers around tanh."""
    last = head.layers[-1] if isinstance(head, PoolerHead | LinearHead) else None
    if not isinstance(last, nn.Linear):
        return None
    if isinstance(head, PoolerHead):
        return (head.pooler.weight, head.pooler.bias), (last.weight, last.bias)
    width = last.in_features
    device = last.weight.device
    return (torch.eye(width, device=device) * _SCALE, torch.zeros(width, device=device)), (
        last.weight / _SCALE,
        last.bias,
    )


def _agree(encoder: TextEncoder, head: Head, built: PreTrainedModel) -> bool:
    """Whether both give the same logits for rows of random tokens."""
    generator = torch.Generator().manual_seed(0)
    width = min(12, encoder.max_tokens or 12)
    ids = torch.randint(5, encoder.word_embeddings.num_embeddings, (4, width), generator=generator)
    mask = torch.ones_like(ids)
    with torch.inference_mode():
        own = head(encoder.eval()(ids, mask)).float()
        other = built(input_ids=ids, attention_mask=mask).logits.float()
    largest = max(1.0, float(own.abs().max()))
    return bool((own - other).abs().max() <= _TOLERANCE * largest)
