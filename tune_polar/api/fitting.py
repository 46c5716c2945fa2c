"""Makes the model of a search complete: what it lacks is trained in this process."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tune_polar.api.begin import recorded_source
from tune_polar.api.consoles import now_and_then
from tune_polar.api.data_words import DataWords
from tune_polar.api.model_words import ModelWords, device_named
from tune_polar.python_gc import without_collection

if TYPE_CHECKING:  # they bring torch
    from tune_polar.serve.composition import Composition
    from tune_polar.trial.progress import Progress


@dataclass(frozen=True)
class Told:
    """Who hears of a training, and who may end it.

    Args:
        say: told in sentences what is trained.
        stepped: told of each step.
        ended_by: signals that have asked for an end so far.
    """

    say: Callable[[str], None]
    stepped: Callable[[Progress], None]
    ended_by: Sequence[signal.Signals]


def fit_model(
    model: ModelWords, data: DataWords, device: str, checkpoint_seconds: float, told: Told
) -> Composition | None:
    """Train weights that are gone, or one model of all rows; nothing, where everything is there.

    Args:
        model: a configuration or an ensemble of a search.
        data: where the data lies now; what it leaves open is as begun. Read only where something has to be trained.
        device: to train on.
        checkpoint_seconds: between two checkpoints of a running stage; 0: none.
        told: of what happens.

    Returns:
        What the model is made of; None: it was ended before, and goes on from there the next time.

    Raises:
        TunePolarError: nothing has a score, another driver holds the store, or the data are not what they were.
    """
    # Imported here: a mistyped word need not wait for torch.
    with without_collection():
        from tune_polar.search.resume_plan import plan_from_manifest
        from tune_polar.serve.fit import Fitting, complete
        from tune_polar.store.lease import held_lease
        from tune_polar.store.store import open_store
        from tune_polar.trial.device import hold_whole
        from tune_polar.trial.slot_memory import SlotMemory
        from tune_polar.trial.worker_context import TrialContext

    model.check()
    held, store, lost = hold_whole(device_named(device)), open_store(model.place), threading.Event()
    with held_lease(store.files, lost.set):
        found = model.found(store)
        composition = complete(store, found, all_rows=model.all_rows)
        if composition is not None:
            told.say("Nothing is left to train: every stage of the model has its weights.")
            return composition
        manifest = store.manifest()
        source = data.taken_up(recorded_source(manifest, store.url))
        plan = plan_from_manifest(manifest, source, None, None, store.gold())
        fitting = Fitting(store, found, plan.inputs_for)
        for line in fitting.training(all_rows=model.all_rows):
            told.say(f"to train: {line}")
        memory = SlotMemory(held.budget_bytes)
        context = TrialContext(plan.corpus, plan.plans, store, held.device, checkpoint_seconds, memory)
        begins = lambda cell: told.say(f"{cell} on {held.device} …")  # noqa: E731
        with closing(fitting.steps(context, all_rows=model.all_rows, begins=begins)) as steps:  # leaves a checkpoint
            try:
                while not (told.ended_by or lost.is_set()):
                    told.stepped(next(steps))
            except StopIteration as stop:
                made: Composition = stop.value
                return made
    return None


def steps_told(say: Callable[[str], None]) -> Callable[[Progress], None]:
    """Tells of a step now and then, more often in a terminal."""
    told = now_and_then(say)
    return lambda at: told(f"  {at.stage}, step {at.step} of {at.total_steps}")


@contextmanager
def noted_signals() -> Iterator[list[signal.Signals]]:
    """The signals that asked for an end so far, a second one ends at once; outside the main thread none is heard."""
    found: list[signal.Signals] = []
    if threading.current_thread() is not threading.main_thread():
        yield found
        return
    handled = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)

    def note(number: int, frame: object) -> None:  # noqa: ARG001 (signal's interface)
        if found:
            raise KeyboardInterrupt
        found.append(signal.Signals(number))

    before = {each: signal.getsignal(each) for each in handled}
    for each in handled:
        if before[each] is not signal.SIG_IGN:
            signal.signal(each, note)
    try:
        yield found
    finally:
        for each, handler in before.items():
            signal.signal(each, handler)
