"""What this machine offers a search, what a fold trial of a recipe will need, and what is missing for it.

Nothing is trained, and neither torch nor Ray is loaded where there is no GPU and no cluster to ask.
"""

from __future__ import annotations

import contextlib
import secrets
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from tune_polar.data.source import Source
from tune_polar.errors import ModelError, StoreError, TunePolarError
from tune_polar.model.encoder_shape import EncoderShape
from tune_polar.model.footprint import GB
from tune_polar.model.hub import hub_problem
from tune_polar.recipe.recipe import Recipe
from tune_polar.recipe.sections import TINY
from tune_polar.search.recipe_data import fold_plans, fold_warnings, read_corpus
from tune_polar.search.resources.encoder_sizes import (
    EncoderSizes,
    FoundEncoder,
    Shapes,
    encoders_of,
    find_encoder,
    is_of_hub,
    known_shapes,
    sizes_of,
)
from tune_polar.search.resources.lacking import Missing as Missing
from tune_polar.search.resources.needs_forecast import (
    FoldNeeds,
    Scale,
    SearchNeeds,
    disk_budget,
    fold_needs,
    free_bytes,
    recorded_seconds,
    search_needs,
)
from tune_polar.search.resources.node import Node as Node
from tune_polar.search.resources.node import slots_problem, this_node
from tune_polar.search.resources.process_limits import limit_problems
from tune_polar.search.resources.stage_forecasts import StageForecast, forecasts
from tune_polar.search.step_bounds import epochs_cut
from tune_polar.store.store import open_store
from tune_polar.trial.encoder_check import check_encoders
from tune_polar.trial.gpus import slot_budget_bytes

HUB_SECONDS = 1.0


@dataclass(frozen=True)
class Diagnosis:
    """All of it."""

    node: Node
    recipe: str
    encoders: tuple[EncoderSizes, ...]  # of its stages, each once
    stages: tuple[StageForecast, ...]
    missing: tuple[Missing, ...]
    needs: SearchNeeds  # of a whole search
    folds: int | None  # of each of its configurations; None: the data say how many, and needs are those of one
    doubtful: tuple[str, ...] = ()  # in the data and in what is trained on them, where they were looked at


@dataclass(frozen=True)
class Planned:
    """The search that is asked about."""

    configurations: int = 50
    keep_weights: int = 1
    disk_gb: float | None = None  # for weights and checkpoints; None: a third of what is free


def diagnose(
    recipe: Recipe, store: str, slot_gb: float, slots: int | None = None, planned: Planned | None = None
) -> Diagnosis:
    """Look at this machine for a search of ``recipe`` whose records go to ``store``.

    Args:
        recipe: the recipe.
        store: where records would go.
        slot_gb: of a GPU, for one fold trial.
        slots: fold trials at once; None: what the machine offers.
        planned: how much is searched and kept; None: 50 configurations.

    Raises:
        SpecError: a simulated machine is not described rightly.

    Example:
        >>> diagnose(load_recipe("st3").recipe, "searches", slot_gb=8.0).missing
    """
    encoders = encoders_of(recipe)
    with ThreadPoolExecutor(1) as pool:  # the hub may need its whole time to say nothing
        asked = pool.submit(hub_problem, HUB_SECONDS) if any(map(is_of_hub, encoders)) else None
        node = this_node(slot_gb, slots)
        found = [find_encoder(each, (lambda: None) if asked is None else asked.result) for each in encoders]
    smallest = min((gpu for gpu in node.gpus if gpu.slots(slot_gb)), key=lambda gpu: gpu.total_gb, default=None)
    budget = slot_budget_bytes(slot_gb if smallest is None else smallest.total_gb, slot_gb)
    shapes, bits = known_shapes(found), "bf16" if smallest is None else smallest.bits
    stages = forecasts(recipe, _by_stage(recipe, shapes), budget, bits)
    fold = fold_needs(recipe, shapes, on_cpu=not node.gpus, slot_bytes=budget, auto=bits)
    folds = recipe.folds.known_count
    needs = _needs(recipe, fold, node, store, planned or Planned(), folds)
    missing = [
        *_missing_gpu(recipe, node, slot_gb),
        *_too_many(node.slots),
        *(Missing(f"limits: {problem}", remedy) for problem, remedy in limit_problems(node.slots)),
        *(each for encoder in found for each in encoder.missing),
        *_unusable(recipe, found),
        *_missing_store(store),
        *needs.missing(),
    ]
    if node.gpus and not all(each.fits for each in stages):
        missing.append(
            Missing("memory: a stage does not fit in any way, by count", "Give a larger slot with --slot-gb.")
        )
    sizes = tuple(each.sizes for each in found)
    return Diagnosis(node, recipe.recipe, sizes, tuple(stages), tuple(missing), needs, folds)


def _needs(
    recipe: Recipe, fold: FoldNeeds | None, node: Node, store: str, planned: Planned, folds: int | None
) -> SearchNeeds:
    cells = (folds or 1) * len(recipe.seeds)
    free = budget = None
    with contextlib.suppress(OSError, ValueError):  # what is wrong with the place is told as something missing
        free, budget = free_bytes(store), disk_budget(store, planned.disk_gb)
    return search_needs(
        Scale(planned.configurations, cells, max(1, node.slots), planned.keep_weights),
        fold,
        disk_free=free,
        disk_budget=budget,
        host_there=None if node.memory_gb is None else int(node.memory_gb * GB),
        fold_seconds=recorded_seconds(store, recipe),
        is_told=planned.disk_gb is not None,
    )


def _too_many(slots: int) -> Iterator[Missing]:
    problem = slots_problem(slots)
    if problem is not None:
        yield Missing(f"memory: {problem[0]}", problem[1])


def with_data(found: Diagnosis, recipe: Recipe, source: Source, store: str, planned: Planned) -> Diagnosis:
    """``found``, and what keeps a search from taking the data or is doubtful in it: read whole, with its folds."""
    try:
        corpus = read_corpus(recipe, source)
        plans = fold_plans(recipe, corpus)
        doubts = (
            *epochs_cut([recipe], None, corpus, plans),
            *corpus.warnings,
            *fold_warnings(recipe, corpus, plans),
        )
    except TunePolarError as error:
        return replace(found, missing=(*found.missing, Missing(f"data: {error.problem}", error.remedy)))
    folds = next(iter(plans.values())).count  # the same of all stages
    needs = _needs(recipe, found.needs.fold, found.node, store, planned, folds)
    return replace(found, doubtful=tuple(map(str, doubts)), folds=folds, needs=needs)


def _unusable(recipe: Recipe, found: Sequence[FoundEncoder]) -> Iterator[Missing]:
    """What keeps encoders that are here from being used."""
    if all(each.sizes.is_here for each in found):
        try:
            check_encoders([recipe])
        except ModelError as error:
            yield Missing(f"encoder: {error.problem}", error.remedy)


def stand_ins(found: Diagnosis) -> dict[str, Mapping[str, Any]]:
    """By name the configs of encoders that cannot be loaded, where their sizes are known: `--try` draws weights."""
    absent = [each for each in found.encoders if not each.is_here and each.parameters is not None]
    configs = {each.name: sizes_of(each.name, each.revision) for each in absent}
    return {name: config for name, config in configs.items() if config is not None}


def _by_stage(recipe: Recipe, shapes: Shapes) -> dict[str, EncoderShape]:
    named = {name: (stage.encoder.name, stage.encoder.revision) for name, stage in recipe.stages.items()}
    return {name: shapes[encoder] for name, encoder in named.items() if encoder in shapes}


def _missing_gpu(recipe: Recipe, node: Node, slot_gb: float) -> Iterator[Missing]:
    if node.gpu_problem is not None and not node.gpus:
        yield Missing(f"GPU: {node.gpu_problem[0]}", node.gpu_problem[1])
    elif all(each.name == TINY for each in encoders_of(recipe)) or (node.slots and node.gpus):
        return
    elif node.gpus:
        sizes = ", ".join(f"{gpu.name} ({gpu.total_gb:.1f} GB)" for gpu in node.gpus)
        yield Missing(f"GPU: none holds a slot of {slot_gb:g} GB: {sizes}", "Give a smaller slot with --slot-gb.")
    else:
        yield Missing(
            "GPU: this machine shows none; a pretrained encoder takes many hours a fold on a CPU",
            "Search on a machine with a GPU or on a cluster (--address, docs/cluster.md), or use --encoder tiny.",
        )


def _missing_store(store: str) -> Iterator[Missing]:
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
        yield Missing(f"store: {store} cannot be written: {problem}", "Give another folder or URL with --store.")
