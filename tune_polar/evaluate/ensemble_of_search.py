"""A search's ensemble as ``ensemble.yaml`` has it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from tune_polar.decide.graph import Graph, Node
from tune_polar.decide.groups import GroupSettings
from tune_polar.decide.kinds import Setting
from tune_polar.evaluate.ensemble_file import (
    GROUPS,
    EnsembleCell,
    EnsembleFile,
    EnsembleMember,
    EnsembleScore,
    EnsembleStage,
)
from tune_polar.evaluate.search_ensembles import ensembles_of
from tune_polar.evaluate.summary import SearchSummary
from tune_polar.store.gold import Gold


def ensemble_file_of(summary: SearchSummary) -> EnsembleFile | str:
    """The greedy ensemble with what was chosen on all out-of-fold rows, or why there is none."""
    report = ensembles_of(summary)
    if isinstance(report, str):
        return report
    entry, bench = report.greedy, report.bench
    deployed = entry.ensemble.deployed
    rows = {row.configuration.id: row for row in summary.configurations}
    members = []
    for place, weight in entry.members:
        row = rows[report.names[place]]
        members.append(
            EnsembleMember(
                configuration=row.configuration.id,
                weight=weight,
                settings=dict(row.configuration.point),
                cells=tuple(EnsembleCell(fold=each.fold, seed=each.seed) for each in row.folds),
                k=dict(deployed.ks[place]),
            )
        )
    return EnsembleFile(
        ensemble=summary.recipe.recipe,
        better=entry.is_better,
        score=EnsembleScore(
            of=bench.graph.score,
            metric=report.metric.name,
            ensemble=entry.score,
            pick=report.pick_score,
            configuration=report.pick.configuration,
            gain=entry.gain,
            low=entry.interval.low,
            high=entry.interval.high,
            level=entry.interval.level,
        ),
        members=tuple(members),
        stages={
            stage: EnsembleStage(gold=each.gold.kind, columns=each.gold.names) for stage, each in bench.rows.items()
        },
        decide=_steps(bench.graph, deployed.settings, summary.gold),
    )


def _steps(graph: Graph, chosen: Mapping[str, Setting], gold: Gold) -> dict[str, dict[str, Any]]:
    """As a recipe has them, with what was chosen; settings by group beside those for all other rows."""
    steps: dict[str, dict[str, Any]] = {}
    for node in graph.scored.below:
        steps[node.name] = {key: _plain(value) for key, value in graph.steps[node.name].items() if value is not None}
        setting = chosen.get(node.name)
        if isinstance(setting, GroupSettings):
            named = _with_names(node, setting, gold)
            steps[node.name] |= setting.pooled.written() | {GROUPS: named.written()[GROUPS]}
        elif setting is not None:
            steps[node.name] |= setting.written()
    return steps


def _with_names(node: Node, setting: GroupSettings, gold: Gold) -> GroupSettings:
    names = gold.train.columns[str(node.per)].names
    return replace(setting, own={names[code]: each for code, each in setting.own.items()})


def _plain(value: Any) -> Any:
    return list(value) if isinstance(value, tuple) else value
