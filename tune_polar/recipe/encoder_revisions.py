"""Which commits the encoders of a recipe are of."""

from __future__ import annotations

from collections.abc import Callable

from tune_polar.recipe.clustering import clustering_encoder
from tune_polar.recipe.components.losses import SharedCon
from tune_polar.recipe.recipe import Recipe
from tune_polar.recipe.sections import Encoder, Stage


def with_revisions(recipe: Recipe, revision_of: Callable[[Encoder], str | None]) -> Recipe:
    """The recipe with other revisions of the encoders that its stages read.

    Args:
        recipe: any.
        revision_of: of an encoder; None: the newest there is, or that of a folder, which has none.

    Example:
        >>> with_revisions(recipe, lambda encoder: None).encoder.revision is None
        True
    """

    def changed(stage: Stage) -> Stage:
        encoder = stage.encoder.model_copy(update={"revision": revision_of(stage.encoder)})
        further, losses = clustering_encoder(stage), stage.losses
        if further is not None:
            revision = {"revision": revision_of(further)}
            losses = {
                name: loss.model_copy(update=revision) if isinstance(loss, SharedCon) else loss
                for name, loss in losses.items()
            }
        return stage.model_copy(update={"encoder": encoder, "losses": losses})

    stages = {name: changed(stage) for name, stage in recipe.stages.items()}
    # The recipe's own is read by no one but its stages: where none has it, it may be none at all
    own = (stages[name].encoder for name, stage in recipe.stages.items() if _are_alike(stage.encoder, recipe.encoder))
    revision = next((encoder.revision for encoder in own), recipe.encoder.revision)
    encoder = recipe.encoder.model_copy(update={"revision": revision})
    return recipe.model_copy(update={"encoder": encoder, "stages": stages})


def _are_alike(one: Encoder, other: Encoder) -> bool:
    return (one.name, one.revision) == (other.name, other.revision)
