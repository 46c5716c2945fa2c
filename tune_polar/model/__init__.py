"""Encoders, heads and losses, and what they take of a machine."""

import os

# Batches without padding have nearly as many shapes as there are batches. On a CPU, oneDNN keeps a program of its own
# for each of the last 1,024, half a megabyte each with the embedded encoder: memory would grow with the texts read.
os.environ.setdefault("ONEDNN_PRIMITIVE_CACHE_CAPACITY", "8")
