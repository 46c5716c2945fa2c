"""Stages whose weights lie in a store."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

import torch

from tune_polar.errors import ModelError, StoreError
from tune_polar.recipe.recipe import Recipe
from tune_polar.recipe.sections import TINY
from tune_polar.serve.composition import CellModels, Composition
from tune_polar.serve.fold_models import Load
from tune_polar.serve.stored_composition import fit_command
from tune_polar.store.store import Store
from tune_polar.store.training_facts import Array
from tune_polar.trial.encoder_identities import EncoderIdentities, check_same_encoders
from tune_polar.trial.inference import Encoders, TrainedStage, embedded_encoder, tokenizer_beside

CPU = torch.device("cpu")


class Records(Protocol):
    """What a search has recorded of a model; a ``Recorded`` is one, and a ``RecordedEnsemble``."""

    @property
    def asked(self) -> str:
        """The words that name it to a command, but for `--all-rows`."""

    def recipe_of(self, cell: CellModels) -> Recipe:
        """The recipe of the configuration of a cell: it names the encoders."""

    def encoder_of(self, cell: CellModels, stage: str) -> str | None:
        """What its stage has recorded of encoders; None: nothing."""


def store_models(store: Store, found: Records, composition: Composition) -> Load:
    """A function that reads a stage of a cell.

    Args:
        store: with the weights.
        found: what it has recorded.
        composition: its models.
    """
    encoders, identities = Encoders(), EncoderIdentities()
    fit = fit_command(store, found.asked, all_rows=composition.rows == "all")

    def load(cell: CellModels, name: str) -> TrainedStage:
        shape, key = composition.shape_of(cell, name), cell.stages[name]
        arrays = _weights(store, key, f"{name} of {cell.name}", fit)
        settings = found.recipe_of(cell).stages[name].encoder
        then, pretrained = found.encoder_of(cell, name), None
        if then is not None:
            check_same_encoders(name, [settings], then, identities)
        if settings.name != TINY:
            pretrained = encoders.load(
                settings.name,
                settings.revision,
                settings.pooling,
                is_frozen=settings.adapter is not None,
                quantize=settings.quantize,
            )
        try:
            if pretrained is None:
                characters = tokenizer_beside(arrays)
                return TrainedStage(name, shape, embedded_encoder(shape, characters), characters, arrays, CPU)
            still = pretrained[0].below(settings.frozen_layers)
            return TrainedStage(
                name, shape, *pretrained, arrays, CPU, may_lack=still, is_base=settings.adapter is not None
            )
        except ModelError as error:
            file = f"{store.url}/weights/{key}.safetensors"
            raise ModelError(f"{file}: {error.problem}", f"Remove that file and have it made anew: `{fit}`.") from None

    return load


def _weights(store: Store, key: str, what: str, fit: str) -> Mapping[str, Array]:
    content = store.weights(key)
    if content is None:
        raise StoreError(
            f"store {store.url}: weights of {what} must be there and undamaged, but they are not",
            f"Have them trained again: `{fit}`.",
        )
    return content
