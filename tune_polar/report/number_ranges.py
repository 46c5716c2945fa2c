"""Predicted numbers by the gold value: what rare ones become, and how far folds agree."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from tune_polar.decide.array_checks import BoolArray, FloatArray
from tune_polar.decide.judgement import Judgement
from tune_polar.report.document import TextTable
from tune_polar.report.numbers import MINUS, axis_ticks, count, plain_number, spread
from tune_polar.report.page_context import PageContext

RANGES = 9  # at most, one fewer between round numbers


@dataclass(frozen=True)
class NumberRange:
    """Rows whose gold lies between two round numbers."""

    words: str
    own: BoolArray  # (rows,)
    gold: float  # mean
    predicted: float  # mean
    noise: float | None  # standard deviation between cells of the mean of predicted − gold; None: one cell has any


def number_ranges(judgement: Judgement, gold: FloatArray, decided: FloatArray) -> Iterator[NumberRange]:
    """Ranges of gold between round numbers, at most ``RANGES``; ``gold`` and ``decided`` (rows,) of one column."""
    low, high = float(gold.min()), float(gold.max())
    edges = [low, *(tick for tick in axis_ticks(low, high, RANGES) if low < tick < high), high]
    cells = [(judgement.rows.part == part) & (judgement.rows.seed == seed) for part, seed in judgement.cells]
    for start, end in pairwise(edges) if high > low else [(low, high)]:
        own = (gold >= start) & ((gold <= end) if end == high else (gold < end))
        if own.any():
            means = [float((decided - gold)[own & cell].mean()) for cell in cells if (own & cell).any()]
            words = f"{plain_number(start)} to {plain_number(end)}"
            yield NumberRange(words, own, float(gold[own].mean()), float(decided[own].mean()), spread(means))


def by_value(
    page: PageContext, name: str, gold: FloatArray, decided: FloatArray, ranges: Sequence[NumberRange]
) -> TextTable:
    """What rows of each range are predicted, and how far off that is."""
    rows = []
    for each in ranges:
        count_of, share = int(each.own.sum()), each.own.mean()
        error, constant = np.abs(decided - gold)[each.own].mean(), np.abs(gold - gold.mean())[each.own].mean()
        predicted = (
            f"{plain_number(each.predicted)} ± {plain_number(each.noise)}"
            if each.noise
            else plain_number(each.predicted)
        )
        bias = plain_number(each.predicted - each.gold)
        rows.append(
            (each.words, f"{count_of:,}", f"{share:.1%}", predicted, bias, plain_number(error), plain_number(constant))
        )
    caption = (
        f"{name} by gold value: what such rows are predicted on average, ± one standard deviation "
        f"between {page.cells.many} of predicted {MINUS} gold; the last column is the mean error of one number for all "
        f"rows{page.cells.counted}, the gold’s mean"
    )
    heads = (f"gold {name}", "rows", "share", "predicted", "bias", "mean error", "of a constant")
    return TextTable(caption, heads, rows)


def rare_end(gold: FloatArray, decided: FloatArray) -> str:
    """The outer quarter of the range with fewer rows: what becomes of them."""
    low, high = float(gold.min()), float(gold.max())
    if high == low:
        return "Gold is one and the same number in all rows."
    ends = gold <= low + (high - low) / 4, gold >= high - (high - low) / 4
    is_high = ends[1].sum() <= ends[0].sum()
    own = ends[int(is_high)]
    found = np.argsort(-decided if is_high else decided, kind="stable")[: int(own.sum())]
    side, most = ("upper", "highest") if is_high else ("lower", "lowest")
    return (
        f"Rare are the {count(int(own.sum()), 'row')} ({own.mean():.1%}) with gold in the {side} quarter of the range, "
        f"from {plain_number(float(gold[own].min()))} to {plain_number(float(gold[own].max()))}: they are predicted "
        f"{plain_number(float(decided[own].mean()))} on average, and of as many rows predicted {most}, "
        f"{own[found].mean():.0%} are among them, where chance finds {own.mean():.0%}."
    )
