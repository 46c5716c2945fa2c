"""SoftTriple: how many of the centers set are distinct after training."""

from __future__ import annotations

from statistics import fmean

import numpy as np
from markupsafe import Markup

from tune_polar.decide.array_checks import FloatArray
from tune_polar.evaluate.configuration_predictions import ConfigurationPredictions
from tune_polar.evaluate.summary import ConfigurationSummary
from tune_polar.report.document import Block, Figures, TextTable, heading, missing, prose
from tune_polar.report.drawing.panel import Panel, linear_axis
from tune_polar.report.numbers import fixed
from tune_polar.report.page_context import PageContext
from tune_polar.report.settings import loss_settings
from tune_polar.store.records import EXTRA

NAME, CENTERS = "soft_triple", "centers"
SAME_CENTER_COSINE = 0.95  # centers nearer than this stand for one
FEW = 0.7  # share of distinct centers below which a smaller number would do
Known = list[tuple[ConfigurationSummary, int, list[list[int]]]]  # configuration, centers set, distinct ones by cell


def soft_triple(page: PageContext, stage: str) -> list[Block]:
    """Distinct centers of every configuration read."""
    title, column = heading(f"Centers of {stage}: how many of them are distinct"), page.recipe.stages[stage].columns[0]
    classes = page.recipe.data.classes.get(column) or tuple(f"{column} = {value}" for value in (0, 1))
    known: Known = []
    for row in page.in_full:
        loss = loss_settings(row.configuration.recipe, stage, NAME)
        cells = [] if row.predictions is None else _distinct(row.predictions, stage, len(classes))
        known += [(row, loss.centers, cells)] if loss is not None and cells else []
    if not known:
        return [title, missing(f"Not applicable: the records of {stage} hold no centers.")]
    rows = []
    for row, number, cells in known:
        name = f"{page.index.name(row)}{' (winner)' if row is page.best else ''}"
        rows.append((name, str(number), *(fixed(fmean(each), 1) for each in zip(*cells, strict=True))))
    average = fmean(fmean(map(fmean, cells)) / number for _, number, cells in known)
    sentence = (
        f"On average {100 * average:.0f}% of the centers set are distinct after training (cosine below "
        f"{SAME_CENTER_COSINE:g} to every other). "
        + (
            "Centers that have merged cost nothing and add nothing: a smaller number would do."
            if average < FEW
            else "The classes make use of the centers they were given."
        )
    )
    caption = f"Centers a class: as set, and distinct after training (mean over {page.cells.many})"
    table = TextTable(caption, ("configuration", "set", *(f"distinct, {name}" for name in classes)), rows)
    note = f"Distinct centers a class, mean over {page.cells.many} and classes, over the number set; dashed: all are."
    varies = len({number for _, number, _ in known}) > 1
    return [title, prose(sentence), *([Figures((_panel(page, stage, known),), note)] if varies else []), table]


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


def _distinct(predictions: ConfigurationPredictions, stage: str, classes: int) -> list[list[int]]:
    arrays = [cell.stages[stage].arrays for cell in predictions.cells]
    found = [each.get(f"{EXTRA}/{CENTERS}", each.get(f"{EXTRA}/{NAME}/{CENTERS}")) for each in arrays]
    whole = [each for each in found if each is not None and each.ndim == 2 and len(each) % classes == 0]
    return [distinct_centers(np.asarray(each, dtype=np.float64), classes) for each in whole]


def _panel(page: PageContext, stage: str, known: Known) -> Markup:
    values = [0.0, *(float(number) for _, number, _ in known)]
    panel = Panel(
        f"centers-{stage}",
        "Distinct centers over centers set",
        "The table after this figure has every number drawn here.",
        linear_axis(values, "centers set"),
        linear_axis(values, "distinct"),
    )
    panel.line([(0.0, 0.0), (max(values), max(values))], "even")
    for row, number, cells in known:
        (shape, kind), name, place = page.mark(row), page.index.name(row), page.index.place(row)
        panel.mark(shape, number, fmean(map(fmean, cells)), kind, place=place, title=name)
    return panel.svg()
