"""Max-F1 thresholds drawn toward one common threshold, the more the rarer the label.

The exact max-F1 threshold of a label with twenty positive rows is mostly noise. With n⁺ gold positives,

    logit t = w · logit t_label + (1 − w) · logit t_common,   w = n⁺ / (n⁺ + strength)

where t_common is the max-F1 threshold of all labels' rows pooled. The strength, counted in positive rows, is
chosen from a small grid by cross-fitting over the folds of the very rows the thresholds are chosen on.
"""

from __future__ import annotations

import numpy as np

from tune_polar.decide.array_checks import BoolArray, FloatArray, IntArray
from tune_polar.decide.confusion_scores import label_macro_f1
from tune_polar.decide.threshold_rules import PREDICT_NONE, TIE_TOLERANCE, max_f1

STRENGTHS = (0.0, 10.0, 30.0, 100.0, 300.0, 1000.0)  # positive rows
DEFAULT_STRENGTH = 30.0  # where there are fewer than two folds to choose it on
_LOGIT_EDGE = 1e-9


def _logit(threshold: FloatArray) -> FloatArray:
    clipped = np.clip(threshold, _LOGIT_EDGE, 1.0 - _LOGIT_EDGE)
    return np.asarray(np.log(clipped) - np.log1p(-clipped))


def _shrunk(gold: BoolArray, probability: FloatArray, strengths: FloatArray) -> FloatArray:
    """Thresholds of shape (strengths, labels)."""
    own = np.array([max_f1(gold[:, label], probability[:, label]) for label in range(gold.shape[1])])
    common = np.array([max_f1(gold.ravel(), probability.ravel())])
    positives = np.count_nonzero(gold, axis=0)
    present = positives > 0
    weight = positives / np.where(present, positives + strengths[:, None], 1.0)
    mixed = weight * _logit(own) + (1 - weight) * _logit(common)
    # Rounded: through logit and back, 0.4 comes out above or below a probability of 0.4, as the processor has it.
    shrunk = np.where(weight == 1.0, own, np.round(1.0 / (1.0 + np.exp(-mixed)), 12))
    return np.where(present, shrunk, PREDICT_NONE)


def _choose_strength(gold: BoolArray, probability: FloatArray, folds: IntArray) -> float:
    """The strength of the best cross-fitted macro-F1; ties to the strongest."""
    strengths = np.array(STRENGTHS)
    decided = np.zeros((len(strengths), *gold.shape), dtype=np.bool_)
    for fold in np.unique(folds):
        held_out = folds == fold
        thresholds = _shrunk(gold[~held_out], probability[~held_out], strengths)
        decided[:, held_out] = probability[held_out] >= thresholds[:, None, :]
    scores = np.array([label_macro_f1(gold, each) for each in decided])
    return float(strengths[np.flatnonzero(scores >= scores.max() - TIE_TOLERANCE)[-1]])


def shrunk_max_f1(gold: BoolArray, probability: FloatArray, folds: IntArray | None) -> FloatArray:
    """Shrunken thresholds, shape (labels,); ``gold`` and ``probability`` have shape (rows, labels)."""
    enough = folds is not None and len(np.unique(folds)) >= 2
    strength = _choose_strength(gold, probability, folds) if enough and folds is not None else DEFAULT_STRENGTH
    return np.asarray(_shrunk(gold, probability, np.array([strength]))[0])
