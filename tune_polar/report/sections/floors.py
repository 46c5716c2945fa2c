"""Is fine-tuning worth its hours: linear models without it, on the same folds and decisions."""

from __future__ import annotations

from tune_polar.recipe.floor_names import floors_named
from tune_polar.report.document import caption, prose
from tune_polar.report.floor_comparison import floor_sentences, floor_table, judged_floors, missing_floors
from tune_polar.report.page_context import PageContext
from tune_polar.report.page_section import Answer, Reason, Section, finished

NOTE = (
    "Nothing of a floor is tuned but what the recipe’s decisions choose, which is chosen as for every configuration. "
    "A vote of neighbours is a threshold on the linear model’s probability there."
)


def applies(page: PageContext) -> Reason | None:
    """It does once a floor has been computed."""
    reason = finished(page)
    if reason is not None or judged_floors(page):
        return reason
    arises = bool(floors_named(page.summary.facts.floors))
    return Reason(f"Not applicable: {' '.join(missing_floors(page))}", arises=arises)


def build(page: PageContext) -> Answer:
    """Sentences and table."""
    return [prose(*floor_sentences(page)), floor_table(page), caption(" ".join((NOTE, *missing_floors(page))))]


SECTION = Section("floors", "Is fine-tuning worth its hours?", "Worth it?", applies, build)
