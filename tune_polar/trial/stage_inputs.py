"""Fingerprints of what the stages of a recipe read: computed once by the driver, sent with every fold trial."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence

import numpy as np

from tune_polar.data.plans.fold_plan import FoldPlan
from tune_polar.data.table import TRAIN, Corpus, Split
from tune_polar.errors import ModelError
from tune_polar.model.encoder_location import encoder_commit, encoder_identity
from tune_polar.recipe.encoder_revisions import with_revisions
from tune_polar.recipe.recipe import Recipe
from tune_polar.recipe.sections import TINY, Encoder, Stage
from tune_polar.trial.columns_read import clustering_of, columns_read
from tune_polar.trial.fold_trial import Inputs, StageInputs

Identity = Callable[[Encoder], str]
JOIN = "+"  # between the identities of encoders that one stage reads


def identity_of(encoder: Encoder) -> str:
    """A name that is equal exactly when weights, tokenizer and pooling are; of the embedded encoder its name.

    Raises:
        ModelError: there is no such encoder.
    """
    if encoder.name == TINY:
        return TINY
    return encoder_identity(encoder.name, encoder.revision, with_pooling=encoder.pooling == "auto")


def with_commits(recipe: Recipe) -> Recipe:
    """The recipe with the commit that each of its encoders of the hub has now.

    Raises:
        ModelError: there is no such encoder.
    """

    def commit(encoder: Encoder) -> str | None:
        return None if encoder.name == TINY else encoder_commit(encoder.name, encoder.revision)

    return with_revisions(recipe, commit)


def encoder_read(encoder: Encoder) -> tuple[str, str | None, bool]:
    """What the identity of an encoder depends on: its name, its revision, and whether its files say how it pools."""
    return encoder.name, encoder.revision, encoder.pooling == "auto"


class EncoderIdentities:
    """Identities of encoders, each found out once: all files of a folder are read for it."""

    def __init__(self) -> None:
        self._known: dict[tuple[str, str | None, bool], str] = {}

    def __call__(self, encoder: Encoder) -> str:
        """As ``identity_of``.

        Raises:
            ModelError: there is no such encoder.
        """
        key = encoder_read(encoder)
        if key not in self._known:
            self._known[key] = identity_of(encoder)
        return self._known[key]


class OtherEncoderError(ModelError):
    """An encoder that lies here is another than the one that was searched with."""


def check_same_encoders(encoders: Sequence[Encoder], recorded: str, identity: Identity) -> None:
    """Refuse an encoder that has become another since, or that is another on this machine.

    Args:
        encoders: that a stage reads, the one that it trains first; the further ones may be left out.
        recorded: what ``StageInputs.encoder`` says of them.
        identity: of an encoder.

    Raises:
        OtherEncoderError: one is another.
        ModelError: there is none.
    """
    for encoder, then in zip(encoders, recorded.split(JOIN), strict=False):
        now = TINY if encoder.name == TINY else identity(encoder)
        if now != TINY and now != then:
            raise OtherEncoderError(
                f"encoder {encoder.name!r} must be the one that the search began with ({then}), got {now}",
                "Put that one's files there again, or where they are in the hub's cache.",
            )


def encoders_read(stage: Stage) -> tuple[Encoder, ...]:
    """The encoder that a stage trains, and the one that its texts are clustered by."""
    clustering = clustering_of(stage)
    further = None if clustering is None else clustering.encoder
    return (stage.encoder,) if further is None else (stage.encoder, Encoder(name=further, pooling="mean"))


def inputs_of(
    recipe: Recipe, corpus: Corpus, plans: Mapping[str, FoldPlan], identity: Identity = identity_of
) -> Inputs:
    """What the fold trials of ``recipe`` read.

    Args:
        recipe: the recipe.
        corpus: all its splits.
        plans: one for each of its stages.
        identity: of an encoder; the usual one asks the hub for a commit where an encoder is not in its cache.

    Raises:
        DataError: train lacks a column that a stage reads.
        ModelError: an encoder is not to be found.
    """
    stages = {}
    for name, stage in recipe.stages.items():
        plan = plans[name]
        used = np.flatnonzero((plan.training | plan.validation).any(axis=0)).astype(np.int64)
        encoder = JOIN.join(identity(each) for each in encoders_read(stage))
        if stage.encoder.name == TINY:
            # Its vocabulary is that of all train texts, whichever rows a stage reads.
            encoder = f"{encoder}:{corpus.train.fingerprint_of()}"
        stages[name] = StageInputs(
            rows=corpus.fingerprint_of(used, (*columns_read(recipe.data, stage), *_made_how(recipe, corpus))),
            splits=_splits_digest(corpus, (*stage.columns, *stage.rows) if stage.measures else ()),
            encoder=encoder,
            folds=tuple(plan.hash_of(fold) for fold in range(plan.count)),
            extra=len(corpus.sources),
        )
    return Inputs(stages)


def _made_how(recipe: Recipe, corpus: Corpus) -> tuple[str, ...]:
    """The column that says how extra rows were made, where there are such rows."""
    extra = recipe.data.extra
    return () if extra is None or extra.by is None or not len(corpus.sources) else (extra.by,)


def _splits_digest(corpus: Corpus, columns: tuple[str, ...]) -> str:
    """Of the ids and texts of every split but train, and of those of ``columns`` that it has: gold that is measured."""
    digest = hashlib.sha256()
    for name in sorted(set(corpus.splits) - {TRAIN}):
        digest.update(f"{len(name)}:{name}{_digest(corpus.splits[name], columns)}".encode())
    return digest.hexdigest()


def _digest(split: Split, columns: tuple[str, ...]) -> str:
    return split.fingerprint_of(None, [name for name in columns if name in split.columns])
