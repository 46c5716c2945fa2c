"""Co-occurrence, PPMI and the spectral vectors against plain loops and a dense decomposition."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import sparse

from tune_polar.model.cooccurrence import cooccurrence_counts, positive_pmi, spectral_vectors

Texts = list[list[int]]


def counts_by_loop(texts: Texts, size: int, window: int) -> np.ndarray:
    counts = np.zeros((size, size))
    for text in texts:
        for i, a in enumerate(text):
            for j, b in enumerate(text):
                if i != j and abs(i - j) <= window:
                    counts[a, b] += 1
    return counts


@settings(deadline=None)
@given(st.lists(st.lists(st.integers(0, 5), max_size=9), max_size=6), st.integers(1, 4))
def test_counts_and_ppmi(texts: Texts, window: int) -> None:
    arrays = [np.array(text, dtype=np.int64) for text in texts]
    counts = cooccurrence_counts(arrays, 6, window)
    expected = counts_by_loop(texts, 6, window)
    np.testing.assert_array_equal(counts.toarray(), expected)

    ppmi = positive_pmi(counts).toarray()
    total = expected.sum()
    for a in range(6):
        for b in range(6):
            value = 0.0
            if expected[a, b]:
                value = math.log(expected[a, b] * total / (expected[a].sum() * expected[b].sum()))
            assert ppmi[a, b] == pytest.approx(max(0.0, value), abs=1e-12)


@pytest.mark.parametrize(("tokens", "dimensions"), [(90, 8), (20, 8), (5, 8), (8, 8)])
def test_vectors_rebuild_the_best_approximation(tokens: int, dimensions: int) -> None:
    generator = np.random.default_rng(0)
    dense = np.where(generator.random((tokens, tokens)) < 0.3, generator.random((tokens, tokens)), 0.0)
    dense = dense + dense.T
    vectors = spectral_vectors(sparse.csr_array(dense), dimensions)
    left, singular, _ = np.linalg.svd(dense)
    rank = min(tokens, dimensions)
    expected = (left[:, :rank] * singular[:rank]) @ left[:, :rank].T  # U Σ Uᵀ, the same for any signs
    assert vectors.shape == (tokens, dimensions)
    np.testing.assert_allclose(vectors @ vectors.T, expected, atol=1e-8)
    np.testing.assert_array_equal(vectors, spectral_vectors(sparse.csr_array(dense), dimensions))
    columns = vectors[:, :rank]
    assert (columns.max(axis=0) >= -columns.min(axis=0)).all()


def test_an_empty_matrix_gives_zeros() -> None:
    assert not spectral_vectors(sparse.csr_array((3, 3)), 2).any()
