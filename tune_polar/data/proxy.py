"""The single class that stands for a row's several types, for stratified folds and balanced batches."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from tune_polar.data.corpus import IntArray
from tune_polar.data.labels import POLARIZATION, PROXY_PRIORITY
from tune_polar.errors import DataError

NON_POLARIZED = 0


def proxy_class(
    labels: Mapping[str, IntArray], *, target: str = POLARIZATION, priority: Sequence[str] = PROXY_PRIORITY
) -> IntArray:
    """Proxy class of every row, shape (rows,).

    0 where ``target`` is 0; else 1 + the place in ``priority`` of the first type the row has (AlphaLyrae:
    gender > religious > racial > political > other). A polarized row without a type counts as the last of
    ``priority``, which in POLAR is "other"; with no ``priority`` every polarized row is class 1.

    Raises:
        DataError: ``target`` or a name of ``priority`` is not in ``labels``.
    """
    missing = [name for name in (target, *priority) if name not in labels]
    if missing:
        raise DataError(
            f"the proxy class must have the labels {[target, *priority]}, got {sorted(labels)}; missing {missing}",
            "Choose data with these labels, or give the types that the data has.",
        )
    polarized = labels[target] == 1
    proxy = np.full(polarized.shape, max(len(priority), 1), dtype=np.int64)
    for place in reversed(range(len(priority))):
        proxy[labels[priority[place]] == 1] = place + 1
    proxy[~polarized] = NON_POLARIZED
    return proxy
