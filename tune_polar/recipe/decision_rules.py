"""Rules of decisions, of the score, and of what decisions may ask of the folds."""

from __future__ import annotations

from collections.abc import Iterator

from tune_polar.recipe.broken_rules import Breach
from tune_polar.recipe.components import Decision, Plan
from tune_polar.recipe.components.metrics import metrics_of
from tune_polar.recipe.graph import DecisionGraph, circle_in
from tune_polar.recipe.message_words import KeyPath, did_you_mean
from tune_polar.recipe.sections import Data, Score
from tune_polar.recipe.stage_rules import NAME, each_breaches


def decision_breaches(graph: DecisionGraph, data: Data) -> Iterator[Breach]:
    """What decisions read is there and fits them."""
    circle = circle_in(graph.edges)
    if circle is not None:
        yield Breach(("decide", circle[0]), f"must not read itself: {' → '.join(circle)}")
        return
    for name, decision in graph.decide.items():
        at: KeyPath = ("decide", name)
        if not NAME.fullmatch(name):
            yield Breach(at, "must have a name of at most 40 letters, digits, - and _, a letter first", name)
        if name in graph.stages and decision.reads != (name,):
            yield Breach(at, "must have a name that no stage has, unless it reads that stage alone", name)
        yield from _reading_breaches(name, decision, graph)
        inputs = graph.inputs(name)
        if inputs is not None:
            yield from (Breach((*at, field), rule) for field, rule in decision.problems(inputs))
            yield from each_breaches(decision, at, decision.said(inputs).columns)
            yield from _class_breaches(decision, at, decision.said(inputs).columns[0], data)
        yield from group_breaches(decision.group_column, at, data)


def _reading_breaches(name: str, decision: Decision, graph: DecisionGraph) -> Iterator[Breach]:
    """What it reads is a stage or a decision."""
    known = sorted({*graph.stages, *graph.decide} - {name})
    for read in decision.reads:
        if read not in graph.stages and read not in graph.decide:
            said = ((field, value if isinstance(value, tuple) else (value,)) for field, value in decision)
            field = next(field for field, values in said if read in values)
            rule = f"must name a stage or a decision, one of {known}"
            yield Breach(("decide", name, field), rule, read, did_you_mean(read, known))


def _class_breaches(decision: Decision, at: KeyPath, column: str, data: Data) -> Iterator[Breach]:
    """A class that a decision names is one of its column."""
    if decision.class_named is not None and column in data.classes:
        field, name = decision.class_named
        known = list(data.classes[column])
        if name not in known:
            yield Breach(
                (*at, field), f"must be a class of {column!r}, one of {known}", name, did_you_mean(name, known)
            )


def group_breaches(named: tuple[str, str] | None, at: KeyPath, data: Data) -> Iterator[Breach]:
    """A column of groups is declared."""
    if named is not None and named[1] not in data.groups:
        field, name = named
        known = list(data.groups)
        rule = f"must be a column of data.groups, one of {known}"
        yield Breach((*at, field), rule, name, did_you_mean(name, known))


def score_breaches(score: Score, graph: DecisionGraph, data: Data) -> Iterator[Breach]:
    """What is scored decides, and the metric fits it."""
    known = sorted({*graph.decide, *graph.stages})
    if score.of not in graph.decide:
        rule = f"must name a decision or a stage, one of {known}"
        if score.of in data.evaluate:
            rule += ": evaluation sets are scored and never chosen on"
        yield Breach(("score", "of"), rule, score.of, did_you_mean(score.of, known))
        return
    said = graph.said(score.of) if circle_in(graph.edges) is None else None
    if said is None:
        return
    if said.form == "probability" or said.form == "neighbours":
        rule = f"must name what decides, and {score.of!r} says {said.words}: add a threshold or argmax of it"
        yield Breach(("score", "of"), rule)
        return
    fitting = metrics_of(said.gold)
    if score.metric not in fitting:
        rule = f"must be one of {fitting}, which score {said.words}"
        yield Breach(("score", "metric"), rule, score.metric, did_you_mean(score.metric, fitting))


def fold_breaches(folds: Plan, graph: DecisionGraph, data: Data) -> Iterator[Breach]:
    """Under a plan that splits the rows of each stage on their own, stages have no folds in common."""
    yield from group_breaches(folds.group_column, ("folds",), data)
    if folds.one_for_all:
        return
    plan = folds.name
    for name, stage in graph.stages.items():
        if stage.start is None or stage.start.fold != "same" or stage.start.stage not in graph.stages:
            continue
        if stage.rows != graph.stages[stage.start.stage].rows:
            rule = f"must be best, or `start` left out, with folds.plan: {plan}, whose two plans number unlike folds"
            yield Breach(("stages", name, "start", "fold"), rule, stage.start.fold)
    if circle_in(graph.edges) is not None:
        return
    for name, decision in graph.decide.items():
        rows = [graph.stages[stage].rows for stage in graph.stages_below(name)]
        if any(each != rows[0] for each in rows) and len(decision.reads) > 1:
            rule = f"must be left out (null) with folds.plan: {plan}, whose two plans share no validation rows"
            yield Breach(("decide", name), f"{rule}: {', '.join(dict.fromkeys(graph.stages_below(name)))}")
