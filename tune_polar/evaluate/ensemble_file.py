"""What ``ensemble.yaml`` holds: who is in an ensemble, what each counts, and how their mean is decided.

A member answers with the models of its cells. A stage's table of the ensemble is the weighted mean of the members'
tables of that stage, a neighbour table turned into the share of positives among the member's k nearest.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, FiniteFloat, model_validator

from tune_polar.decide.graph import Graph, Node
from tune_polar.decide.groups import GroupSettings
from tune_polar.decide.kinds import Setting, build_decision
from tune_polar.decide.member_tables import mean_table
from tune_polar.decide.metrics import METRICS
from tune_polar.decide.tables import Table
from tune_polar.errors import DecisionError
from tune_polar.recipe.broken_rules import Breach, RuleBrokenError

GROUPS = "groups"  # of a step: settings by group, beside those for all other rows
NO_GROUPS: Mapping[str, Sequence[str]] = MappingProxyType({})


class _Section(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


def _known(name: str) -> str:
    if name not in METRICS:
        raise ValueError(f"must be one of {list(METRICS)}")
    return name


MetricName = Annotated[str, AfterValidator(_known)]
Listed = Field(strict=False)  # YAML has lists, not tuples


class EnsembleCell(_Section):
    """One model of a member."""

    fold: Annotated[int, Field(ge=0)]
    seed: int


class EnsembleMember(_Section):
    """One configuration."""

    configuration: Annotated[str, Field(min_length=1)]  # its id in the store
    weight: Annotated[FiniteFloat, Field(gt=0)]
    settings: dict[str, Any]  # what it changes of the search's recipe, by dotted key
    cells: Annotated[tuple[EnsembleCell, ...], Listed, Field(min_length=1)]
    k: dict[str, Annotated[int, Field(ge=1)]]  # by stage that predicts neighbours: how many of them vote


class EnsembleStage(_Section):
    """What the decisions know of a stage."""

    gold: Literal["binary", "labels", "class", "number"]
    columns: Annotated[tuple[str, ...], Listed, Field(min_length=1)]  # of class gold its classes


class EnsembleScore(_Section):
    """Cross-fitted figures: weights and settings of each fold's rows were chosen on the other folds."""

    of: str
    metric: MetricName
    ensemble: FiniteFloat
    pick: FiniteFloat  # of the configuration with the best score
    configuration: str  # that configuration
    gain: FiniteFloat  # ensemble over pick, larger is better
    low: FiniteFloat
    high: FiniteFloat
    level: Annotated[FiniteFloat, Field(gt=0, lt=1)]


class EnsembleFile(_Section):
    """An ensemble as it would be used.

    Example:
        >>> file = read_ensemble(folder / ENSEMBLE)  # report/ensemble_yaml.py
        >>> tables = file.tables({member.configuration: tables_of(member) for member in file.members})
        >>> decide_rows(file.graph, file.score.of, file.chosen(), Evidence(tables, rows))
    """

    ensemble: str  # name of the recipe that the search began with
    better: bool  # whether it is worth more than the pick: the interval of its gain lies above 0
    score: EnsembleScore
    members: Annotated[tuple[EnsembleMember, ...], Listed, Field(min_length=1)]
    stages: Annotated[dict[str, EnsembleStage], Field(min_length=1)]
    decide: dict[str, dict[str, Any]]  # steps as a recipe has them, with what was chosen on all out-of-fold rows

    @model_validator(mode="after")
    def _fits(self) -> EnsembleFile:
        names = [each.configuration for each in self.members]
        if len(set(names)) < len(names):
            raise RuleBrokenError(Breach(("members",), f"must name each configuration once, got {names}"))
        for place, member in enumerate(self.members):
            strange = sorted(set(member.k) - set(self.stages))
            if strange:
                rule = f"must be of stages, which are {list(self.stages)}, got {strange}"
                raise RuleBrokenError(Breach(("members", place, "k"), rule))
        try:
            chosen = self.chosen()
        except (DecisionError, AttributeError, KeyError, TypeError, ValueError) as error:
            rule = error.problem if isinstance(error, DecisionError) else f"must be decisions as written, got {error}"
            raise RuleBrokenError(Breach(("decide",), rule)) from error
        open_ones = [each.name for each in self.graph.scored.below if each.parameters and each.name not in chosen]
        if open_ones:
            raise RuleBrokenError(Breach(("decide", open_ones[0]), "must say what was chosen"))
        return self

    @property
    def graph(self) -> Graph:
        """The decisions over the mean tables."""
        plain = {name: {k: v for k, v in step.items() if k != GROUPS} for name, step in self.decide.items()}
        return Graph.of(plain, score=self.score.of, stages=tuple(self.stages))

    def chosen(self, groups: Mapping[str, Sequence[str]] = NO_GROUPS) -> dict[str, Setting]:
        """Settings by decision, as ``decide_rows`` takes them.

        Args:
            groups: by column of groups its names in the order of their codes, where rows have codes; else rows have the
                names themselves.
        """
        graph = self.graph
        found = {}
        for name, node in graph.nodes.items():
            setting = self._setting(node, groups)
            if setting is not None:
                found[name] = setting
        return found

    def _setting(self, node: Node, groups: Mapping[str, Sequence[str]]) -> Setting | None:
        if not node.parameters:
            return None
        step = dict(self.decide[node.name])
        own = step.pop(GROUPS, {})
        kind = step.pop("type")
        for key in ("of", "by", "per"):
            step.pop(key, None)
        columns = self._columns(node)

        def built(written: Mapping[str, Any]) -> Setting | None:
            setting: Setting | None = build_decision(kind, **{**step, **written}).as_written(columns, len(columns))
            return setting

        pooled = built({})
        if node.per is None or pooled is None:
            return pooled
        names = groups.get(node.per)
        each = {name if names is None else names.index(name): built(written) for name, written in own.items()}
        return GroupSettings(pooled, {group: setting for group, setting in each.items() if setting is not None})

    def _columns(self, node: Node) -> tuple[str, ...]:
        first = node.of[0]
        return self.stages[first].columns if isinstance(first, str) else self._columns(first)

    def tables(self, members: Mapping[str, Mapping[str, Table]]) -> dict[str, Table]:
        """The ensemble's table of each stage from its members' (by configuration, then by stage), all of the same rows.

        Args:
            members: of every member each stage's table, which holds the answers of all its cells' models.

        Raises:
            DecisionError: a member or stage is not there, or tables do not fit each other.
        """
        found = {}
        for stage in self.stages:
            lacking = [each.configuration for each in self.members if stage not in members.get(each.configuration, {})]
            if lacking:
                raise DecisionError(
                    f"every member must have a table of {stage!r}, got none of {lacking}", "Train these members again."
                )
            tables = [members[each.configuration][stage] for each in self.members]
            ks = [each.k.get(stage) for each in self.members]
            found[stage] = mean_table(tables, [each.weight for each in self.members], ks)
        return found
