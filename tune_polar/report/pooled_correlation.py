"""What a correlation over all rows owes to the levels of groups, beside its mean over groups."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from tune_polar.decide.metrics import Metric
from tune_polar.report.words import begun, metric_words
from tune_polar.stats.group_scores import LEVEL, GroupScores
from tune_polar.stats.intervals import signed, signed_span


def pooling_sentences(told: GroupScores, metric: Metric, column: str, shown: Callable[[float], str]) -> Iterator[str]:
    """Of a correlation, what pooling adds to the mean over groups."""
    if metric.unit != "r" or told.levels is None:
        return
    what = begun(metric_words(metric.name))
    pooled, macro = shown(told.pooled.value), shown(told.macro.value)
    both = f"{what} is {pooled} over all rows pooled, {macro} in the mean over groups"
    ends = signed_span(told.gap.interval, metric)
    levels = f"Between groups lies {told.levels:.0%} of the gold’s variance."
    if not told.gap.told_from_zero:
        yield f"{both}; the two cannot be told apart ({LEVEL:.0%} interval of the difference {ends}). {levels}"
    elif told.gap.value > 0:
        yield (
            f"{both}: pooling adds {signed(told.gap.value, metric)} ({ends}), for it also rewards telling apart the "
            f"levels of each {column}, which says nothing about rows within one. {levels}"
        )
    else:
        yield (
            f"{both}: pooling costs {signed(-told.gap.value, metric).lstrip('+')} ({ends}), for predictions of each "
            f"{column} lie on levels that are not the gold’s. {levels}"
        )
