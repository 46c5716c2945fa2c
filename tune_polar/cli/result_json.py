"""What a search has come to, for scripts."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Any

from tune_polar.store.correction import corrected_best
from tune_polar.store.flags import checks_of
from tune_polar.store.summary import ConfigurationSummary, SearchSummary


def result_json(summary: SearchSummary, page: Path | None, winner: Path | None) -> dict[str, Any]:
    """The result for scripts."""
    best = summary.best
    return {
        "store": summary.url,
        "page": None if page is None else str(page),
        "winner_recipe": None if winner is None else str(winner),
        "kind": summary.facts.kind,
        "recipe": summary.facts.recipe.recipe,
        "objective": summary.objective,
        "complete": summary.is_complete,
        "best": None if best is None else best.configuration.id,
        "correction": _correction_json(summary),
        "checks": [asdict(check) for check in checks_of(summary)],
        "configurations": [_configuration_json(row) for row in summary.configurations],
    }


def _correction_json(summary: SearchSummary) -> dict[str, Any]:
    corrected = corrected_best(summary)
    if isinstance(corrected, str):
        return {"not_applicable": corrected}
    return {
        "raw_best": corrected.raw_best,
        "corrected": corrected.corrected,
        "interval": [corrected.interval.low, corrected.interval.high],
        "level": corrected.interval.level,
        "candidates": corrected.entered,
    }


def _configuration_json(row: ConfigurationSummary) -> dict[str, Any]:
    data: dict[str, Any] = {
        "id": row.configuration.id,
        "number": row.configuration.number,
        "origin": row.configuration.origin,
        "state": row.state,
        "point": dict(row.configuration.point),
        "folds": [
            {"fold": f.fold, "seconds": round(f.seconds, 3), "reused": list(f.reused), "scores": dict(f.scores)}
            for f in row.folds
        ],
        "memory": {f"{stage}: {how}": folds for (stage, how), folds in row.memory.items()},
        "failures": [f"fold {f.fold}: {f.kind}: {f.message}" for f in row.failures],
    }
    if row.abandonment is not None:
        data["abandoned"] = row.abandonment.to_json()
    if row.outcome is not None:
        outcome = row.outcome
        data |= {
            "score": outcome.score,
            "fold_scores": list(outcome.best.fold_scores),
            "threshold_rule": outcome.best.rule or None,
            "k": outcome.best.votes.k,
            "tau": float(outcome.best.votes.tau),
            "detector_cross_fitted": outcome.detector.cross_fitted,
            "gold_gated_cross_fitted": outcome.gold_gated,
        }
        if outcome.thresholds is not None:
            data["thresholds"] = [
                {
                    "chosen": score.protocol,
                    "scored_on": score.scored_on,
                    "macro_f1": score.macro_f1,
                    "per_class": dict(zip(outcome.thresholds.labels, score.per_class.tolist(), strict=True)),
                }
                for score in outcome.thresholds.rows
            ]
    return data
