"""tune-polar: distributed hyperparameter search for cross-validated fine-tuning on text."""

__version__ = "0.1.0"
