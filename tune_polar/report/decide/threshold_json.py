"""A threshold report as plain data for scripts: every number, none rounded.

A part that cannot be computed is ``{"not_applicable": reason}``.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

import numpy as np

from tune_polar.decide.judgement import Rung, Scored
from tune_polar.decide.predictions import OOF
from tune_polar.report.ensemble_json import ensemble_data
from tune_polar.report.expected_score_json import ahead_data, split_data
from tune_polar.stats.bbc_cv import BbcCv
from tune_polar.stats.grouped_rows import GroupReport
from tune_polar.stats.intervals import Interval
from tune_polar.stats.ranking import RankAgreement
from tune_polar.stats.rare_labels import CODE as RARE
from tune_polar.stats.rare_labels import RareLabel
from tune_polar.stats.scored_configuration import thresholds_of
from tune_polar.stats.threshold_report import LEVELS, ThresholdReport
from tune_polar.stats.told_apart import ComparisonMatrix

Data = dict[str, Any]
AS_THEY_ARE = ("labels", "metric", "rules", "configurations", "incomplete")  # fields of a report


def report_data(report: ThresholdReport) -> Data:
    """One file."""
    findings = [(rule, each) for rule, found in report.findings for each in found]
    return {
        "file": str(report.path),
        "kind": "labels",
        **fields_of(report, *AS_THEY_ARE),
        "splits": [{"name": each.name, "rows": each.rows, "gold": each.has_gold} for each in report.splits],
        **fields_of(report, "folds", "notes"),
        "selected": _selected(report),
        "scores": [
            {
                "configuration": each.name,
                **fields_of(each, "rule", "cross_fitted", "fold_scores"),
                "scored": [
                    _scored(rung, split, scored, report.labels)
                    for split, ladder in ((OOF, each.judgement.ladder), *each.judgement.splits.items())
                    for rung, scored in ladder.items()
                ],
            }
            for each in report.scored
        ],
        "findings": [
            {"code": each.code, "rule": rule, **fields_of(each, "kind", "label", "threshold", "fold", "message")}
            for rule, each in findings
        ],
        "rare_labels": rare_data(report.rare),
        "comparisons": {"folds": matrix_data(report.by_folds), "rows": matrix_data(report.by_rows)},
        "ranking": _ranking(report, report.ranking),
        "ensemble": ensemble_data(report.ensembles),
    }


def _selected(report: ThresholdReport) -> Data:
    winner, boot, gold = report.winner, report.bootstrap, report.gold.values
    crossed = winner.judgement.cross_fitted.per_column.tolist()
    return {
        "configuration": winner.name,
        "rule": winner.rule,
        "raw_best": winner.cross_fitted,
        "corrected": corrected_data(report.corrected),
        "ahead": ahead_data(report.new_rows, LEVELS),
        "splits": [split_data(split, LEVELS) for split in report.splits_ahead],
        "macro_interval": asdict(boot.macro_interval),
        "per_label": {
            label: {"positives": positives, "cross_fitted": score, "interval": asdict(interval)}
            for label, positives, score, interval in zip(
                report.labels, np.count_nonzero(gold, axis=0).tolist(), crossed, boot.per_class_intervals, strict=True
            )
        },
    }


def corrected_data(found: BbcCv | str) -> Data:
    """The score without the luck of having chosen it."""
    if isinstance(found, str):
        return {"not_applicable": found}
    return {
        "estimate": found.corrected,
        **fields_of(found, "plain", "optimism"),
        "expectation": [asdict(found.interval_at(level)) for level in LEVELS],
        "candidates": found.entered,
        "rounds": found.rounds,
    }


def _scored(rung: Rung, split: str, scored: Scored, labels: Sequence[str]) -> Data:
    """``chosen``: where thresholds were chosen, as everywhere (``report/words.py``)."""
    return {
        "chosen": rung,
        "scored_on": split,
        "macro_f1": scored.score,
        "per_label": dict(zip(labels, scored.per_column.tolist(), strict=True)),
        "thresholds": dict(zip(labels, thresholds_of(scored).T.tolist(), strict=True)),
    }


def rare_data(rare: Sequence[RareLabel]) -> list[Data]:
    """Labels or classes with few rows."""
    names = ("label", "positives", "in_smallest_fold", "f1", "wobble", "rows", "sentence")
    return [{"code": RARE, **fields_of(each, *names)} for each in rare]


def matrix_data(matrix: ComparisonMatrix | str) -> Data:
    """Every pair with its sentence."""
    if isinstance(matrix, str):
        return {"not_applicable": matrix}
    return {
        "configurations": list(matrix.names),
        "pairs": [
            {
                **fields_of(each, "first", "second"),
                **fields_of(each.paired, "difference", "interval"),
                "p": each.paired.p_value,
                "holm_p": each.adjusted_p,
                **fields_of(each, "differs", "sentence"),
            }
            for each in matrix.pairs
        ],
        "not_applicable_pairs": [list(pair) for pair in matrix.not_applicable],
    }


def _ranking(report: ThresholdReport, ranking: RankAgreement | str) -> Data:
    if isinstance(ranking, str):
        return {"not_applicable": ranking}
    names = [each.name for each in report.scored if each.rule == report.winner.rule]
    return {
        "rule": report.winner.rule,
        "reference": ranking.reference,
        "picks": {name: names[pick] for name, pick in ranking.picks.items()},
        "regret": dict(ranking.regret),
        "kendall": {
            name: dict(zip(ranking.scorings, map(_number, row), strict=True))
            for name, row in zip(ranking.scorings, ranking.kendall.tolist(), strict=True)
        },
    }


def _number(value: float) -> float | None:
    """JSON has no NaN: a scoring that is the same for all configurations has no rank, hence null."""
    return None if math.isnan(value) else value


def group_data(report: GroupReport | str) -> Data:
    """Per-group thresholds against pooled ones."""
    if isinstance(report, str):
        return {"not_applicable": report}
    return {
        "configuration": report.configuration,
        "chosen_among": report.compared,
        "rules": [
            {
                **fields_of(each, "rule", "pooled"),
                "per_group": each.own,
                **fields_of(each, "gain", "interval"),
                "groups": [
                    {
                        **fields_of(of, "group", "rows", "pooled"),
                        "per_group": of.own,
                        **fields_of(of, "gain", "interval"),
                    }
                    for of in each.groups
                ],
            }
            for each in report.rules
        ],
    }


def fields_of(of: object, *names: str) -> Data:
    """Some of what ``of`` has, under the same names."""
    return {name: _plain(getattr(of, name)) for name in names}


def _plain(value: object) -> object:
    if isinstance(value, Interval):
        return asdict(value)
    if isinstance(value, np.ndarray):
        return value.tolist()
    return list(value) if isinstance(value, tuple) else value
