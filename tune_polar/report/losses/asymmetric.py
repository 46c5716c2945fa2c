"""The Asymmetric Loss: each column's γ− beside that column's precision, recall and F1."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from markupsafe import Markup

from tune_polar.decide.array_checks import FloatArray
from tune_polar.decide.confusion_scores import confusion
from tune_polar.evaluate.outcome import Outcome
from tune_polar.evaluate.summary import ConfigurationSummary
from tune_polar.report.document import Block, Figures, TextTable, heading, prose
from tune_polar.report.drawing.panel import UNIT_AXIS, Axis, Panel
from tune_polar.report.numbers import count, fixed, setting
from tune_polar.report.page_context import PageContext
from tune_polar.report.settings import loss_settings

NAME, SETTING = "asymmetric", "gamma_negative"
Point = tuple[ConfigurationSummary, float, list[float]]  # γ−; precision, recall and F1 of a column


def asymmetric(page: PageContext, stage: str) -> list[Block]:
    """Panels where γ− was searched, and a table of the winner's and the reference's."""
    names, read = page.recipe.stages[stage].columns, page.in_full
    named = {page.reference: page.reference_word} | {page.best: "winner"}
    measured = {row: _measured(row.outcome, names) for row in read if row.outcome is not None}
    key, rows, panels = f"{stage}.losses.{NAME}.{SETTING}", [], []
    searched = {each.key: each for each in page.searched}
    for place, name in enumerate(names):
        points: list[Point] = []
        for row, found in measured.items():
            gamma = _gamma(row, stage, name)
            if found is not None and gamma is not None:
                points.append((row, gamma, found[:, place].tolist()))
        told = [(named[row], gamma, own) for row, gamma, own in points if row in named]
        rows += [(f"{name}, {who}", setting(gamma), *(fixed(each, 2) for each in own)) for who, gamma, own in told]
        parameter = searched.get(f"{key}.{name}", searched.get(key))
        if parameter is not None and len(read) > 1:
            axis = parameter.axis([gamma for _, gamma, _ in points])
            panels.append(_panel(page, name, axis.named(f"γ− of {name}"), f"gamma-{stage}-{place}", points))
    note = (
        f"Each of the {len(read)} configurations read in full is drawn three times: ▲ precision, ▼ recall, ● F1. "
        "Larger γ− makes easy negatives count less in training: recall tends to rise and precision to fall; the "
        "column’s threshold then moves against it."
    )
    columns = ("column, configuration", "γ−", "precision", "recall", "F1")
    fixed_one = prose("γ− was not varied, or only one configuration was read; the table has its values.")
    return [
        heading(f"γ− of {stage}: each column’s focusing beside its precision, recall and F1"),
        Figures(tuple(panels), note) if panels else fixed_one,
        TextTable("By cross-fitted decisions, as scored", columns, rows),
    ]


def _gamma(row: ConfigurationSummary, stage: str, column: str) -> float | None:
    loss = loss_settings(row.configuration.recipe, stage, NAME)
    value = None if loss is None else loss.gamma_negative
    return value.get(column) if isinstance(value, Mapping) else value


def _measured(outcome: Outcome, names: Sequence[str]) -> FloatArray | None:
    """(precision, recall and F1, columns) by the decision nearest to the score that decides these columns, if any."""
    for each in (outcome.judged.scored, *outcome.decisions.values()):
        gold = each.rows.gold
        if gold.names == tuple(names) and gold.kind in ("binary", "labels") and each.metric.reads == "decided":
            counts = confusion(gold.values, each.cross_fitted.decided)
            return np.stack([counts.precision(), counts.recall(), counts.positive_f1()])
    return None


def _panel(page: PageContext, column: str, axis: Axis, name: str, points: Sequence[Point]) -> Markup:
    title = f"Precision, recall and F1 of {column} over its γ−"
    description = f"{count(len(points), 'configuration')}; the table after these figures has the winner’s values."
    panel = Panel(name, title, description, axis, UNIT_AXIS)
    for row, gamma, measured in reversed(points):
        kind = " win" if row is page.best else " pub" if row is page.reference else ""
        for shape, what, value in zip(("up", "down", "dot"), (" precision", " recall", ""), measured, strict=True):
            panel.mark(shape, gamma, value, f"pt{what}{kind}", place=page.index.place(row))
    return panel.svg()
