"""What the chosen configuration will score, in words: two intervals, each with its name wherever it stands."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from math import isfinite

from tune_polar.report.numbers import count
from tune_polar.stats.intervals import Interval, signed, unit_of
from tune_polar.stats.new_rows import NewRowsScore
from tune_polar.stats.run_spread import RunSpread, Source
from tune_polar.stats.split_alarm import LabelledSplit

PREDICTION, EXPECTATION = "prediction interval", "interval of the expectation"
LEVEL = 0.90  # of both
Shown = Callable[[float], str]
_FROM: Mapping[Source, str] = {
    "seeds": "seeds on the same rows",
    "configurations": "configurations on the same folds",
    "folds": "the folds of the one configuration",
}


def span(interval: Interval, shown: Shown) -> str:
    """``0.761 to 0.807``."""
    return f"{shown(interval.low)} to {shown(interval.high)}"


def ahead_sentences(ahead: NewRowsScore, shown: Shown, command: str) -> tuple[str, ...]:
    """What a user means first, then what it is worth on average, then what is and is not contained.

    ``command``: that takes another number of rows; "": there is none.
    """
    low, high = (span(each, shown) for each in (ahead.interval(LEVEL), ahead.expected(LEVEL)))
    rows = count(ahead.rows, "row")
    other = f"; `{command} --new-rows N` says it of another number" if command else ""
    return (
        f"On the next {rows} like these it will score {low}, in nine cases of ten ({LEVEL:.0%} {PREDICTION}{other}).",
        f"On average over many such sets it scores {shown(ahead.estimate)} ({LEVEL:.0%} {EXPECTATION} {high}).",
        f"{_runs(ahead)} What a final model trained on all rows gains stands in neither interval.",
    )


def _runs(ahead: NewRowsScore) -> str:
    runs, metric = ahead.runs, ahead.metric
    if runs is None:
        return "How much training runs differ cannot be told here, and is in neither interval."
    spread = signed(ahead.run, metric).removeprefix("+")
    luck = ""
    if round(metric.factor * ahead.luck, 1 if metric.factor == 100 else 3) > 0:
        worth = signed(ahead.luck, metric).removeprefix("+")
        luck = f" Choosing also prefers runs that went well; {worth}{unit_of(metric)} are taken off for that."
    return f"Training it again moves the score by about {spread}{unit_of(metric)} ({_source(runs)}).{luck}"


def _source(runs: RunSpread) -> str:
    if runs.source == "folds":
        return f"standard deviation, from {_FROM[runs.source]}: hard folds count as runs"
    of = f" of {count(runs.configurations, 'configuration')}" if runs.source == "seeds" else ""
    number = f"{runs.configurations} " if runs.source == "configurations" else ""
    return f"standard deviation, from {number}{_FROM[runs.source]}{of}"


def alarm_sentences(split: LabelledSplit, shown: Shown) -> tuple[str, ...]:
    """That a split lies far outside, then every cause that was tested, the likeliest first."""
    away = abs(split.distance)
    side = "worse" if split.distance < 0 else "better"
    times = f"{away:.0f}" if away >= 10 else f"{away:.1f}"
    off = f"{times} standard deviations off" if isfinite(away) else "no other score was foretold"
    first = (
        f"{split.name} scores {shown(split.score)}, far {side} than expected: {LEVEL:.0%} {PREDICTION} for its "
        f"{count(split.rows, 'row')} {span(split.ahead.interval(LEVEL), shown)} ({off}; by "
        "chance less than one split in a hundred)."
    )
    found = [each.sentence for each in split.causes if each.verdict == "found"]
    rest = [f"{each.verdict}: {each.sentence}" for each in split.causes if each.verdict != "found"]
    likely = [f"likely cause {place}: {sentence}" for place, sentence in enumerate(found, 1)]
    return (first, *(likely or ["no cause that can be tested here explains it"]), *rest)
