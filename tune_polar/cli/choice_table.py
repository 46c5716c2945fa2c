"""The winner's decisions by where their settings were chosen: on out-of-fold rows, and on each labelled split."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import numpy as np
from rich.console import Console
from rich.table import Table

from tune_polar.decide.judgement import Judgement, Ladder, Rung, Scored
from tune_polar.evaluate.outcome import Outcome
from tune_polar.evaluate.summary import ConfigurationSummary
from tune_polar.report.numbers import fixed
from tune_polar.report.words import OOF, RUNGS, CellWords, chosen_on, metric_words, plain_words, seen_mark
from tune_polar.stats.intervals import signed

OUT_OF_FOLD: tuple[Rung, ...] = ("inside_folds", "fold_tuned", "cross_fitted", "as_written", "plain")
OF_A_SPLIT: tuple[Rung, ...] = ("oracle", "fold_tuned", "as_written", "plain")
MOST_COLUMNS = 30  # of one decision; more are on the page


def print_comparison(console: Console, best: ConfigurationSummary, outcome: Outcome, words: CellWords) -> None:
    """Every decision that can be judged, its columns below it, by where its settings were chosen."""
    marks = {name: seen_mark(best, name) for name in outcome.decisions}
    if not any(node.chooses for node in outcome.graph.nodes.values()):
        _print_scores_alone(console, outcome, marks)
        return
    gap = words.folds > 1
    splits = dict.fromkeys(name for each in outcome.decisions.values() for name in each.splits)
    for split in (None, *splits):
        title = f"\nWinner, {OOF if split is None else split}: by where settings were chosen"
        console.print(title, style="italic", soft_wrap=True)
        console.print(_table(outcome, split, marks if split is None else {}, gap=gap and split is None))
    inside = "inside folds: on each fold's own rows, scored fold by fold; " if gap else ""
    note = (
        f"oracle: on the very rows; {inside}fold-tuned: on all out-of-fold rows; "
        f"cross-fitted: on {chosen_on('cross_fitted', words)}; as written: what the recipe says, the rest cross-fitted "
        f"(on splits fold-tuned); plain: {plain_words(each.kind for each in outcome.decisions.values())}."
    )
    if gap:
        note += (
            " gap: how much better inside folds looks than cross-fitted; below 0 where averaging costs more than "
            "hindsight gains, or a rule does not look for the metric."
        )
    console.print(note, style="dim", soft_wrap=True)


def _print_scores_alone(console: Console, outcome: Outcome, marks: Mapping[str, str]) -> None:
    """Where nothing is chosen there is one score on each set of rows."""
    splits = list(dict.fromkeys(name for each in outcome.decisions.values() for name in each.splits))
    console.print("\nWinner: its decisions have no setting to choose", style="italic")
    table = Table(box=None, header_style="bold", pad_edge=False)
    table.add_column("decision", no_wrap=True)
    for name in (OOF, *splits):
        table.add_column(name, justify="right", no_wrap=True)
    for name, judgement in outcome.decisions.items():
        found = {OOF: judgement.ladder["cross_fitted"]}
        found |= {split: ladder["fold_tuned"] for split, ladder in judgement.splits.items()}
        for label, values, is_whole in _lines(name, judgement, found):
            cells = [_shown(values.get(each)) for each in (OOF, *splits)]
            cells[0] += marks[name]
            table.add_row(label, *cells, style="bold" if is_whole else "")
    console.print(table)


def _table(outcome: Outcome, split: str | None, marks: Mapping[str, str], *, gap: bool) -> Table:
    ladders = {
        name: (judgement, judgement.ladder if split is None else judgement.splits[split])
        for name, judgement in outcome.decisions.items()
        if split is None or split in judgement.splits
    }
    rungs = _rungs([ladder for _, ladder in ladders.values()], OUT_OF_FOLD if split is None else OF_A_SPLIT)
    table = Table(box=None, header_style="bold", pad_edge=False)
    table.add_column("decision", no_wrap=True)
    for rung in rungs:
        table.add_column(RUNGS[rung], justify="right", no_wrap=True)
    if gap:
        table.add_column("gap", justify="right", no_wrap=True)
    for name, (judgement, ladder) in ladders.items():
        told: dict[str, Scored] = {rung: ladder[rung] for rung in rungs if rung in ladder}
        for label, values, is_whole in _lines(name, judgement, told):
            cells = [_shown(values.get(rung)) for rung in rungs]
            if split is not None and not is_whole:
                continue  # the page shows each column there too
            if gap:
                cells.append(_gap(judgement, values))
            mark = marks.get(name, "") if is_whole else ""
            table.add_row(f"{label}{mark}", *cells, style="bold" if is_whole else "")
    return table


def _rungs(ladders: Sequence[Ladder], order: Sequence[Rung]) -> list[Rung]:
    """Those that say something: as written only where a recipe writes something."""
    found = [rung for rung in order if any(rung in ladder for ladder in ladders)]
    chosen: Rung = "cross_fitted" if "cross_fitted" in order else "fold_tuned"
    repeats = all(
        np.array_equal(ladder["as_written"].decided, ladder[chosen].decided)
        for ladder in ladders
        if "as_written" in ladder and chosen in ladder
    )
    return [rung for rung in found if not (rung == "as_written" and repeats)]


def _lines(
    name: str, judgement: Judgement, scored: Mapping[str, Scored]
) -> Iterator[tuple[str, Mapping[str, float], bool]]:
    """The decision itself, then each of its columns; ``scored`` by the table's columns."""
    yield f"{name} ({metric_words(judgement.metric.name)})", {key: each.score for key, each in scored.items()}, True
    columns = judgement.rows.gold.names
    if len(columns) < 2:
        return
    for place, column in enumerate(columns[:MOST_COLUMNS]):
        yield f"  {column}", {key: float(each.per_column[place]) for key, each in scored.items()}, False
    if len(columns) > MOST_COLUMNS:
        yield f"  … and {len(columns) - MOST_COLUMNS} more", {}, False


def _shown(value: float | None) -> str:
    return "" if value is None else fixed(value, 3)


def _gap(judgement: Judgement, values: Mapping[str, float]) -> str:
    """What hindsight gains, in the metric's unit."""
    if "inside_folds" not in values or "cross_fitted" not in values:
        return ""
    return signed(judgement.metric.gain(values["inside_folds"], values["cross_fitted"]), judgement.metric)
