"""Several searches on one page: each one's winner, and whether the folds can tell the winners apart."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean

import numpy as np
from markupsafe import Markup

from tune_polar import __version__
from tune_polar.assets import shipped
from tune_polar.report.figures import Strip, strip_plot
from tune_polar.report.numbers import decimals_for, fixed, setting, spread
from tune_polar.report.objectives import OBJECTIVES, name_of
from tune_polar.report.page_file import page_environment, page_policy, write_whole
from tune_polar.report.setting_meanings import PlainTable
from tune_polar.report.settings import flat
from tune_polar.report.winner import winner_recipe
from tune_polar.stats.comparison import comparison_matrix
from tune_polar.store.correction import corrected_best
from tune_polar.store.summary import ConfigurationSummary, SearchSummary

TEMPLATE, STYLE = "compare.html.jinja", "page.css"


@dataclass(frozen=True)
class ComparisonPage:
    """Everything the page of several searches says."""

    title: str
    searches: PlainTable
    figure: str
    figure_note: str
    comparable: str  # why winners cannot be paired; "" where they can
    differences: tuple[str, ...]
    settings: PlainTable | None
    version: str


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
    names = _names(summaries)
    winners = [(name, summary, summary.best) for name, summary in zip(names, summaries, strict=True)]
    scored = [(name, summary, best) for name, summary, best in winners if best is not None]
    why = _incomparable([summary for _, summary, _ in scored])
    return ComparisonPage(
        title=f"{len(summaries)} searches compared",
        searches=PlainTable(
            "Each search and its winner; corrected: for having chosen the best (BBC-CV), with its 90% interval",
            ("search", "recipe, data, encoder", "objective", "finished", "winner", "score ± fold SD", "corrected"),
            tuple(_row(name, summary) for name, summary in zip(names, summaries, strict=True)),
        ),
        figure=_figure(scored),
        figure_note="Points are folds, the upright bar is their mean; the number is the score pooled over all folds ± "
        "the standard deviation between folds." + (f" {why}: do not read one row against another." if why else ""),
        comparable=why,
        differences=() if why else _differences(scored),
        settings=_settings(scored),
        version=__version__,
    )


def _names(summaries: Sequence[SearchSummary]) -> list[str]:
    """The last part of each place, or all of it where two end alike."""
    last = [summary.url.rstrip("/").rpartition("/")[2] for summary in summaries]
    return [
        name if last.count(name) == 1 else f"{summary.url} ({place + 1})"
        for place, (name, summary) in enumerate(zip(last, summaries, strict=True))
    ]


def _row(name: str, summary: SearchSummary) -> tuple[str, ...]:
    facts, best = summary.facts, summary.best
    about = f"{facts.recipe.recipe}, {facts.data_name}, {facts.recipe.encoder.name}"
    finished = f"{len(summary.finished)} of {summary.planned}"
    objective = OBJECTIVES.get(summary.objective, summary.objective)
    if best is None or best.scores is None:
        return (name, about, objective, finished, "none yet", "—", "—")
    error = spread(best.scores.best.fold_scores)
    decimals = decimals_for(error)
    corrected = corrected_best(summary)
    sober = (
        f"not applicable: {corrected}"
        if isinstance(corrected, str)
        else f"{fixed(corrected.corrected, decimals)}, {fixed(corrected.interval.low, decimals)} to "
        f"{fixed(corrected.interval.high, decimals)}"
    )
    score = f"{fixed(best.scores.score, decimals)} ± {fixed(error, decimals)}"
    return (name, about, objective, finished, name_of(best), score, sober)


def _incomparable(summaries: Sequence[SearchSummary]) -> str:
    """Why fold scores of these searches cannot be paired; "" where they can."""
    if len(summaries) < 2:
        return "Fewer than two of these searches have a winner"
    for what, values in (
        ("objectives", {summary.objective for summary in summaries}),
        ("data", {summary.facts.data_fingerprint for summary in summaries}),
        ("fold plans", {(each.facts.detector_plan, each.facts.classifier_plan) for each in summaries}),
        ("labels", {summary.facts.recipe.task.labels for summary in summaries}),
    ):
        if len(values) > 1:
            return f"These searches have different {what}, so their folds cannot be paired"
    return ""


def _figure(scored: Sequence[tuple[str, SearchSummary, ConfigurationSummary]]) -> str:
    strips = []
    for name, _, best in scored:
        if best.scores is not None:
            folds = best.scores.best.fold_scores
            error = spread(folds)
            decimals = decimals_for(error)
            value = f"{fixed(best.scores.score, decimals)} ± {fixed(error, decimals)}"
            strips.append(Strip(f"{name}: {name_of(best)}", value, folds, fmean(folds)))
    if not strips:
        return ""
    return strip_plot("winners", "The winners’ scores, fold by fold", "The table above has these scores.", strips)


def _differences(scored: Sequence[tuple[str, SearchSummary, ConfigurationSummary]]) -> tuple[str, ...]:
    names = [f"{name}: {name_of(best)}" for name, _, best in scored]
    folds = scored[0][1].gold.detector_plan.count
    scores = np.array([best.scores.best.fold_scores for _, _, best in scored if best.scores is not None])
    return tuple(pair.sentence for pair in comparison_matrix(names, scores, planned_folds=folds).pairs)


def _settings(scored: Sequence[tuple[str, SearchSummary, ConfigurationSummary]]) -> PlainTable | None:
    """Settings in which the winners differ."""
    if len(scored) < 2:
        return None
    tables = [flat(winner_recipe(best)) for _, _, best in scored]
    keys = dict.fromkeys(key for table in tables for key in table)
    rows = tuple(
        (key, *(setting(table[key]) if key in table else "absent" for table in tables))
        for key in keys
        if len({repr(table.get(key)) for table in tables}) > 1
    )
    return PlainTable("Settings in which the winners differ", ("setting", *(name for name, _, _ in scored)), rows)
