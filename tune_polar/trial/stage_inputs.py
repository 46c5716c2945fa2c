"""Fingerprints of what the stages of a recipe read: computed once by the driver, sent with every fold trial."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping

import numpy as np

from tune_polar.data.plans.fold_plan import FoldPlan
from tune_polar.data.table import TRAIN, Corpus, Split
from tune_polar.recipe.recipe import Recipe
from tune_polar.recipe.sections import TINY
from tune_polar.store.stage_inputs import StageInputs
from tune_polar.trial.columns_read import columns_read
from tune_polar.trial.encoder_identities import JOIN, Identity, encoders_read, identity_of
from tune_polar.trial.fold_trial import Inputs


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
        # The vocabulary of the embedded one is that of all train texts, whichever rows a stage reads.
        tiny = f"{TINY}:{corpus.train.fingerprint_of()}"
        encoder = JOIN.join(tiny if each.name == TINY else identity(each) for each in encoders_read(stage))
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
