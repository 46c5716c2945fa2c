"""Where the parts of a transformer backbone lie: its token embeddings and its stack of layers."""

from __future__ import annotations

from dataclasses import dataclass

from torch import nn
from transformers import PreTrainedModel

from tune_polar.errors import ModelError


@dataclass(frozen=True)
class Anatomy:
    """Names of a backbone's parts, as ``nn.Module.get_submodule`` takes them."""

    embeddings: str  # the child that holds the word embeddings, with their positions and norm
    layers: str  # the nn.ModuleList, bottom to top
    max_tokens: int | None  # longest row that has positions; None where positions have no end


def dissect(backbone: PreTrainedModel) -> Anatomy:
    """Find the parts of a BERT, ERNIE, RoBERTa, XLM-R, DistilBERT, ELECTRA, MPNet or DeBERTa backbone.

    The layers are the one ``nn.ModuleList`` as long as ``config.num_hidden_layers``.

    Raises:
        ModelError: the backbone has no word embeddings, or not exactly one such list.
    """
    depth = int(backbone.config.num_hidden_layers)
    stacks = [
        name for name, module in backbone.named_modules() if isinstance(module, nn.ModuleList) and len(module) == depth
    ]
    if len(stacks) != 1:
        raise ModelError(
            f"an encoder must have exactly one stack of its {depth} layers, {type(backbone).__name__} has "
            f"{stacks or 'none'}",
            "Choose an encoder of the BERT, ERNIE, RoBERTa or DeBERTa kind; layers that share their weights, "
            "as ALBERT's, have no learning rate of their own.",
        )
    embeddings = _embeddings_name(backbone)
    return Anatomy(embeddings, stacks[0], _max_tokens(backbone.get_submodule(embeddings)))


def _embeddings_name(backbone: PreTrainedModel) -> str:
    words = backbone.get_input_embeddings()
    children: list[tuple[str, nn.Module]] = list(backbone.named_children())
    for name, child in children:
        if isinstance(words, nn.Embedding) and any(module is words for module in child.modules()):
            return name
    raise ModelError(
        f"an encoder must look its tokens up in one embedding matrix, {type(backbone).__name__} does not",
        "Choose an encoder of the BERT, ERNIE, RoBERTa or DeBERTa kind.",
    )


def _max_tokens(embeddings: nn.Module) -> int | None:
    positions = getattr(embeddings, "position_embeddings", None)
    if not isinstance(positions, nn.Embedding):
        return None
    # RoBERTa counts positions from the padding index on: its 514 rows serve 512 tokens
    unused = 0 if positions.padding_idx is None else positions.padding_idx + 1
    return positions.num_embeddings - unused
