"""What passes through the encoder beside training rows: their positive texts."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from tune_polar.data.batching import TokenRows
from tune_polar.trial.stage_rows import Rows


@dataclass(frozen=True, eq=False)
class PairRows:
    """What passes through the encoder beside a training row, in one pass with it."""

    tokens: TokenRows  # of all rows of train, and behind them of their further texts
    partners: Rows  # place among ``tokens`` of each row's positive text, (rows of train,)
    clusters: Rows | None = None  # of each row whose positive is its cluster's middle row, (rows of train,)

    def both(self, rows: Rows) -> Rows:
        """Places of ``rows``, then of their positives."""
        return np.concatenate([rows, self.partners[rows]])

    def lengths(self, rows: Rows) -> Rows:
        """Tokens of each row and its positive together."""
        found: Rows = self.tokens.lengths[rows] + self.tokens.lengths[self.partners[rows]]
        return found
