"""``calibrate``: a predicted number, moved to what rows of such a prediction had for gold."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from tune_polar.decide.array_checks import FloatArray
from tune_polar.decide.kinds.base import Decision, Inputs, Sample, register
from tune_polar.decide.kinds.clip import Clip
from tune_polar.decide.rows import Gold
from tune_polar.errors import DecisionError

Method = Literal["isotonic", "linear"]
METHODS: tuple[Method, ...] = ("isotonic", "linear")
Points = tuple[tuple[float, float], ...]  # what is predicted and what becomes of it, predictions rising


@dataclass(frozen=True)
class Calibration:
    """A line of straight pieces through ``points``; None: numbers stay as they are."""

    points: Points | None

    def written(self) -> dict[str, Any]:
        """``{"points": [[1.2, 1.0], [3.5, 4.1]]}``."""
        return {"points": None if self.points is None else [list(each) for each in self.points]}

    def __str__(self) -> str:
        if self.points is None:
            return "as predicted"
        first, last = self.points[0], self.points[-1]
        pieces = f"{first[0]:.3g} → {first[1]:.3g}"
        return pieces if len(self.points) == 1 else f"{pieces} … {last[0]:.3g} → {last[1]:.3g}"


@register("calibrate")
@dataclass(frozen=True)
class Calibrate(Decision[Sample, Calibration]):
    """The least squared error of a rising step function (isotonic regression) or of a line, then a range.

    A line cannot change a correlation, and a rising one no rank; both mend a level or a spread that is off. A group
    whose level is off is mended by ``per``.

    Args:
        method: ``isotonic`` (Zadrozny and Elkan, 2002), straight between its steps' ends and level beyond them; or
            ``linear``, which goes on beyond its points.
        low: the range, as ``clip`` has it.
        high: as ``low``.
        points: as the recipe writes them, (prediction, number) each; None: it leaves them open.

    Raises:
        DecisionError: an unknown method, low above high, or points whose predictions do not rise.
    """

    method: str = "isotonic"
    low: float | None = None
    high: float | None = None
    points: Sequence[Sequence[float]] | None = None

    parameters = ("points",)
    reads = ("value",)
    decides = ("number",)

    def __post_init__(self) -> None:
        Clip(self.low, self.high)
        if self.method not in METHODS:
            raise DecisionError(f"method must be one of {', '.join(METHODS)}, got {self.method!r}", "Choose one.")
        if self.points is not None:
            _checked(self.points)

    def prepare(self, sample: Sample) -> Sample:
        """Nothing beforehand."""
        return sample

    def choose(self, prepared: Sample, parts: Sequence[int]) -> Calibration:
        """Fitted to the rows of ``parts``."""
        own = prepared.of(parts)
        predicted, gold = own.inputs.tables[0].ensemble[:, 0], own.gold.values[:, 0].astype(np.float64)
        return Calibration(_line(predicted, gold) if self.method == "linear" else _steps(predicted, gold))

    def decide(self, inputs: Inputs, setting: Calibration | None) -> FloatArray:
        """(rows, 1)."""
        found = self.as_written(inputs.names, 1) if setting is None else setting
        values = inputs.tables[0].ensemble
        if found is not None and found.points is not None:
            values = _moved(values, found.points, goes_on=self.method == "linear")
        return Clip(self.low, self.high).held(values)

    def as_written(self, names: Sequence[str], width: int) -> Calibration | None:  # noqa: ARG002 - one column
        """The recipe's points."""
        return None if self.points is None else Calibration(_checked(self.points))

    def plain(self, names: Sequence[str], width: int) -> Calibration:  # noqa: ARG002
        """Numbers as they are predicted."""
        return Calibration(None)

    def check(self, inputs: Inputs, gold: Gold) -> None:
        """One number a row."""
        super().check(inputs, gold)
        if len(gold.names) != 1:
            raise DecisionError(
                f"calibrate moves one column of numbers, got {list(gold.names)}", "Calibrate each stage by itself."
            )


def _line(predicted: FloatArray, gold: FloatArray) -> Points:
    """Least squares; the gold's mean where predictions are all alike."""
    # Imported here: scikit-learn takes a second, and most commands calibrate nothing.
    from sklearn.linear_model import LinearRegression

    low, high = float(predicted.min()), float(predicted.max())
    if low == high:
        return ((low, float(gold.mean())),)
    model = LinearRegression().fit(predicted[:, None], gold)
    ends = model.predict(np.array([[low], [high]])).tolist()
    return ((low, float(ends[0])), (high, float(ends[1])))


def _steps(predicted: FloatArray, gold: FloatArray) -> Points:
    """Isotonic regression, by the ends of its steps."""
    from sklearn.isotonic import IsotonicRegression

    model = IsotonicRegression(out_of_bounds="clip").fit(predicted, gold)
    return tuple(zip(model.X_thresholds_.tolist(), model.y_thresholds_.tolist(), strict=True))


def _moved(values: FloatArray, points: Points, *, goes_on: bool) -> FloatArray:
    at, to = np.array([each[0] for each in points]), np.array([each[1] for each in points])
    moved = np.interp(values, at, to)
    if goes_on and len(points) > 1:
        for outside, (start, end) in ((values < at[0], (0, 1)), (values > at[-1], (-2, -1))):
            slope = (to[end] - to[start]) / (at[end] - at[start])
            moved = np.where(outside, to[start] + slope * (values - at[start]), moved)
    return np.asarray(moved, dtype=np.float64)


def _checked(points: Sequence[Sequence[float]]) -> Points:
    found: NDArray[Any] = np.asarray([tuple(each) for each in points], dtype=np.float64)
    if found.ndim != 2 or found.shape[1] != 2 or not np.isfinite(found).all() or (np.diff(found[:, 0]) <= 0).any():
        raise DecisionError(
            f"points must be pairs of finite numbers, the first of each above the one before, got {list(points)}",
            "Write [[predicted, number], …] in rising order.",
        )
    return tuple((float(at), float(to)) for at, to in found.tolist())
