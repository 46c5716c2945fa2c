"""Which labels stand together in the sample corpus, in POLAR's Chinese shares.

The weights are counts of label sets among the 2,121 polarized rows of POLAR zho train; no text is kept.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from tune_polar.data.columns import IntArray

POLARIZED_SHARE = 2121 / 4280

# Label sets as initials. Sets with a rare label stand together: systematic sampling then gives it its share.
TYPE_SETS: Mapping[str, int] = {
    "er": 54, "erg": 9, "per": 5, "r": 12, "pr": 2, "rg": 1,
    "p": 95, "pe": 117, "peg": 6, "pg": 19, "po": 6,
    "e": 749, "eg": 14, "eo": 11, "g": 670, "go": 3, "o": 345,
}  # fmt: skip
TYPE_OF_INITIAL: Mapping[str, str] = {
    "p": "political",
    "e": "racial/ethnic",
    "r": "religious",
    "g": "gender/sexual",
    "o": "other",
}

MANIFESTATION_SETS: Mapping[str, int] = {
    "i": 96, "li": 21, "vi": 15, "si": 12, "vli": 10, "svi": 9, "svli": 8, "vxli": 7, "vxi": 5, "xi": 5,
    "svxi": 6,
    "d": 25, "vd": 50, "svd": 60, "vdx": 15, "svdl": 14, "sd": 9, "svdx": 9, "vdl": 8, "dl": 4, "dx": 4,
    "vdxi": 4,
    "vx": 83, "sx": 77, "x": 70, "svx": 32, "vxl": 14, "svxl": 15, "xl": 3,
    "l": 118, "sl": 46, "vl": 38, "svl": 22,
    "s": 832, "sv": 127, "v": 238,
}  # fmt: skip
MANIFESTATION_OF_INITIAL: Mapping[str, str] = {
    "s": "stereotype",
    "v": "vilification",
    "d": "dehumanization",
    "x": "extreme_language",
    "l": "lack_of_empathy",
    "i": "invalidation",
}


def draw_sets(weights: Mapping[str, int], rows: int, rng: np.random.Generator) -> list[str]:
    """``rows`` label sets in random order, each as often as its weight says to within one row.

    Systematic sampling: equally spaced points, moved by one random offset, on the cumulative weights.
    """
    names = list(weights)
    edges = np.cumsum(list(weights.values())) / sum(weights.values())
    points = (np.arange(rows) + rng.random()) / max(rows, 1)
    places: IntArray = np.minimum(np.searchsorted(edges, points, side="right"), len(names) - 1)
    return [names[place] for place in rng.permutation(places)]
