"""Question 4, settings whose number says little: ξ as learning rates, γ− beside its class, distinct centers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean

import numpy as np
from markupsafe import Markup

from tune_polar.decide.checks import FloatArray
from tune_polar.decide.scores import label_precision, label_recall, positive_f1
from tune_polar.report.configuration_index import ConfigurationIndex
from tune_polar.report.numbers import count, fixed, setting
from tune_polar.report.panel import Axis, Panel, linear_axis, range_axis
from tune_polar.report.searched import SearchedParameter
from tune_polar.spec.recipe import Recipe, Stage
from tune_polar.store.predictions_of import ConfigurationPredictions
from tune_polar.store.summary import ConfigurationSummary, SearchSummary

STEPS_SHOWN = (0, 1, 2, 3, 4, 8, 12, 16, 20, 24)  # below the top layer, where the depth is not recorded
SAME_CENTER_COSINE = 0.95  # centers nearer than this stand for one

UNIT_AXIS = Axis(0.0, 1.0, "", tuple((t / 5, f"{t / 5:.1f}") for t in range(6)))


@dataclass(frozen=True)
class PlainTable:
    """Caption, column heads, rows of words; the first column names the row."""

    caption: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


@dataclass(frozen=True)
class Meaning:
    """One setting, explained."""

    title: str
    missing: str = ""
    sentences: tuple[str, ...] = ()
    figures: tuple[Markup, ...] = ()
    note: str = ""
    table: PlainTable | None = None


def setting_meanings(
    summary: SearchSummary, searched: Sequence[SearchedParameter], index: ConfigurationIndex
) -> tuple[Meaning, ...]:
    """ξ, γ− and centers."""
    best = summary.best
    if best is None:
        return ()
    return (
        _layer_rates(best, summary.facts.recipe),
        _focusing(best, summary, searched, index),
        _centers(best, summary, index),
    )


# -- ξ -----------------------------------------------------------------------------------------------------------


def _layer_rates(best: ConfigurationSummary, published: Recipe) -> Meaning:
    winner = best.configuration.recipe
    columns, stages = [], []
    for name, recipe in (("published", published), ("winner", winner)):
        for stage_name, stage in (("detector", recipe.detector), ("classifier", recipe.classifier)):
            if stage is not None:
                columns.append(f"{stage_name}, {name}")
                stages.append(stage)
    depth = winner.encoder.tiny.layers if winner.encoder.name == "tiny" else None
    steps = tuple(range(depth + 1)) if depth is not None else STEPS_SHOWN
    rows = tuple(
        (_layer_name(step, depth), *(setting(stage.lr * stage.xi**step) for stage in stages)) for step in steps
    )
    known = "" if depth is not None else " The records do not say how many layers this encoder has."
    return Meaning(
        "ξ: the learning rate that each layer gets",
        sentences=(
            "Layer l of L trains at lr · ξ^(L−l), the embeddings one step below the lowest layer; the head has a rate "
            f"of its own.{known}",
            *(_rate_sentence(name, stage, depth) for name, stage in zip(columns, stages, strict=True)),
        ),
        table=PlainTable("Learning rate by layer", ("layer", *columns), rows),
    )


def _layer_name(step: int, depth: int | None) -> str:
    if step == 0:
        return "top layer"
    if depth is not None and step == depth:
        return "embeddings"
    return f"{step} below the top"


def _rate_sentence(name: str, stage: Stage, depth: int | None) -> str:
    bottom = depth if depth is not None else 12
    where = "the embeddings" if depth is not None else "the layer 12 below the top"
    return (
        f"{name[0].upper()}{name[1:]}: ξ = {setting(stage.xi)} leaves {where} "
        f"{100 * stage.xi**bottom:.0f}% of the top layer’s rate."
    )


# -- γ− ----------------------------------------------------------------------------------------------------------


def _focusing(
    best: ConfigurationSummary,
    summary: SearchSummary,
    searched: Sequence[SearchedParameter],
    index: ConfigurationIndex,
) -> Meaning:
    title = "γ−: each class’s focusing beside that class’s precision, recall and F1"
    recipe = summary.facts.recipe
    if recipe.classifier is None or not recipe.task.labels:
        return Meaning(title, "Not applicable: this recipe has no classifier.")
    read = [row for row in summary.finished if row.outcome is not None]
    measured = {row.configuration.id: class_scores(row) for row in read}
    ranges = {each.key: each for each in searched}
    figures = []
    for place, label in enumerate(recipe.task.labels):
        parameter = ranges.get(f"classifier.gamma_negative.{label}")
        if parameter is not None and len(read) > 1:
            figures.append(_class_panel(place, label, parameter, read, measured, summary, index))
    rows = []
    shown = [("winner", best), ("published", summary.published)]
    for place, label in enumerate(recipe.task.labels):
        for name, row in shown:
            found = None if row is None else measured.get(row.configuration.id)
            if row is None or found is None or (name == "published" and row is best):
                continue
            classifier = row.configuration.recipe.classifier
            gamma = None if classifier is None else classifier.gamma_negative[label]
            rows.append((f"{label}, {name}", setting(gamma), *(fixed(float(part[place]), 2) for part in found)))
    note = (
        f"Each of the {len(read)} configurations read in full is drawn three times: ▲ precision, ▼ recall, ● F1. "
        "Larger γ− makes easy negatives count less in training: recall tends to rise and precision to fall; the class "
        "threshold then moves against it."
    )
    return Meaning(
        title,
        figures=tuple(figures),
        note=note if figures else "",
        sentences=()
        if figures
        else ("γ− was not varied, or only one configuration has finished; the table has its values.",),
        table=PlainTable(
            "By cross-fitted decisions, as scored by the objective",
            ("class, configuration", "γ−", "precision", "recall", "F1"),
            tuple(rows),
        ),
    )


def class_scores(row: ConfigurationSummary) -> tuple[FloatArray, FloatArray, FloatArray] | None:
    """Precision, recall and F1 of every class by the best decision; None for one decided by votes alone."""
    if row.outcome is None or not row.outcome.best.rule:
        return None
    best = row.outcome.best
    return (
        label_precision(best.gold, best.decided),
        label_recall(best.gold, best.decided),
        positive_f1(best.gold, best.decided),
    )


def _class_panel(
    place: int,
    label: str,
    parameter: SearchedParameter,
    read: Sequence[ConfigurationSummary],
    measured: dict[str, tuple[FloatArray, FloatArray, FloatArray] | None],
    summary: SearchSummary,
    index: ConfigurationIndex,
) -> Markup:
    panel = Panel(
        f"gamma-{place}",
        f"Precision, recall and F1 of {label} over its γ−",
        f"{count(len(read), 'configuration')}; the table after these figures has the winner's and the published "
        "values.",
        range_axis(parameter.low, parameter.high, f"γ− of {label}"),
        UNIT_AXIS,
    )
    for row in reversed(read):
        found, gamma = measured[row.configuration.id], parameter.number(row.configuration.recipe)
        if found is None or gamma is None:
            continue
        precision, recall, f1 = (float(part[place]) for part in found)
        where, kind = index.place(row), " win" if row is summary.best else " pub" if row is summary.published else ""
        panel.triangle(gamma, precision, "pt precision" + kind, up=True, place=where)
        panel.triangle(gamma, recall, "pt recall" + kind, up=False, place=where)
        panel.dot(gamma, f1, "pt" + kind, place=where)
    return panel.svg()


# -- centers -----------------------------------------------------------------------------------------------------


def distinct_centers(centers: FloatArray, classes: int = 2, cosine: float = SAME_CENTER_COSINE) -> list[int]:
    """Of each class, how many groups of centers there are; ``centers`` (classes · centers, dim).

    Two centers are of one group when their cosine, or that of a chain of centers between them, reaches ``cosine``.
    """
    unit = centers / np.maximum(np.linalg.norm(centers, axis=1, keepdims=True), 1e-12)
    found = []
    for own in np.split(unit, classes):
        joined = own @ own.T >= cosine
        group = np.arange(len(own))
        for _ in range(len(own)):  # each round carries the smallest number one link further
            reached = np.where(joined, group[None, :], len(own)).min(axis=1)
            if np.array_equal(reached, group):
                break
            group = reached
        found.append(len(np.unique(group)))
    return found


def _centers(best: ConfigurationSummary, summary: SearchSummary, index: ConfigurationIndex) -> Meaning:
    title = "SoftTriple centers: how many of them are distinct"
    read = [(row, _distinct(row.predictions)) for row in summary.finished if row.predictions is not None]
    known = [(row, folds) for row, folds in read if folds]
    if not known:
        return Meaning(title, "Not applicable: the detectors’ records hold no SoftTriple centers.")
    rows = [
        (
            f"{index.name(row)}{' (winner)' if row is best else ''}",
            str(row.configuration.recipe.detector.centers),
            _mean_of(folds, 0),
            _mean_of(folds, 1),
        )
        for row, folds in known
    ]
    average = fmean(
        fmean(fmean(fold) for fold in folds) / row.configuration.recipe.detector.centers for row, folds in known
    )
    figures: tuple[Markup, ...] = ()
    if len({row.configuration.recipe.detector.centers for row, _ in known}) > 1:
        figures = (_centers_panel(known, best, summary, index),)
    return Meaning(
        title,
        sentences=(
            f"On average {100 * average:.0f}% of the centers set are distinct after training (cosine below "
            f"{SAME_CENTER_COSINE:g} to every other). "
            + (
                "Centers that have merged cost nothing and add nothing: a smaller number would do."
                if average < 0.7
                else "The classes make use of the centers they were given."
            ),
        ),
        figures=figures,
        note="Distinct centers a class, mean over folds and classes, over the number set; on the dashed line all are."
        if figures
        else "",
        table=PlainTable(
            "Centers a class: as set, and distinct after training (mean over folds)",
            ("configuration", "set", "distinct, not polarized", "distinct, polarized"),
            tuple(rows),
        ),
    )


def _distinct(predictions: ConfigurationPredictions | None) -> list[list[int]]:
    if predictions is None:
        return []
    found = [fold.detector.arrays.get("centers") for fold in predictions.folds]
    return [
        distinct_centers(np.asarray(each, dtype=np.float64))
        for each in found
        if each is not None and len(each) % 2 == 0
    ]


def _mean_of(folds: list[list[int]], place: int) -> str:
    return fixed(fmean(fold[place] for fold in folds), 1)


def _centers_panel(
    known: Sequence[tuple[ConfigurationSummary, list[list[int]]]],
    best: ConfigurationSummary,
    summary: SearchSummary,
    index: ConfigurationIndex,
) -> Markup:
    points = [
        (row, float(row.configuration.recipe.detector.centers), fmean(fmean(fold) for fold in folds))
        for row, folds in known
    ]
    values = [0.0, *(x for _, x, _ in points)]
    panel = Panel(
        "centers",
        "Distinct centers over centers set",
        "The table after this figure has every number drawn here.",
        linear_axis(values, "centers set"),
        linear_axis(values, "distinct"),
    )
    panel.line([(0.0, 0.0), (max(values), max(values))], "even")
    for row, x, y in points:
        kind = "pt win" if row is best else "pt pub" if row is summary.published else "pt"
        draw = panel.diamond if row is best else panel.square if row is summary.published else panel.dot
        draw(x, y, kind, place=index.place(row), title=index.name(row))
    return panel.svg()
