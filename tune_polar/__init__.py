"""tune-polar: distributed hyperparameter search for cross-validated fine-tuning of text classifiers."""

__version__ = "0.1.0"
