"""The neighbour table: all that kNN decisions for every k and τ need of the embeddings."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from tune_polar.store.records import MAX_NEIGHBOURS

TABLE_ENTRIES = 2**26  # of similarities computed at once: a quarter of a GB


def neighbour_labels(queries: Tensor, keys: Tensor, key_labels: NDArray[np.int64], classes: int = 2) -> NDArray[Any]:
    """Labels of the nearest ``keys`` of each query, nearest first, shape (queries, min(200, keys)).

    Args:
        queries: (queries, dim) on the unit sphere.
        keys: (keys, dim) on the unit sphere, so that the inner product is the cosine.
        key_labels: (keys,) of 0 and 1, or class codes.
        classes: how many there are; more than 256 take 16 bits a neighbour instead of 8.
    """
    count = min(MAX_NEIGHBOURS, keys.shape[0])
    nearest = torch.cat([torch.topk(part @ keys.T, count, dim=1).indices for part in _parts(queries, keys)])
    labels: NDArray[Any] = key_labels.astype(np.uint8 if classes <= 256 else np.uint16)[nearest.cpu().numpy()]
    return labels


def nearest_labels(queries: Tensor, keys: Tensor, key_labels: NDArray[np.int64]) -> NDArray[np.int64]:
    """Label of each query's nearest key, (queries,); arguments as of ``neighbour_labels``."""
    nearest = torch.cat([(part @ keys.T).argmax(dim=1) for part in _parts(queries, keys)]).cpu().numpy()
    labels: NDArray[np.int64] = key_labels[nearest]
    return labels


def precision_at_1(
    queries: Tensor, query_labels: NDArray[np.int64], keys: Tensor, key_labels: NDArray[np.int64]
) -> float:
    """Share of queries whose nearest key has their label."""
    return float((nearest_labels(queries, keys, key_labels) == query_labels).mean())


def _parts(queries: Tensor, keys: Tensor) -> tuple[Tensor, ...]:
    """``queries`` in parts whose similarities to all ``keys`` stay below a bound of memory."""
    size = max(1, TABLE_ENTRIES // max(1, len(keys)))
    return tuple(queries[start : start + size] for start in range(0, len(queries), size))
