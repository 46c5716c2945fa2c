"""`tune-polar data`: check and fetch data sets, and write the sample corpus."""

from __future__ import annotations

import json as json_library
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from tune_polar.cli import options
from tune_polar.cli.output import result_console
from tune_polar.cli.request import data_source, loaded_recipe
from tune_polar.data.checks import check_csv, check_polar
from tune_polar.data.corpus import Corpus
from tune_polar.data.describe import describe
from tune_polar.data.fetch import fetch_polar
from tune_polar.data.findings import Finding, errors_in
from tune_polar.data.generic_csv import ColumnNames
from tune_polar.data.sample import sample_corpus
from tune_polar.data.write_polar import write_polar
from tune_polar.errors import DataError
from tune_polar.report.numbers import count
from tune_polar.spec.data_source import DataSource

data_app = typer.Typer(
    help="Check, fetch and generate data.", no_args_is_help=True, rich_markup_mode=None, add_completion=False
)


@data_app.command("check")
def check(
    data: Annotated[str, typer.Argument(help="`sample`, a folder in POLAR's layout, or a CSV file.")],
    language: options.Language = None,
    dev: options.Dev = None,
    column: options.Column = None,
    json: options.Json = False,
) -> None:
    """Name everything that is wrong or doubtful in a data set, with file and row; exit code 1 where something is wrong.

    Example:

      tune-polar data check polar/ --language zho
    """
    source = data_source(data, language, dev, column)
    findings = _findings(source)
    errors = errors_in(findings)
    if json:
        rows = [asdict(finding) | {"path": str(finding.path)} for finding in findings]
        typer.echo(json_library.dumps(rows, ensure_ascii=False, indent=1))
    else:
        console = result_console()
        for finding in findings:
            console.print(
                f"{finding.severity}: {finding} [{finding.code}]", markup=False, highlight=False, soft_wrap=True
            )
        console.print(f"{count(len(errors), 'error')}, {count(len(findings) - len(errors), 'warning')}")
        if not errors:
            _print_shares(console, source.load(loaded_recipe("st1", source).recipe))
    if errors:
        raise typer.Exit(1)


@data_app.command("fetch")
def fetch(
    name: Annotated[str, typer.Argument(help="`polar`: SemEval-2026 Task 9.")],
    language: Annotated[str, typer.Option("--language", help="Language code, such as zho or eng.")] = "zho",
    into: Annotated[Path, typer.Option("--into", help="Folder to write.")] = Path("polar"),
    mirror: Annotated[
        str | None, typer.Option("--mirror", help="Address of a copy that has SPLIT/LANGUAGE.csv.")
    ] = None,
) -> None:
    """Download train and dev of one language, checked against the sums kept with this package.

    Example:

      tune-polar data fetch polar --language zho --into polar/
    """
    if name != "polar":
        raise DataError(f"a data set to fetch must be `polar`, got {name!r}", "Write `tune-polar data fetch polar`.")
    for path in fetch_polar(into, language, mirror=mirror, report=typer.echo):
        typer.echo(str(path))


@data_app.command("sample")
def sample(
    into: Annotated[Path, typer.Argument(help="Folder to write.")],
    seed: Annotated[
        int, typer.Option("--seed", parser=options.whole_number, metavar="N", help="Another seed gives other texts.")
    ] = 0,
) -> None:
    """Write the generated sample corpus in POLAR's layout, to look at or to change.

    Example:

      tune-polar data sample sample/
    """
    options.check_seed(seed)
    write_polar(sample_corpus(seed), into, "zho")
    typer.echo(f"{into}/{{train,dev,test}}/zho.csv")


def _findings(source: DataSource) -> list[Finding]:
    if source.kind == "sample":
        return []
    if source.kind == "polar":
        return check_polar(Path(source.path or ""), source.language or "zho")
    labels = {name: column for name, column in source.columns.items() if name not in ("id", "text")}
    names = ColumnNames(
        id=source.columns.get("id"),
        text=source.columns.get("text", "text"),
        labels=labels or {"polarization": "polarization"},
    )
    dev = None if source.dev is None else Path(source.dev)
    return check_csv(Path(source.path or ""), dev=dev, test=None, columns=names)


def _print_shares(console: Console, corpus: Corpus) -> None:
    """A row a label, a column a split: label names are long, and a narrow or missing terminal would cut them."""
    summaries = describe(corpus)
    table = Table(box=None, header_style="bold")
    table.add_column("label", no_wrap=True)
    for split, _ in summaries:
        table.add_column(split, justify="right")
    table.add_row("rows", *(str(about["rows"]) for _, about in summaries))
    for label in dict.fromkeys(label for _, about in summaries for label in about["shares"]):
        shares = [f"{about['shares'][label]:.1%}" if label in about["shares"] else "—" for _, about in summaries]
        table.add_row(label, *shares)
    console.print(table)
    console.print("polarization: share of all rows; other labels: of the polarized rows", highlight=False)
