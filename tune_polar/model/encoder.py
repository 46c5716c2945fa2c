"""One vector a text, from any transformer backbone."""

from __future__ import annotations

import importlib.util
import inspect
from pathlib import Path

import torch
from torch import Tensor, nn
from transformers import PreTrainedModel

from tune_polar.errors import ModelError
from tune_polar.model.anatomy import dissect
from tune_polar.model.dropout import dropout_shares, with_cheap_dropout
from tune_polar.model.encoder_location import encoder_folder
from tune_polar.model.mask_probe import check_mask
from tune_polar.model.pooling import Pooling, PoolingSetting, chosen_pooling, pooled
from tune_polar.model.pretrained import is_causal, load_backbone
from tune_polar.model.row_blocks import RowBlocks
from tune_polar.model.tokens import HubTokenizer
from tune_polar.model.unpadded import pool_unpadded, runs_unpadded


class TextEncoder(nn.Module):
    """A backbone, and how its last layer becomes one vector (see ``pooling``)."""

    def __init__(self, backbone: PreTrainedModel, *, pooling: PoolingSetting) -> None:
        """Wrap ``backbone``, whose weights stay its own. Without a folder ``pooling`` "auto" is the first token's.

        Raises:
            ModelError: ``pooling`` is unknown, or the backbone's layers or embeddings are not to be found.
        """
        super().__init__()
        self.backbone = backbone
        self.pooling: Pooling = chosen_pooling(pooling, None)
        self.adapter: str | None = None  # which kind stands beside the frozen weights
        self.quantized: str | None = None  # how the layers' frozen matrices are kept
        self.recomputes = False  # gradient checkpointing
        self._anatomy = dissect(backbone)
        with_cheap_dropout(backbone)
        self._runs_unpadded = runs_unpadded(backbone) and self.pooling != "last_token"
        shares = dropout_shares(backbone)
        # A dropout that is off stays off, as in attention of the tiny encoder, unless all are
        self._dropouts = [place for place, share in shares.items() if share > 0.0] or [*shares]
        accepted = inspect.signature(backbone.forward).parameters
        self._takes_token_types = "token_type_ids" in accepted
        self._takes_task_types = "task_type_ids" in accepted and bool(backbone.config.use_task_id)
        if getattr(backbone.config, "use_cache", False):
            backbone.config.use_cache = False  # of keys and values, for writing on: nothing is written here

    @property
    def hidden_size(self) -> int:
        """Width of the pooled vectors."""
        return int(self.backbone.config.hidden_size)

    @property
    def max_tokens(self) -> int | None:
        """Longest row the backbone has positions for; None where positions have no end."""
        return self._anatomy.max_tokens

    @property
    def word_embeddings(self) -> nn.Embedding:
        """The token matrix alone, (vocabulary, hidden): what FGM moves."""
        embeddings = self.backbone.get_input_embeddings()
        if not isinstance(embeddings, nn.Embedding):
            raise TypeError(f"word embeddings must be an nn.Embedding, got {type(embeddings).__name__}")
        return embeddings

    @property
    def layers(self) -> nn.ModuleList:
        """The transformer layers, bottom to top."""
        layers = self.backbone.get_submodule(self._anatomy.layers)
        if not isinstance(layers, nn.ModuleList):
            raise TypeError(f"layers must be an nn.ModuleList, got {type(layers).__name__}")
        return layers

    @property
    def above_layers(self) -> list[nn.Module]:
        """What reads the last layer's output: the last norm of encoders that norm before each layer; none in BERT."""
        return [self.backbone.get_submodule(name) for name in self._anatomy.above]

    def set_dropout(self, dropout: float) -> None:
        """Drop the share ``dropout`` of units wherever the backbone, as it was wrapped, drops any.

        Raises:
            ModelError: ``dropout`` is not in [0, 1), or the backbone has no dropout.
        """
        if not 0.0 <= dropout < 1.0:
            raise ModelError(f"dropout must be at least 0 and below 1, got {dropout}", "Use 0.1.")
        if not self._dropouts:
            raise ModelError(
                f"the encoder must have dropout to set it, {type(self.backbone).__name__} has none",
                "Leave the encoder's dropout out.",
            )
        for name, key in self._dropouts:
            setattr(self.backbone.get_submodule(name), key, dropout)

    def below(self, layers: int) -> frozenset[str]:
        """Names of the parameters that ``freeze(layers)`` would freeze."""
        if layers == 0:
            return frozenset()
        above = (*self.layers[layers:], *self.above_layers)
        trained = {id(parameter) for part in above for parameter in part.parameters()}
        return frozenset(name for name, parameter in self.named_parameters() if id(parameter) not in trained)

    def freeze(self, layers: int) -> None:
        """Let the lowest ``layers`` layers stay as they are: no gradients for them, none through.

        With them stay the embeddings, and what all layers share, such as DeBERTa's distances.

        Raises:
            ModelError: there are not as many layers.
        """
        if not 0 <= layers <= len(self.layers):
            raise ModelError(
                f"frozen_layers must be at least 0 and at most the encoder's {len(self.layers)} layers, got {layers}",
                "Freeze fewer layers.",
            )
        for name in self.below(layers):
            self.get_parameter(name).requires_grad_(False)
        self._stop_at_frozen()

    def base_names(self) -> frozenset[str]:
        """Names of the parameters that stay as they were pretrained: all but an adapter's, none without one."""
        still = (name for name, parameter in self.named_parameters() if not parameter.requires_grad)
        return frozenset(still) if self.adapter is not None else frozenset()

    @property
    def can_recompute(self) -> bool:
        """Whether the backbone's layers can be computed again in the backward pass."""
        return bool(self.backbone.supports_gradient_checkpointing)

    def set_recompute(self, wanted: bool) -> None:
        """Keep only each layer's input for the backward pass, and compute the layer again there, or keep everything.

        Values and gradients are the same: dropout draws its masks again from the state it had.
        """
        if wanted == self.recomputes:
            return
        # transformers 5 renames gradient_checkpointing to activation_checkpointing
        kind = "activation" if hasattr(self.backbone, "activation_checkpointing_enable") else "gradient"
        if wanted:
            getattr(self.backbone, f"{kind}_checkpointing_enable")({"use_reentrant": False})
        else:
            getattr(self.backbone, f"{kind}_checkpointing_disable")()
        self.recomputes = wanted
        self._stop_at_frozen()

    def _stop_at_frozen(self) -> None:
        # With checkpointing the library lets gradients flow down to the embeddings' output, frozen or not
        if self.recomputes and not self.word_embeddings.weight.requires_grad:
            self.backbone.disable_input_require_grads()

    def forward(self, input_ids: Tensor, attention_mask: Tensor, blocks: RowBlocks | None = None) -> Tensor:
        """Pool the last layer.

        Args:
            input_ids: long, (batch, tokens).
            attention_mask: 1 for tokens, 0 for padding, (batch, tokens). Padding stands behind the tokens; where
                the last token is pooled, on either side.
            blocks: the rows', of ``row_blocks``; None: found from the mask, which waits for a GPU.

        Returns:
            (batch, hidden).

        Raises:
            ModelError: the rows are longer than the backbone has positions for.
        """
        if self.max_tokens is not None and input_ids.shape[1] > self.max_tokens:
            raise ModelError(
                f"rows must have at most {self.max_tokens} tokens for this encoder, got {input_ids.shape[1]}",
                f"Set the maximum length to {self.max_tokens} or less.",
            )
        if self._runs_unpadded:
            vectors = pool_unpadded(
                self.backbone,
                input_ids,
                attention_mask,
                blocks,
                first_only=self.pooling == "cls",
                recompute=self.recomputes,
            )
            return self._widened(vectors)
        types: dict[str, Tensor] = {}
        if self._takes_token_types:
            types["token_type_ids"] = torch.zeros_like(input_ids)
        if self._takes_task_types:
            types["task_type_ids"] = torch.zeros_like(input_ids)
        output = self.backbone(input_ids=input_ids, attention_mask=attention_mask, **types)
        hidden: Tensor = output.last_hidden_state  # (batch, tokens, hidden)
        return self._widened(pooled(hidden, attention_mask, self.pooling))

    def _widened(self, vectors: Tensor) -> Tensor:
        # What stands on an encoder kept in 16 bits has 32
        return vectors if self.backbone.dtype == torch.float32 else vectors.float()


def load_encoder(
    name_or_path: str,
    *,
    pooling: PoolingSetting,
    dropout: float | None = None,
    revision: str | None = None,
    as_stored: bool = False,
    quantize: str | None = None,
) -> tuple[TextEncoder, HubTokenizer]:
    """Load an encoder or a decoder, without a pooler, and its tokenizer. Nothing it brings is executed.

    Safetensors are preferred; weights that exist only as a pickle are read by torch's restricted unpickler
    (``pretrained_weights`` says why that is safe). HF_HUB_OFFLINE=1 keeps it off the network; a repository that is
    whole in the hub's cache is not asked for again.

    Args:
        name_or_path: a folder, or an id of the hub.
        pooling: how the last layer becomes one vector; "auto": see ``chosen_pooling``.
        dropout: see ``TextEncoder.set_dropout``; None keeps the encoder's own.
        revision: a branch, tag or commit of the hub repository; a folder has none.
        as_stored: weights in the precision of their files, for a base that is never trained; else in 32 bits.
        quantize: "nf4": the layers' matrices in four bits, for a base that is never trained.

    Raises:
        ModelError: there is no encoder of that name, it is not one, its weights are damaged, incomplete or a pickle
            of more than tensors, tokens of texts have no embedding, it looks at padding, or the hub cannot be
            reached; it is to be quantised, and bitsandbytes is not installed.
    """
    if quantize is not None and importlib.util.find_spec("bitsandbytes") is None:
        raise ModelError(
            f"encoder.quantize: {quantize} must have bitsandbytes, which is not installed",
            "pip install 'tune-polar[nf4]', or leave encoder.quantize out (null).",
        )
    folder = encoder_folder(name_or_path, revision, with_pooling=pooling == "auto")
    backbone = load_backbone(folder, as_stored=as_stored)
    encoder = TextEncoder(backbone, pooling=_pooling_of(backbone, pooling, folder))
    if dropout is not None:
        encoder.set_dropout(dropout)
    tokenizer = HubTokenizer(folder, encoder.word_embeddings.num_embeddings)
    check_mask(encoder, tokenizer, name_or_path)
    if quantize is not None:
        from tune_polar.model.nf4 import quantize_layers  # seconds to load, for those who quantise alone

        quantize_layers(backbone, encoder.layers)
        encoder.quantized = quantize
    return encoder, tokenizer


def pooled_as(
    encoder: TextEncoder, tokenizer: HubTokenizer, name_or_path: str, pooling: PoolingSetting, revision: str | None
) -> TextEncoder:
    """The encoder with another pooling, on the very same backbone, which must not be trained then.

    Args:
        encoder: that ``load_encoder`` gave.
        tokenizer: that came with it.
        name_or_path, pooling, revision: as of ``load_encoder``.

    Raises:
        ModelError: the pooling says nothing of the text, or the encoder looks at padding so.
    """
    folder = encoder_folder(name_or_path, revision, with_pooling=pooling == "auto")
    chosen = _pooling_of(encoder.backbone, pooling, folder)
    if chosen == encoder.pooling:
        return encoder
    other = TextEncoder(encoder.backbone, pooling=chosen)
    other.quantized = encoder.quantized
    check_mask(other, tokenizer, name_or_path)
    return other


def _pooling_of(backbone: PreTrainedModel, pooling: PoolingSetting, folder: Path) -> Pooling:
    return chosen_pooling(pooling, folder, is_causal=is_causal(backbone.config))
