"""What `tune-polar decide` on exported predictions judges, beside what the search does."""

from __future__ import annotations

from tune_polar.recipe.components import Decision
from tune_polar.recipe.recipe import Recipe
from tune_polar.report.numbers import listed
from tune_polar.report.words import rows_judged, rows_words

SAME = ("threshold", "argmax", "clip")  # decisions that `decide` makes too, of a stage's own predictions


def judged_in_export(recipe: Recipe, stage: str) -> str:
    """``decides as kinds does, on rows with gold hurt = 1; the search scores system``, of one stage's predictions.

    Args:
        recipe: of the search.
        stage: whose predictions are exported.
    """
    reading = {name: each for name, each in recipe.decide.items() if stage in each.reads}
    same = [name for name, each in reading.items() if _is_same(each)]
    others = [f"{name} ({each.name})" for name, each in reading.items() if name not in same]
    if recipe.score.of in same:
        return f"decides and scores as {recipe.score.of} does"
    parts = []
    if same:
        parts.append(f"decides as {listed(same)} does, on {rows_words(rows_judged(recipe, same[0]))}")
    if others:
        parts.append(f"does not decide as {listed(others)} does")
    return f"{'; '.join(parts) or 'is read by no decision'}; the search scores {recipe.score.of}"


def _is_same(decision: Decision) -> bool:
    """Groups' own thresholds and written ones are the recipe's alone."""
    own = any(getattr(decision, name, None) is not None for name in ("per", "at", "low", "high"))
    return decision.name in SAME and not own
