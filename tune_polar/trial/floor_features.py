"""What a floor's linear models read of a text: weighted n-grams of its characters, or a vector of an encoder."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from tune_polar.trial.stage_rows import Rows

BoolRows = NDArray[np.bool_]
NGRAMS = (1, 4)  # characters, within words
BUCKETS = 2**20  # that n-grams are hashed into: no vocabulary of a corpus has to be held
LEAST_TEXTS = 2  # of a fold's training rows that have an n-gram, for it to count
CHARACTERS = 2_000  # of a text that are read
LINEAR_RIDGE, VECTOR_RIDGE = 1.0, 100.0  # penalties: of rows of length 1, and of standardised columns


class Features(Protocol):
    """Of some rows."""

    ridge: float  # penalty of the linear model on them; of logistic regression C = 1/ridge
    logistic: Literal["liblinear", "lbfgs"]  # solver of logistic regression
    solver: Literal["lsqr", "cholesky"]  # of ridge regression

    @property
    def key(self) -> object:
        """Equal for equal features."""

    def of(self, learns: BoolRows, asked: Rows) -> tuple[Any, Any]:
        """Matrices of the rows that train and of those ``asked`` for; what is fitted is fitted on the first."""


class TfidfFeatures:
    """TF-IDF of character n-grams (1 + log of counts, smoothed inverse document frequency, rows of length 1)."""

    ridge = LINEAR_RIDGE
    logistic: Literal["liblinear", "lbfgs"] = "liblinear"
    solver: Literal["lsqr", "cholesky"] = "lsqr"
    key = "tfidf"

    def __init__(self, texts: Sequence[str]) -> None:
        from sklearn.feature_extraction.text import HashingVectorizer  # a second to load, at the end of a search alone

        hashing = HashingVectorizer(
            analyzer="char_wb",
            ngram_range=NGRAMS,
            n_features=BUCKETS,
            norm=None,
            alternate_sign=False,
            dtype=np.float64,
        )
        self._counts = hashing.transform(text[:CHARACTERS] for text in texts)
        self._counts.data = 1.0 + np.log(self._counts.data)

    def of(self, learns: BoolRows, asked: Rows) -> tuple[Any, Any]:
        """Sparse matrices (rows, n-grams that the training rows have)."""
        training = self._counts[np.flatnonzero(learns)]
        texts = np.bincount(training.indices, minlength=BUCKETS)
        kept = np.flatnonzero(texts >= min(LEAST_TEXTS, texts.max()))
        weights = np.log((1 + training.shape[0]) / (1 + texts[kept])) + 1.0
        return self._weighted(training[:, kept], weights), self._weighted(self._counts[asked][:, kept], weights)

    @staticmethod
    def _weighted(counts: Any, weights: NDArray[np.float64]) -> Any:
        from scipy.sparse import diags_array

        found = counts @ diags_array(weights)
        lengths = np.sqrt(np.asarray(found.multiply(found).sum(axis=1)).ravel())
        return (diags_array(1.0 / np.where(lengths > 0, lengths, 1.0)) @ found).tocsr()


class VectorFeatures:
    """Vectors of a frozen encoder, each column standardised by the training rows."""

    ridge = VECTOR_RIDGE
    logistic: Literal["liblinear", "lbfgs"] = "lbfgs"
    solver: Literal["lsqr", "cholesky"] = "cholesky"

    def __init__(self, key: object, vectors: NDArray[np.float32]) -> None:
        """``vectors``: of all rows, (rows, size)."""
        self.key = key
        self._vectors = vectors.astype(np.float64)

    def of(self, learns: BoolRows, asked: Rows) -> tuple[Any, Any]:
        """Dense matrices (rows, size)."""
        known = self._vectors[learns]
        mean, spread = known.mean(axis=0), known.std(axis=0)
        spread[spread == 0.0] = 1.0
        return (known - mean) / spread, (self._vectors[asked] - mean) / spread
