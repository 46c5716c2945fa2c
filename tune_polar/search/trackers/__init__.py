"""Trackers told of a search while it runs: Weights & Biases, MLflow, TensorBoard. A file each; none is imported here."""
