"""How much GPU memory training an encoder takes at its peak, counted tensor by tensor before anything is allocated.

Counted is what torch keeps between forward and backward of one transformer layer (BERT's order: attention, norm,
feed-forward, norm, with the norms' inputs in 32 bits), and what stands beside it: weights, gradients, AdamW's two
moments, the 16-bit copies that mixed precision makes of every matrix, FGM's copy of the token matrix. The best weights
of a stage are kept on the CPU and cost nothing here. A test holds the count of a layer against what autograd saves.
"""

from __future__ import annotations

from dataclasses import dataclass

from tune_polar.model.encoder_shape import EncoderShape

GB = 2**30  # bytes, as on the box of a graphics card
WORKSPACE_BYTES = 64 * 2**20  # cuBLAS's, one a process
_MARGIN = 1.02  # what rounding of blocks adds
FLOAT, HALF, BYTE = 4, 2, 1  # bytes an entry
NF4_BYTES = (4 + 8 / 64 + 32 / (64 * 256)) / 8  # with a scale for 64 entries in 8 bits, and one for 256 of these


@dataclass(frozen=True)
class AdapterLoad:
    """What an adapter adds to one layer."""

    rank: int
    matrices: int  # that have one
    inputs: int  # entries a token that they read, together


def adapter_parameters(shape: EncoderShape, adapter: AdapterLoad, attention_only: bool, layers: int) -> int:
    """Trained entries of an adapter on ``layers`` layers."""
    matrices = shape.matrices[:4] if attention_only else shape.matrices
    return layers * adapter.rank * sum(width + outputs for width, outputs in matrices)


def adapter_load(shape: EncoderShape, rank: int, attention_only: bool) -> AdapterLoad:
    """Of a low-rank adapter beside attention's four matrices, or beside all of a layer."""
    matrices = shape.matrices[:4] if attention_only else shape.matrices
    return AdapterLoad(rank, len(matrices), sum(width for width, _ in matrices))


@dataclass(frozen=True)
class StageLoad:
    """A stage as memory sees it."""

    encoder: EncoderShape
    parameters: int  # of encoder, head and loss (its centers among them)
    batch_rows: int  # of one optimizer step
    longest_tokens: int  # of any row
    half_precision: bool  # forward passes in 16 bits, weights in 32
    fgm: bool
    frozen: int = 0  # of the parameters, those without gradients
    frozen_bytes: float = FLOAT  # an entry of these, on average
    unpacked: int = 0  # entries of the largest matrix that is kept in fewer bits than it is computed with
    adapter: AdapterLoad | None = None  # where all of the encoder is frozen
    evaluation_rows: int = 128  # of one batch without gradients
    table_entries: int = 0  # of the largest similarity table that an evaluation computes at once
    vector_entries: int = 0  # of the vectors that an evaluation compares, of all rows


def stage_peak(load: StageLoad, micro_rows: int, recompute: bool) -> int:
    """The most that is allocated at once while a stage trains or is evaluated; bytes.

    Args:
        load, micro_rows, recompute: see ``training_peak``.
    """
    return max(training_peak(load, micro_rows, recompute), evaluation_peak(load))


def training_peak(load: StageLoad, micro_rows: int, recompute: bool) -> int:
    """The most that is allocated at once while a stage trains ``micro_rows`` rows at a time; bytes.

    Args:
        load: the stage.
        micro_rows: rows of one forward and backward; fewer than the batch's accumulate gradients.
        recompute: gradient checkpointing: a layer keeps its input alone and is computed again in the backward.
    """
    trained = FLOAT * (load.parameters - load.frozen)  # of weights, and of gradients
    weights = trained + int(load.frozen_bytes * load.frozen)
    moments = 2 * trained
    matrix = FLOAT * load.encoder.word_embeddings
    casts = _casts(load)
    clone = matrix if load.fgm else 0
    tokens = micro_rows * load.longest_tokens
    layer = layer_bytes(load, tokens)
    kept = load.encoder.layers * (tokens * FLOAT * load.encoder.hidden if recompute else layer)
    kept += _ends_bytes(load, tokens)
    again = layer + casts // load.encoder.layers if recompute else 0  # one layer at a time
    passing = _backward_bytes(load, tokens) + again
    # A second pass, of FGM or of the next micro-batch, finds the first one's gradients in place.
    is_second = load.fgm or micro_rows < load.batch_rows
    before = trained if is_second else 0
    steady = weights + moments
    highest = max(
        steady + before + clone + casts + kept,  # at the end of the forward pass
        steady + before + clone + (0 if recompute else casts) + kept + passing,  # where the backward pass begins
        steady + trained + clone + passing + layer + (matrix if is_second else 0),  # and where it ends
        steady + trained + (3 * matrix if load.fgm else 0),  # FGM: the copy, the product, the step
    )
    return _with_margin(highest)


def evaluation_peak(load: StageLoad) -> int:
    """The most that is allocated while a stage is evaluated between two steps, whose gradients are still there."""
    still = int(load.frozen_bytes * load.frozen)
    return _with_margin(4 * FLOAT * (load.parameters - load.frozen) + still + _casts(load) + _evaluation_bytes(load))


def _casts(load: StageLoad) -> int:
    """Copies in 16 bits of matrices that have 32."""
    is_wide = load.adapter is None or load.frozen_bytes == FLOAT
    return HALF * load.encoder.linear_parameters if load.half_precision and is_wide else 0


def layer_bytes(load: StageLoad, tokens: int) -> int:
    """What one layer keeps for its backward pass, 16-bit weights apart, for ``tokens`` tokens, padding included."""
    hidden, inner = load.encoder.hidden, load.encoder.intermediate
    if load.half_precision:
        # Query, key and value each keep a 16-bit copy of their input, and each its output; then attention's output, the
        # sum before each norm in 32 bits, the feed-forward's input, and the activation's input and output.
        entry = HALF * (3 + 3 + 1 + 1) * hidden + 2 * FLOAT * hidden + 2 * HALF * inner
    else:
        # The layer's input once for the three, their outputs, attention's, sum and result of the first norm (the second
        # norm's result is the next layer's input), the activation's input and output.
        entry = FLOAT * (1 + 3 + 1 + 2 + 1) * hidden + 2 * FLOAT * inner
    if load.adapter is not None:  # its dropout's mask and output, and what stands between its two products
        size = HALF if load.half_precision else FLOAT
        entry += (BYTE + FLOAT + size) * load.adapter.inputs + size * load.adapter.matrices * load.adapter.rank
    gates = len(load.encoder.matrices) - 6  # of a decoder's feed-forward: a second product of its width, and theirs
    entry += gates * 2 * (HALF if load.half_precision else FLOAT) * inner
    return tokens * (entry + 2 * BYTE * hidden + _attention_bytes(load) + 4 * FLOAT)


def _with_margin(count: int) -> int:
    return int(count * _MARGIN) + WORKSPACE_BYTES


def _attention_bytes(load: StageLoad) -> int:
    """A token's share of what attention keeps beside queries, keys, values and output."""
    heads, width = load.encoder.heads, load.longest_tokens
    if load.encoder.fused_attention:
        return FLOAT * heads + (HALF if load.half_precision else FLOAT) * width  # log-sum-exp, and the mask
    weights = FLOAT + BYTE + (HALF if load.half_precision else FLOAT)  # softmax, dropout's mask, what is left
    return heads * width * weights


def _ends_bytes(load: StageLoad, tokens: int) -> int:
    """What embeddings (the norm's input, dropout's mask) and the last layer's output keep."""
    return tokens * load.encoder.hidden * (FLOAT + BYTE + FLOAT)


def _backward_bytes(load: StageLoad, tokens: int) -> int:
    """Gradients of a layer's activations while it is gone through, and of its largest matrix before it is added up."""
    hidden, inner = load.encoder.hidden, load.encoder.intermediate
    size = HALF if load.half_precision else FLOAT
    matrix = (HALF + FLOAT if load.half_precision else FLOAT) * hidden * inner + FLOAT * load.unpacked
    return tokens * (2 * FLOAT * hidden + size * hidden + 2 * size * inner) + matrix


def _evaluation_bytes(load: StageLoad) -> int:
    """A batch without gradients at its widest point, the feed-forward or attention of one layer, or the table.

    Beside either stand the vectors that are compared.
    """
    hidden, inner, width = load.encoder.hidden, load.encoder.intermediate, load.longest_tokens
    size = HALF if load.half_precision else FLOAT
    attention = FLOAT * hidden + 5 * size * hidden
    if not load.encoder.fused_attention:
        attention += load.encoder.heads * width * (FLOAT + size)
    feed_forward = 2 * FLOAT * hidden + size * hidden + 2 * size * inner
    batch = load.evaluation_rows * width * max(attention, feed_forward) + FLOAT * load.unpacked
    return FLOAT * load.vector_entries + max(batch, FLOAT * load.table_entries)
