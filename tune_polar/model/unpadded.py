"""BERT and ERNIE over the tokens of a batch alone: what is a function of one token is never computed for padding.

A batch of rows of 20 to 89 tokens is half padding, and all but attention's products works token by token. They are laid
one after the other (tokens, hidden); only queries, keys and values are spread over rectangles (rows, width), each of
rows of about one length. The same sums as in the library's own forward pass, in another order of rounding.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import linear, scaled_dot_product_attention
from torch.utils.checkpoint import checkpoint
from transformers import BertModel, ErnieModel, PreTrainedModel

from tune_polar.model.row_blocks import RowBlock, RowBlocks, row_blocks


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


def pool_unpadded(
    backbone: Any, ids: Tensor, mask: Tensor, blocks: RowBlocks | None, *, first_only: bool, recompute: bool = False
) -> Tensor:
    """One vector a row from the last layer.

    Args:
        backbone: one that ``runs_unpadded``. Any: its parts are the library's, untyped.
        ids: long, (rows, width).
        mask: 1 for tokens, 0 for the padding behind them, (rows, width).
        blocks: the batch's, of ``row_blocks``; None: found from ``mask``, which makes the host wait for an accelerator.
        first_only: the first token's vector; else the mean over a row's tokens.
        recompute: keep only each layer's input for the backward pass and compute the layer again there.

    Returns:
        (rows, hidden).
    """
    if blocks is None:
        blocks = row_blocks(mask.sum(dim=1).cpu().numpy(), ids.shape[1], ids.device)
    hidden = _embed(backbone, ids.flatten().index_select(0, blocks.places), blocks.places % ids.shape[1])
    layers = list(backbone.encoder.layer)  # hidden: (tokens, hidden), block after block
    keep = _again if recompute and torch.is_grad_enabled() else _once
    for layer in layers[:-1] if first_only else layers:
        hidden = keep(_layer, layer, hidden, blocks)
    if first_only:
        return blocks.in_order(keep(_last_layer_of_firsts, layers[-1], hidden, blocks))
    # Summed in rectangles, in 32 bits: adding up by index would take another order each time on a GPU
    parts = zip(blocks.blocks, blocks.split(hidden.float()), strict=True)
    summed = torch.cat([block.spread(tokens).sum(dim=1) for block, tokens in parts])  # (rows, hidden)
    return blocks.in_order(summed / blocks.lengths.unsqueeze(1).float().clamp(min=1.0))


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


def _layer(layer: Any, hidden: Tensor, blocks: RowBlocks) -> Tensor:
    """One layer, (tokens, hidden) → (tokens, hidden)."""
    attention = layer.attention.self
    parts = (attention.query, attention.key, attention.value)
    if all(type(part) is nn.Linear for part in parts):
        weight, bias = torch.cat([part.weight for part in parts]), torch.cat([part.bias for part in parts])
        asked = linear(hidden, weight, bias)  # one product for all three, (tokens, 3 · hidden)
    else:  # one has an adapter
        asked = torch.cat([part(hidden) for part in parts], dim=1)
    contexts = []
    for block, tokens in zip(blocks.blocks, blocks.split(asked), strict=True):
        queries, keys, values = block.spread(tokens).chunk(3, dim=2)
        contexts.append(block.gathered(_attend(attention, queries, keys, values, block)))
    return _feed_forward(layer, _together(contexts), hidden)


def _last_layer_of_firsts(layer: Any, hidden: Tensor, blocks: RowBlocks) -> Tensor:
    """The layer's output for each row's first token, in the blocks' order; keys and values are of all tokens."""
    asking = hidden.index_select(0, blocks.lengths.cumsum(0) - blocks.lengths)  # (rows, hidden)
    attention = layer.attention.self
    asked = blocks.rows_split(attention.query(asking))
    keys, values = blocks.split(attention.key(hidden)), blocks.split(attention.value(hidden))
    contexts = [
        _attend(attention, queries.unsqueeze(1), block.spread(key), block.spread(value), block).squeeze(1)
        for block, queries, key, value in zip(blocks.blocks, asked, keys, values, strict=True)
    ]
    return _feed_forward(layer, _together(contexts), asking)


def _together(parts: list[Tensor]) -> Tensor:
    # One block is not copied once more
    return parts[0] if len(parts) == 1 else torch.cat(parts)


def _attend(attention: Any, queries: Tensor, keys: Tensor, values: Tensor, block: RowBlock) -> Tensor:
    """What queries (rows, asking, hidden) find in a row's tokens (rows, width, hidden), (rows, asking, hidden)."""
    heads = (block.rows, -1, attention.num_attention_heads, attention.attention_head_size)
    context = scaled_dot_product_attention(
        queries.view(heads).transpose(1, 2),
        keys.view(heads).transpose(1, 2),
        values.view(heads).transpose(1, 2),
        attn_mask=block.seen,
        dropout_p=attention.dropout.p if attention.training else 0.0,
    )  # (rows, heads, asking, head)
    return context.transpose(1, 2).reshape(queries.shape)


def _feed_forward(layer: Any, context: Tensor, hidden: Tensor) -> Tensor:
    attended = layer.attention.output(context, hidden)
    output: Tensor = layer.output(layer.intermediate(attended), attended)
    return output
