"""`tune-polar fit`: makes the model of a search complete."""

from __future__ import annotations

from shlex import quote
from typing import Annotated

import typer

from tune_polar.api.data_words import DataWords
from tune_polar.api.fitting import Told, fit_model, noted_signals, steps_told
from tune_polar.cli import options
from tune_polar.cli.model_place import AllRows, Configuration, Device, Ensemble, EnsembleFile, model_words
from tune_polar.cli.output import say


def fit(
    store: Annotated[str, typer.Argument(help="The folder, s3:// or gs:// URL with the search's records.")],
    all_rows: AllRows = False,
    configuration: Configuration = "winner",
    ensemble: Ensemble = False,
    ensemble_file: EnsembleFile = None,
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

      tune-polar fit searches/st3-20261122-101500 --ensemble
    """
    named_model = model_words(store, configuration, ensemble, ensemble_file, all_rows=all_rows)
    words = DataWords(data, language, dev, test, text, id_, options.columns(column))

    def tell(sentence: str) -> None:
        if not quiet:
            say(sentence, to_error=True)

    with noted_signals() as ended:
        told = Told(tell, steps_told(tell), ended)
        composition = fit_model(named_model, words, device, checkpoint_every, told)
    if composition is None:
        say(f"\nInterrupted by {ended[0].name}: what is trained is recorded; type the same to go on.")
        raise typer.Exit(128 + ended[0])
    models, stages = len(composition.cells), ", ".join(composition.stages)
    what = "ensemble" if composition.members else f"configuration {composition.configuration}"
    say(f"{what}: {models} model{'s' if models > 1 else ''} of {stages}")
    say(f"predict   tune-polar predict {quote(store)} FILE -o predictions.csv{named_model.asked}")
