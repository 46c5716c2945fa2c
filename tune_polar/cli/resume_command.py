"""`tune-polar resume`: go on with a recorded search, or extend a finished one."""

from __future__ import annotations

from typing import Annotated

import typer

from tune_polar.api.begin import go_on_with
from tune_polar.api.count_checks import check_counts
from tune_polar.api.data_words import DataWords
from tune_polar.api.machines import machines_as_begun
from tune_polar.api.stopping import Extent
from tune_polar.cli import options
from tune_polar.cli.run_and_exit import run_and_tell


def resume(
    store: Annotated[str, typer.Argument(help="The folder, s3:// or gs:// URL with the search's records.")],
    trials: Annotated[
        int | None,
        typer.Option(
            "--trials",
            parser=options.whole_number,
            metavar="N",
            help="A new total of configurations.  [default: as told last]",
        ),
    ] = None,
    time: options.Time = None,
    until: options.Until = None,
    racing: Annotated[
        str | None,
        typer.Option("--racing", metavar="RULE", help="Another racing rule from now on.  [default: as told last]"),
    ] = None,
    data: Annotated[str | None, typer.Option("--data", help="Where the data lies now, if it has moved.")] = None,
    language: Annotated[str | None, typer.Option("--language", help="Language of --data.")] = None,
    text: options.Text = None,
    id_: options.Id = None,
    column: options.Column = None,
    dev: options.Dev = None,
    test: options.Test = None,
    slots: Annotated[
        int | None,
        typer.Option(
            "--slots", parser=options.whole_number, metavar="N", help="Fold trials at once.  [default: as told last]"
        ),
    ] = None,
    slot_gb: Annotated[
        float | None, typer.Option("--slot-gb", metavar="GB", help="GPU memory of one.  [default: as told last]")
    ] = None,
    address: options.Address = None,
    checkpoint_every: Annotated[
        int | None,
        typer.Option(
            "--checkpoint-every",
            parser=options.whole_number,
            metavar="SECONDS",
            help="Seconds between two checkpoints of a running stage; 0: none.  [default: as told last]",
        ),
    ] = None,
    track: options.Track = None,
    keep_weights: Annotated[
        int | None,
        typer.Option(
            "--keep-weights",
            parser=options.whole_number,
            metavar="N",
            help="Keep the weights of the best N configurations.  [default: as told last]",
        ),
    ] = None,
    disk_gb: Annotated[
        float | None,
        typer.Option("--disk-gb", metavar="GB", help="For weights and checkpoints together.  [default: as told last]"),
    ] = None,
    json: options.Json = False,
    quiet: options.Quiet = False,
    verbose: options.Verbose = False,
) -> None:
    """Go on with a search from its records; what is finished is never trained again.

    What is said here of totals, racing, slots, checkpoints and weights holds for later resumes too.

    Examples:

      tune-polar resume searches/st3-20261122-101500

      tune-polar resume searches/st3-20261122-101500 --trials 20

      tune-polar resume searches/st3-20261122-101500 --time 2h
    """
    words = DataWords(data, language, dev, test, text, id_, options.columns(column))
    extent = Extent(trials, time, until, racing)
    extent.limits()
    extent.rule()
    check_counts(trials=trials, slots=slots)
    machines = machines_as_begun(store, slots, slot_gb, address, checkpoint_every, keep_weights, disk_gb)
    run_and_tell(
        lambda shown: go_on_with(store, words, extent, machines, shown),
        json=json,
        quiet=quiet,
        verbose=verbose,
        track=track or (),
    )
