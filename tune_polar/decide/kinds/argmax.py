"""``argmax``: the likeliest class; of equally likely ones the lower."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tune_polar.decide.kinds.base import Decision, Inputs, Setting, register
from tune_polar.decide.rows import Gold
from tune_polar.errors import DecisionError


@register("argmax")
@dataclass(frozen=True)
class Argmax(Decision[None, Setting]):
    """Class codes from probabilities (rows, classes); of one column of probabilities: yes above ½."""

    reads = ("probability",)
    decides = ("class", "binary")

    def decide(self, inputs: Inputs, setting: Setting | None) -> NDArray[Any]:  # noqa: ARG002 - nothing to set
        """(rows, 1): codes, or booleans of a yes-or-no question."""
        shares = inputs.tables[0].ensemble
        if len(inputs.names) > 1:
            return np.asarray(shares.argmax(axis=1)[:, None], dtype=np.int64)
        return np.asarray(shares[:, -1:] > (shares[:, :1] if shares.shape[1] == 2 else 1.0 - shares))

    def check(self, inputs: Inputs, gold: Gold) -> None:
        """A column for each class; of a yes-or-no question one or two."""
        super().check(inputs, gold)
        width, wanted = inputs.tables[0].width, (1, 2) if gold.kind == "binary" else (len(gold.names),)
        if width not in wanted:
            raise DecisionError(
                f"argmax needs a probability for each class of {list(gold.names)}, got {width} columns",
                "Give the table of the stage that predicts these classes.",
            )
