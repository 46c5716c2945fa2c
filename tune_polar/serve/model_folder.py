"""A model as a folder: each stage of each cell as transformers keeps models, and beside them how they decide."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.numpy import load_file, save_file

from tune_polar import __version__
from tune_polar.errors import ModelError, StoreError, TunePolarError
from tune_polar.model.adapters import merge_adapter
from tune_polar.model.encoder import TextEncoder, load_encoder
from tune_polar.model.pooling import Pooling
from tune_polar.model.pretrained import quiet_transformers
from tune_polar.model.sequence_classifier import sequence_classifier
from tune_polar.model.tokens import CharacterTokenizer, HubTokenizer
from tune_polar.recipe.sections import TINY
from tune_polar.serve.composition import CellModels, Composition
from tune_polar.serve.fold_models import Load
from tune_polar.serve.model_file import MODEL_FILE, WHOLE_FOLDER, small_text
from tune_polar.trial.encoder_source import ENCODER
from tune_polar.trial.inference import TrainedStage, embedded_encoder
from tune_polar.trial.stage_shape import StageShape

DECISION_FILE, CARD_FILE, HEAD_FILE = "decision.json", "README.md", "head.safetensors"
WEIGHTS_FILE, CHARACTERS_FILE, TOKENIZER_CONFIG = "model.safetensors", "characters.json", "tokenizer_config.json"
MEMBERS = "members"
_BACKBONE = "backbone."
_PATHS = ("name_or_path", "_name_or_path", "tokenizer_file", "vocab_file", "merges_file", "special_tokens_map_file")
_HUB_ID = re.compile(r"[A-Za-z0-9][\w.-]*/[A-Za-z0-9][\w.-]*")


@dataclass(frozen=True)
class Written:
    """A model's folder."""

    opens_alone: tuple[str, ...]  # places in it that AutoModelForSequenceClassification opens; "." the folder itself
    others: tuple[str, ...]  # places with an encoder and a head of its own


def place_of(composition: Composition, cell: CellModels, stage: str) -> str:
    """Where in the folder a stage of a cell lies, one that cells share with the first of them; ``.``: in the folder."""
    cell, stage = composition.places[cell.stages[stage]]
    parts = [MEMBERS, cell.name] if len(composition.cells) > 1 else []
    return "/".join([*parts, *([stage] if len(composition.stages) > 1 else [])]) or "."


def write_model_folder(
    folder: Path, composition: Composition, load: Load, scores: Sequence[object], facts: Mapping[str, object]
) -> Written:
    """Write everything but the model card.

    Args:
        folder: new or empty.
        composition: the model.
        load: a stage of a cell, on the CPU.
        scores: of the configuration, as ``scores_of_outcome`` gives them.
        facts: further words of ``model.json``: fingerprints and versions, no path.

    Raises:
        StoreError: the folder holds something, or cannot be written.
        ModelError: weights do not fit.
    """
    _make(folder)
    alone, others, pooled = list[str](), list[str](), dict[str, Pooling]()
    with _into(folder):
        for key, (cell, name) in composition.places.items():
            place = place_of(composition, cell, name)
            stage = load(cell, name)
            pooled[key] = stage.model.encoder.pooling
            (alone if _write_stage(folder / place, stage) else others).append(place)
        written = _as_written(composition, pooled)
        _write_json(folder / MODEL_FILE, {"composition": written.to_json(), "version": __version__, **facts})
        _write_json(folder / DECISION_FILE, _decisions(written, scores))
    return Written(tuple(alone), tuple(others))


def write_card(folder: Path, card: str) -> None:
    """Write the model card into the folder of a model.

    Raises:
        StoreError: it cannot be written.
    """
    with _into(folder):
        (folder / CARD_FILE).write_text(card, encoding="utf-8")


def folder_models(folder: Path, composition: Composition) -> Load:
    """A function that reads a stage of a cell; nothing that lies there is executed."""

    def load(cell: CellModels, name: str) -> TrainedStage:
        shape, place = composition.shape_of(cell, name), folder / place_of(composition, cell, name)
        arrays, cpu = _arrays(place / HEAD_FILE), torch.device("cpu")
        if shape.tiny is not None:
            characters = _characters(place / CHARACTERS_FILE)
            own = {f"{ENCODER}{_BACKBONE}{each}": value for each, value in _arrays(place / WEIGHTS_FILE).items()}
            return TrainedStage(name, shape, embedded_encoder(shape, characters), characters, {**own, **arrays}, cpu)
        if not (place / WEIGHTS_FILE).is_file():
            raise ModelError(
                f"{place / WEIGHTS_FILE} must hold the encoder's weights, but it is not there", WHOLE_FOLDER
            )
        encoder, tokenizer = load_encoder(str(place.resolve()), pooling=shape.pooling)
        still = {each for each, _ in encoder.state_dict().items()}
        return TrainedStage(name, shape, encoder, tokenizer, arrays, cpu, may_lack=still)

    return load


def public_name(encoder: str) -> str:
    """What may be said of an encoder: the embedded one or an id of the hub, never a path."""
    if encoder == TINY:
        return encoder
    is_id = bool(_HUB_ID.fullmatch(encoder)) and not Path(encoder).exists()
    return encoder if is_id or (encoder.isalnum() and not Path(encoder).exists()) else "an encoder from a folder"


@contextmanager
def _into(folder: Path) -> Iterator[None]:
    """Of what cannot be written there is told which folder to remove."""
    try:
        yield
    except (OSError, SafetensorError) as error:
        if isinstance(error, TunePolarError):
            raise
        raise StoreError(
            f"{folder} must take the model's files, but: {getattr(error, 'strerror', None) or error}",
            "Remove that folder, which is half written, and free space there or give another place.",
        ) from error


def _make(folder: Path) -> None:
    try:
        if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
            raise StoreError(
                f"--model must name a new or empty folder, but {folder} holds something",
                "Give another name, or remove what is there.",
            )
        folder.mkdir(parents=True, exist_ok=True)
    except (OSError, ValueError) as error:
        if isinstance(error, StoreError):
            raise
        raise StoreError(
            f"--model must name a folder that can be made, but {folder}: {error}", "Give another place."
        ) from error


def _write_stage(place: Path, stage: TrainedStage) -> bool:
    """Whether transformers opens it by itself."""
    place.mkdir(parents=True, exist_ok=True)
    model, shape = stage.model, stage.shape
    merge_adapter(model.encoder)  # the folder holds a plain encoder, whole, that needs no other's files
    built = None
    if isinstance(stage.tokenizer, HubTokenizer):
        stage.tokenizer.save(place)
        _without_paths(place / TOKENIZER_CONFIG, shape.max_length_tokens)
        built = sequence_classifier(model.encoder, model.head, shape.columns, shape.gold)
    elif isinstance(stage.tokenizer, CharacterTokenizer):
        (place / CHARACTERS_FILE).write_text(stage.tokenizer.to_json() + "\n", encoding="utf-8")
    _save(model.encoder, built, place)
    own = {
        f"head.{name}": tensor.detach().cpu().contiguous().numpy() for name, tensor in model.head.state_dict().items()
    }
    save_file({**own, **stage.beside}, place / HEAD_FILE)
    return built is not None


def _save(encoder: TextEncoder, built: Any, place: Path) -> None:
    model: Any = encoder.backbone if built is None else built
    before, model.config._name_or_path = getattr(model.config, "_name_or_path", ""), ""
    try:
        with quiet_transformers():
            model.save_pretrained(place)
    finally:
        model.config._name_or_path = before


def _without_paths(path: Path, max_length_tokens: int) -> None:
    """A tokenizer's settings without the place it came from; it cuts texts where training did."""
    try:
        about = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return
    about = {name: value for name, value in about.items() if name not in _PATHS}
    _write_json(path, {**about, "model_max_length": max_length_tokens})


def _as_written(composition: Composition, pooled: Mapping[str, Pooling]) -> Composition:
    """With the stages and decisions that the score rests on alone, and how each encoder pools, by key."""
    stages, names = composition.stages, {node.name for node in composition.graph.scored.below}

    def kept(shapes: Mapping[str, StageShape], member: str | None) -> dict[str, StageShape]:
        cell = next(each for each in composition.cells if member in (None, each.member))
        plain: dict[str, Any] = {"adapter": None, "adapter_settings": {}, "frozen_layers": 0}  # as it was written
        return {name: replace(shapes[name], pooling=pooled[cell.stages[name]], **plain) for name in stages}

    return replace(
        composition,
        shapes=kept(composition.shapes, None),
        cells=tuple(replace(cell, stages={name: cell.stages[name] for name in stages}) for cell in composition.cells),
        steps={name: step for name, step in composition.steps.items() if name in names},
        members={name: replace(each, shapes=kept(each.shapes, name)) for name, each in composition.members.items()},
    )


def _decisions(composition: Composition, scores: Sequence[object]) -> dict[str, object]:
    return {
        "score": {"of": composition.score, "metric": composition.metric},
        "models": len(composition.cells),
        "members": {name: {"weight": each.weight, "k": each.k} for name, each in composition.members.items()},
        "rows": composition.rows,
        "decisions": composition.steps,
        "settings": composition.settings,
        "settings_chosen_on": "all out-of-fold rows",
        "columns": {name: list(shape.columns) for name, shape in composition.shapes.items()},
        "scores": list(scores),
    }


def _write_json(path: Path, data: object) -> None:
    path.write_text(json.dumps(data, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")


def _arrays(path: Path) -> dict[str, Any]:
    try:
        if not path.is_file():
            raise OSError("it is no file")
        return load_file(path)
    except (OSError, SafetensorError, ValueError) as error:
        raise ModelError(f"{path} must be a whole safetensors file, but: {error}", WHOLE_FOLDER) from None


def _characters(path: Path) -> CharacterTokenizer:
    try:
        return CharacterTokenizer.from_json(small_text(path))
    except (OSError, UnicodeDecodeError) as error:
        raise ModelError(f"{path} must hold the encoder's characters, but: {error}", WHOLE_FOLDER) from None
