"""What a stage's table or a decision says of a row, as far as rules need to know."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from tune_polar.recipe.components.tasks import GoldKind

Form = Literal["neighbours", "probability", "value", "decided"]


@dataclass(frozen=True)
class Said:
    """Form and meaning of a table or decision."""

    form: Form
    gold: GoldKind
    columns: tuple[str, ...]

    @property
    def is_yes_or_no(self) -> bool:
        """Whether it decides one column of 0 and 1."""
        return self.form == "decided" and self.gold == "binary"

    @property
    def words(self) -> str:
        """``probabilities of labels``."""
        forms = {"neighbours": "neighbours", "probability": "probabilities", "value": "values", "decided": "decisions"}
        kinds = {"binary": "a yes/no column", "labels": "labels", "class": "classes", "number": "numbers"}
        return f"{forms[self.form]} of {kinds[self.gold]}"
