"""Scores of predicted numbers and probabilities, one column at a time; none of them is ever NaN."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from tune_polar.decide.array_checks import BoolArray, FloatArray, IntArray

_STEP = float(np.finfo(np.float64).eps)  # log-loss is clipped so far from 0 and 1, as scikit-learn clips it


def is_constant(values: NDArray[Any]) -> bool:
    """Whether all of ``values`` (rows,) are one number."""
    return bool(values.max() == values.min())


def pearson(gold: FloatArray, predicted: FloatArray) -> float:
    """Pearson's r; both (rows,); 0 where either is constant."""
    if is_constant(gold) or is_constant(predicted):
        return 0.0
    x, y = _centred(gold), _centred(predicted)
    return float(np.clip((x @ y) / (np.linalg.norm(x) * np.linalg.norm(y)), -1.0, 1.0))


def _centred(values: FloatArray) -> FloatArray:
    """Less their mean, the largest at 1 or −1, so that no square is lost below the smallest float."""
    centred = values - values.mean()
    return np.asarray(centred / np.abs(centred).max(), dtype=np.float64)


def spearman(gold: FloatArray, predicted: FloatArray) -> float:
    """Pearson's r of the ranks; tied values share their mean rank."""
    return pearson(_ranks(gold), _ranks(predicted))


def _ranks(values: FloatArray) -> FloatArray:
    _, place, count = np.unique(values, return_inverse=True, return_counts=True)
    return np.asarray((np.cumsum(count) - (count - 1) / 2)[place], dtype=np.float64)


def mae(gold: FloatArray, predicted: FloatArray) -> float:
    """Mean absolute error."""
    return float(np.abs(gold - predicted).mean())


def rmse(gold: FloatArray, predicted: FloatArray) -> float:
    """Root of the mean squared error."""
    return float(np.sqrt(((gold - predicted) ** 2).mean()))


def binary_log_loss(gold: BoolArray, probability: NDArray[Any]) -> FloatArray:
    """−log of the probability given to each answer; both (rows, columns)."""
    given = np.where(gold, probability, 1.0 - probability)
    return np.asarray(-np.log(np.clip(given, _STEP, 1.0 - _STEP)), dtype=np.float64)


def class_log_loss(gold: IntArray, probability: NDArray[Any]) -> FloatArray:
    """−log of the probability given to each row's class; (rows,) and (rows, classes) → (rows,)."""
    given = probability[np.arange(len(gold)), gold]
    return np.asarray(-np.log(np.clip(given, _STEP, 1.0 - _STEP)), dtype=np.float64)
