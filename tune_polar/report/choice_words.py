"""Which configurations are one choice with the winner, and which may be: words that follow from paired intervals."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from tune_polar.report.numbers import listed
from tune_polar.stats.intervals import signed, unit_of
from tune_polar.stats.told_apart import Comparison, ComparisonMatrix


def _no_costs(names: Sequence[str]) -> str:  # noqa: ARG001 - predictions alone carry no cost
    return ""


def choice_sentences(matrix: ComparisonMatrix, cheapest: Callable[[Sequence[str]], str] = _no_costs) -> tuple[str, ...]:
    """What the paired intervals say of the winner, the first of ``matrix``, and the others.

    Equal is what the interval leaves no room to differ by more than a hundredth; what cannot be told apart may be
    equal, or far apart.

    Args:
        matrix: with the winner first.
        cheapest: says of some names, the winner first, which to prefer; "": none.
    """
    winner = matrix.names[0]
    first = [pair for pair in matrix.pairs if winner in (pair.first, pair.second)]
    if not first:
        return ()
    metric, level = first[0].metric, f"{first[0].paired.interval.level:.0%}"
    unit = unit_of(metric)
    equal = [pair for pair in first if pair.are_equal]
    open_ones = [pair for pair in first if not pair.differs and not pair.are_equal]
    found = []
    if equal:
        most = signed(max(pair.most for pair in equal), metric).removeprefix("+")
        names = [winner, *(_other(pair, winner) for pair in equal)]
        room = f"the {level} intervals leave room for {most}{unit} between {winner} and another"
        found.append(f"{listed(names)} are one choice: {room}.{cheapest(names)}")
    if open_ones:
        others = [_other(pair, winner) for pair in open_ones]
        worse, better = (signed(end, metric).lstrip("+−") for end in _gains(open_ones[0], winner))
        found.append(
            f"{winner} cannot be told from {listed(others)}, which does not make them equals: by the {level} interval "
            f"of their difference it may be up to {better}{unit} better than {others[0]}, or {worse}{unit} worse. More "
            "folds or seeds make it narrower."
        )
    if not equal and not open_ones:
        found.append(f"{winner} is told from every other one of these.")
    return tuple(found)


def _other(pair: Comparison, name: str) -> str:
    return pair.second if pair.first == name else pair.first


def _gains(pair: Comparison, name: str) -> tuple[float, float]:
    """By how much ``name`` may be better than the other, from least to most."""
    interval, metric = pair.paired.interval, pair.metric
    sign = 1 if (pair.first == name) == metric.larger_is_better else -1
    low, high = sorted((sign * interval.low, sign * interval.high))
    return low, high
