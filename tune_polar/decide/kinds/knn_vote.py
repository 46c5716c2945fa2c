"""``knn_vote``: positive where at least the share τ of the k nearest training rows is; several models' votes add up."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

import numpy as np

from tune_polar.decide.array_checks import BoolArray, FloatArray
from tune_polar.decide.kinds.base import Decision, Inputs, Sample, register
from tune_polar.decide.vote_sweep import VoteSweep, ensemble_counts
from tune_polar.decide.votes import VoteRule, every_share
from tune_polar.errors import DecisionError


@dataclass(frozen=True, eq=False)
class PreparedVotes:
    """The counts of every k with every share of votes that can occur, part by part."""

    sweep: VoteSweep
    parts: tuple[int, ...]
    sample: Sample

    def scores(self, parts: Sequence[int]) -> FloatArray:
        """The metric's value of every candidate on the rows of ``parts``, shape (candidates,)."""
        own = [place for place, part in enumerate(self.parts) if part in set(parts)]
        of_counts = self.sample.metric.of_counts
        if not own or of_counts is None:
            raise DecisionError(
                f"(k, τ) must be chosen on at least one row, got none in parts {list(parts)}",
                "Use fewer folds, or give the rows that (k, τ) is to be chosen on.",
            )
        return of_counts(self.sweep.over(own))


@register("knn_vote")
@dataclass(frozen=True)
class KnnVote(Decision[PreparedVotes, VoteRule]):
    """Votes of neighbours on one yes-or-no question.

    All comparisons are between integers. Choosing looks at every k that is stored and every share that decides
    differently; ties go to the τ nearest to ½, then the larger k, then the lower τ.

    Args:
        k: neighbours that vote; fewer where fewer are stored.
        tau: share that decides.
    """

    k: int = 49
    tau: float = 0.4

    parameters = ("k", "tau")
    reads = ("neighbours",)
    decides = ("binary",)

    def prepare(self, sample: Sample) -> PreparedVotes:
        """Count every candidate once on the rows of each part."""
        if sample.metric.of_counts is None:
            raise DecisionError(
                f"votes must be chosen by a metric of their right and wrong answers, got {sample.metric.name}",
                "Score them by macro_f1, positive_f1, micro_f1 or accuracy.",
            )
        table = sample.inputs.tables[0]
        parts = tuple(np.unique(sample.part).tolist())
        candidates = every_share(range(1, table.width + 1), models=len(table.models))
        gold = sample.gold.values[:, 0]
        return PreparedVotes(VoteSweep.of_parts(table.models, gold, sample.part, candidates), parts, sample)

    def choose(self, prepared: PreparedVotes, parts: Sequence[int]) -> VoteRule:
        """The best candidate on the rows of ``parts``."""
        candidates = prepared.sweep.candidates
        return candidates.rule(candidates.best(prepared.scores(parts)))

    def reached(self, prepared: PreparedVotes, parts: Sequence[int]) -> float:
        """Of all candidates; that of the chosen one may lie one rounding below, which ties allow."""
        return float(prepared.scores(parts).max())

    def decide(self, inputs: Inputs, setting: VoteRule | None) -> BoolArray:
        """(rows, 1)."""
        table = inputs.tables[0]
        rule = self.as_written(inputs.names, table.width) if setting is None else _cut(setting, table.width)
        return rule.decide(ensemble_counts(table.models, rule.k), models=len(table.models))[:, None]

    def as_written(self, names: Sequence[str], width: int) -> VoteRule:  # noqa: ARG002 - one column, whatever its name
        """(k, τ) of the recipe."""
        return _cut(VoteRule.of(self.k, self.tau), width)

    def plain(self, names: Sequence[str], width: int) -> VoteRule:  # noqa: ARG002
        """What most of the stored neighbours are."""
        return VoteRule(width, Fraction(1, 2))


def _cut(rule: VoteRule, width: int) -> VoteRule:
    return VoteRule(min(rule.k, width), rule.tau)
