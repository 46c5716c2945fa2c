"""Whether a stage takes its texts' positives from their clusters, and by whose vectors they are clustered."""

from __future__ import annotations

from tune_polar.recipe.components.losses import SharedCon
from tune_polar.recipe.sections import Encoder, Stage


def clustering_of(stage: Stage) -> SharedCon | None:
    """The loss that takes rows' positives from their clusters; None: no loss does."""
    return next((loss for loss in stage.losses.values() if isinstance(loss, SharedCon)), None)


def clustering_encoder(stage: Stage) -> Encoder | None:
    """The frozen encoder by whose vectors a stage's texts are clustered; None: its own, or they are not."""
    loss = clustering_of(stage)
    if loss is None or loss.encoder is None:
        return None
    return Encoder(name=loss.encoder, revision=loss.revision, max_length_tokens=stage.encoder.max_length_tokens)
