"""Several searches on one page: each one's winner, and whether the cells can tell the winners apart."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean

import numpy as np

from tune_polar.evaluate.configuration_scores import Scores
from tune_polar.evaluate.summary import ConfigurationSummary, SearchSummary
from tune_polar.report.cross_table import CrossTable, cross_table
from tune_polar.report.difference import by_cells
from tune_polar.report.document import TextTable, caption, figure, missing, prose
from tune_polar.report.drawing.figures import Strip, strip_plot
from tune_polar.report.index import name_of, score_of
from tune_polar.report.page_context import PageContext
from tune_polar.report.page_file import rendered, write_whole
from tune_polar.report.page_section import Answer
from tune_polar.report.rank_table import rank_table
from tune_polar.report.settings import differences
from tune_polar.report.winner_recipe import winner_recipe
from tune_polar.report.words import chosen_notes, score_words, seen_mark, seen_notes

NOT_CORRECTED = (
    "Each winner is the best of its search and owes part of its score to that choice; these differences are not "
    "corrected for it, the corrected scores above are."
)
NOTHING = "Not enough data: none of these searches has a configuration with all its folds."


@dataclass(frozen=True, eq=False)
class _Winner:
    search: str
    page: PageContext
    row: ConfigurationSummary
    scores: Scores

    @property
    def name(self) -> str:
        """``one: no. 7``."""
        return f"{self.search}: {name_of(self.row)}"

    @property
    def scored(self) -> tuple[str, tuple[str, ...], str]:
        """By which metric, what, and on which rows; how it is decided may differ."""
        judged = self.page.won.judged.scored
        return judged.metric.name, judged.rows.gold.names, self.page.rows_of(judged.name)


def write_comparison(summaries: Sequence[SearchSummary], path: Path) -> Path:
    """Write the page of ``summaries`` to ``path``, whole or not at all.

    Raises:
        StoreError: ``path`` cannot be written.
    """
    write_whole(
        path,
        rendered("compare.html.jinja", title=f"{len(summaries)} searches compared", sections=comparison(summaries)),
    )
    return path


def comparison(summaries: Sequence[SearchSummary]) -> list[tuple[str, str, Answer]]:
    """Name, question and answer of each section."""
    pages = list(zip(_names(summaries), map(PageContext, summaries), strict=True))
    winners = [_Winner(name, page, *page.scored[0]) for name, page in pages if page.scored]
    why = incomparable(winners)
    table = cross_table(pages)
    doubts = seen_notes(each.row for each in winners)
    if isinstance(table, str):  # else it says this of all rows that it shows
        doubts += chosen_notes((each.page.summary, each.page.summary.facts.data_name, each.row) for each in winners)
    found: list[tuple[str, str, Answer]] = [
        ("winners", "What did each search find?", _found(pages, winners, why, doubts)),
        ("crossed", "What does each score on the other data?", _crossed(table)),
        ("apart", "Can the winners be told apart?", _apart(winners, why)),
    ]
    if len(winners) > 1:
        found.append(("settings", "How do they differ?", _settings(winners)))
    ranks = rank_table(pages)
    return found if isinstance(ranks, str) else [*found, ("ranks", "Does one choice do best everywhere?", [ranks])]


def crossed(summaries: Sequence[SearchSummary]) -> CrossTable | str:
    """Trained on × tested on, or why there is no such table."""
    return cross_table(list(zip(_names(summaries), map(PageContext, summaries), strict=True)))


def _crossed(table: CrossTable | str) -> Answer:
    if isinstance(table, str):
        return [missing(f"Not applicable: {table}.")]
    return [table.table(), caption(*table.notes())]


def _names(summaries: Sequence[SearchSummary]) -> list[str]:
    """The last part of each place, or all of it where two end alike."""
    last = [summary.url.rstrip("/").rpartition("/")[2] for summary in summaries]
    return [
        name if last.count(name) == 1 else f"{summary.url} ({place + 1})"
        for place, (name, summary) in enumerate(zip(last, summaries, strict=True))
    ]


def _found(
    pages: Sequence[tuple[str, PageContext]], winners: Sequence[_Winner], why: str, doubts: Sequence[str]
) -> Answer:
    table = TextTable(
        "Each search and its winner; corrected: for having chosen the best (BBC-CV), 90% interval of the expectation",
        ("search", "recipe, data, encoder", "score", "finished", "winner", "score ± SD", "corrected"),
        [_row(name, page) for name, page in pages],
        words=(1, 2),
        kind="searches",
    )
    shown = [(each, each.scores.best.cell_scores) for each in winners]
    strips = [Strip(each.name, score_of(each.row), scores, fmean(scores)) for each, scores in shown]
    if not strips:
        return [table, missing(NOTHING)]
    svg = strip_plot("strips", "The winners’ scores, cell by cell", "The table above has these scores.", strips)
    note = (
        "Points are folds (or seeds of one split), the upright bar is their mean; the number is the score (of folds "
        "that of all rows pooled) ± the standard deviation between them."
        + (f" {why}: do not read one row against another." if why else "")
    )
    return [table, figure(svg, note), *([caption(*doubts)] if doubts else [])]


def _row(name: str, page: PageContext) -> tuple[str, ...]:
    summary, corrected = page.summary, page.corrected
    encoders = dict.fromkeys(stage.encoder.name for stage in page.recipe.stages.values())
    about = ", ".join((page.recipe.recipe, summary.facts.data_name, *encoders))
    start = (name, about, score_words(page.recipe), f"{len(summary.finished)} of {summary.planned}")
    if page.best is None:
        return (*start, "none yet", "—", "—")
    if isinstance(corrected, str):
        sober = f"not applicable: {corrected}"
    else:
        ends = (corrected.interval.low, corrected.interval.high)
        sober = f"{page.shown(corrected.corrected)}, {' to '.join(map(page.shown, ends))}"
    return (*start, name_of(page.best), score_of(page.best), sober)


def incomparable(winners: Sequence[_Winner]) -> str:
    """Why scores of these searches cannot be paired; "" where they can."""
    if len(winners) < 2:
        return "Fewer than two of these searches have a winner"
    summaries = [each.page.summary for each in winners]
    for what, values in (
        ("scores", {each.scored for each in winners}),
        ("data", {each.facts.data_fingerprint for each in summaries}),
        ("fold plans", {frozenset(plan.hash for plan in each.gold.plans.values()) for each in summaries}),
        ("folds or seeds", {each.cells for each in summaries}),
    ):
        if len(values) > 1:
            return f"These searches have different {what}, so their cells cannot be paired"
    return ""


def _apart(winners: Sequence[_Winner], why: str) -> Answer:
    if why:
        return [missing(f"Not applicable: {why[0].lower()}{why[1:]}.")]
    plan, metric = winners[0].page.cells, winners[0].page.metric
    scores = np.stack([each.scores.by_cell(plan.cells) for each in winners])
    names = [each.name + seen_mark(each.row) for each in winners]
    seen = seen_notes(each.row for each in winners)
    matrix = by_cells(names, scores, plan, metric)
    if not matrix.pairs:
        return [missing(f"Not applicable: one {plan.one} alone says nothing of noise.")]
    return [prose(*(pair.sentence for pair in matrix.pairs), NOT_CORRECTED, *seen)]


def _settings(winners: Sequence[_Winner]) -> Answer:
    found = differences(*(winner_recipe(each.row) for each in winners))
    if not found:
        return [prose("The winners’ settings are the same.")]
    rows = [(each.key, *each.values) for each in found]
    columns = ("setting", *(each.search for each in winners))
    words = tuple(range(1, len(columns)))
    return [TextTable("Settings in which the winners differ", columns, rows, words=words, kind="settings")]
