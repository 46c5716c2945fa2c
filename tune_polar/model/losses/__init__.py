"""The losses, one idea a file."""

from tune_polar.model.losses.asymmetric import AsymmetricLoss
from tune_polar.model.losses.entropy import BinaryCrossEntropy, CrossEntropy
from tune_polar.model.losses.soft_triple import SoftTriple

__all__ = ["AsymmetricLoss", "BinaryCrossEntropy", "CrossEntropy", "SoftTriple"]
