"""`tune-polar decide`: the threshold report of predictions, ours or anyone's."""

from __future__ import annotations

import json as json_library
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from tune_polar.api.consoles import result_console
from tune_polar.api.count_checks import positive
from tune_polar.cli import options
from tune_polar.cli.print_document import print_document, print_section
from tune_polar.decide.prediction_files import read_predictions
from tune_polar.decide.predictions import PredictionTable
from tune_polar.errors import DecisionError
from tune_polar.report.decide.comparisons import group_section
from tune_polar.report.decide.decide_page import write_decide_report
from tune_polar.report.decide.decided import data_of, document_of, report_of
from tune_polar.report.decide.threshold_json import group_data
from tune_polar.stats.grouped_rows import GroupReport, group_report
from tune_polar.stats.plain_report import PlainReport
from tune_polar.stats.threshold_report import ReportSettings, ThresholdReport


def decide(
    predictions: Annotated[list[Path], typer.Argument(help="Prediction tables: CSV, TSV or Parquet, plain or .gz.")],
    rule: Annotated[
        list[str] | None, typer.Option("--rule", help="Threshold rule to compare. Repeatable.  [default: all]")
    ] = None,
    group: Annotated[
        str | None, typer.Option("--group", help="Column that tells groups of rows apart: NAME, or group/NAME.")
    ] = None,
    new_rows: Annotated[
        int | None,
        typer.Option(
            "--new-rows",
            parser=options.whole_number,
            metavar="N",
            help="Size of the test set to come.  [default: the largest split beside oof]",
        ),
    ] = None,
    rounds: Annotated[
        int, typer.Option("--rounds", parser=options.whole_number, metavar="N", help="Resampling rounds.")
    ] = 1000,
    seed: Annotated[
        int, typer.Option("--seed", parser=options.whole_number, metavar="N", help="Seed of the resampling.")
    ] = 0,
    out: Annotated[
        Path | None, typer.Option("-o", "--out", help="Also write the report to this .html or .md file.")
    ] = None,
    json: options.Json = False,
) -> None:
    """Report what predictions are worth: thresholds by where they were chosen, the winner's score corrected.

    A table has the columns split (oof, dev, test …), fold (of oof rows, by number or name), id, gold/LABEL and
    logit/LABEL or prob/LABEL; group/NAME tells groups of rows apart, any other column (model, seed …) configurations.
    Of classes it has gold and prob/CLASS for each class, as predict_proba gives them; of numbers gold/NAME and
    value/NAME. Several files of the same labels are also compared as groups: thresholds per file against thresholds
    pooled over files.

    Example:

      tune-polar decide predictions.csv.gz --rule max_f1 --rule prevalence_match -o thresholds.html
    """
    positive(new_rows, "--new-rows")
    if seed < 0:
        raise DecisionError(f"--seed must be at least 0, got {seed}", "Give a whole number from 0 up.")
    settings = ReportSettings(tuple(rule or ()), seed, rounds, new_rows)
    tables = [read_predictions(path, group) for path in predictions]
    reports = [report_of(table, settings) for table in tables]
    groups = _groups(tables, reports, settings) if len(tables) > 1 or group is not None else None
    documents = [document_of(report) for report in reports]
    section = None if groups is None else group_section(groups)
    if out is not None:
        write_decide_report(out, documents, section)
    if json:
        data: dict[str, object] = {"reports": [data_of(report) for report in reports]}
        if groups is not None:
            data["groups"] = group_data(groups)
        json_library.dump(data, sys.stdout, ensure_ascii=False, indent=1, allow_nan=False)
        sys.stdout.write("\n")
        return
    console = result_console()
    for place, document in enumerate(documents):
        if place:
            console.rule()
        print_document(console, document)
    if section is not None:
        print_section(console, section)
    if out is not None:
        console.print(f"\nreport {out}", soft_wrap=True)


def _groups(
    tables: list[PredictionTable], reports: Sequence[ThresholdReport | PlainReport], settings: ReportSettings
) -> GroupReport | str:
    """Files or groups that do not fit together are reported one by one all the same."""
    first = reports[0]
    if isinstance(first, PlainReport) or any(isinstance(each, PlainReport) for each in reports):
        return "classes and numbers have no thresholds that groups could share or not"
    try:
        return group_report(tables, first.rules, settings.seed, settings.rounds)
    except DecisionError as error:
        return error.problem
