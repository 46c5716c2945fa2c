"""BERT and ERNIE over the tokens of a batch alone: what is a function of one token is never computed for padding.

A batch of rows of 20 to 89 tokens is half padding, and all but attention's products works token by token. They are laid
one after the other (tokens, hidden); only queries, keys and values are spread over the rectangle (rows, width).
The same sums as in the library's own forward pass, in another order of rounding.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import linear, scaled_dot_product_attention
from torch.utils.checkpoint import checkpoint
from transformers import BertModel, ErnieModel, PreTrainedModel


def runs_unpadded(backbone: PreTrainedModel) -> bool:
    """Whether ``pool_unpadded`` knows this backbone: BERT or ERNIE as an encoder, with scaled-dot-product attention."""
    config = backbone.config
    return (
        type(backbone) in (BertModel, ErnieModel)  # a subclass may compute something else
        and getattr(config, "position_embedding_type", None) in (None, "absolute")
        and not config.is_decoder
        and not config.add_cross_attention
        and config._attn_implementation == "sdpa"
    )


@dataclass(frozen=True, eq=False)
class _Layout:
    """Where the tokens of a batch lie in its rectangle."""

    rows: int
    width: int
    places: Tensor  # in the flattened rectangle, ascending, (tokens,)
    seen: Tensor | None  # True for tokens, (rows, 1, 1, width); None: there is no padding

    def spread(self, tokens: Tensor) -> Tensor:
        """(tokens, size) → (rows, width, size), zero where there is padding."""
        size = tokens.shape[-1]
        if self.seen is None:
            return tokens.view(self.rows, self.width, size)
        empty = tokens.new_zeros(self.rows * self.width, size)
        return empty.index_copy(0, self.places, tokens).view(self.rows, self.width, size)

    def gathered(self, rectangle: Tensor) -> Tensor:
        """(rows, width, size) → (tokens, size)."""
        flat = rectangle.reshape(self.rows * self.width, rectangle.shape[-1])
        return flat if self.seen is None else flat.index_select(0, self.places)


def pool_unpadded(
    backbone: Any, ids: Tensor, mask: Tensor, places: Tensor | None, *, first_only: bool, recompute: bool = False
) -> Tensor:
    """One vector a row from the last layer.

    Args:
        backbone: one that ``runs_unpadded``. Any: its parts are the library's, untyped.
        ids: long, (rows, width).
        mask: 1 for tokens, 0 for the padding behind them, (rows, width).
        places: where the tokens lie in the flattened rectangle, ascending, (tokens,); None: they are looked for, which
            makes the host wait for an accelerator.
        first_only: the first token's vector; else the mean over a row's tokens.
        recompute: keep only each layer's input for the backward pass and compute the layer again there.

    Returns:
        (rows, hidden).
    """
    rows, width = ids.shape
    if places is None:
        places = torch.nonzero(mask.flatten()).squeeze(1)
    seen = None if len(places) == rows * width else mask.bool()[:, None, None, :]
    layout = _Layout(rows, width, places, seen)
    lengths = mask.sum(dim=1)  # (rows,)
    hidden = _embed(backbone, ids.flatten().index_select(0, places), places % width)  # (tokens, hidden)
    layers = list(backbone.encoder.layer)
    keep = _again if recompute and torch.is_grad_enabled() else _once
    for layer in layers[:-1] if first_only else layers:
        hidden = keep(_layer, layer, hidden, layout)
    if first_only:
        return keep(_last_layer_of_firsts, layers[-1], hidden, lengths.cumsum(0) - lengths, layout)
    # Summed in the rectangle, in 32 bits: adding up by index would take another order each time on a GPU
    return layout.spread(hidden.float()).sum(dim=1) / lengths.unsqueeze(1).float().clamp(min=1.0)


def _once(part: Callable[..., Tensor], *arguments: object) -> Tensor:
    return part(*arguments)


def _again(part: Callable[..., Tensor], *arguments: object) -> Tensor:
    # Dropout draws its masks again from the generators' state before the first pass.
    result: Tensor = checkpoint(part, *arguments, use_reentrant=False)
    return result


def _embed(backbone: Any, ids: Tensor, positions: Tensor) -> Tensor:
    """Token ids and their positions, both (tokens,) → (tokens, hidden)."""
    parts = backbone.embeddings
    summed = parts.word_embeddings(ids) + parts.token_type_embeddings.weight[0] + parts.position_embeddings(positions)
    if hasattr(parts, "task_type_embeddings"):  # of an ERNIE that was pretrained on several tasks
        summed = summed + parts.task_type_embeddings.weight[0]
    embedded: Tensor = parts.dropout(parts.LayerNorm(summed))
    return embedded


def _layer(layer: Any, hidden: Tensor, layout: _Layout) -> Tensor:
    """One layer, (tokens, hidden) → (tokens, hidden)."""
    attention = layer.attention.self
    parts = (attention.query, attention.key, attention.value)
    weight, bias = torch.cat([part.weight for part in parts]), torch.cat([part.bias for part in parts])
    spread = layout.spread(linear(hidden, weight, bias))  # one product for all three, (rows, width, 3 · hidden)
    queries, keys, values = spread.chunk(3, dim=2)
    return _feed_forward(layer, layout.gathered(_attend(attention, queries, keys, values, layout)), hidden)


def _last_layer_of_firsts(layer: Any, hidden: Tensor, firsts: Tensor, layout: _Layout) -> Tensor:
    """The layer's output for the tokens numbered ``firsts``, one a row; keys and values are of all tokens."""
    asking = hidden.index_select(0, firsts)  # (rows, hidden)
    attention = layer.attention.self
    keys, values = layout.spread(attention.key(hidden)), layout.spread(attention.value(hidden))
    context = _attend(attention, attention.query(asking).unsqueeze(1), keys, values, layout)
    return _feed_forward(layer, context.squeeze(1), asking)


def _attend(attention: Any, queries: Tensor, keys: Tensor, values: Tensor, layout: _Layout) -> Tensor:
    """What queries (rows, asking, hidden) find in a row's tokens (rows, width, hidden), (rows, asking, hidden)."""
    heads = (layout.rows, -1, attention.num_attention_heads, attention.attention_head_size)
    context = scaled_dot_product_attention(
        queries.view(heads).transpose(1, 2),
        keys.view(heads).transpose(1, 2),
        values.view(heads).transpose(1, 2),
        attn_mask=layout.seen,
        dropout_p=attention.dropout.p if attention.training else 0.0,
    )  # (rows, heads, asking, head)
    return context.transpose(1, 2).reshape(queries.shape)


def _feed_forward(layer: Any, context: Tensor, hidden: Tensor) -> Tensor:
    attended = layer.attention.output(context, hidden)
    output: Tensor = layer.output(layer.intermediate(attended), attended)
    return output
