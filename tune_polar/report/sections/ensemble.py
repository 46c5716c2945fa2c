"""Whether an ensemble of what was trained anyway is worth more than the configuration picked."""

from __future__ import annotations

from tune_polar.evaluate.search_ensembles import NOT_A_SEARCH, ensembles_of
from tune_polar.report.document import bullets, missing, prose
from tune_polar.report.ensemble_words import ensemble_remarks, ensemble_sentences, ensemble_table, member_table
from tune_polar.report.page_context import PageContext
from tune_polar.report.page_section import Answer, Reason, Section, finished


def build(page: PageContext) -> Answer:
    """What it would be worth, who is in it, what it costs; or why there is nothing to combine."""
    report = ensembles_of(page.summary)
    if isinstance(report, str):
        return [missing(f"Not applicable: {report}.")]
    name = page.index.names_by_id
    return [
        prose(*ensemble_sentences(report, name)),
        ensemble_table(report, name),
        member_table(report, name),
        bullets(*ensemble_remarks(report)),
    ]


def _applies(page: PageContext) -> Reason | None:
    if page.summary.facts.kind != "search":
        return Reason(f"Not applicable: {NOT_A_SEARCH}.", arises=False)
    if page.options.reload_seconds is not None:  # tens of seconds, for every fold anew
        return Reason("Not yet: it is computed once the search has ended, and by `tune-polar report` without --watch.")
    return finished(page)


SECTION = Section("ensemble", "Is an ensemble worth more?", "Ensemble?", _applies, build)
