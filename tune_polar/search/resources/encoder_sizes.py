"""How large the encoders of a recipe are, where that was read, and whether their weights can be had."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tune_polar.errors import ModelError
from tune_polar.model.encoder_files import CONFIG_FILE
from tune_polar.model.encoder_location import local_folder
from tune_polar.model.encoder_shape import PUBLISHED_CONFIGS, EncoderShape, shape_of_config, shape_of_folder
from tune_polar.recipe.recipe import Recipe
from tune_polar.recipe.sections import TINY, Encoder
from tune_polar.search.resources.lacking import Missing
from tune_polar.trial.encoder_identities import encoders_read

_TINY_CHARACTERS = 2600  # of the Chinese POLAR texts, about

Shapes = Mapping[tuple[str, str | None], EncoderShape]  # by name and revision
Hub = Callable[[], str | None]  # why the hub cannot be reached, or None; may take a second to say so


@dataclass(frozen=True)
class EncoderSizes:
    """One encoder of a recipe."""

    name: str
    revision: str | None
    parameters: int | None  # None: not known
    sizes_from: str  # where they were read, or why they were not
    is_here: bool  # its weights too, or they can be downloaded


@dataclass(frozen=True)
class FoundEncoder:
    """What was found of it."""

    sizes: EncoderSizes
    shape: EncoderShape | None  # None: its sizes are not known
    missing: tuple[Missing, ...]


def encoders_of(recipe: Recipe) -> list[Encoder]:
    """Those of its stages, and those by which their texts are clustered, each name and revision once."""
    found: dict[tuple[str, str | None], Encoder] = {}
    for stage in recipe.stages.values():
        for encoder in encoders_read(stage):
            found.setdefault((encoder.name, encoder.revision), encoder)
    return list(found.values())


def known_shapes(found: Iterable[FoundEncoder]) -> Shapes:
    """Of the encoders whose sizes are known."""
    return {(each.sizes.name, each.sizes.revision): each.shape for each in found if each.shape is not None}


def is_of_hub(encoder: Encoder) -> bool:
    """Whether it is neither embedded nor a folder."""
    return encoder.name != TINY and not os.path.isdir(os.path.expanduser(encoder.name))


def find_encoder(encoder: Encoder, hub: Hub) -> FoundEncoder:
    """Look for an encoder's sizes on this machine, and for what is missing to load it."""
    shape, sizes_from, missing = _looked_for(encoder, hub)
    parameters = None if shape is None else shape.parameters
    sizes = EncoderSizes(encoder.name, encoder.revision, parameters, sizes_from, is_here=not missing)
    return FoundEncoder(sizes, shape, tuple(missing))


def sizes_of(name: str, revision: str | None = None) -> Mapping[str, Any] | None:
    """An encoder's config where its sizes are known without its weights; None: they are not."""
    cached, _ = _cached(name, revision)
    if cached is not None:
        about: dict[str, Any] = json.loads((cached / CONFIG_FILE).read_text(encoding="utf-8"))
        return about
    return dict(PUBLISHED_CONFIGS[name]) if name in PUBLISHED_CONFIGS else None


def _looked_for(encoder: Encoder, hub: Hub) -> tuple[EncoderShape | None, str, list[Missing]]:
    name = encoder.name
    if name == TINY:
        return shape_of_config(_tiny_config(encoder)), "the recipe", []
    try:
        folder = local_folder(name)
        if folder is not None:
            return shape_of_folder(folder), str(folder / "config.json"), []
        cached, is_whole = _cached(name, encoder.revision)
        problem = None if is_whole else hub()
        missing = [] if problem is None else [_unreachable(name, problem)]
        if cached is not None:
            return shape_of_folder(cached), "the hub's cache", missing
    except ModelError as error:
        return None, error.problem, [Missing(f"encoder: {error.problem}", error.remedy)]
    if name in PUBLISHED_CONFIGS:
        return shape_of_config(PUBLISHED_CONFIGS[name]), "its published config.json", missing
    return None, "its config.json is not on this machine", missing


def _cached(name: str, revision: str | None) -> tuple[Path | None, bool]:
    from tune_polar.model.hub import cached_encoder  # a third of a second to load, for the hub alone

    return cached_encoder(name, revision)


def _unreachable(name: str, problem: str) -> Missing:
    return Missing(
        f"encoder: {name} is not on this machine and cannot be downloaded: {problem}",
        f"On a machine with network run `hf download {name} --local-dir FOLDER`, copy FOLDER here, give its path.",
    )


def _tiny_config(encoder: Encoder) -> dict[str, object]:
    tiny = encoder.tiny
    return {
        "model_type": "ernie",
        "num_hidden_layers": tiny.layers,
        "hidden_size": tiny.hidden,
        "num_attention_heads": min(4, tiny.hidden // 16),
        "intermediate_size": 4 * tiny.hidden,
        "vocab_size": _TINY_CHARACTERS,
        "max_position_embeddings": encoder.max_length_tokens + 2,
        "type_vocab_size": 1,
    }
