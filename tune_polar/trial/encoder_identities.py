"""Which encoders a stage reads, and whether those that lie here are the ones that a search began with."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from tune_polar.errors import ModelError
from tune_polar.model.encoder_files import POOLING_FILE
from tune_polar.model.encoder_location import BY_POOLING, OF_FOLDER, encoder_commit, encoder_identity
from tune_polar.recipe.clustering import clustering_encoder
from tune_polar.recipe.encoder_revisions import with_revisions
from tune_polar.recipe.recipe import Recipe
from tune_polar.recipe.sections import TINY, Encoder, Stage

Identity = Callable[[Encoder], str]
JOIN = "+"  # between the identities of encoders that one stage reads
_MOST_SHOWN = 200  # characters of a record that a stranger may have written


def identity_of(encoder: Encoder) -> str:
    """A name that is equal exactly when weights, tokenizer and pooling are; of the embedded encoder its name.

    Raises:
        ModelError: there is no such encoder.
    """
    if encoder.name == TINY:
        return TINY
    return encoder_identity(encoder.name, encoder.revision, with_pooling=encoder.pooling == "auto")


def encoder_read(encoder: Encoder) -> tuple[str, str | None, bool]:
    """What the identity of an encoder depends on: its name, its revision, and whether its files say how it pools."""
    return encoder.name, encoder.revision, encoder.pooling == "auto"


def weights_read(encoder: Encoder) -> tuple[str, str | None, bool, str | None]:
    """What decides its pretrained weights in memory: name, revision, whether they are a base as stored, and packed."""
    return encoder.name, encoder.revision, encoder.adapter is not None, encoder.quantize


def texts_read(encoder: Encoder) -> tuple[str, str | None, int]:
    """What decides the tokens of a text: name, revision, and where longer texts are cut."""
    return encoder.name, encoder.revision, encoder.max_length_tokens


class EncoderIdentities:
    """Identities and commits of encoders, each found out once: all files of a folder are read, a hub is asked."""

    def __init__(self) -> None:
        self._known: dict[tuple[str, str | None, bool], str] = {}
        self._commits: dict[tuple[str, str | None], str | None] = {}

    def __call__(self, encoder: Encoder) -> str:
        """As ``identity_of``.

        Raises:
            ModelError: there is no such encoder.
        """
        key = encoder_read(encoder)
        if key not in self._known:
            self._known[key] = identity_of(encoder)
        return self._known[key]

    def with_commits(self, recipe: Recipe) -> Recipe:
        """The recipe with the commit that each of its stages' encoders of the hub has now.

        Raises:
            ModelError: there is no such encoder.
        """
        return with_revisions(recipe, self._commit)

    def _commit(self, encoder: Encoder) -> str | None:
        key = encoder.name, encoder.revision
        if key not in self._commits:
            self._commits[key] = None if encoder.name == TINY else encoder_commit(*key)
        return self._commits[key]


class OtherEncoderError(ModelError):
    """An encoder that lies here is another than the one that was searched with, or there is none."""


def check_same_encoders(stage: str, encoders: Sequence[Encoder], recorded: str, identity: Identity) -> None:
    """Refuse an encoder that has become another since, or that is another on this machine.

    Args:
        stage: its name, for errors.
        encoders: that the stage reads, the one that it trains first; the further ones may be left out.
        recorded: what ``StageInputs.encoder`` says of them.
        identity: of an encoder.

    Raises:
        OtherEncoderError: one is another, or not to be had here.
    """
    for encoder, then in zip(encoders, recorded.split(JOIN), strict=False):
        if encoder.name == TINY:
            continue
        try:
            now = identity(encoder)
        except ModelError as error:
            raise OtherEncoderError(error.problem, error.remedy) from None
        if now != then:
            raise OtherEncoderError(
                f"encoder {encoder.name!r} of stage {stage} must be the one that the search began with "
                f"({then[:_MOST_SHOWN]!r}), got {now!r}",
                f"Put the folder's files back as they were; of one of the hub, {POOLING_FILE} in its cache.",
            )


def encoders_read(stage: Stage) -> tuple[Encoder, ...]:
    """The encoder that a stage trains, and the one that its texts are clustered by."""
    further = clustering_encoder(stage)
    return (stage.encoder,) if further is None else (stage.encoder, further)


def recorded_for(recorded: str, of: Encoder, encoder: Encoder) -> str | None:
    """What is recorded of an encoder, said of the same one as another configuration has it; None: it is another one.

    Args:
        recorded: what ``StageInputs.encoder`` says.
        of: the encoder of which it is said.
        encoder: that of the configuration; how it is pooled may differ.
    """
    if (of.name, of.revision) != (encoder.name, encoder.revision):
        return None
    if encoder.pooling == of.pooling or of.name == TINY or recorded.startswith(OF_FOLDER):
        return recorded
    if encoder.pooling == "auto":
        return None
    first, *further = recorded.split(JOIN)
    return JOIN.join([first.split(BY_POOLING)[0], *further])
