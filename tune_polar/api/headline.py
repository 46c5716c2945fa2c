"""What is said of a running search as a whole: its head, its columns, what a fold trial has come to."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from shlex import quote

from tune_polar.api.pace import clock
from tune_polar.recipe.recipe import Recipe
from tune_polar.recipe.seen_starts import seen_starts, seen_words
from tune_polar.report.numbers import count
from tune_polar.report.words import CellWords, metric_words
from tune_polar.search.search_plan import SearchPlan
from tune_polar.search.stopping.limits import Limits
from tune_polar.store.records import FoldRecord

SHORTEST = 3  # letters of a stage's name in a narrow column


def headline(plan: SearchPlan, store: str, limits: Limits) -> str:
    """What is being run, in one line."""
    extra = len(plan.corpus.sources)
    rows = f"{len(plan.corpus.train) - extra} rows" + (f" and {extra} extra" if extra else "")
    cells = CellWords(plan.cells).count(len(plan.cells))
    ends = [] if limits.is_open_ended else [f"{count(plan.trials, 'configuration')} × {cells}"]
    ends += [] if limits.seconds is None else [f"for {clock(limits.seconds)}"]
    ends += ["until converged"] if limits.until_converged else []
    encoders = ", ".join(dict.fromkeys(stage.encoder.name for stage in plan.recipe.stages.values()))
    return (
        f"{plan.kind} {plan.recipe.recipe} · {' · '.join(ends)} · "
        f"{plan.corpus.name}, {rows} · encoder {encoders} · records in {store}"
    )


def page_hint(store: str) -> str:
    """How to have the page while the search runs."""
    return f"page meanwhile: tune-polar report {quote(store)} --watch --open"


def cell_columns_note(plan: SearchPlan, short: Mapping[str, str]) -> str:
    """What the columns hold: a cell's own number is another measure than the score, and may flatter.

    ``short``: stages' names as the columns have them.
    """
    words, stage = CellWords(plan.cells), _last(plan.recipe)
    shortened = [f"{each}: {name}" for name, each in short.items() if each != name]
    told = [f"{words.one}: {stage}'s own {metric_words(plan.recipe.stages[stage].keep)} on the rows it held out"]
    seen = seen_starts(plan.recipe, plan.recipe.score.of, words.folds)
    told.append(
        f"score: {metric_words(plan.recipe.score.metric)} of {plan.recipe.score.of}, cross-fitted over all {words.many}"
        + (f", and too high all the same: {seen_words(seen)}" if seen else "")
    )
    return " · ".join([*shortened, *told])


def total(plan: SearchPlan, limits: Limits) -> int | None:
    """Fold trials that the search is to come to; None: that is left open."""
    return None if limits.is_open_ended else plan.trials * len(plan.cells)


def stage_value(record: FoldRecord, recipe: Recipe) -> float:
    """The number of one fold trial that is worth a glance: what its last stage's weights were kept by."""
    start = f"{_last(recipe)}."
    return next(value for name, value in record.scores.items() if name.startswith(start))


def stage_words(record: FoldRecord, recipe: Recipe) -> str:
    """``classifier 0.4312``."""
    return f"{_last(recipe)} {stage_value(record, recipe):.4f}"


def short_names(names: Iterable[str]) -> dict[str, str]:
    """Stages' names, as short as still tells them apart."""
    every = list(names)
    for length in range(SHORTEST, max(map(len, every), default=0)):
        if _are_told_apart([name[:length] for name in every]):
            return {name: name[:length] for name in every}
    return {name: name for name in every}


def _are_told_apart(words: Collection[str]) -> bool:
    return len(set(words)) == len(words)


def _last(recipe: Recipe) -> str:
    return list(recipe.stages)[-1]
