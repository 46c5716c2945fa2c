"""What a configuration scores, honestly: settings of decisions are chosen on the other folds by the decision engine."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from tune_polar.decide.decision_engine import judge
from tune_polar.decide.evidence import Evidence
from tune_polar.decide.graph import Graph
from tune_polar.decide.judgement import Alternative, Judged, Judgement, Ladder, Scored
from tune_polar.decide.metrics import Metric
from tune_polar.evaluate.predicted_rows import CellRecords, LabelledRows, labelled_splits, out_of_fold
from tune_polar.recipe.recipe import Recipe

DECIDE = "decide."  # what keys of decisions begin with
NO_ALTERNATIVES: Mapping[str, Sequence[Any]] = MappingProxyType({})
TRAIN = "train"


@dataclass(frozen=True, eq=False)
class Outcome:
    """Everything the stored predictions of one configuration with all its cells say."""

    judged: Judged
    graph: Graph
    evidence: Evidence  # tables and rows out of fold, by stage
    splits: Mapping[str, Evidence]  # of the labelled splits

    @property
    def metric(self) -> Metric:
        """Of the score."""
        return self.judged.scored.metric

    @property
    def score(self) -> float:
        """The score's decision, cross-fitted, with the best values of what costs no training."""
        return self.judged.score

    @property
    def best(self) -> Alternative:
        """These values; ties go to the recipe's own."""
        return self.judged.best

    @property
    def alternatives(self) -> tuple[Alternative, ...]:
        """All values tried, best first."""
        return self.judged.alternatives

    @property
    def proposed(self) -> Scored:
        """The score's decision exactly as the recipe writes it."""
        return self.judged.scored.ladder["as_written"]

    @property
    def decisions(self) -> Mapping[str, Judgement]:
        """Every decision of the recipe that can be judged, with the best values."""
        return self.judged.decisions

    @property
    def ladder(self) -> Ladder:
        """The score by where settings were chosen, on out-of-fold rows."""
        return self.judged.scored.ladder

    def settings(self, alternative: Alternative | None = None) -> dict[str, Any]:
        """Keys and values of a recipe that decides as a final system would (by default the best alternative).

        Settings chosen for each group have no place in a recipe and are left out.

        Example:
            >>> outcome.settings()
            {'decide.kinds.rule': 'max_f1', 'decide.vote.k': 49, 'decide.vote.tau': 0.4, …}
        """
        chosen = self.best if alternative is None else alternative
        found = {f"{DECIDE}{key}": value for key, value in chosen.changes.items()}
        for name, setting in chosen.deployed.items():
            written = setting.written()
            if set(written) <= set(self.graph.nodes[name].parameters):
                found |= {f"{DECIDE}{name}.{key}": value for key, value in written.items()}
        return found


def outcome_of(
    recipe: Recipe,
    gold: Mapping[str, LabelledRows],
    cells: Sequence[CellRecords],
    alternatives: Mapping[str, Sequence[Any]] = NO_ALTERNATIVES,
) -> Outcome:
    """Score a configuration all of whose cells have finished.

    Args:
        recipe: the configuration's.
        gold: by split, ``train`` among them.
        cells: all of them.
        alternatives: values of decisions' settings that a search space lists, by their keys in a recipe; those that are
            chosen for every configuration anyway are not looked at.

    Raises:
        DecisionError: the predictions cannot be scored.
    """
    steps = recipe.model_dump(mode="json", include={"decide"})["decide"]
    graph = Graph.of(steps, score=recipe.score.of, stages=tuple(recipe.stages))
    read = sorted({stage for node in graph.nodes.values() for stage in node.stages})
    evidence = out_of_fold(recipe, gold[TRAIN], cells, read)
    others = {name: split for name, split in gold.items() if name != TRAIN}
    splits = labelled_splits(recipe, others, cells, read)
    judged = judge(
        graph,
        evidence.tables,
        evidence.rows,
        recipe.score.metric,
        splits=splits,
        alternatives=_free(graph, alternatives),
    )
    return Outcome(judged, graph, evidence, splits)


def _free(graph: Graph, alternatives: Mapping[str, Sequence[Any]]) -> dict[str, Sequence[Any]]:
    found = {}
    for key, values in alternatives.items():
        name, _, setting = key.removeprefix(DECIDE).partition(".")
        if key.startswith(DECIDE) and setting not in graph.nodes[name].parameters:
            found[f"{name}.{setting}"] = values
    return found
