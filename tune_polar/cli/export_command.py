"""`tune-polar export`: a search's records in the forms other tools read."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from tune_polar.api.model_words import ModelWords
from tune_polar.cli.model_place import ModelGroup
from tune_polar.cli.option_groups import with_groups
from tune_polar.cli.output import say, waiting
from tune_polar.errors import SpecError
from tune_polar.report.numbers import count

if TYPE_CHECKING:
    from tune_polar.evaluate.summary import SearchSummary
    from tune_polar.store.store import Store


@with_groups
def export(
    *,
    store: Annotated[str, typer.Argument(help="The folder, s3:// or gs:// URL with the search's records.")],
    optuna: Annotated[
        str | None,
        typer.Option(
            "--optuna", metavar="URL", help="Database of its study, new or to be brought up to date: sqlite:///study.db"
        ),
    ] = None,
    csv: Annotated[Path | None, typer.Option("--csv", metavar="DIR", help="Folder for tidy tables as CSV.")] = None,
    parquet: Annotated[
        Path | None, typer.Option("--parquet", metavar="DIR", help="Folder for tidy tables as Parquet.")
    ] = None,
    tensorboard: Annotated[
        Path | None, typer.Option("--tensorboard", metavar="DIR", help="Folder for training curves.")
    ] = None,
    model: Annotated[
        Path | None,
        typer.Option("--model", metavar="DIR", help="New folder for the model, as transformers keeps them."),
    ] = None,
    push: Annotated[
        str | None, typer.Option("--push", metavar="REPO", help="Also upload that folder to OWNER/NAME on the hub.")
    ] = None,
    of_search: ModelGroup,
) -> None:
    """Write a search as an Optuna study, tidy tables, TensorBoard curves, or its model.

    Examples:

      tune-polar export searches/st3-20261122-101500 --optuna sqlite:///study.db

      tune-polar export searches/st3-20261122-101500 --csv tables/ --tensorboard curves/

      tune-polar export searches/st3-20261122-101500 --model my-model/ --ensemble
    """
    named_model = of_search.words(store)
    if optuna is None and csv is None and parquet is None and tensorboard is None and model is None:
        raise SpecError(
            "export must be told a form, got none",
            "Give --optuna URL, --csv DIR, --parquet DIR, --tensorboard DIR or --model DIR.",
        )
    if model is None and (push is not None or named_model != ModelWords(store)):
        raise SpecError(
            "--push, --configuration, --all-rows and --ensemble must go with --model DIR, got none", "Give it."
        )
    # Imported here: --help and a mistyped option need none of these libraries, which take seconds to load.
    from tune_polar.evaluate.summary import summarise
    from tune_polar.report.reading import IN_TABLES, summary_for_page
    from tune_polar.store.store import open_store

    opened = open_store(store, to_look=True)
    reads = csv is not None or parquet is not None or model is not None
    summary = summary_for_page(opened, IN_TABLES, told=waiting()) if reads else summarise(opened, "scores", waiting())
    if len(summary.finished) > IN_TABLES and (csv or parquet or tensorboard):
        say(f"curves and predictions are those of the {IN_TABLES} best of {len(summary.finished):,} configurations")
    _tables(opened, summary, csv, parquet)
    if tensorboard is not None:
        from tune_polar.search.export_tensorboard import export_tensorboard

        say(f"{tensorboard}: curves of {count(export_tensorboard(opened, summary, tensorboard), 'stage')}")
    if optuna is not None:
        _study(opened, summary, optuna)
    if model is not None:
        from tune_polar.api.exporting import export_model

        export_model(named_model, opened, summary, model, push, say)


def _tables(store: Store, summary: SearchSummary, csv: Path | None, parquet: Path | None) -> None:
    from tune_polar.report.decide.exported_predictions import judged_in_export
    from tune_polar.report.tidy_tables import PREDICTIONS, Kind, write_tables

    tables: tuple[tuple[Kind, Path | None], ...] = (("csv", csv), ("parquet", parquet))
    for kind, folder in tables:
        for path in () if folder is None else write_tables(store, summary, folder, kind):
            stage = path.stem.removeprefix(PREDICTIONS)
            about = f": decide on it {judged_in_export(summary.recipe, stage)}" if stage != path.stem else ""
            say(f"{path}{about}")


def _study(store: Store, summary: SearchSummary, database: str) -> None:
    from tune_polar.search.optuna.export_optuna import export_optuna

    done = export_optuna(store, summary, database)
    left_out = f", {count(done.left_out, 'configuration')} left out" if done.left_out else ""
    changed = f", {done.changed} changed" if done.changed else ""
    say(f"{database}: study {done.name!r}, {done.trials} trials, {done.added} of them new{changed}{left_out}")
