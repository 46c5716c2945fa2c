"""Which labels go together, which classes are mistaken for which."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from tune_polar.decide.array_checks import FloatArray, IntArray
from tune_polar.decide.judgement import Judgement
from tune_polar.evaluate.outcome import Outcome
from tune_polar.report.document import Block, Entries, Entry, TextTable, in_parts, missing, prose
from tune_polar.report.page_context import PageContext
from tune_polar.report.page_section import Answer, Section, predicts
from tune_polar.report.words import CellWords, chosen_on

MANY = 12  # more columns do not fit a table side by side
SHADES = 8


def build(page: PageContext) -> Answer:
    """A square for each set of columns that something decides."""
    return in_parts((judgement.name, _square(page, judgement)) for judgement in _deciding(page.won))


def _deciding(outcome: Outcome) -> Iterator[Judgement]:
    """The score's decision, then others of other columns."""
    seen = set()
    for each in (outcome.judged.scored, *outcome.decisions.values()):
        if each.rows.gold.kind != "number" and each.metric.reads == "decided" and each.rows.gold.names not in seen:
            seen.add(each.rows.gold.names)
            yield each


def _square(page: PageContext, judgement: Judgement) -> list[Block]:
    gold, decided = judgement.rows.gold, judgement.cross_fitted.decided
    if len(gold.names) > MANY:
        return [missing(f"Not shown: a square of {len(gold.names)} columns does not fit a page.")]
    if gold.kind == "labels":
        return _labels(gold.values.astype(np.int64), decided.astype(np.int64), gold.names, page.cells)
    names = gold.names if gold.kind == "class" else tuple(f"{gold.names[0]} = {value}" for value in (0, 1))
    return _classes(gold.values[:, 0].astype(np.int64), decided[:, 0].astype(np.int64), names, page.cells)


def _classes(gold: IntArray, decided: IntArray, names: Sequence[str], cells: CellWords) -> list[Block]:
    """Rows of each class by the class they were given; ``gold`` and ``decided`` (rows,)."""
    counts = np.zeros((len(names), len(names)), dtype=np.int64)
    np.add.at(counts, (gold, decided), 1)
    totals = counts.sum(axis=1)
    shares = counts / np.maximum(totals, 1)[:, None]
    caption = (
        f"Rows with the row’s gold (how many{cells.counted}) by what they were given, out of fold, settings chosen on "
        f"{chosen_on('cross_fitted', cells)}: on the diagonal the right ones"
    )
    words = [[f"{count:,}" for count in row] for row in counts.tolist()]
    wrong = shares * (1 - np.eye(len(names)))
    sentence = "Nothing was mistaken for anything."
    if wrong.any():
        one, other = divmod(int(wrong.argmax()), len(names))
        share = f"{100 * wrong[one, other]:.0f}%"
        sentence = f"The commonest mistake: {share} of the rows with gold {names[one]} were called {names[other]}."
    return [prose(sentence), _table(caption, names, totals, words, shares)]


def _labels(gold: IntArray, decided: IntArray, names: Sequence[str], cells: CellWords) -> list[Block]:
    """Labels that are given where gold does not have them; ``gold`` and ``decided`` (rows, labels)."""
    totals, together, called = gold.sum(axis=0), gold.T @ gold, gold.T @ decided
    wrong = gold.T @ (decided * (1 - gold))  # of a label that gold does not have beside this one
    own = np.eye(len(names), dtype=np.bool_)
    shares = np.where(own, called, wrong) / np.maximum(totals, 1)[:, None]
    words = [
        [f"{called[i, j]:,}" if i == j else f"{wrong[i, j]:,} / {together[i, j]:,}" for j in range(len(names))]
        for i in range(len(names))
    ]
    caption = (
        f"Texts with the row’s gold label (how many{cells.counted}): on the diagonal, how many were given it; "
        "elsewhere, how many were given the column’s label wrongly / how many have both labels in gold"
    )
    beside, sentence = shares * ~own, "No text was given a label that its gold does not have beside another one."
    if beside.any():
        one, other = divmod(int(beside.argmax()), len(names))
        sentence = (
            f"The commonest mistake beside a gold label: {100 * beside[one, other]:.0f}% of the {names[one]} texts "
            f"were also called {names[other]} where gold says no."
        )
    return [prose(sentence), _table(caption, names, totals, words, shares)]


def _table(
    caption: str, names: Sequence[str], totals: IntArray, words: Sequence[Sequence[str]], shares: FloatArray
) -> TextTable:
    rows: list[Entries] = []
    for i, name in enumerate(names):
        shades = [f"s{min(SHADES, int(share * (SHADES + 1)))}" for share in shares[i].tolist()]
        kinds = [f"{shade} own" if i == j else shade for j, shade in enumerate(shades)]
        entries = (Entry(said, kind=kind) for said, kind in zip(words[i], kinds, strict=True))
        rows.append((f"{name} ({int(totals[i]):,})", *entries))
    return TextTable(caption, ("", *names), tuple(rows), kind="counts")


APPLIES = predicts(lambda gold: gold != "number", "every stage predicts numbers")
SECTION = Section("confusion", "What is mistaken for what?", "Mistakes", APPLIES, build)
