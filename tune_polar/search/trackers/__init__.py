"""Trackers that are told of a search while it runs: Weights & Biases, MLflow, TensorBoard, a file each."""
