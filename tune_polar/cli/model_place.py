"""Options by which commands name a model."""

from __future__ import annotations

from typing import Annotated

import typer

Configuration = Annotated[
    str,
    typer.Option("--configuration", metavar="ID", help="`winner`, `published`, or the id of a finished configuration."),
]
AllRows = Annotated[
    bool, typer.Option("--all-rows", help="One model of all rows instead of those of the folds, which vote together.")
]
Device = Annotated[str, typer.Option("--device", help="`auto` (a GPU where there is one), `cpu`, `cuda` or `cuda:1`.")]
