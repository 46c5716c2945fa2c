"""Thresholds of the highest F1 that kernel estimates of both classes' logits promise.

F1 counted on the rows at hand jumps at every row, and its highest jump is mostly luck where a label is rare. With the
logits z of positive and negative rows each smoothed by a kernel, a threshold t is expected to call

    tp(t) = n⁺ · S⁺(t),  fp(t) = n⁻ · S⁻(t),  S(t) = mean of K((z − t) / h)

of them, and F1(t) = 2·tp / (n⁺ + tp + fp) is smooth. K is the integral of Epanechnikov's kernel, a cubic on [−1, 1], so
that sums over rows are differences of running sums: n log n, whatever the number of thresholds. Each class has a
bandwidth of its own, by Silverman's rule (1986, equation 3.31) with two thirds of his factor: the aim is where the two
densities cross, not their shape (``benchmarks/threshold_rules.py`` compares; docs/decisions/0031).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from tune_polar.decide.array_checks import BoolArray, FloatArray
from tune_polar.decide.threshold_rules import PREDICT_NONE, TIE_TOLERANCE, max_f1, max_macro_f1

SILVERMAN = 0.9
SHARE = 2 / 3  # of Silverman's bandwidth
EPANECHNIKOV = 2.2138  # its bandwidth for one of a Gaussian kernel that smooths as much (Marron and Nolan 1988)
GRID, FINER = 512, 64  # thresholds tried, and in the neighbourhood of the best
_EDGE = 1e-6  # probabilities nearer to 0 or 1 count as this near: a 32-bit sigmoid tells no more
_ALIKE = 1e-9  # logits that differ by no more are one
_ZOOMS = 3  # each looks between the best threshold's neighbours


@dataclass(frozen=True, eq=False)
class _Survival:
    """How many of some logits are expected to lie above a threshold."""

    logits: FloatArray  # rising
    sums: FloatArray  # (4, rows + 1): running sums of their powers 0 to 3
    bandwidth: float

    @classmethod
    def of(cls, ranked: FloatArray, bandwidth: float) -> _Survival:
        sums = np.zeros((4, len(ranked) + 1))
        power = np.ones(len(ranked))
        for exponent in range(4):
            power.cumsum(out=sums[exponent, 1:])
            power = power * ranked
        return cls(ranked, sums, bandwidth)

    def above(self, thresholds: FloatArray) -> FloatArray:
        """Expected count for each of ``thresholds``, same shape."""
        h, t = self.bandwidth, thresholds
        low = np.searchsorted(self.logits, t - h, side="left")
        high = np.searchsorted(self.logits, t + h, side="right")
        s0, s1, s2, s3 = self.sums[:, high] - self.sums[:, low]
        linear = (s1 - t * s0) / h
        cubic = (s3 - t * (3 * s2 - t * (3 * s1 - t * s0))) / h**3
        inside = s0 / 2 + 0.75 * (linear - cubic / 3)  # Σ K(u), K(u) = ½ + ¾·(u − u³/3)
        return np.asarray(np.maximum(len(self.logits) - high + inside, 0.0))


@dataclass(frozen=True, eq=False)
class _Classes:
    """Both classes of one label."""

    positive: _Survival
    negative: _Survival

    def f1(self, thresholds: FloatArray, *, macro: bool) -> FloatArray:
        """Expected F1 of the positive class, or the mean of both classes'."""
        positives, negatives = len(self.positive.logits), len(self.negative.logits)
        tp, fp = self.positive.above(thresholds), self.negative.above(thresholds)
        f1 = 2 * tp / (positives + tp + fp)
        if macro:
            tn, fn = negatives - fp, positives - tp
            f1 = (f1 + 2 * tn / np.maximum(negatives + tn + fn, 1.0)) / 2
        return np.asarray(f1)


def smoothed_max_f1(gold: BoolArray, probability: FloatArray) -> float:
    """The threshold of the highest expected F1; ``gold`` and ``probability`` have shape (rows,)."""
    return _best(gold, probability, macro=False)


def smoothed_max_macro_f1(gold: BoolArray, probability: FloatArray) -> float:
    """That of the highest expected mean of both classes' F1."""
    return _best(gold, probability, macro=True)


def _best(gold: BoolArray, probability: FloatArray, *, macro: bool) -> float:
    if not gold.any():
        return PREDICT_NONE
    clipped = np.clip(probability, _EDGE, 1 - _EDGE)
    logits = np.log(clipped) - np.log1p(-clipped)
    positive, negative = np.sort(logits[gold]), np.sort(logits[~gold])
    lowest, highest = float(logits.min()), float(logits.max())
    widths = [_bandwidth(positive), _bandwidth(negative)]
    if not all(widths):  # one class has a single row, or rows all alike: it takes that of all rows
        usual = _bandwidth(np.sort(logits))
        widths = [each or usual for each in widths]
    # Nothing to weigh against, probabilities all but alike, or classes that do not overlap: any cut between is best
    if not len(negative) or not all(widths) or positive[0] > negative[-1]:
        return max_macro_f1(gold, probability) if macro else max_f1(gold, probability)
    classes = _Classes(_Survival.of(positive, widths[0]), _Survival.of(negative, widths[1]))
    low, high = lowest, highest
    for count in (GRID, *[FINER] * _ZOOMS):
        thresholds = np.linspace(low, high, count)
        scores = classes.f1(thresholds, macro=macro)
        ties = np.flatnonzero(scores >= scores.max() - TIE_TOLERANCE)
        best = int(ties[np.argmin(np.abs(thresholds[ties]))])  # of equals the one nearest to 0.5
        low, high = float(thresholds[max(best - 1, 0)]), float(thresholds[min(best + 1, count - 1)])
    if thresholds[best] <= lowest:  # calling every row positive is best
        return float(probability.min()) / 2
    # Rounded: the last bits of exp and log are the processor's
    return round(1 / (1 + float(np.exp(-thresholds[best]))), 12)


def _bandwidth(ranked: FloatArray) -> float:
    """Of one class, in logits; ``ranked`` are its own, rising. 0 where they are all alike."""
    if len(ranked) < 2:
        return 0.0
    between_quarters = _quantile(ranked, 0.75) - _quantile(ranked, 0.25)
    spreads = [each for each in (float(ranked.std(ddof=1)), between_quarters / 1.34) if each > _ALIKE]
    return float(SILVERMAN * SHARE * EPANECHNIKOV * min(spreads, default=0.0) * len(ranked) ** -0.2)


def _quantile(ranked: FloatArray, share: float) -> float:
    """As ``np.quantile`` has it, of rows that are in order already: thousands of these make a page."""
    whole, part = divmod(share * (len(ranked) - 1), 1)
    below, above = ranked[int(whole)], ranked[min(int(whole) + 1, len(ranked) - 1)]
    return float(below + part * (above - below))
