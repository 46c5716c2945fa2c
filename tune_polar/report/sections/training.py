"""How training went: each stage's curve on its validation rows, and where it ended."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from markupsafe import Markup

from tune_polar.recipe.sections import Optimizer, Stage
from tune_polar.report.document import Figures, TextTable, missing, prose, titled
from tune_polar.report.drawing.panel import Panel, linear_axis
from tune_polar.report.numbers import fixed, listed
from tune_polar.report.page_context import PageContext
from tune_polar.report.page_section import Answer, Section, finished
from tune_polar.report.words import metric_words
from tune_polar.store.records import StageRecord
from tune_polar.trial.checkpoint_metric import LAST, evaluated_metric
from tune_polar.trial.training_length import steps_of_epochs

PATIENCE = "patience"


def build(page: PageContext) -> Answer:
    """A panel a stage, a row a stage and cell."""
    best, figures, rows, sentences = page.best, [], [], []
    stages = {} if best is None else best.configuration.recipe.stages
    cells = () if best is None or best.predictions is None else best.predictions.cells
    for name, stage in stages.items():
        found = [(page.cells.name(each.cell), each.stages[name]) for each in cells if each.stages[name].curve]
        figures += [_panel(name, stage, found)] if found else []
        if found:
            sentences += [_sentence(page, name, [record for _, record in found])]
            sentences += _cut(page, name, stage.optimizer, [record for _, record in found])
        for cell, record in found:
            epochs = fixed(record.steps / record.epoch_steps, 2)
            steps = (f"{record.steps:,}", epochs, f"{record.best_step:,}", fixed(record.best_value, 3))
            rows.append((f"{name}, {cell}", *steps, _ended(stage.optimizer, record)))
    if not figures:
        return [missing("Not enough data: the stages’ records hold no curve.")]
    note = (
        f"A line is a {page.cells.one}. ● its kept checkpoint, ■ where it stopped early. Its own value is the measure "
        "that chose the checkpoint and flatters."
    )
    columns = ("stage", "steps", "epochs", "kept at", "value there", "ended")
    table = TextTable("Each stage’s training", columns, rows, words=(5,))
    return [prose(*sentences), Figures(tuple(figures), note), table]


def _sentence(page: PageContext, name: str, records: Sequence[StageRecord]) -> str:
    early = sum(record.stopped == PATIENCE for record in records)
    # Of one evaluation the last is the best, which says nothing
    last = sum(record.best_step == record.curve[-1].step for record in records if len(record.curve) > 1)
    if all(len(record.curve) <= 1 for record in records):
        return (
            f"{name}: each of {page.cells.count(len(records))} was evaluated once, at its end; more often "
            f"({name}.optimizer.eval_every_steps) would show whether it came too early or too late."
        )
    more = " and might have gained by longer training." if last > len(records) / 2 else "."
    return (
        f"{name}: {early} of {page.cells.count(len(records))} stopped early, {last} had the best checkpoint at the "
        f"very last evaluation{more}"
    )


def _ended(settings: Optimizer, record: StageRecord) -> str:
    if record.stopped == PATIENCE:
        return "early, patience ran out"
    if not _is_cut(settings, record):
        return "all planned steps"
    return f"max_steps, before {settings.max_epochs:g} epochs"


def _is_cut(settings: Optimizer, record: StageRecord) -> bool:
    asked = steps_of_epochs(settings, record.epoch_steps)
    return settings.max_steps is not None and asked is not None and record.total_steps < asked


def _cut(page: PageContext, name: str, settings: Optimizer, records: Sequence[StageRecord]) -> Iterator[str]:
    """Whether the bound by steps leaves room for the epochs."""
    cut = [record.total_steps / record.epoch_steps for record in records if _is_cut(settings, record)]
    if cut:
        yield (
            f"{name}: in {page.cells.count(len(cut))} of {len(records)} its {settings.max_steps:,} steps "
            f"({name}.optimizer.max_steps) are {fixed(min(cut), 2)} epochs of the {settings.max_epochs:g} that "
            f"{name}.optimizer.max_epochs asks for; null is no bound."
        )


def _panel(name: str, stage: Stage, found: Sequence[tuple[str, StageRecord]]) -> Markup:
    """``found``: the cells' names and records."""
    points = [point for _, record in found for point in record.curve]
    measured = metric_words(evaluated_metric(stage.keep, stage.task.gold, stage.predicts))
    title = f"{name}: {measured}" + ("; the last weights are kept" if stage.keep == LAST else "")
    panel = Panel(
        f"curve-{name}",
        f"{title}, over training steps",
        f"Kept values {listed([fixed(record.best_value, 2) for _, record in found])}.",
        linear_axis([0.0, *(float(point.step) for point in points)], "step", pad=0.02),
        linear_axis([point.value for point in points], ""),
    )
    for cell, record in found:
        panel.line([(point.step, point.value) for point in record.curve], "fold", cell)
    for cell, record in found:
        shape, kind = ("square", "pt pub") if record.stopped == PATIENCE else ("dot", "pt")
        panel.mark(shape, record.best_step, record.best_value, kind, title=f"{cell}: kept at step {record.best_step}")
    return titled(title, panel.svg())


SECTION = Section("training", "How did training go?", "Training", finished, build)
