"""One probability per row and label from the fold models' probabilities."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tune_polar.decide.array_checks import FloatArray
from tune_polar.errors import DecisionError


def weighted_mean(probabilities: Sequence[NDArray[Any]], weights: Sequence[float] | None = None) -> FloatArray:
    """Weighted mean over models; ``probabilities[m]`` (rows, labels) → (rows, labels).

    Equal weights by default; weights need not add up to 1.

    Raises:
        DecisionError: no model, models of different shapes, or weights that are negative, all zero, or of the
            wrong number.
    """
    shapes = sorted({np.shape(each) for each in probabilities})
    if len(shapes) != 1:
        raise DecisionError(
            f"an ensemble needs at least one model, all with the same rows and labels; got shapes {shapes}",
            "Give every fold model's probabilities of one and the same split.",
        )
    shares = np.ones(len(probabilities)) if weights is None else np.asarray(weights, dtype=np.float64)
    if shares.shape != (len(probabilities),):
        raise DecisionError(
            f"weights must be one per model ({len(probabilities)}), got {len(shares)}",
            "Give one weight per fold model, or none for equal weights.",
        )
    if not np.isfinite(shares).all() or shares.min() < 0 or shares.sum() == 0:
        raise DecisionError(
            f"weights must be finite, none negative and at least one positive, got {shares.tolist()}",
            "Set the weight of a model to leave out to 0.",
        )
    stacked = np.stack([np.asarray(each, dtype=np.float64) for each in probabilities])
    return np.asarray(np.tensordot(shares / shares.sum(), stacked, axes=1), dtype=np.float64)
