"""Configurations that racing gave up, in words."""

from __future__ import annotations

from tune_polar.evaluate.summary import SearchSummary
from tune_polar.report.numbers import count, fixed
from tune_polar.report.words import CellWords
from tune_polar.store.abandonment import Abandonment


def stopped_early(record: Abandonment, cells: CellWords) -> str:
    """Why one configuration was given up."""
    after = cells.count(len(record.cells))
    if record.within is not None:
        at = record.within
        after += f" and within {cells.name(at.cell)} ({at.stage}, step {at.step:,})"
    return (
        f"Stopped after {after} by racing ({record.rule}): expected {fixed(record.predicted, 4)} ± "
        f"{fixed(record.deviation, 4)}, the best so far was {fixed(record.incumbent_score, 4)}."
    )


def saved_by_racing(summary: SearchSummary) -> str:
    """Cells that were not trained, and how likely it is that a better configuration was among those given up.

    A record's chance is that of beating the best of its time; the best of today is no worse, so the sum of chances is
    above what was lost. One minus the product of the complements: at least one, taken as independent.
    """
    given_up = summary.abandoned
    if not given_up:
        return "nothing: every configuration runs all its fold trials, so no false stop can have happened"
    trials = sum(len(summary.cells) - len(row.folds) for row, _ in given_up)
    none_better = 1.0
    for _, record in given_up:
        none_better *= 1 - record.chance
    chance = max(0.01, 1 - none_better)  # "at most 0%" would read as if it were known
    return (
        f"{count(trials, 'fold trial')} of {count(len(given_up), 'configuration')} stopped early; by the model's own "
        f"estimate one of them would have been better than the best with a chance of at most {chance:.0%}"
    )
