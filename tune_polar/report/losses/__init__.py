"""What is shown of a loss's settings, by the loss's name: a loss without a view of its own has none."""

from tune_polar.report.losses.asymmetric import asymmetric
from tune_polar.report.losses.soft_triple import soft_triple
from tune_polar.report.losses.view import LossView

VIEWS: dict[str, LossView] = {"asymmetric": asymmetric, "soft_triple": soft_triple}

__all__ = ["VIEWS", "LossView"]
