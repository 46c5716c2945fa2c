"""Rules between the parts of a stage, and between a stage and the data."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping

from tune_polar.recipe.broken_rules import Breach
from tune_polar.recipe.components.batches import CLASSES, PAIRS, STRATA
from tune_polar.recipe.components.losses import Loss
from tune_polar.recipe.components.metrics import keeps_of
from tune_polar.recipe.graph import circle_in, start_edges
from tune_polar.recipe.message_words import KeyPath, did_you_mean
from tune_polar.recipe.registry import Component
from tune_polar.recipe.sections import TINY, Data, Encoder, Stage
from tune_polar.recipe.value_per_column import Each

NAME = re.compile(r"[A-Za-z][A-Za-z0-9_-]{0,39}")  # of a file, of an array and of a dotted key's part


def stage_breaches(stages: Mapping[str, Stage], data: Data, sections: Collection[str]) -> Iterator[Breach]:
    """Rules of every stage; ``sections`` are names that a stage must not have."""
    for name, stage in stages.items():
        at: KeyPath = ("stages", name)
        yield from _name_breaches(name, at, sections, stages)
        yield from _column_breaches(stage, data, at)
        yield from _row_breaches(stage.rows, data, at)
        yield from _batch_breaches(stage, data, at)
        yield from _part_breaches(stage, data, at)
        yield from _pair_breaches(stage, data, at)
        yield from _encoder_breaches(stage, at)
        yield from _start_breaches(name, stage, stages)
    circle = circle_in(start_edges(stages))
    if circle is not None and len(circle) > 2:  # a stage that names itself has been told
        at = ("stages", circle[0], "start", "stage")
        yield Breach(at, f"must not come back to the stage itself: {' → '.join(circle)}")


def _name_breaches(name: str, at: KeyPath, sections: Collection[str], others: Collection[str]) -> Iterator[Breach]:
    if not NAME.fullmatch(name):
        yield Breach(at, "must have a name of at most 40 letters, digits, - and _, a letter first", name)
    if name in sections:
        yield Breach(at, "must have a name that no section of a recipe has", name)
    twins = [other for other in others if other != name and other.casefold() == name.casefold()]
    if twins and name > twins[0]:
        yield Breach(at, f"must have a name that differs from {twins[0]!r} in more than capitals", name)


def _column_breaches(stage: Stage, data: Data, at: KeyPath) -> Iterator[Breach]:
    """Predicted columns are declared, with a kind that the task can learn."""
    task = stage.task
    key = "targets" if "targets" in type(task).model_fields else "target"
    if len(set(task.columns)) < len(task.columns):
        yield Breach((*at, "task", key), "must name each column once", list(task.columns))
    fitting = [name for name, kind in data.kinds.items() if kind == task.reads]
    section = {"label": "data.labels or data.strata", "class": "data.classes", "number": "data.numbers"}[task.reads]
    for column in dict.fromkeys(task.columns):
        if column not in fitting:
            rule = f"must be a column that {section} declares, one of {fitting}"
            yield Breach((*at, "task", key), rule, column, did_you_mean(column, fitting))
    for component, place in _components(stage, at):
        yield from each_breaches(component, place, task.columns)


def _components(stage: Stage, at: KeyPath) -> Iterator[tuple[Component, KeyPath]]:
    yield stage.head, (*at, "head")
    yield stage.batches, (*at, "batches")
    for name, loss in stage.losses.items():
        yield loss, (*at, "losses", name)


def each_breaches(component: Component, at: KeyPath, columns: tuple[str, ...]) -> Iterator[Breach]:
    """A setting with one value a column names exactly these columns."""
    for key, about in type(component).model_fields.items():
        value = getattr(component, key)
        if not isinstance(value, Mapping) or not any(isinstance(note, Each) for note in about.metadata):
            continue
        missing = [column for column in columns if column not in value]
        if missing:
            rule = f"must name each of the columns {list(columns)}; missing {missing}"
            yield Breach((*at, key), rule, list(value))
        for column, each in value.items():
            if column not in columns:
                rule = f"must be one of the columns {list(columns)}"
                yield Breach((*at, key, column), rule, each, did_you_mean(column, columns))


def _row_breaches(rows: Mapping[str, int | str], data: Data, at: KeyPath) -> Iterator[Breach]:
    for column, value in rows.items():
        place = (*at, "rows", column)
        kind = data.kinds.get(column)
        if kind is None or kind == "number":
            known = [name for name, each in data.kinds.items() if each != "number"]
            yield Breach(place, f"must be a column of labels, classes or groups that data declares, one of {known}")
        elif kind == "label" and value not in (0, 1):
            yield Breach(place, "must be 0 or 1, as the column is", value)
        elif kind == "class" and value not in data.classes[column]:
            yield Breach(place, f"must be one of the classes {list(data.classes[column])}", value)
        elif kind == "group" and not isinstance(value, str):
            yield Breach(place, "must be text, as groups are", value)


def _batch_breaches(stage: Stage, data: Data, at: KeyPath) -> Iterator[Breach]:
    by = getattr(stage.batches, "by", None)
    if by is None:
        return
    columns = [name for name, kind in data.kinds.items() if kind != "number"]
    if by in (STRATA, CLASSES):
        if stage.task.gold not in ("binary", "class"):
            rule = f"must be a column of labels, classes or groups, one of {columns}: a {stage.task.name} task has no"
            yield Breach((*at, "batches", "by"), f"{rule} {by} of its own", by)
    elif by not in columns:
        rule = f"must be {STRATA}, {CLASSES} or a column of labels, classes or groups, one of {columns}"
        yield Breach((*at, "batches", "by"), rule, by, did_you_mean(by, columns))


def _part_breaches(stage: Stage, data: Data, at: KeyPath) -> Iterator[Breach]:
    """Task, head, losses, table and kept weights fit one another."""
    gold, gives = stage.task.gold, stage.head.gives
    for name, loss in stage.losses.items():
        if gold not in loss.golds:
            yield Breach((*at, "losses", name), f"must be a loss of {stage.task.name} tasks, got {name!r}")
        elif gives not in loss.heads:
            heads = "projection" if gives == "outputs" else "linear, mlp or pooler"
            yield Breach((*at, "losses", name), f"must stand with a head of type {heads}, got {stage.head.name!r}")
        if loss.reads_groups and not data.groups:
            yield Breach((*at, "losses", name), "must have a column of groups in data.groups, which it reads")
        if loss.farthest is not None and gold == "number":
            yield from _far_breaches(stage, loss, data, (*at, "losses", name))
    if all(loss.weight == 0 for loss in stage.losses.values()):
        yield Breach((*at, "losses"), "must have a loss with a weight above 0")
    expected = "value" if gold == "number" else "neighbours" if gives == "embeddings" else "probability"
    if stage.predicts != expected:
        rule = f"must be {expected} with a {stage.task.name} task and a head of type {stage.head.name}"
        yield Breach((*at, "predicts"), rule, stage.predicts)
        return
    if gold == "number" and gives == "embeddings":
        yield Breach((*at, "head"), "must give values for a regression task: linear, mlp or pooler", stage.head.name)
    keeps = keeps_of(gold, stage.predicts)
    if stage.keep not in keeps:
        rule = f"must be one of {keeps} for a stage that predicts a {stage.predicts} of a {stage.task.name} task"
        yield Breach((*at, "keep"), rule, stage.keep, did_you_mean(stage.keep, keeps))


def _pair_breaches(stage: Stage, data: Data, at: KeyPath) -> Iterator[Breach]:
    """Losses that read positives stand with batches that bring them."""
    read = {name: loss.positives for name, loss in stage.losses.items() if loss.positives is not None}
    texts = [name for name, kind in read.items() if kind == "text"]
    clusters = [name for name, kind in read.items() if kind == "cluster"]
    for name in (*texts, *clusters) if stage.batches.name != PAIRS else ():
        yield Breach((*at, "losses", name), f"must stand with batches of type {PAIRS}, got {stage.batches.name!r}")
    if clusters and texts:
        rule = f"must not stand beside {texts}: its positives are rows of the cluster, not the rows' own texts"
        yield Breach((*at, "losses", clusters[0]), rule)
    if stage.measures and stage.task.gold not in ("binary", "class"):
        yield Breach((*at, "measures"), "must be of a binary or multiclass task, whose rows have a class each")
    column = getattr(stage.batches, "text", None)
    if column is not None and not clusters and column not in data.texts:
        rule = f"must be a column that data.texts declares, one of {list(data.texts)}"
        yield Breach((*at, "batches", "text"), rule, column, did_you_mean(column, data.texts))


def _far_breaches(stage: Stage, loss: Loss, data: Data, at: KeyPath) -> Iterator[Breach]:
    """A loss that grows too fast for numbers far from 0, where predictions begin."""
    for column in stage.columns:
        ends = data.numbers.get(column, ())
        if loss.farthest is not None and any(abs(end) > loss.farthest for end in ends):
            rule = f"must learn numbers within {loss.farthest:g} of 0, and data.numbers.{column} is {list(ends)}: "
            yield Breach(at, f"{rule}use mse or huber, or scale the numbers")


def _encoder_breaches(stage: Stage, at: KeyPath) -> Iterator[Breach]:
    frozen, epsilon = stage.encoder.frozen_layers, stage.optimizer.fgm_epsilon
    if frozen and epsilon:
        rule = f"must be 0 where encoder.frozen_layers is above 0 ({frozen}): the word embeddings have no gradient"
        yield Breach((*at, "optimizer", "fgm_epsilon"), rule, epsilon)
    adapter, quantize = stage.encoder.adapter, stage.encoder.quantize
    if quantize is not None and (adapter is None or stage.encoder.name == TINY):
        rule = "must be null where all weights are trained: set encoder.adapter too"
        if adapter is not None:
            rule = "must be null for the embedded encoder, which is small and made anew for each fold"
        yield Breach((*at, "encoder", "quantize"), rule, quantize)
    if adapter is None:
        return
    if epsilon and not frozen:
        rule = "must be 0 where encoder.adapter is set: the word embeddings are frozen and have no gradient"
        yield Breach((*at, "optimizer", "fgm_epsilon"), rule, epsilon)
    rank, width = adapter.width, stage.encoder.tiny.hidden
    if stage.encoder.name == TINY and rank > width:
        rule = f"must be at most the width of the embedded encoder, encoder.tiny.hidden ({width})"
        yield Breach((*at, "encoder", "adapter", "rank"), rule, rank)
    if stage.encoder.name == TINY and frozen >= stage.encoder.tiny.layers:
        rule = f"must leave a layer for the adapter, the embedded encoder has {stage.encoder.tiny.layers}"
        yield Breach((*at, "encoder", "frozen_layers"), rule, frozen)


def _start_breaches(name: str, stage: Stage, stages: Mapping[str, Stage]) -> Iterator[Breach]:
    if stage.start is None:
        return
    others = [other for other in stages if other != name]
    place: KeyPath = ("stages", name, "start", "stage")
    if stage.start.stage not in others:
        rule = f"must be another stage of this recipe, one of {others}"
        yield Breach(place, rule, stage.start.stage, did_you_mean(stage.start.stage, others))
    elif _body(stages[stage.start.stage].encoder) != _body(stage.encoder):
        rule = "must be a stage with the same encoder: name, revision, adapter (and layers without one) and size"
        yield Breach(place, rule, stage.start.stage)


def _body(encoder: Encoder) -> tuple[object, ...]:
    """What decides of which weights an encoder is made."""
    without_adapter = 0 if encoder.adapter is None else encoder.frozen_layers
    return encoder.name, encoder.revision, encoder.adapter, encoder.quantize, encoder.tiny, without_adapter
