"""Ensembles as plain data for scripts, of a search and of anybody's predictions alike."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from tune_polar.stats.ensemble_report import EnsembleEntry, EnsembleReport


def ensemble_data(report: EnsembleReport | str) -> dict[str, Any]:
    """Scores in the metric's own unit; ``{"not_applicable": reason}`` where there is nothing to combine."""
    if isinstance(report, str):
        return {"not_applicable": report}
    corrected = report.corrected
    return {
        "pick": {
            "configuration": report.pick.configuration,
            "score": report.pick_score,
            "passes": report.passes([report.pick_place]),
        },
        "ensembles": [_entry(report, each) for each in report.entries],
        "candidates": len(report.names),
        "corrected": {"not_applicable": corrected}
        if isinstance(corrected, str)
        else {
            "estimate": corrected.corrected,
            "of_ensemble": report.is_chosen,
            "interval": asdict(corrected.interval),
            "candidates": corrected.entered,
        },
    }


def _entry(report: EnsembleReport, entry: EnsembleEntry) -> dict[str, Any]:
    return {
        "kind": entry.kind,
        "score": entry.score,
        "gain": entry.gain,
        "interval": asdict(entry.interval),
        "better": entry.is_better,
        "passes": report.passes([place for place, _ in entry.members]),
        "members": [{"configuration": report.names[place], "weight": weight} for place, weight in entry.members],
    }
