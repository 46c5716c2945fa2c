"""What this machine offers a search, what a fold of a recipe will need, and what is missing for it.

Nothing is trained, and neither torch nor Ray is loaded where there is no GPU and no cluster to ask.
"""

from __future__ import annotations

import json
import os
import platform
import secrets
import tempfile
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tune_polar.errors import ModelError, StoreError, TunePolarError
from tune_polar.model.encoder_files import CONFIG_FILE
from tune_polar.model.encoder_shape import PUBLISHED_CONFIGS, EncoderShape, shape_of_config, shape_of_folder
from tune_polar.model.footprint import GB, StageLoad
from tune_polar.model.hub import cached_encoder, hub_problem
from tune_polar.model.source import local_folder
from tune_polar.spec.recipe import TINY, Classifier, Detector, Recipe, Stage
from tune_polar.store.record import MemoryUse, StageName
from tune_polar.store.store import open_store
from tune_polar.trial.gpus import Bits, Gpu, devices_of_slots, slot_budget_bytes
from tune_polar.trial.memory_plan import MemoryPlan, plan_memory
from tune_polar.trial.visible_gpus import look_for_gpus, visible_variable

HUB_SECONDS = 1.0
_TINY_CHARACTERS = 2600  # of the Chinese POLAR texts, about


@dataclass(frozen=True)
class Node:
    """One machine."""

    name: str
    cores: int
    memory_gb: float | None
    gpus: tuple[Gpu, ...]
    devices: tuple[str, ...]  # the GPU of each slot
    slots: int
    threads: int  # of each slot
    ray_start: str  # joins it to a cluster with these very slots
    gpu_problem: tuple[str, str] | None = None  # why a GPU that is there, perhaps beside them, is not used; the remedy


@dataclass(frozen=True)
class StageForecast:
    """What one stage will take on a GPU, by count."""

    stage: StageName
    precision: Bits  # of forward passes
    batch_rows: int
    whole_gb: float  # all rows of a step at once
    slot_gb: float  # what the slot offers, without the process's CUDA context
    planned: str  # how it will be computed
    planned_gb: float
    fits: bool


@dataclass(frozen=True)
class Missing:
    """Something a real run lacks."""

    what: str
    remedy: str


@dataclass(frozen=True)
class Diagnosis:
    """All of it."""

    node: Node
    recipe: str
    encoder: str
    parameters: int | None
    sizes_from: str  # where the encoder's sizes were read, or why they were not
    stages: tuple[StageForecast, ...]
    missing: tuple[Missing, ...]
    encoder_is_here: bool  # its weights too


def diagnose(recipe: Recipe, store: str, slot_gb: float, slots: int | None = None) -> Diagnosis:
    """Look at this machine for a search of ``recipe`` whose records go to ``store``.

    Raises:
        SpecError: a simulated machine is not described rightly.
    """
    is_hub_id = recipe.encoder.name != TINY and not _is_folder(recipe.encoder.name)
    with ThreadPoolExecutor(1) as pool:  # the hub may need its whole time to say nothing
        asked = pool.submit(hub_problem, HUB_SECONDS) if is_hub_id else None
        node = this_node(slot_gb, slots)
        shape, sizes_from, missing_encoder = _encoder(recipe, (lambda: None) if asked is None else asked.result)
    smallest = min((gpu for gpu in node.gpus if gpu.slots(slot_gb)), key=lambda gpu: gpu.total_gb, default=None)
    budget = slot_budget_bytes(slot_gb if smallest is None else smallest.total_gb, slot_gb)
    auto = "bf16" if smallest is None else smallest.bits
    stages = () if shape is None else forecasts(recipe, shape, budget, auto)
    missing = [*_missing_gpu(recipe, node, slot_gb), *missing_encoder, *_missing_store(store)]
    if node.gpus and not all(each.fits for each in stages):
        missing.append(
            Missing("memory: a stage does not fit in any way, by count", "Give a larger slot with --slot-gb.")
        )
    return Diagnosis(
        node,
        recipe.recipe,
        recipe.encoder.name,
        None if shape is None else shape.parameters,
        sizes_from,
        tuple(stages),
        tuple(missing),
        encoder_is_here=not missing_encoder,
    )


def this_node(slot_gb: float, slots: int | None = None) -> Node:
    """This machine and its slots."""
    found, cores = look_for_gpus(), _cores()
    gpus = found.gpus
    devices = tuple(devices_of_slots(gpus, slot_gb, slots))
    count = len(devices) if gpus else slots or cores
    return Node(
        platform.node(),
        cores,
        _memory_gb(),
        gpus,
        devices,
        count,
        max(1, cores // count) if count else 0,
        _ray_start(devices, count),
        found.problem,
    )


def forecasts(recipe: Recipe, shape: EncoderShape, budget_bytes: int, auto: Bits = "bf16") -> list[StageForecast]:
    """What each stage of ``recipe`` will take of a slot of ``budget_bytes``, on a card that does ``auto`` best."""
    stages: list[tuple[StageName, Stage, int]] = [
        ("detector", recipe.detector, shape.parameters + _detector_head(recipe.detector, shape.hidden))
    ]
    if recipe.classifier is not None:
        head = _classifier_head(recipe.classifier, shape.hidden, len(recipe.task.labels))
        stages.append(("classifier", recipe.classifier, shape.parameters + head))
    found = []
    for stage, settings, parameters in stages:
        bits = auto if settings.precision == "auto" else settings.precision
        load = StageLoad(
            encoder=shape,
            parameters=parameters,
            batch_rows=settings.batch_size,
            longest_tokens=recipe.encoder.max_length_tokens,
            half_precision=bits != "fp32",
            fgm=settings.fgm_epsilon > 0,
        )
        whole, plan = plan_memory(load, None), plan_memory(load, budget_bytes)
        found.append(
            StageForecast(
                stage,
                bits,
                settings.batch_size,
                whole.predicted_bytes / GB,
                budget_bytes / GB,
                _words(plan),
                plan.predicted_bytes / GB,
                plan.predicted_bytes <= budget_bytes,
            )
        )
    return found


def sizes_of(recipe: Recipe) -> Mapping[str, Any] | None:
    """The encoder's config where its sizes are known without its weights; None: they are not."""
    name = recipe.encoder.name
    cached, _ = cached_encoder(name, recipe.encoder.revision)
    if cached is not None:
        about: dict[str, Any] = json.loads((cached / CONFIG_FILE).read_text(encoding="utf-8"))
        return about
    return dict(PUBLISHED_CONFIGS[name]) if name in PUBLISHED_CONFIGS else None


def _words(plan: MemoryPlan) -> str:
    return str(MemoryUse(plan.batch_rows, plan.rung.rows, plan.rung.recompute))


def _encoder(recipe: Recipe, hub: Callable[[], str | None]) -> tuple[EncoderShape | None, str, list[Missing]]:
    """The encoder's sizes, where they are from, and what is missing to load it."""
    name = recipe.encoder.name
    if name == TINY:
        return shape_of_config(_tiny_config(recipe)), "the recipe", []
    try:
        folder = local_folder(name)
        if folder is not None:
            return shape_of_folder(folder), str(folder / "config.json"), []
        cached, is_whole = cached_encoder(name, recipe.encoder.revision)
        problem = None if is_whole else hub()
        missing = [] if problem is None else [_unreachable(name, problem)]
        if cached is not None:
            return shape_of_folder(cached), "the hub's cache", missing
    except ModelError as error:
        return None, error.problem, [Missing(f"encoder: {error.problem}", error.remedy)]
    if name in PUBLISHED_CONFIGS:
        return shape_of_config(PUBLISHED_CONFIGS[name]), "its published config.json", missing
    return None, "its config.json is not on this machine", missing


def _unreachable(name: str, problem: str) -> Missing:
    return Missing(
        f"encoder: {name} is not on this machine and cannot be downloaded: {problem}",
        f"On a machine with network run `hf download {name} --local-dir FOLDER`, copy FOLDER here, give its path.",
    )


def _missing_gpu(recipe: Recipe, node: Node, slot_gb: float) -> list[Missing]:
    if node.gpu_problem is not None and not node.gpus:
        return [Missing(f"GPU: {node.gpu_problem[0]}", node.gpu_problem[1])]
    if recipe.encoder.name == TINY or (node.slots and node.gpus):
        return []
    if node.gpus:
        sizes = ", ".join(f"{gpu.name} ({gpu.total_gb:.1f} GB)" for gpu in node.gpus)
        return [Missing(f"GPU: none holds a slot of {slot_gb:g} GB: {sizes}", "Give a smaller slot with --slot-gb.")]
    return [
        Missing(
            "GPU: this machine shows none; a pretrained encoder takes many hours a fold on a CPU",
            "Search on a machine with a GPU or on a cluster (--address, docs/cluster.md), or use --encoder tiny.",
        )
    ]


def _missing_store(store: str) -> list[Missing]:
    try:
        if "://" in store:
            name = f"probes/doctor-{secrets.token_hex(8)}"
            files = open_store(store).files
            files.put_if_absent(name, b"")
            files.remove(name)
        else:
            open_store(store)
            above = Path(store).absolute()
            while not above.exists():
                above = above.parent
            with tempfile.TemporaryFile(dir=above):
                pass
    except (StoreError, OSError) as error:
        problem = error.problem if isinstance(error, TunePolarError) else error.strerror
        return [Missing(f"store: {store} cannot be written: {problem}", "Give another folder or URL with --store.")]
    return []


def _detector_head(settings: Detector, hidden: int) -> int:
    inner = settings.head_hidden or hidden
    head = hidden * inner + inner + 2 * inner + inner * settings.projection + settings.projection
    return head + 2 * settings.centers * settings.projection


def _classifier_head(settings: Classifier, hidden: int, labels: int) -> int:
    inner = settings.head_hidden or hidden
    return hidden * inner + inner + 2 * inner + inner * labels + labels


def _tiny_config(recipe: Recipe) -> dict[str, object]:
    tiny = recipe.encoder.tiny
    return {
        "model_type": "ernie",
        "num_hidden_layers": tiny.layers,
        "hidden_size": tiny.hidden,
        "num_attention_heads": min(4, tiny.hidden // 16),
        "intermediate_size": 4 * tiny.hidden,
        "vocab_size": _TINY_CHARACTERS,
        "max_position_embeddings": recipe.encoder.max_length_tokens + 2,
        "type_vocab_size": 1,
    }


def _ray_start(devices: tuple[str, ...], slots: int) -> str:
    """The words that join this machine to a cluster with these slots."""
    if not devices:
        return f"ray start --address=HEAD:6379 --num-cpus={slots} --num-gpus=0"
    cpus = max(_cores(), slots)
    visible = ",".join(devices)
    return f"{visible_variable()}={visible} ray start --address=HEAD:6379 --num-cpus={cpus} --num-gpus={slots}"


def _is_folder(name: str) -> bool:
    return Path(name).expanduser().is_dir()


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _memory_gb() -> float | None:
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / GB
    except (ValueError, OSError, AttributeError):
        return None
