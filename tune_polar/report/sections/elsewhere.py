"""Test and evaluation sets: scored with settings chosen on out-of-fold rows, and never chosen on."""

from __future__ import annotations

from tune_polar.data.table import DEV, TRAIN
from tune_polar.decide.judged import Judgement, Rung
from tune_polar.evaluate.outcome import Outcome
from tune_polar.report.context import PageContext
from tune_polar.report.document import Block, Entry, TextTable, caption
from tune_polar.report.ladder import is_written
from tune_polar.report.numbers import fixed
from tune_polar.report.section import Answer, Reason, Section, finished
from tune_polar.report.words import RUNGS, metric_words, per_column_words

MANY = 8  # columns beside the score
TUNED_ON = (TRAIN, DEV)


def applies(page: PageContext) -> Reason | None:
    """It does where there is such a set with gold."""
    if not any(split.columns for name, split in page.summary.gold.splits.items() if name not in TUNED_ON):
        return Reason("Not applicable: there is neither a test nor an evaluation set with gold.", arises=False)
    return finished(page)


def build(page: PageContext) -> Answer:
    """A table a decision that is scored there."""
    decisions = {} if page.outcome is None else page.outcome.decisions
    blocks: list[Block] = []
    for judgement in decisions.values():
        if page.outcome is not None and not set(judgement.splits) <= set(TUNED_ON):
            blocks.append(_table(page, page.outcome, judgement))
    note = (
        "Test and evaluation sets are scored, never chosen on: the models of all "
        f"{page.cells.many} decide together, by settings chosen on out-of-fold rows."
    )
    return [*blocks, caption(note)]


def _table(page: PageContext, outcome: Outcome, judgement: Judgement) -> TextTable:
    node, names, metric = outcome.graph.nodes[judgement.name], judgement.rows.gold.names, judgement.metric
    written: tuple[Rung, ...] = ("as_written",) if any(is_written(each, outcome) for each in node.below) else ()
    rungs: tuple[Rung, ...] = ("fold_tuned", *written, "plain") if node.chooses else ("fold_tuned",)
    wide = names if 1 < len(names) <= MANY else ()
    rows = []
    for split, ladder in judgement.splits.items():
        for rung in rungs if split not in TUNED_ON else ():
            if rung in ladder:
                how = RUNGS[rung] if node.chooses else "as decided"
                each = (fixed(value, 2) for value in ladder[rung].per_column) if wide else ()
                whole = Entry(page.shown(ladder[rung].score), kind="strong" if rung == "fold_tuned" else "")
                rows.append((split, f"{len(page.summary.gold.splits[split]):,}", how, whole, *each))
    return TextTable(
        f"{judgement.name} on other sets",
        (
            "set",
            "rows",
            "settings",
            metric_words(metric.name),
            *(f"{per_column_words(metric)} {name}" for name in wide),
        ),
        tuple(rows),
        words=(2,),
    )


SECTION = Section("elsewhere", "How does it do on other sets?", "Other sets", applies, build)
