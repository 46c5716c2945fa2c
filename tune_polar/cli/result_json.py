"""What a search has come to, for scripts. docs/result-json.md says what each key holds."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from tune_polar.decide.judgement import Judgement, Ladder
from tune_polar.evaluate.coded_checks import checks_of
from tune_polar.evaluate.correction import corrected_best
from tune_polar.evaluate.expected_score import Ahead, ahead_of
from tune_polar.evaluate.search_ensembles import ensembles_of
from tune_polar.evaluate.summary import ConfigurationSummary, SearchSummary
from tune_polar.report.ensemble_json import ensemble_data
from tune_polar.report.expected_score_json import ahead_data, split_data
from tune_polar.report.floor_comparison import floors_data
from tune_polar.report.page_context import PageContext

Data = dict[str, Any]
LEVELS = (0.90, 0.95)  # of intervals of new rows


def result_json(summary: SearchSummary, page: Path | None, winner: Path | None) -> Data:
    """Scores in the metric's own unit, whether larger or smaller is better.

    Args:
        summary: with outcomes, where every decision is to be told by where its settings were chosen.
        page: where the page lies.
        winner: where the winner's recipe lies.
    """
    best, reference, metric = summary.best, summary.reference, summary.metric
    found = ahead_of(summary)
    ahead: Ahead | Data = {"not_applicable": found} if isinstance(found, str) else found
    return {
        "store": summary.url,
        "page": None if page is None else str(page),
        "winner_recipe": None if winner is None else str(winner),
        "kind": summary.facts.kind,
        "recipe": summary.recipe.recipe,
        "score_of": summary.recipe.score.of,
        "metric": {
            "name": metric.name,
            "unit": metric.unit,
            "factor": metric.factor,
            "larger_is_better": metric.larger_is_better,
        },
        "cells": [{"fold": cell.fold, "seed": cell.seed} for cell in summary.cells],
        "complete": summary.is_complete,
        "planned": summary.planned,
        "best": None if best is None else best.configuration.id,
        "reference": None if reference is None else reference.configuration.id,
        "ahead": ahead if isinstance(ahead, dict) else ahead_data(ahead.new_rows, LEVELS),
        "splits": [] if isinstance(ahead, dict) else [split_data(split, LEVELS) for split in ahead.splits],
        "correction": _correction_json(summary),
        "ensemble": ensemble_data(ensembles_of(summary)),
        "floors": floors_data(PageContext(summary)),
        "checks": [asdict(check) for check in checks_of(summary)],
        "configurations": [_configuration_json(row) for row in summary.configurations],
    }


def _correction_json(summary: SearchSummary) -> Data:
    corrected = corrected_best(summary)
    if isinstance(corrected, str):
        return {"not_applicable": corrected}
    return {
        "raw_best": corrected.raw_best,
        "corrected": corrected.corrected,
        "expectation": [corrected.interval.low, corrected.interval.high],
        "level": corrected.interval.level,
        "candidates": corrected.entered,
    }


def _configuration_json(row: ConfigurationSummary) -> Data:
    about, scores = row.configuration, row.scores
    data: Data = {
        "id": about.id,
        "number": about.number,
        "origin": about.origin,
        "state": row.state,
        "point": dict(about.point),
        "cells": [
            {
                "fold": each.fold,
                "seed": each.seed,
                "seconds": round(each.seconds, 3),
                "reused": list(each.reused),
                "scores": dict(each.scores),
            }
            for each in row.folds
        ],
        "memory": {f"{stage}: {how}": cells for (stage, how), cells in row.memory.items()},
        "failures": [
            {"fold": each.fold, "seed": each.seed, "kind": each.kind, "message": each.message} for each in row.failures
        ],
    }
    if row.abandonment is not None:
        data["abandoned"] = row.abandonment.to_json()
    if scores is not None:
        data |= {
            "score": scores.score,
            "start_has_seen": [each.stage for each in row.seen_starts()],
            "cell_scores": [
                {"fold": cell.fold, "seed": cell.seed, "score": score}
                for cell, score in zip(scores.cells, scores.best.cell_scores, strict=True)
            ],
            "settings": dict(scores.best.settings),
        }
    if row.outcome is not None:
        data["decisions"] = {name: _decision_json(each) for name, each in row.outcome.decisions.items()}
    return data


def _decision_json(judgement: Judgement) -> Data:
    names = judgement.rows.gold.names
    return {
        "type": judgement.kind,
        "metric": judgement.metric.name,
        "rows": len(judgement.rows),
        "out_of_fold": _ladder_json(judgement.ladder, names),
        "splits": {split: _ladder_json(ladder, names) for split, ladder in judgement.splits.items()},
    }


def _ladder_json(ladder: Ladder, names: tuple[str, ...]) -> Data:
    return {
        rung: {
            "score": _number(scored.score),
            "per_column": dict(zip(names, map(_number, scored.per_column.tolist()), strict=True)),
        }
        for rung, scored in ladder.items()
    }


def _number(value: float) -> float | None:
    """JSON has no word for what is no number."""
    return float(value) if np.isfinite(value) else None
