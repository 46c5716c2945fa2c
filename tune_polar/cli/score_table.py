"""Configurations with their scores: the first table that a person sees of what a search has come to."""

from __future__ import annotations

from rich.console import Console

from tune_polar.cli.print_document import print_lines, print_table
from tune_polar.evaluate.summary import ConfigurationSummary, SearchSummary
from tune_polar.recipe.components import METRICS
from tune_polar.recipe.defaults import default_metric
from tune_polar.recipe.graph import DecisionGraph
from tune_polar.report.difference import cell_difference
from tune_polar.report.document import TextTable
from tune_polar.report.numbers import decimals_for, fixed, spread
from tune_polar.report.page_context import PageContext
from tune_polar.report.racing_words import saved_by_racing
from tune_polar.report.words import metric_words, rows_judged, rows_words, score_words, seen_mark, seen_notes

ROWS_SHOWN = 20  # the page shows all
STATES = {"infeasible": "failed", "abandoned": "stopped"}


def print_scores(console: Console, summary: SearchSummary) -> None:
    """Configurations with their scores, and what the columns mean."""
    print_table(console, score_table(summary), ROWS_SHOWN)
    if summary.abandoned:
        print_lines(console, [f"stopped early (--racing {summary.facts.racing}): {saved_by_racing(summary)}."])
    print_lines(console, _notes(summary), style="dim")


def score_table(summary: SearchSummary) -> TextTable:
    """A row a configuration, best first, those without a score last; of an ablation in its own order.

    Beside the score stand the paired difference to the reference and the other decisions, each cross-fitted.
    """
    page, others = PageContext(summary), _other_decisions(summary)
    smaller = "" if page.metric.larger_is_better else "; smaller is better"
    unfinished = (row for row in summary.configurations if row.scores is None)
    rows = summary.configurations if summary.facts.kind == "ablation" else (*summary.finished, *unfinished)
    score = f"score ± {page.cells.one} SD" if _has_noise(page) else "score"
    difference = (f"− {page.reference_word}",) if _has_noise(page) else ()
    columns = ("#", "configuration", score, *difference, *others, page.cells.many)
    return TextTable(
        f"{summary.recipe.recipe}: {score_words(summary.recipe)}, {_cross_fitted(summary, None)}{smaller}",
        columns,
        tuple(_cells(row, page, others) for row in rows),
        words=(1,),
    )


def _other_decisions(summary: SearchSummary) -> tuple[str, ...]:
    """Names of the decisions beside the score's that some configuration has been judged on."""
    judged = {name for row in summary.configurations if row.scores is not None for name in row.scores.decisions}
    of = summary.recipe.score.of
    return tuple(name for name in summary.recipe.decide if name != of and name in judged)


def _cells(row: ConfigurationSummary, page: PageContext, others: tuple[str, ...]) -> tuple[str, ...]:
    about, scores, reference = row.configuration, row.scores, page.reference
    named = (str(about.number), f"{about.id[:8]} {about.origin}")
    done, blank = f"{len(row.folds)}/{len(page.cells.cells)}", ("",) if _has_noise(page) else ()
    if scores is None:
        return (*named, STATES.get(row.state, "…"), *blank, *("" for _ in others), done)
    difference = None
    if reference is not None and reference.scores is not None and row is not reference:
        difference = cell_difference(scores, reference.scores, page.cells, page.metric)
    decimals = decimals_for(page.noise)  # the same in every row: a column of numbers is read down
    sd = spread(scores.best.cell_scores)
    score = fixed(scores.score, decimals) + ("" if sd is None else f" ± {fixed(sd, decimals)}") + seen_mark(row)
    each = (
        fixed(scores.decisions[name], decimals) + seen_mark(row, name) if name in scores.decisions else ""
        for name in others
    )
    return (*named, score, *(blank if difference is None else (difference.text,)), *each, done)


def _has_noise(page: PageContext) -> bool:
    """Whether a configuration has several cells, without which nothing is known of noise."""
    return len(page.cells.cells) > 1


def _notes(summary: SearchSummary) -> list[str]:
    """What the columns mean."""
    page = PageContext(summary)
    cells, unit = page.cells, f", in {page.metric.unit}" if page.metric.unit else ""
    others = "the other folds" if cells.folds > 1 else "other rows"
    score = f"score: settings of decisions chosen on {others}, {cells.pooling}."
    if _has_noise(page):
        score += f" − {page.reference_word}: mean ± SE of the difference, {cells.one} by {cells.one}{unit}."
        score += cells.unlike_pooled
    each = (f"{name}: {_scored_by(summary, name)}." for name in _other_decisions(summary))
    return [score, *each, *seen_notes(summary.finished)]


def _scored_by(summary: SearchSummary, name: str) -> str:
    """What a decision of the recipe is scored by, and on which rows."""
    recipe = summary.recipe
    said = DecisionGraph(recipe.stages, recipe.decide).said(name)
    metric = recipe.score.metric
    if said is not None and said.form == "probability":
        metric = "log_loss"  # a mean of shares has decided nothing yet
    elif said is not None and said.gold not in METRICS[metric].golds:
        metric = default_metric(said.gold)
    return f"{metric_words(metric)} on {rows_words(rows_judged(recipe, name))}, {_cross_fitted(summary, name)}"


def _cross_fitted(summary: SearchSummary, decision: str | None) -> str:
    """``cross-fitted``, marked where no configuration's score of ``decision`` (None: the score's) is honest."""
    return "cross-fitted" + min((seen_mark(row, decision) for row in summary.finished), default="")
