"""How a row's tokens become one vector: the first one's, the last one's, or the mean of all."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Literal, get_args

import torch
from torch import Tensor

from tune_polar.errors import ModelError
from tune_polar.model.encoder_files import POOLING_FILE

Pooling = Literal["cls", "mean", "last_token"]
PoolingSetting = Literal["auto", "cls", "mean", "last_token"]

_LIBRARYS_NAMES: dict[str, Pooling] = {
    "cls": "cls",
    "cls_token": "cls",
    "mean": "mean",
    "mean_tokens": "mean",
    "lasttoken": "last_token",
}


def chosen_pooling(setting: PoolingSetting, folder: Path | None, *, is_causal: bool = False) -> Pooling:
    """What ``setting`` comes to.

    ``auto``: what a sentence-transformers folder was trained with; else the first token, of a decoder the last one.

    Args:
        setting: "auto", or a pooling.
        folder: of the encoder's files; None: the embedded encoder.
        is_causal: whether a token sees only those before it, as in a decoder.

    Raises:
        ModelError: ``setting`` is unknown or says nothing of the text, or the folder was trained with a pooling there
            is none of here.
    """
    if setting == "cls" and is_causal:
        raise ModelError(
            "encoder.pooling must not be cls for a decoder: its first token sees no other, got cls",
            "Set encoder.pooling to last_token.",
        )
    if setting != "auto":
        if setting not in get_args(Pooling):
            raise ModelError(
                f'pooling must be "cls", "mean" or "last_token", got {setting!r}',
                'Write "cls", "mean" or "last_token".',
            )
        return setting
    if folder is None or not (folder / POOLING_FILE).is_file():
        return "last_token" if is_causal else "cls"
    modes = _modes(folder / POOLING_FILE)
    if len(modes) != 1 or modes[0] not in _LIBRARYS_NAMES:
        raise ModelError(
            f"{folder / POOLING_FILE} must name one pooling of cls, mean and lasttoken, it names {modes or 'none'}",
            "Set encoder.pooling to cls, mean or last_token.",
        )
    return _LIBRARYS_NAMES[modes[0]]


def pooled(hidden: Tensor, mask: Tensor, pooling: Pooling) -> Tensor:
    """One vector a row, (rows, hidden).

    Args:
        hidden: of the last layer, (rows, tokens, hidden).
        mask: 1 for tokens, 0 for padding behind them or before them, (rows, tokens).
        pooling: which.
    """
    if pooling == "mean":
        # In 32 bits: a sum over a long row loses its last digits in bfloat16
        weights = mask.unsqueeze(-1).float()  # (rows, tokens, 1)
        return (hidden.float() * weights).sum(dim=1) / weights.sum(dim=1).clamp(min=1.0)
    if pooling == "cls":
        return hidden[:, 0]
    # The last token that is seen, on whichever side the padding is; of a row of padding alone the first place
    places = torch.arange(mask.shape[1], device=mask.device)
    last = (places * mask.long()).argmax(dim=1)  # (rows,)
    return hidden[torch.arange(len(hidden), device=mask.device), last]


def _modes(path: Path) -> list[str]:
    """Names of the poolings a sentence-transformers file switches on, one flag each or as a word."""
    try:
        stored = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ModelError(f"{path} must be readable JSON: {error}", "Download the encoder again.") from error
    if not isinstance(stored, dict):
        raise ModelError(f"{path} must hold keys and values", "Download the encoder again.")
    words = stored.get("pooling_mode", ())
    named = [words] if isinstance(words, str) else [str(word) for word in words]
    flag = "pooling_mode_"
    return named + [key.removeprefix(flag) for key, on in stored.items() if key.startswith(flag) and on is True]
