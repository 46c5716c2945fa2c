"""The report of one table of predictions, whatever it predicts: built, in words, as data."""

from __future__ import annotations

from typing import Any, TypeAlias

from tune_polar.decide.predictions import PredictionTable
from tune_polar.report.decide.plain_document import plain_document
from tune_polar.report.decide.plain_json import plain_data
from tune_polar.report.decide.threshold_document import decide_document
from tune_polar.report.decide.threshold_json import report_data
from tune_polar.report.document import Document
from tune_polar.stats.plain_report import PlainReport, plain_report
from tune_polar.stats.threshold_report import ReportSettings, ThresholdReport, threshold_report

Report: TypeAlias = ThresholdReport | PlainReport


def report_of(table: PredictionTable, settings: ReportSettings) -> Report:
    """Of labels with thresholds, of classes and numbers without.

    Raises:
        DecisionError: what the reports refuse.
    """
    return threshold_report(table, settings) if table.kind == "labels" else plain_report(table, settings)


def document_of(report: Report) -> Document:
    """In words and tables."""
    return plain_document(report) if isinstance(report, PlainReport) else decide_document(report)


def data_of(report: Report) -> dict[str, Any]:
    """For scripts; docs/result-json.md says what each key holds."""
    return plain_data(report) if isinstance(report, PlainReport) else report_data(report)
