"""Token vectors from co-occurrence counts alone: PPMI and a truncated singular value decomposition."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from scipy.sparse.linalg import eigsh

FloatArray = NDArray[np.float64]


def cooccurrence_counts(
    token_ids: Sequence[NDArray[np.int64]], vocabulary_size: int, window_tokens: int
) -> sparse.csr_array:
    """How often two tokens stand at most ``window_tokens`` apart in one text.

    Returns:
        Symmetric counts, shape (vocabulary_size, vocabulary_size).
    """
    lengths = np.array([len(ids) for ids in token_ids], dtype=np.int64)
    flat = np.concatenate([np.zeros(0, dtype=np.int64), *token_ids])  # (all tokens,)
    text_of = np.repeat(np.arange(len(token_ids)), lengths)  # (all tokens,)
    left, right = [], []
    for distance in range(1, window_tokens + 1):
        same_text = text_of[distance:] == text_of[:-distance]
        left.append(flat[:-distance][same_text])
        right.append(flat[distance:][same_text])
    first, second = np.concatenate(left), np.concatenate(right)
    rows, columns = np.concatenate([first, second]), np.concatenate([second, first])
    ones = np.ones(len(rows))
    shape = (vocabulary_size, vocabulary_size)
    return sparse.coo_array((ones, (rows, columns)), shape=shape).tocsr()  # sums repeated pairs


def positive_pmi(counts: sparse.csr_array) -> sparse.csr_array:
    """max(0, log p(a, b) / (p(a) p(b))) of every pair that was counted (Levy & Goldberg 2014)."""
    pairs = counts.tocoo()
    margins = np.asarray(counts.sum(axis=1)).ravel()  # (vocabulary,)
    pmi = np.log(pairs.data * margins.sum() / (margins[pairs.row] * margins[pairs.col]))
    positive = pmi > 0
    entries = (pmi[positive], (pairs.row[positive], pairs.col[positive]))
    return sparse.coo_array(entries, shape=counts.shape).tocsr()


def spectral_vectors(matrix: sparse.csr_array, dimensions: int) -> FloatArray:
    """U √Σ of the largest ``dimensions`` singular values, each column's largest entry made positive.

    Args:
        matrix: symmetric, shape (tokens, tokens).
        dimensions: the columns asked for; a small matrix has fewer, the rest is zero.

    Returns:
        Shape (tokens, dimensions), the same bits for the same matrix.
    """
    tokens = matrix.shape[0]
    rank = min(dimensions, tokens)
    vectors = np.zeros((tokens, dimensions))
    if matrix.nnz == 0:
        return vectors
    # A symmetric matrix has its eigenvalues' sizes as singular values, and eigsh needs half of what svds does
    if tokens > 4 * dimensions:
        # A fixed start: ARPACK would otherwise draw one, and the vectors would differ from run to run
        values, left = eigsh(matrix, k=rank, which="LM", v0=np.ones(tokens))
    else:
        values, left = np.linalg.eigh(matrix.toarray())
    order = np.argsort(-np.abs(values), kind="stable")[:rank]
    vectors[:, :rank] = left[:, order] * np.sqrt(np.abs(values[order]))
    largest = vectors[np.abs(vectors).argmax(axis=0), np.arange(dimensions)]
    return vectors * np.where(largest < 0, -1.0, 1.0)
