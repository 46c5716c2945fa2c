"""The Asymmetric Loss: each column's γ− beside that column's precision, recall and F1."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from markupsafe import Markup

from tune_polar.decide.checks import FloatArray
from tune_polar.decide.scores import confusion
from tune_polar.evaluate.outcome import Outcome
from tune_polar.evaluate.summary import ConfigurationSummary
from tune_polar.report.context import PageContext
from tune_polar.report.document import Block, Figures, TextTable, heading, prose
from tune_polar.report.drawing.panel import UNIT_AXIS, Panel
from tune_polar.report.losses.view import read_in_full, settings_of, shown
from tune_polar.report.numbers import count, fixed, setting

NAME, SETTING = "asymmetric", "gamma_negative"
Measured = tuple[FloatArray, FloatArray, FloatArray]  # precision, recall and F1, (columns,) each


def asymmetric(page: PageContext, stage: str) -> list[Block]:
    """Panels where γ− was searched, and a table of the winner's and the reference's."""
    names, read = page.recipe.stages[stage].columns, read_in_full(page)
    measured = {row.configuration.id: _measured(row.outcome, names) for row in read if row.outcome is not None}
    key = f"{stage}.losses.{NAME}.{SETTING}"
    searched = {each.key for each in page.searched} if len(read) > 1 else set()
    varied = [place for place, name in enumerate(names) if key in searched or f"{key}.{name}" in searched]
    rows = []
    for place, name in enumerate(names):
        for who, row in shown(page):
            found, gamma = measured.get(row.configuration.id), _gamma(row, stage, name)
            if found is not None and gamma is not None:
                rows.append((f"{name}, {who}", setting(gamma), *(fixed(float(part[place]), 2) for part in found)))
    columns = ("column, configuration", "γ−", "precision", "recall", "F1")
    blocks: list[Block] = [heading(f"γ− of {stage}: each column’s focusing beside its precision, recall and F1")]
    if varied:
        note = (
            f"Each of the {len(read)} configurations read in full is drawn three times: ▲ precision, ▼ recall, ● F1. "
            "Larger γ− makes easy negatives count less in training: recall tends to rise and precision to fall; the "
            "column’s threshold then moves against it."
        )
        blocks.append(Figures(tuple(_panel(page, stage, place, read, measured) for place in varied), note))
    else:
        blocks.append(prose("γ− was not varied, or only one configuration was read; the table has its values."))
    return [*blocks, TextTable("By cross-fitted decisions, as scored", columns, tuple(rows))]


def _gamma(row: ConfigurationSummary, stage: str, column: str) -> float | None:
    loss = settings_of(row, stage, NAME)
    value = None if loss is None else loss.gamma_negative
    return value.get(column) if isinstance(value, Mapping) else value


def _measured(outcome: Outcome, names: Sequence[str]) -> Measured | None:
    """By the decision nearest to the score that decides these columns; None where none does."""
    for each in (outcome.judged.scored, *outcome.decisions.values()):
        if each.rows.gold.names == tuple(names) and each.metric.reads == "decided":
            counts = confusion(each.rows.gold.values, each.cross_fitted.decided)
            return counts.precision(), counts.recall(), counts.positive_f1()
    return None


def _panel(
    page: PageContext,
    stage: str,
    place: int,
    read: Sequence[ConfigurationSummary],
    measured: Mapping[str, Measured | None],
) -> Markup:
    name = page.recipe.stages[stage].columns[place]
    key = f"{stage}.losses.{NAME}.{SETTING}"
    axis = next(each.axis for each in page.searched if each.key in (key, f"{key}.{name}"))
    panel = Panel(
        f"gamma-{stage}-{place}",
        f"Precision, recall and F1 of {name} over its γ−",
        f"{count(len(read), 'configuration')}; the table after these figures has the winner’s values.",
        axis.named(f"γ− of {name}"),
        UNIT_AXIS,
    )
    for row in reversed(read):
        found, gamma = measured[row.configuration.id], _gamma(row, stage, name)
        kind = " win" if row is page.best else " pub" if row is page.reference else ""
        for part, (shape, what) in enumerate((("up", " precision"), ("down", " recall"), ("dot", ""))):
            if found is not None and gamma is not None:
                panel.mark(shape, gamma, float(found[part][place]), f"pt{what}{kind}", place=page.index.place(row))
    return panel.svg()
