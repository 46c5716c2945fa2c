"""`tune-polar resume`: go on with a recorded search, or extend a finished one."""

from __future__ import annotations

from functools import partial
from typing import Annotated

import typer

from tune_polar.api.begin import go_on_with
from tune_polar.api.count_checks import check_counts
from tune_polar.api.stopping_words import Extent
from tune_polar.cli import options
from tune_polar.cli.option_groups import MovedDataGroup, ShownGroup, ToldMachinesGroup, with_groups
from tune_polar.cli.run_and_exit import run_and_tell


@with_groups
def resume(
    *,
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
    data: MovedDataGroup,
    machines: ToldMachinesGroup,
    shown: ShownGroup,
) -> None:
    """Go on with a search from its records; what is finished is never trained again.

    What is said here of totals, racing, slots, checkpoints and weights holds for later resumes too.

    Examples:

      tune-polar resume searches/st3-20261122-101500

      tune-polar resume searches/st3-20261122-101500 --trials 20

      tune-polar resume searches/st3-20261122-101500 --time 2h
    """
    words, extent = data.words(), Extent(trials, time, until, racing)
    extent.limits()
    extent.rule()
    check_counts(trials=trials, slots=machines.slots)
    run_and_tell(partial(go_on_with, store, words, extent, machines.machines(store)), shown)
