"""Why a split may score far from what was expected: every reason that the data at hand can test, likeliest first."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import chain

import numpy as np
from scipy.special import ndtri

from tune_polar.decide.array_checks import BoolArray, FloatArray
from tune_polar.decide.number_scores import pearson
from tune_polar.stats.intervals import signed, unit_of
from tune_polar.stats.label_shift import label_shift
from tune_polar.stats.new_rows import NewRowsScore
from tune_polar.stats.split_alarm import (
    Cause,
    LabelledSplit,
    Predicted,
    SplitEvidence,
    called,
    column_gold,
    is_far_outside,
)

SURE = 4.0  # standard errors from which a difference is told
EXPLAINS = 0.5  # of the distance: from here on label shares are the likeliest reason
OUTLIER = 3.0  # standard deviations of the prediction by which a single model stands out
OUTSIDE = 0.90  # interval below which a score is looked into
BROKEN = ("ranking", "calls", "models")  # causes that say that a model broke
ALIKE = 0.5  # of the distance: configurations that move so far with it are hit by the split as well


def causes_of(measured: Predicted, split: SplitEvidence, score: float, ahead: NewRowsScore) -> tuple[Cause, ...]:
    """Test every cause of ``score`` being far from what ``ahead`` expects; found ones first."""
    away = score - float(np.median(ahead.draws))
    found = list(
        chain(
            _labels(measured, split, away, ahead),
            _ranking(measured, split),
            _calls(measured, split),
            _models(split, ahead),
            _others(split, away, ahead),
            _texts(split, is_better=ahead.metric.gain(away, 0.0) > 0),
        )
    )
    order = {"found": 0, "ruled out": 1, "not testable": 2}
    return tuple(sorted(found, key=lambda each: (order[each.verdict], -each.weight)))


def labelled_split(
    name: str, score: float, ahead: NewRowsScore, evidence: Callable[[], tuple[Predicted, SplitEvidence]]
) -> LabelledSplit:
    """A split beside what was expected of it; where it lies far outside, with its causes.

    Args:
        name: of the split.
        score: that it has.
        ahead: what was expected of as many rows.
        evidence: what is at hand out of fold and of the split; asked for only where there is something to explain.
    """
    found = LabelledSplit(name, ahead.rows, score, ahead)
    is_far = is_far_outside(found.distance)
    if not is_far and (found.distance >= 0 or score in ahead.interval(OUTSIDE)):
        return found
    measured, there = evidence()
    alone = float(np.median([each for _, each in there.models])) if there.models else score
    if found.distance > 0 and not is_far_outside(ahead.distance(alone)):
        return found  # better because several models answer together
    causes = causes_of(measured, there, score, ahead)
    fires = is_far or any(each.name in BROKEN and each.verdict == "found" for each in causes)
    return replace(found, causes=causes, fires=True) if fires else found


def _labels(measured: Predicted, split: SplitEvidence, away: float, ahead: NewRowsScore) -> Iterator[Cause]:
    """Other label shares, and how much of the distance they are worth."""
    there = split.predicted.rows.gold
    rng, metric = np.random.default_rng(0), ahead.metric
    shift = label_shift(measured.rows, measured.decided, there, metric, rng)
    if not shift.is_found:
        yield Cause("labels", "ruled out", "labels occur as often as out of fold")
        return
    worst, usual = shift.worst, metric.score(measured.rows.gold, measured.decided)
    numbers = there.kind == "number"
    before, now = (_number(each) if numbers else _percent(each) for each in shift.shares[:, worst])
    moved = float(shift.reweighted.mean()) - usual
    share = float(np.clip(moved / away, 0.0, 1.0))
    what = f"{shift.names[worst]} is {now} on average" if numbers else f"{now} of its rows are {shift.names[worst]}"
    yield Cause(
        "labels",
        "found",
        f"labels occur otherwise: {what}, {before} out of fold; with its shares the out-of-fold rows score "
        f"{signed(moved, metric)}{unit_of(metric)}, {share:.0%} of the distance",
        share if share >= EXPLAINS else share / 2,
    )


def _ranking(measured: Predicted, split: SplitEvidence) -> Iterator[Cause]:
    """Whether what was predicted still goes with gold, and whether it varies at all."""
    here, there = measured.values, split.predicted.values
    if here is None or there is None:
        yield Cause("ranking", "not testable", "whether the model still tells rows apart: decisions alone are known")
        return
    same = [place for place in range(there.shape[1]) if np.ptp(there[:, place]) < 1e-9 <= np.ptp(here[:, place])]
    if same:
        name = split.predicted.rows.gold.names[same[0]]
        yield Cause("ranking", "found", f"the model says one and the same of every row, such as of {name}", 1.0)
        return
    usual, now, error = _rank_scores(measured, here), _rank_scores(split.predicted, there), _rank_error(split.predicted)
    neutral, word = (0.0, "Pearson’s r") if split.predicted.rows.gold.kind == "number" else (0.5, "AUC")
    numbers = f"{word} {usual:.2f} out of fold, {now:.2f} there"
    if usual - neutral < SURE * error:
        yield Cause(
            "ranking", "not testable", f"too few rows of each kind to say whether the model tells them apart: {numbers}"
        )
    elif now < neutral - SURE * error:
        sentence = f"the model ranks rows the wrong way round: {numbers}. Look for a reversed sign or swapped labels"
        yield Cause("ranking", "found", sentence, 0.97)
    elif now < neutral + SURE * error and usual - now > SURE * error:
        sentence = (
            f"the model no longer tells rows apart: {numbers}. Its training collapsed, or predictions stand beside "
            "other rows’ gold"
        )
        yield Cause("ranking", "found", sentence, 0.96)
    elif usual - now > SURE * error:
        yield Cause("ranking", "found", f"the model tells rows apart less well: {numbers}", 0.6)
    elif usual - now > error:
        yield Cause("ranking", "not testable", f"too few rows to say whether the model tells them apart: {numbers}")
    else:
        yield Cause("ranking", "ruled out", f"the model tells rows apart as out of fold: {numbers}")


def _rank_scores(predicted: Predicted, values: FloatArray) -> float:
    """Mean over columns, of rows with and without gold."""
    from scipy.stats import rankdata  # half a second to import, for splits that are far from what was expected

    gold = predicted.rows.gold
    if gold.kind == "number":
        columns = zip(gold.values.T, values.T, strict=True)
        return float(np.mean([pearson(one.astype(np.float64), other) for one, other in columns]))
    found = []
    for truth, value in zip(column_gold(gold).T, values.T, strict=True):
        positive = int(truth.sum())
        if 0 < positive < len(truth):
            ranks = float(rankdata(value)[truth].sum())
            found.append((ranks - positive * (positive + 1) / 2) / (positive * (len(truth) - positive)))
    return float(np.mean(found)) if found else 0.5


def _rank_error(predicted: Predicted) -> float:
    """Standard error of that where rows are not told apart at all, taken as if columns went together."""
    gold = predicted.rows.gold
    if gold.kind == "number":
        return float(len(gold) ** -0.5)
    positive = column_gold(gold).sum(axis=0)
    negative = len(gold) - positive
    both = (positive > 0) & (negative > 0)
    if not both.any():
        return np.inf
    errors = ((positive + negative + 1)[both] / (12 * positive * negative)[both]) ** 0.5
    return float((errors**2).sum() ** 0.5 / len(errors))


def _calls(measured: Predicted, split: SplitEvidence) -> Iterator[Cause]:
    """Shares of rows that are called each label, beside what its gold lets expect."""
    there = split.predicted
    if there.rows.gold.kind == "number":
        return
    gold, now = column_gold(there.rows.gold), called(there.rows.gold, there.decided)
    before, calls = column_gold(measured.rows.gold), called(measured.rows.gold, measured.decided)
    on_yes, on_no = (_rate(calls, before == truth) for truth in (True, False))
    share = gold.mean(axis=0)
    expected, found = share * on_yes + (1 - share) * on_no, now.mean(axis=0)
    # Both rates come from finitely many rows too, and a rate of 0 or 1 is not certain.
    kept = np.clip(expected, 1 / len(calls), 1 - 1 / len(calls))
    error = (kept * (1 - kept) * (1 / len(gold) + 1 / len(calls))) ** 0.5
    away = np.abs(found - expected) / error
    worst = int(away.argmax())
    name = there.rows.gold.names[worst]
    words = f"{name} is called on {_percent(found[worst])} of its rows where {_percent(expected[worst])} are expected"
    critical = -float(ndtri(0.5 * 0.001 / len(away)))
    if away[worst] > max(critical, SURE):
        tail = ": its probabilities lie elsewhere than those that thresholds were chosen on, or its training collapsed"
        yield Cause("calls", "found", words + tail, 0.8)
    else:
        yield Cause("calls", "ruled out", f"labels are called about as often as expected ({words})")


def _rate(calls: BoolArray, of: BoolArray) -> FloatArray:
    """Share called among the rows ``of``, per column, half a row of each added."""
    return np.asarray(((calls & of).sum(axis=0) + 0.5) / (of.sum(axis=0) + 1))


def _models(split: SplitEvidence, ahead: NewRowsScore) -> Iterator[Cause]:
    """Models that answer together, each by itself."""
    if len(split.models) < 3:
        return
    names, scores = [name for name, _ in split.models], np.array([score for _, score in split.models])
    middle, metric = float(np.median(scores)), ahead.metric
    behind = np.array([metric.gain(middle, score) for score in scores])
    bad = np.flatnonzero(behind > OUTLIER * float(ahead.draws.std()))
    if len(bad):
        told = ", ".join(f"{names[place]} {scores[place]:.3f}" for place in bad[:3])
        more = f" and {len(bad) - 3} more" if len(bad) > 3 else ""
        sentence = f"models that answer together do not agree: alone {told}{more} where the middle one scores "
        yield Cause("models", "found", f"{sentence}{middle:.3f}: their training collapsed", 0.9)
    else:
        span = f"{scores.min():.3f} to {scores.max():.3f}"
        yield Cause("models", "ruled out", f"the {len(scores)} models that answer together score alike alone ({span})")


def _others(split: SplitEvidence, away: float, ahead: NewRowsScore) -> Iterator[Cause]:
    """Whether other configurations do as badly there."""
    if not split.others:
        return
    moved = np.array([there - here for here, there in split.others])
    middle, metric = float(np.median(moved)), ahead.metric
    words = (
        f"the other {len(moved)} configurations score {signed(middle, metric)}{unit_of(metric)} there against out of "
        "fold, in the middle"
        if len(moved) > 1
        else f"the one other configuration scores {signed(middle, metric)}{unit_of(metric)} there against out of fold"
    )
    if middle / away < ALIKE:
        yield Cause("this model", "found", f"{words}: it is this model, not the split", 0.95)
    else:
        yield Cause("the split", "found", f"{words}: it is the split, not this model", 0.94)


def _texts(split: SplitEvidence, *, is_better: bool) -> Iterator[Cause]:
    """Texts that train has too; other texts cannot be told without them."""
    if is_better and split.repeated:
        count = split.repeated
        are = "text stands" if count == 1 else "texts stand"
        yield Cause("texts", "found", f"{count:,} of its {are} in train as well", 0.98)
    elif is_better and split.repeated is not None:
        yield Cause("texts", "ruled out", "none of its texts stands in train")
    else:
        yield Cause("texts", "not testable", "whether its texts are of another kind: texts are not at hand here")


def _percent(share: float) -> str:
    return f"{100 * share:.0f}%" if share >= 0.1 or share == 0 else f"{100 * share:.1f}%"


def _number(value: float) -> str:
    return f"{value:.3g}".replace("-", "−")
