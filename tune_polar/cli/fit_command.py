"""`tune-polar fit`: makes the model of a search complete."""

from __future__ import annotations

from shlex import quote
from typing import Annotated

import typer

from tune_polar.api.fitting import Told, fit_model, noted_signals, steps_told
from tune_polar.cli import options
from tune_polar.cli.exit_codes import by_signal
from tune_polar.cli.model_place import Device, ModelGroup
from tune_polar.cli.option_groups import MovedDataGroup, with_groups
from tune_polar.cli.output import say


@with_groups
def fit(
    *,
    store: Annotated[str, typer.Argument(help="The folder, s3:// or gs:// URL with the search's records.")],
    of_search: ModelGroup,
    data: MovedDataGroup,
    device: Device = "auto",
    checkpoint_every: options.CheckpointEvery = 60,
    quiet: options.Quiet = False,
) -> None:
    """Train what the model of a search lacks, in this process: weights that are gone, or one model of all rows.

    Nothing is trained, and no data are read, where everything is there.

    Examples:

      tune-polar fit searches/st3-20261122-101500

      tune-polar fit searches/st3-20261122-101500 --all-rows

      tune-polar fit searches/st3-20261122-101500 --ensemble
    """
    named_model, words = of_search.words(store), data.words()

    def tell(sentence: str) -> None:
        if not quiet:
            say(sentence, to_error=True)

    with noted_signals() as ended:
        told = Told(tell, steps_told(tell), ended)
        composition = fit_model(named_model, words, device, checkpoint_every, told)
    if composition is None:
        say(f"\nInterrupted by {ended[0].name}: what is trained is recorded; type the same to go on.")
        raise typer.Exit(by_signal(ended[0]))
    models, stages = len(composition.cells), ", ".join(composition.stages)
    what = "ensemble" if composition.members else f"configuration {composition.configuration}"
    say(f"{what}: {models} model{'s' if models > 1 else ''} of {stages}")
    say(f"predict   tune-polar predict {quote(store)} FILE -o predictions.csv{named_model.asked}")
