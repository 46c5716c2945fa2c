"""Several searches on one page: each one's winner, and whether the cells can tell the winners apart."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean

import numpy as np
from markupsafe import Markup

from tune_polar import __version__
from tune_polar.assets import shipped
from tune_polar.evaluate.summary import ConfigurationSummary, SearchSummary
from tune_polar.report.context import PageContext
from tune_polar.report.difference import cell_scores
from tune_polar.report.document import TextTable, figure, missing, prose
from tune_polar.report.drawing.figures import Strip, strip_plot
from tune_polar.report.index import name_of, score_of
from tune_polar.report.numbers import decimals_for, fixed, spread
from tune_polar.report.page_file import page_environment, page_policy, write_whole
from tune_polar.report.section import Answer
from tune_polar.report.settings import differences
from tune_polar.report.winner import winner_recipe
from tune_polar.report.words import score_words
from tune_polar.stats.comparison import comparison_matrix

TEMPLATE, STYLE = "compare.html.jinja", "page.css"
NOT_CORRECTED = (
    "Each winner is the best of its search and owes part of its score to that choice; these differences are not "
    "corrected for it, the corrected scores above are."
)
NOTHING = "Not enough data: none of these searches has a configuration with all its folds."


@dataclass(frozen=True)
class ComparisonPage:
    """Everything the page of several searches says: name, question and answer of each section."""

    title: str
    sections: tuple[tuple[str, str, Answer], ...]
    version: str = __version__


@dataclass(frozen=True, eq=False)
class _Winner:
    """Of one search."""

    search: str
    page: PageContext
    row: ConfigurationSummary

    @property
    def name(self) -> str:
        """``one: no. 7``."""
        return f"{self.search}: {name_of(self.row)}"


def write_comparison(summaries: Sequence[SearchSummary], path: Path) -> Path:
    """Write the page of ``summaries`` to ``path``, whole or not at all.

    Raises:
        StoreError: ``path`` cannot be written.
    """
    folder = shipped("reports")
    style = (folder / STYLE).read_text(encoding="utf-8")
    page = comparison_page(summaries)
    template = page_environment(folder).get_template(TEMPLATE)
    write_whole(path, template.render(page=page, style=Markup(style), policy=page_policy(style)))
    return path


def comparison_page(summaries: Sequence[SearchSummary]) -> ComparisonPage:
    """The context of the page."""
    pages = list(zip(_names(summaries), map(PageContext, summaries), strict=True))
    winners = [_Winner(name, page, page.best) for name, page in pages if page.best is not None]
    why = incomparable([each.page.summary for each in winners])
    found: list[tuple[str, str, Answer]] = [("winners", "What did each search find?", _found(pages, winners, why))]
    found.append(("apart", "Can the winners be told apart?", _apart(winners, why)))
    if len(winners) > 1:
        found.append(("settings", "How do they differ?", _settings(winners)))
    return ComparisonPage(f"{len(summaries)} searches compared", tuple(found))


def _names(summaries: Sequence[SearchSummary]) -> list[str]:
    """The last part of each place, or all of it where two end alike."""
    last = [summary.url.rstrip("/").rpartition("/")[2] for summary in summaries]
    return [
        name if last.count(name) == 1 else f"{summary.url} ({place + 1})"
        for place, (name, summary) in enumerate(zip(last, summaries, strict=True))
    ]


def _found(pages: Sequence[tuple[str, PageContext]], winners: Sequence[_Winner], why: str) -> Answer:
    table = TextTable(
        "Each search and its winner; corrected: for having chosen the best (BBC-CV), with its 90% interval",
        ("search", "recipe, data, encoder", "score", "finished", "winner", "score ± SD", "corrected"),
        tuple(_row(name, page) for name, page in pages),
        words=(1, 2),
        kind="searches",
    )
    strips = []
    for winner in winners:
        if winner.row.scores is not None:
            scores = winner.row.scores.best.cell_scores
            strips.append(Strip(winner.name, score_of(winner.row), scores, fmean(scores)))
    if not strips:
        return [table, missing(NOTHING)]
    svg = strip_plot("strips", "The winners’ scores, cell by cell", "The table above has these scores.", strips)
    note = (
        "Points are folds (or seeds of one split), the upright bar is their mean; the number is the score of all rows "
        "pooled ± the standard deviation between them."
        + (f" {why}: do not read one row against another." if why else "")
    )
    return [table, figure(svg, note)]


def _row(name: str, page: PageContext) -> tuple[str, ...]:
    summary, best = page.summary, page.best
    encoders = dict.fromkeys(stage.encoder.name for stage in page.recipe.stages.values())
    about = ", ".join((page.recipe.recipe, summary.facts.data_name, *encoders))
    finished = f"{len(summary.finished)} of {summary.planned}"
    if best is None or best.scores is None:
        return (name, about, score_words(page.recipe), finished, "none yet", "—", "—")
    decimals = decimals_for(spread(best.scores.best.cell_scores))
    corrected = page.corrected
    if isinstance(corrected, str):
        sober = f"not applicable: {corrected}"
    else:
        value, low, high = (
            fixed(each, decimals) for each in (corrected.corrected, corrected.interval.low, corrected.interval.high)
        )
        sober = f"{value}, {low} to {high}"
    return (name, about, score_words(page.recipe), finished, name_of(best), score_of(best), sober)


def incomparable(summaries: Sequence[SearchSummary]) -> str:
    """Why scores of these searches cannot be paired; "" where they can."""
    if len(summaries) < 2:
        return "Fewer than two of these searches have a winner"
    for what, values in (
        ("scores", {(score_words(each.recipe), each.metric.name) for each in summaries}),
        ("data", {each.facts.data_fingerprint for each in summaries}),
        ("fold plans", {tuple(plan.hash for plan in each.gold.plans.values()) for each in summaries}),
        ("folds or seeds", {each.cells for each in summaries}),
        ("columns", {tuple(stage.columns for stage in each.recipe.stages.values()) for each in summaries}),
    ):
        if len(values) > 1:
            return f"These searches have different {what}, so their cells cannot be paired"
    return ""


def _apart(winners: Sequence[_Winner], why: str) -> Answer:
    if why:
        return [missing(f"Not applicable: {why[0].lower()}{why[1:]}.")]
    plan, metric = winners[0].page.cells, winners[0].page.metric
    scores = np.stack([cell_scores(each.row.scores, plan) for each in winners if each.row.scores is not None])
    names = [each.name for each in winners]
    matrix = comparison_matrix(names, scores, planned_folds=plan.folds, seeds=plan.seeds, metric=metric)
    if not matrix.pairs:
        return [missing(f"Not applicable: one {plan.one} alone says nothing of noise.")]
    return [prose(*(pair.sentence for pair in matrix.pairs), NOT_CORRECTED)]


def _settings(winners: Sequence[_Winner]) -> Answer:
    """Settings in which the winners differ."""
    found = differences(*(winner_recipe(each.row) for each in winners))
    if not found:
        return [prose("The winners’ settings are the same.")]
    rows = tuple((each.key, *each.values) for each in found)
    columns = ("setting", *(each.search for each in winners))
    words = tuple(range(1, len(columns)))
    return [TextTable("Settings in which the winners differ", columns, rows, words=words, kind="settings")]
