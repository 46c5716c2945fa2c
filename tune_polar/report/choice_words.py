"""Which configurations are one choice with the winner, and which may be: words that follow from paired intervals."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from tune_polar.decide.judgement import Judgement
from tune_polar.report.numbers import listed
from tune_polar.stats.intervals import signed, unit_of
from tune_polar.stats.told_apart import Comparison, ComparisonMatrix


def _no_costs(names: Sequence[str]) -> str:  # noqa: ARG001 - predictions alone carry no cost
    return ""


def choice_sentences(
    matrix: ComparisonMatrix,
    judgements: Mapping[str, Judgement],
    cheapest: Callable[[Sequence[str]], str] = _no_costs,
) -> tuple[str, ...]:
    """What the paired intervals say of the winner, the first of ``matrix``, and the others.

    Equal is what the interval leaves no room to differ by more than a hundredth; what cannot be told apart may be
    equal, or far apart. Where each fold is decided as a whole, or scores are without any spread, no interval shows
    that two are equal.

    Args:
        matrix: with the winner first.
        judgements: by name, as far as they are known.
        cheapest: says of some names, the winner first, which to prefer; "": none.
    """
    winner = matrix.names[0]
    first = [pair for pair in matrix.pairs if winner in (pair.first, pair.second)]
    if not first:
        return ()
    metric, level = first[0].metric, f"{first[0].paired.interval.level:.0%}"
    unit = unit_of(metric)
    whole = _whole([winner, *(_other(pair, winner) for pair in first if pair.are_alike or pair.are_equal)], judgements)
    rest = [pair for pair in first if _other(pair, winner) not in whole]
    alike, equal = [pair for pair in rest if pair.are_alike], [pair for pair in rest if pair.are_equal]
    open_ones = [pair for pair in rest if not (pair.differs or pair.are_alike or pair.are_equal)]
    found = []
    if whole:
        found.append(
            f"In each of these {first[0].unit} {listed(whole)} decide all rows alike: nothing was learnt, and like "
            "scores do not make them one choice."
        )
    if alike:
        found += _alike(winner, alike, judgements, cheapest)
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
    if not (whole or alike or equal or open_ones):
        found.append(f"{winner} is told from every other one of these.")
    return tuple(found)


def _whole(names: Sequence[str], judgements: Mapping[str, Judgement]) -> list[str]:
    """The winner, the first of ``names``, and others that decide each cell as a whole; [] where it does not."""
    found = [name for name in names if name in judgements and judgements[name].decides_cells_whole]
    return found if found[:1] == [names[0]] and len(found) > 1 else []


def _alike(
    winner: str,
    pairs: Sequence[Comparison],
    judgements: Mapping[str, Judgement],
    cheapest: Callable[[Sequence[str]], str],
) -> list[str]:
    """Those that score as the winner does every time, by whether they decide every row as it does."""
    names, own = [_other(pair, winner) for pair in pairs], judgements.get(winner)
    same = [name for name in names if own is not None and name in judgements and own.decides_as(judgements[name])]
    others = [name for name in names if name not in same]
    found = [f"{listed([winner, *same])} decide every row alike.{cheapest([winner, *same])}"] if same else []
    if others:
        found.append(
            f"{listed([winner, *others])} score the same in all of these {pairs[0].unit}, which does not make them "
            "equals: without a spread nothing is shown."
        )
    return found


def _other(pair: Comparison, name: str) -> str:
    return pair.second if pair.first == name else pair.first


def _gains(pair: Comparison, name: str) -> tuple[float, float]:
    """By how much ``name`` may be better than the other, from least to most."""
    interval, metric = pair.paired.interval, pair.metric
    sign = 1 if (pair.first == name) == metric.larger_is_better else -1
    low, high = sorted((sign * interval.low, sign * interval.high))
    return low, high
