"""Floors at the end of a search: computed once, kept in its store; what goes wrong is told and costs nothing else."""

from __future__ import annotations

import time
from collections.abc import Callable

from tune_polar.api.display import Shown
from tune_polar.errors import TunePolarError
from tune_polar.evaluate.floor_scores import ENCODER, left_out
from tune_polar.recipe.floor_names import Floor, floors_named
from tune_polar.report.numbers import duration
from tune_polar.search.resources.slots import Slots
from tune_polar.search.search_plan import SearchPlan
from tune_polar.search.stopping.end_signals import EndSignals
from tune_polar.store.store import Store


def add_floors(plan: SearchPlan, store: Store, slots: Slots, shown: Shown, signals: EndSignals) -> None:
    """Compute what ``plan`` asks for and ``store`` does not hold; a signal ends it, and whatever fails is a line."""
    there = store.floors(plan.recipe)
    for floor in floors_named(plan.floors):
        if floor in there or left_out(plan.recipe, floor) is not None or signals.received is not None:
            continue
        begun = time.monotonic()
        try:
            is_done = _add(floor, plan, store, slots, lambda: signals.received is not None)
        except TunePolarError as error:
            shown.say(f"Floor {floor} is left out: {error.problem}\n  Remedy: {error.remedy}")
        except Exception as error:  # noqa: BLE001 - of whatever library: the search is whole without it
            said = str(error).partition("\n")[0]
            shown.say(f"Floor {floor} is left out: {type(error).__name__}: {said}")
        else:
            if is_done:
                shown.say(f"floor {floor}: computed in {duration(time.monotonic() - begun)}")


def _add(floor: Floor, plan: SearchPlan, store: Store, slots: Slots, stop: Callable[[], bool]) -> bool:
    # Imported here: the driver of a search has loaded no torch so far.
    from tune_polar.trial.floor_models import Stopped, make_floor

    try:
        if floor == ENCODER:
            from tune_polar.trial.floor_vectors import FrozenEncoders, floor_device

            # Of a cluster the driver's machine need not have what its workers have.
            encode = FrozenEncoders(floor_device(slots.gpu and slots.address is None))
            found = make_floor(floor, plan.recipe, plan.corpus, plan.plans, encode=encode, stop=stop)
        else:
            found = make_floor(floor, plan.recipe, plan.corpus, plan.plans, stop=stop)
    except Stopped:
        return False
    store.put_floor(found)
    return True
