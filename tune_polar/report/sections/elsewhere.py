"""Test and evaluation sets: scored with settings chosen on out-of-fold rows; the search chooses nothing on them."""

from __future__ import annotations

from tune_polar.data.table import DEV, TRAIN
from tune_polar.decide.judgement import Judgement
from tune_polar.evaluate.outcome import Outcome
from tune_polar.report.document import Entries, Entry, TextTable, caption
from tune_polar.report.ladder import rungs_beside
from tune_polar.report.numbers import fixed
from tune_polar.report.page_context import PageContext
from tune_polar.report.page_section import Answer, Reason, Section, finished
from tune_polar.report.words import RUNGS, chosen_notes, column_heads, metric_words

TUNED_ON = (TRAIN, DEV)


def applies(page: PageContext) -> Reason | None:
    """It does where there is such a set with gold."""
    if not any(split.columns for name, split in page.summary.gold.splits.items() if name not in TUNED_ON):
        return Reason("Not applicable: there is neither a test nor an evaluation set with gold.", arises=False)
    return finished(page)


def build(page: PageContext) -> Answer:
    """A table a decision that is scored there."""
    judged = [each for each in page.won.decisions.values() if not set(each.splits) <= set(TUNED_ON)]
    note = (
        "Test and evaluation sets are scored, and this search chooses nothing on them: the models of all "
        f"{page.cells.many} decide together, by settings chosen on out-of-fold rows."
    )
    sets = dict.fromkeys(split for each in judged for split in each.splits if split not in TUNED_ON)
    doubts = chosen_notes((page.summary, name, page.best) for name in sets if page.best is not None)
    return [*(_table(page, page.won, each) for each in judged), caption(note, *doubts)]


def _table(page: PageContext, outcome: Outcome, judgement: Judgement) -> TextTable:
    node, metric = outcome.graph.nodes[judgement.name], judgement.metric
    rungs = rungs_beside(node, outcome, "fold_tuned") if node.chooses else ("fold_tuned",)
    heads, rows = column_heads(metric, judgement.rows.gold), list[Entries]()
    found = [(split, ladder) for split, ladder in judgement.splits.items() if split not in TUNED_ON]
    for split, rung, scored in ((split, rung, of[rung]) for split, of in found for rung in rungs if rung in of):
        how = RUNGS[rung] if node.chooses else "as decided"
        whole = Entry(page.shown(scored.score), kind="strong" if rung == "fold_tuned" else "")
        each = (fixed(value, 2) for value in scored.per_column.tolist() if heads)
        rows.append((split, f"{len(scored.decided):,}", how, whole, *each))
    columns = ("set", "rows", "settings", metric_words(metric.name), *heads)
    return TextTable(f"{judgement.name} on other sets", columns, rows, words=(2,))


SECTION = Section("elsewhere", "How does it do on other sets?", "Other sets", applies, build)
