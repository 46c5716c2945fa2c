"""Where the parts of a transformer backbone lie: its stack of layers, what is above it, and its positions."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import nn
from transformers import PreTrainedModel

from tune_polar.errors import ModelError


@dataclass(frozen=True)
class Anatomy:
    """Names of a backbone's parts, as ``nn.Module.get_submodule`` takes them."""

    layers: str  # the nn.ModuleList, bottom to top
    above: tuple[str, ...]  # what has weights and reads the last layer's output, such as a last norm; in BERT nothing
    max_tokens: int | None  # longest row that has positions; None where positions have no end


def dissect(backbone: PreTrainedModel) -> Anatomy:
    """Find the parts of an encoder or a decoder: BERT, ERNIE, RoBERTa, DeBERTa, ModernBERT, Gemma, Llama or Qwen.

    The layers are the one ``nn.ModuleList`` as long as ``config.num_hidden_layers``. What is above them is seen in a
    pass of two tokens, of whatever architecture, and goes by no name or place: OPT registers its last norm before the
    layers, DeBERTa-v2 the norm of its distances behind them. All other weights are below the layers or shared by them.
    Where none but the embeddings' are outside of the layers, as in BERT, no pass is made.

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
    embeddings = _embeddings(backbone)
    return Anatomy(stacks[0], _above(backbone, stacks[0], embeddings), _max_tokens(embeddings))


@torch.no_grad()
def _above(backbone: PreTrainedModel, layers: str, embeddings: nn.Module) -> tuple[str, ...]:
    """Modules beside the stack and the embeddings that are called after the last layer and not before."""
    stack = backbone.get_submodule(layers)
    known, with_words = set(stack.modules()), set(embeddings.modules())
    if stack not in with_words:
        known |= with_words
    others = {
        name: part
        for name, part in backbone.named_modules()
        if part not in known and any(True for _ in part.parameters(recurse=False))
    }
    if not others:
        return ()
    called: list[str] = []

    def noting(name: str) -> Callable[..., None]:
        return lambda *_: called.append(name)

    hooks = [part.register_forward_pre_hook(noting(name)) for name, part in others.items()]
    hooks.append(stack[-1].register_forward_hook(noting(layers)))
    ids = torch.zeros((1, 2), dtype=torch.long, device=backbone.device)
    was_training = backbone.training
    backbone.eval()
    try:
        backbone(input_ids=ids, attention_mask=torch.ones_like(ids))
    finally:
        backbone.train(was_training)
        for hook in hooks:
            hook.remove()
    top = called.index(layers)
    return tuple(dict.fromkeys(name for name in called[top + 1 :] if name not in called[:top]))


def _embeddings(backbone: PreTrainedModel) -> nn.Module:
    """The child that holds the word embeddings, with their positions."""
    words = backbone.get_input_embeddings()
    children: list[nn.Module] = list(backbone.children())
    for child in children:
        if isinstance(words, nn.Embedding) and any(module is words for module in child.modules()):
            return child
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
