"""Whether what a recorded search reads is what it was when the search began."""

from __future__ import annotations

from collections.abc import Mapping

from tune_polar.errors import SearchError
from tune_polar.model.encoder_files import POOLING_FILE
from tune_polar.recipe.cells import Cell
from tune_polar.search.search_plan import SearchPlan
from tune_polar.store.stage_inputs import StageInputs

DATA_REMEDY = "Restore the original files and give them with --data, or start a new search."
_ENCODER_REMEDY = (
    f"Restore the original encoder, of one of the hub {POOLING_FILE} in its cache as well, or start a new search."
)


def check_same(what: str, then: str, now: str, remedy: str = DATA_REMEDY, how: str = "") -> None:
    """Refuse to go on where two fingerprints differ; ``how``: what is known of the difference.

    Raises:
        SearchError: they do.
    """
    if then != now:
        raise SearchError(
            f"{what} must be the same as when the search began ({_shown(then)}), got {_shown(now)}"
            + (how and f": {how}"),
            remedy,
        )


def check_stages(recorded: Mapping[str, StageInputs], now: Mapping[str, StageInputs], of: str = "") -> None:
    """Refuse to go on with other data, folds or encoders.

    Args:
        recorded: by stage, of the search as it began.
        now: by stage, of the search as it would go on.
        of: the variant that they belong to, for the error.

    Raises:
        SearchError: something is another.
    """
    for name, here in now.items():
        if name not in recorded:
            continue
        then = recorded[name]
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
    """The beginning of a hash; a name of the hub's whole, in one line whoever has written it."""
    return repr(fingerprint[:200])[1:-1] if "@" in fingerprint else fingerprint[:19]
