"""`tune-polar fit`: makes the model of a search complete."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from shlex import quote
from typing import TYPE_CHECKING, Annotated, TypeVar

import typer

from tune_polar.api.begin import recorded_source
from tune_polar.api.consoles import progress_console
from tune_polar.api.data_words import DataWords
from tune_polar.api.model_words import device_named
from tune_polar.cli import options
from tune_polar.cli.model_place import AllRows, Configuration, Device
from tune_polar.cli.output import say
from tune_polar.garbage import without_collection

if TYPE_CHECKING:  # it brings torch
    from tune_polar.trial.progress import Progress

T = TypeVar("T")
TOLD_SECONDS = 30.0  # between two lines of progress where there is no terminal


def fit(
    store: Annotated[str, typer.Argument(help="The folder, s3:// or gs:// URL with the search's records.")],
    all_rows: AllRows = False,
    configuration: Configuration = "winner",
    data: Annotated[str | None, typer.Option("--data", help="Where the data lies now, if it has moved.")] = None,
    language: Annotated[str | None, typer.Option("--language", help="Language of --data.")] = None,
    text: options.Text = None,
    id_: options.Id = None,
    column: options.Column = None,
    dev: options.Dev = None,
    test: options.Test = None,
    device: Device = "auto",
    checkpoint_every: options.CheckpointEvery = 60,
    quiet: options.Quiet = False,
) -> None:
    """Train what the model of a search lacks, in this process: weights that are gone, or one model of all rows.

    Nothing is trained, and no data are read, where everything is there.

    Examples:

      tune-polar fit searches/st3-20261122-101500

      tune-polar fit searches/st3-20261122-101500 --all-rows
    """
    words = DataWords(data, language, dev, test, text, id_, options.columns(column))
    # Imported here: --help and a mistyped option need not wait for torch.
    with without_collection():
        from tune_polar.search.recorded_plan import plan_from_manifest
        from tune_polar.serve.fit import Fitting, complete
        from tune_polar.serve.recorded import recorded
        from tune_polar.store.lease import held_lease
        from tune_polar.store.store import open_store
        from tune_polar.trial.context import TrialContext
        from tune_polar.trial.device import hold_whole
        from tune_polar.trial.slot_memory import SlotMemory

    def tell(sentence: str) -> None:
        if not quiet:
            say(sentence, to_error=True)

    held = hold_whole(device_named(device))
    opened = open_store(store)
    with _signals() as ended, held_lease(opened.files, lambda: os.kill(os.getpid(), signal.SIGTERM)):
        found = recorded(opened, configuration)
        composition = complete(opened, found, all_rows=all_rows)
        if composition is None:
            manifest = opened.manifest()
            source = words.taken_up(recorded_source(manifest, opened.url))
            plan = plan_from_manifest(manifest, source, None, None, opened.gold())
            fitting = Fitting(opened, found, plan.inputs_for(found.recipe))
            for line in fitting.training(all_rows=all_rows):
                tell(f"to train: {line}")
            memory = SlotMemory(held.budget_bytes)
            context = TrialContext(plan.corpus, plan.plans, opened, held.device, checkpoint_every, memory)
            begins = lambda cell: tell(f"{cell} on {held.device} …")  # noqa: E731
            composition = _run(fitting.steps(context, all_rows=all_rows, begins=begins), ended, quiet)
        else:
            tell("Nothing is left to train: every stage of the model has its weights.")
    models, stages = len(composition.cells), ", ".join(composition.stages)
    say(f"configuration {composition.configuration}: {models} model{'s' if models > 1 else ''} of {stages}")
    say(f"predict   tune-polar predict {quote(store)} FILE -o predictions.csv{' --all-rows' if all_rows else ''}")


def _run(steps: Generator[Progress, None, T], ended: list[signal.Signals], quiet: bool) -> T:
    """Drive a training to its end, or to a signal: then its last state is left as a checkpoint."""
    console, told = progress_console(), time.monotonic()
    try:
        while True:
            at = next(steps)
            if ended:
                say(f"\nInterrupted by {ended[0].name}: what is trained is recorded; type the same to go on.")
                raise typer.Exit(128 + ended[0])
            now = time.monotonic()
            if not quiet and now - told >= (2.0 if console.is_terminal else TOLD_SECONDS):
                told = now
                say(f"  {at.stage}, step {at.step} of {at.total_steps}", to_error=True)
    except StopIteration as stop:
        result: T = stop.value
        return result
    finally:
        steps.close()


@contextmanager
def _signals() -> Iterator[list[signal.Signals]]:
    """The signals that asked for an end so far; a second one ends at once."""
    found: list[signal.Signals] = []
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
