"""A threshold report as plain data for scripts: every number, none rounded."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from tune_polar.decide.judged import Rung, Scored
from tune_polar.decide.predictions import OOF
from tune_polar.stats.comparison import ComparisonMatrix
from tune_polar.stats.grouped_rows import GroupReport
from tune_polar.stats.intervals import Interval
from tune_polar.stats.scored_configuration import thresholds_of
from tune_polar.stats.threshold_report import LEVELS, ThresholdReport

Data = dict[str, Any]


def report_data(report: ThresholdReport) -> Data:
    """One file; a part that cannot be computed is ``{"not_applicable": reason}``."""
    return {
        "file": str(report.path),
        "labels": list(report.labels),
        "metric": report.metric,
        "rules": list(report.rules),
        "configurations": list(report.configurations),
        "incomplete": list(report.incomplete),
        "splits": [{"name": each.name, "rows": each.rows, "gold": each.has_gold} for each in report.splits],
        "folds": list(report.folds),
        "notes": list(report.notes),
        "selected": _selected(report),
        "scores": [
            {
                "configuration": each.name,
                "rule": each.rule,
                "cross_fitted": each.cross_fitted,
                "fold_scores": each.fold_scores.tolist(),
                "scored": [
                    _scored(rung, split, scored, report.labels)
                    for split, ladder in ((OOF, each.judgement.ladder), *each.judgement.splits.items())
                    for rung, scored in ladder.items()
                ],
            }
            for each in report.scored
        ],
        "findings": [
            {
                "code": finding.code,
                "rule": rule,
                "kind": finding.kind,
                "label": finding.label,
                "threshold": finding.threshold,
                "fold": finding.fold,
                "message": finding.message,
            }
            for rule, findings in report.findings
            for finding in findings
        ],
        "comparisons": {"folds": _matrix(report.by_folds), "rows": _matrix(report.by_rows)},
        "ranking": _ranking(report),
    }


def _selected(report: ThresholdReport) -> Data:
    winner, boot = report.winner, report.bootstrap
    crossed = winner.judgement.cross_fitted
    corrected: Data
    if isinstance(report.corrected, str):
        corrected = {"not_applicable": report.corrected}
    else:
        corrected = {
            "estimate": report.corrected.corrected,
            "plain": report.corrected.plain,
            "optimism": report.corrected.optimism,
            "intervals": [_interval(report.corrected.interval_at(level)) for level in LEVELS],
            "candidates": report.corrected.entered,
            "rounds": report.corrected.rounds,
        }
    new_rows: Data
    if isinstance(report.new_rows, str):
        new_rows = {"not_applicable": report.new_rows}
    else:
        new_rows = {
            "rows": report.new_rows.rows,
            "training_sd": report.new_rows.training_sd,
            "intervals": [_interval(report.new_rows.interval(level)) for level in LEVELS],
        }
    return {
        "configuration": winner.name,
        "rule": winner.rule,
        "raw_best": winner.cross_fitted,
        "corrected": corrected,
        "new_rows": new_rows,
        "macro_interval": _interval(boot.macro_interval),
        "per_label": {
            label: {
                "positives": int(np.count_nonzero(report.gold.values[:, place])),
                "cross_fitted": float(crossed.per_column[place]),
                "interval": _interval(boot.per_class_intervals[place]),
            }
            for place, label in enumerate(report.labels)
        },
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


def _matrix(matrix: ComparisonMatrix | str) -> Data:
    if isinstance(matrix, str):
        return {"not_applicable": matrix}
    return {
        "configurations": list(matrix.names),
        "pairs": [
            {
                "first": each.first,
                "second": each.second,
                "difference": each.paired.difference,
                "interval": _interval(each.paired.interval),
                "p": each.paired.p_value,
                "holm_p": each.adjusted_p,
                "differs": each.differs,
                "sentence": each.sentence,
            }
            for each in matrix.pairs
        ],
        "not_applicable_pairs": [list(pair) for pair in matrix.not_applicable],
    }


def _ranking(report: ThresholdReport) -> Data:
    ranking = report.ranking
    if isinstance(ranking, str):
        return {"not_applicable": ranking}
    names = [each.name for each in report.scored if each.rule == report.winner.rule]
    return {
        "rule": report.winner.rule,
        "reference": ranking.reference,
        "picks": {name: names[pick] for name, pick in ranking.picks.items()},
        "regret": dict(ranking.regret),
        "kendall": _kendall(ranking.scorings, ranking.kendall.tolist()),
    }


def _kendall(names: Sequence[str], values: Sequence[Sequence[float]]) -> Mapping[str, Mapping[str, float | None]]:
    """JSON has no NaN: a scoring that is the same for all configurations has no rank, hence null."""
    return {
        name: {other: None if math.isnan(value) else value for other, value in zip(names, row, strict=True)}
        for name, row in zip(names, values, strict=True)
    }


def group_data(report: GroupReport | str) -> Data:
    """Per-group thresholds against pooled ones."""
    if isinstance(report, str):
        return {"not_applicable": report}
    return {
        "configuration": report.configuration,
        "chosen_among": report.compared,
        "rules": [
            {
                "rule": each.rule,
                "pooled": each.pooled,
                "per_group": each.own,
                "gain": each.gain,
                "interval": _interval(each.interval),
                "groups": [
                    {
                        "group": group.group,
                        "rows": group.rows,
                        "pooled": group.pooled,
                        "per_group": group.own,
                        "gain": group.gain,
                        "interval": _interval(group.interval),
                    }
                    for group in each.groups
                ],
            }
            for each in report.rules
        ],
    }


def _interval(interval: Interval) -> Data:
    return {"low": interval.low, "high": interval.high, "level": interval.level}
