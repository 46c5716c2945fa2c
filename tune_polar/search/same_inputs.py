"""Whether what a recorded search reads is what it was when the search began."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from tune_polar.errors import SearchError
from tune_polar.recipe.cells import Cell
from tune_polar.search.search_plan import SearchPlan

DATA_REMEDY = "Restore the original files and give them with --data, or start a new search."
_ENCODER_REMEDY = "Restore the original encoder (encoder.revision names a commit of the hub's), or start a new search."


class Fingerprints(Protocol):
    """What a stage reads, by fingerprint."""

    @property
    def rows(self) -> str:
        """Of its rows and columns."""

    @property
    def splits(self) -> str:
        """Of the texts of all other splits."""

    @property
    def encoder(self) -> str:
        """Of weights and vocabulary."""

    @property
    def folds(self) -> tuple[str, ...]:
        """Of the rows of each fold."""


def check_same(what: str, then: str, now: str, remedy: str = DATA_REMEDY) -> None:
    """Refuse to go on where two fingerprints differ.

    Raises:
        SearchError: they do.
    """
    if then != now:
        raise SearchError(
            f"{what} must be the same as when the search began ({_shown(then)}), got {_shown(now)}", remedy
        )


def check_stages(recorded: Mapping[str, Fingerprints], now: Mapping[str, Fingerprints], of: str = "") -> None:
    """Refuse to go on with other data, folds or encoders.

    Args:
        recorded: by stage, of the search as it began.
        now: by stage, of the search as it would go on.
        of: the variant that they belong to, for the error.

    Raises:
        SearchError: something is another.
    """
    for name, then in recorded.items():
        here = now[name]
        check_same("the texts of dev, test and evaluation sets", then.splits, here.splits)
        check_same(f"the folds of stage {name}", "".join(then.folds), "".join(here.folds))
        check_same(f"the encoder of stage {name}{of}", then.encoder, here.encoder, _ENCODER_REMEDY)
        check_same(f"what stage {name}{of} reads of train", then.rows, here.rows)


def check_cells(cells: tuple[Cell, ...], plan: SearchPlan) -> None:
    """Refuse cells of folds that there are not.

    Raises:
        SearchError: there is one.
    """
    count = next(iter(plan.plans.values())).count
    strange = [str(cell) for cell in cells if cell.fold >= count]
    if strange:
        raise SearchError(f"the cells must be of the {count} folds of the search, got {strange}", DATA_REMEDY)


def _shown(fingerprint: str) -> str:
    return fingerprint[:12]
