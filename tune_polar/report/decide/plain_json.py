"""A report of classes or numbers as plain data for scripts, as ``decide_json`` gives those of labels."""

from __future__ import annotations

from dataclasses import asdict

from tune_polar.decide.predictions import OOF
from tune_polar.report.decide.threshold_json import Data, corrected_data, fields_of, matrix_data, rare_data
from tune_polar.report.ensemble_json import ensemble_data
from tune_polar.report.expected_score_json import ahead_data, split_data
from tune_polar.stats.group_scores import Estimate
from tune_polar.stats.plain_report import PlainReport
from tune_polar.stats.threshold_report import LEVELS


def plain_data(report: PlainReport) -> Data:
    """One file."""
    winner = report.winner
    return {
        "file": str(report.path),
        **fields_of(report, "kind", "labels"),
        "metric": report.metric.name,
        **fields_of(report, "configurations", "incomplete"),
        "splits": [{"name": each.name, "rows": each.rows, "gold": each.has_gold} for each in report.splits],
        **fields_of(report, "folds", "notes"),
        "selected": {
            "configuration": winner.name,
            "raw_best": winner.cross_fitted,
            "corrected": corrected_data(report.corrected),
            "ahead": ahead_data(report.new_rows, LEVELS),
            "splits": [split_data(split, LEVELS) for split in report.splits_ahead],
            "per_label": dict(zip(report.labels, winner.judgement.cross_fitted.per_column.tolist(), strict=True)),
            "measures": report.measures,
            "groups": [asdict(each) for each in report.groups],
            "mean_over_groups": None if report.pooling is None else _estimate(report.pooling.macro),
        },
        "scores": [
            {
                "configuration": each.name,
                **fields_of(each, "rule", "cross_fitted", "fold_scores"),
                "scored": [
                    {"scored_on": OOF, "score": each.cross_fitted},
                    *(
                        {"scored_on": split, "score": ladder["fold_tuned"].score}
                        for split, ladder in each.judgement.splits.items()
                    ),
                ],
            }
            for each in report.scored
        ],
        "rare_labels": rare_data(report.rare),
        "comparisons": {"folds": matrix_data(report.by_folds), "rows": matrix_data(report.by_rows)},
        "ensemble": ensemble_data(report.ensembles),
    }


def _estimate(found: Estimate) -> Data:
    return {"score": found.value, "interval": asdict(found.interval)}
