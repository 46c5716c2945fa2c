"""What a stage reads, by fingerprint: in every fold trial, and in the manifest of a search."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class StageInputs:
    """Fingerprints; equal ones mean the same."""

    rows: str  # ids, texts and columns of the train rows that its folds use
    splits: str  # ids and texts of the other splits, which it predicts
    encoder: str  # the very weights and vocabulary, not the name
    folds: tuple[str, ...]  # training and validation rows of each fold
    extra: int = 0  # rows of train that folds train on and never validate
