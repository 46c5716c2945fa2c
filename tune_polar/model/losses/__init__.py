"""The losses, one idea a file; importing this package registers them."""

from tune_polar.model.losses import asymmetric as asymmetric
from tune_polar.model.losses import contrastive as contrastive
from tune_polar.model.losses import epm as epm
from tune_polar.model.losses import language_contrast as language_contrast
from tune_polar.model.losses import soft_triple as soft_triple
from tune_polar.model.losses import triplet as triplet
from tune_polar.model.losses.base import LOSSES, Loss, LossBatch, LossContext, OutputsKind, TaskKind, build_loss
from tune_polar.model.losses.cross_entropy import CrossEntropyLoss
from tune_polar.model.losses.squared import HuberLoss, MeanSquaredError
from tune_polar.model.losses.sum import LossSum

__all__ = [
    "LOSSES",
    "CrossEntropyLoss",
    "HuberLoss",
    "Loss",
    "LossBatch",
    "LossContext",
    "LossSum",
    "MeanSquaredError",
    "OutputsKind",
    "TaskKind",
    "build_loss",
]
