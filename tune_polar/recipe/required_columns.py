"""Which columns of the data a recipe cannot do without, and what to leave out where a file lacks the others."""

from __future__ import annotations

from collections.abc import Collection

from tune_polar.recipe.recipe import Recipe


def needed_columns(recipe: Recipe) -> tuple[str, ...]:
    """Columns that a stage learns or chooses its rows by, or by whose groups something is decided or reported.

    Labels and strata beside them only balance folds and batches: a user's file may lack them.
    """
    found: dict[str, None] = {}
    for stage in recipe.stages.values():
        found |= dict.fromkeys((*stage.columns, *stage.rows))
        by = getattr(stage.batches, "by", None)
        if by in recipe.data.kinds:
            found[str(by)] = None
    for decision in recipe.decide.values():
        if decision.group_column is not None:
            found[decision.group_column[1]] = None
    if recipe.folds.group_column is not None:
        found[recipe.folds.group_column[1]] = None
    if recipe.report.by is not None:
        found[recipe.report.by] = None
    return tuple(found)


def changes_without(recipe: Recipe, absent: Collection[str]) -> dict[str, object]:
    """Changes by dotted key that leave out labels and strata that a file does not have and the recipe does not need.

    Example:
        >>> changes_without(st1, {"political"})
        {'data.labels': [...], 'data.strata': ['gender/sexual', 'religious', 'racial/ethnic', 'other']}
    """
    dropped = set(absent) - set(needed_columns(recipe))
    found: dict[str, object] = {}
    for key, names in (("data.labels", recipe.data.labels), ("data.strata", recipe.data.strata)):
        kept = [name for name in names if name not in dropped]
        if len(kept) < len(names):
            found[key] = kept
    return found
