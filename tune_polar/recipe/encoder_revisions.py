"""Which commits the encoders of a recipe are of."""

from __future__ import annotations

from collections.abc import Callable

from tune_polar.recipe.recipe import Recipe
from tune_polar.recipe.sections import Encoder


def with_revisions(recipe: Recipe, revision_of: Callable[[Encoder], str | None]) -> Recipe:
    """The recipe with other revisions of its encoders.

    Args:
        recipe: any.
        revision_of: of an encoder; None: the newest there is, or that of a folder, which has none.

    Example:
        >>> with_revisions(recipe, lambda encoder: None).encoder.revision is None
        True
    """

    def changed(encoder: Encoder) -> Encoder:
        return encoder.model_copy(update={"revision": revision_of(encoder)})

    stages = {
        name: stage.model_copy(update={"encoder": changed(stage.encoder)}) for name, stage in recipe.stages.items()
    }
    return recipe.model_copy(update={"encoder": changed(recipe.encoder), "stages": stages})
