"""What a recipe hands in, its columns said."""

from __future__ import annotations

from tune_polar.recipe.graph import DecisionGraph
from tune_polar.recipe.recipe import Recipe
from tune_polar.recipe.submission import Submission


def submission_of(recipe: Recipe) -> Submission | None:
    """The section, with the columns that the recipe's own score decides where it names none; None: there is none.

    So the section of one system is not taken for what another one decides.
    """
    form, said = recipe.submission, DecisionGraph(recipe.stages, recipe.decide).said(recipe.score.of)
    if form is None or form.columns or said is None:
        return form
    return form.model_copy(update={"columns": said.columns})
