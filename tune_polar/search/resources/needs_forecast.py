"""What a search will need of memory, disk and time, by count and from earlier records: `search` and `doctor` use it.

Nothing is invented: hours come from records of the same recipe and encoders, or are unknown until the first fold.
"""

from __future__ import annotations

import json
import os
import shutil
import statistics
from collections.abc import Hashable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from tune_polar.errors import SearchError, TunePolarError
from tune_polar.model.encoder_shape import EncoderShape
from tune_polar.model.footprint import FLOAT, GB
from tune_polar.model.host_footprint import host_peak_bytes, pretrained_bytes
from tune_polar.recipe.clustering import clustering_encoder
from tune_polar.recipe.recipe import Recipe
from tune_polar.recipe.sections import TINY
from tune_polar.search.resources.encoder_sizes import Shapes, encoders_of, find_encoder, known_shapes
from tune_polar.search.resources.lacking import Missing
from tune_polar.search.resources.stage_forecasts import own_parameters, stage_load, trained_adapter
from tune_polar.store.store import MANIFEST, open_store
from tune_polar.trial.checkpoint_metric import LAST
from tune_polar.trial.encoder_identities import weights_read
from tune_polar.trial.gpus import Bits
from tune_polar.trial.memory_plan import plan_memory

DISK_SHARE = 3  # of what is free, one part may be taken by weights and checkpoints
_PROCESS_BYTES = 512 * 2**20  # of a worker with its libraries and texts, before it has an encoder
_DRIVER_BYTES = 2**30  # of the driver and Ray
_STORES_LOOKED_AT = 5  # of a folder of searches, the newest


@dataclass(frozen=True)
class FoldNeeds:
    """Of one fold trial at the most. Bytes."""

    weights: int  # of all stages, as they are kept
    checkpoint: int  # the largest stage's
    host: int  # of the machine's own memory

    @property
    def disk(self) -> int:
        """While it runs: a checkpoint is whole before the one before is gone."""
        return self.weights + 2 * self.checkpoint


@dataclass(frozen=True)
class SearchNeeds:
    """Of a search. Bytes and seconds."""

    fold: FoldNeeds | None  # None: an encoder's sizes are not known
    slots: int
    disk_free: int | None  # where the store lies; None: a bucket
    disk_budget: int | None  # for weights and checkpoints; None: without end
    is_told: bool  # whether somebody has said so
    disk_peak: int | None  # of weights and checkpoints; None: not known
    disk_end: int | None
    host_peak: int | None  # of all slots of this machine; None: not known, or a cluster's
    host_there: int | None
    fold_seconds: float | None  # from earlier records; None: unknown
    seconds: float | None  # of the whole search, if nothing ends sooner

    def missing(self) -> Iterator[Missing]:
        """What does not fit."""
        if self.fold is None:
            return
        # A share that nobody has asked for yields to what must be written.
        budget = self.disk_budget if self.is_told else None
        there = [size for size in (self.disk_free, budget) if size is not None]
        if there and min(there) < self.slots * self.fold.disk:
            yield Missing(
                f"disk: weights and checkpoints of {self.slots} fold trial{'s' * (self.slots != 1)} at once take "
                f"{_gb(self.slots * self.fold.disk)}, and there are {_gb(min(there))} for them",
                "Give a larger --disk-gb, fewer --slots, or a --store on a disk with more room.",
            )
        if self.host_peak is not None and self.host_there is not None and self.host_peak > self.host_there:
            yield Missing(
                f"memory: {_slots(self.slots)} {_gb(self.host_peak)} of this machine's own "
                f"memory, and it has {_gb(self.host_there)}",
                "Give fewer --slots, a smaller encoder, or smaller batches.",
            )

    def check(self) -> None:
        """Refuse what cannot fit.

        Raises:
            SearchError: it does not.
        """
        for each in self.missing():
            raise SearchError(f"a search must fit its machine. {each.what}", each.remedy)

    def words(self) -> list[str]:
        """For people, each part of it."""
        found = []
        if self.host_peak is not None and self.host_there is not None:
            found.append(f"memory at most {_gb(self.host_peak)} of {_gb(self.host_there)}")
        if self.disk_peak is not None and self.disk_end is not None:
            of = "" if self.disk_budget is None else f" (--disk-gb {self.disk_budget / GB:.3g})"
            found.append(f"disk at most {_gb(self.disk_peak)}, {_gb(self.disk_end)} at the end{of}")
        if self.seconds is None:
            found.append("hours unknown until the first fold")
        else:
            found.append(f"at most {self.seconds / 3600:.1f} hours by the folds of earlier records")
        return found


@dataclass(frozen=True)
class Scale:
    """How much is to be trained, and what is kept of it."""

    configurations: int
    cells: int  # of each
    slots: int
    keep_weights: int = 1
    checkpoints: bool = True


def search_needs(
    scale: Scale,
    fold: FoldNeeds | None,
    *,
    disk_free: int | None,
    disk_budget: int | None,
    host_there: int | None,
    fold_seconds: float | None,
    share_left: float = 1.0,
    is_told: bool = True,
) -> SearchNeeds:
    """What a search of ``scale`` needs.

    Args:
        scale: of it.
        fold: of one fold trial; None: not known.
        disk_free: where the store lies, in bytes; None: a bucket.
        disk_budget: for weights and checkpoints, in bytes; None: without end.
        host_there: this machine's memory, in bytes; None: not known, or the slots are a cluster's.
        fold_seconds: of one fold trial, from earlier records; None: unknown.
        share_left: of all fold trials, to train.
        is_told: whether ``disk_budget`` is what somebody has asked for.
    """
    peak = end = host = None
    if fold is not None:
        running = scale.slots * (fold.disk if scale.checkpoints else fold.weights)
        best = min(scale.keep_weights, scale.configurations) * scale.cells * fold.weights
        open_ones = min(scale.slots, scale.configurations) * scale.cells * fold.weights
        peak, end = running + best + open_ones, best
        if disk_budget is not None:
            peak, end = min(peak, max(disk_budget, running)), min(end, disk_budget)
        host = scale.slots * fold.host + _DRIVER_BYTES if host_there is not None else None
    seconds = None
    if fold_seconds is not None:
        seconds = fold_seconds * share_left * scale.configurations * scale.cells / scale.slots
    fold = fold if scale.checkpoints or fold is None else FoldNeeds(fold.weights, 0, fold.host)
    disk = disk_free, disk_budget, is_told, peak, end
    return SearchNeeds(fold, scale.slots, *disk, host, host_there, fold_seconds, seconds)


def fold_needs(
    recipe: Recipe, shapes: Shapes, *, on_cpu: bool, slot_bytes: int | None, auto: Bits = "bf16"
) -> FoldNeeds | None:
    """Of one fold trial; None: the sizes of an encoder are not known.

    Args:
        recipe: the recipe.
        shapes: of encoders, by name and revision.
        on_cpu: whether it is trained on CPUs.
        slot_bytes: of a GPU that a slot offers; None: no limit.
        auto: the bits that the device computes fastest in.
    """
    if not {(each.name, each.revision) for each in encoders_of(recipe)} <= shapes.keys():
        return None
    weights, checkpoints = [], []
    peaks: list[tuple[Hashable, int]] = []  # each with the encoder that it counts
    held: dict[Hashable, int] = {}  # of each encoder that a worker has
    for stage in recipe.stages.values():
        shape = shapes[stage.encoder.name, stage.encoder.revision]
        frozen = 0 if stage.encoder.name == TINY else _frozen(shape, stage.encoder.frozen_layers)
        beside = trained_adapter(stage, shape) + own_parameters(recipe.data, stage, shape.hidden)
        is_base = stage.encoder.adapter is not None
        trained = FLOAT * (beside if is_base else shape.parameters - frozen + beside)
        keeps_best = stage.keep != LAST
        kept_whole = is_base and stage.encoder.name == TINY  # whose base is of the fold's own texts
        weights.append(trained + (FLOAT * shape.parameters if kept_whole else 0))
        checkpoints.append(trained * (3 + keeps_best))  # AdamW has two moments
        load = stage_load(recipe.data, stage, shape, "fp32" if on_cpu else auto)
        rung = plan_memory(load, None if on_cpu else slot_bytes).rung
        peak = host_peak_bytes(load, rung.rows, rung.recompute, on_cpu=on_cpu, keeps_best=keeps_best)
        if stage.encoder.quantize is not None:  # packed matrix by matrix, from weights as they are stored
            peak = max(peak, shape.stored_bytes * shape.parameters)
        peaks.append((weights_read(stage.encoder), peak))
        if stage.encoder.name != TINY:  # of which each stage draws its own
            held[weights_read(stage.encoder)] = pretrained_bytes(load)
        clustering = clustering_encoder(stage)
        if clustering is not None and clustering.name != TINY:
            held[weights_read(clustering)] = FLOAT * shapes[clustering.name, clustering.revision].parameters
    host = max(peak + sum(size for key, size in held.items() if key != own) for own, peak in peaks)
    return FoldNeeds(sum(weights), max(checkpoints), _PROCESS_BYTES + host)


def shapes_of(recipe: Recipe) -> Shapes:
    """Of the encoders whose sizes are known without asking anyone, by name and revision."""
    return known_shapes(find_encoder(each, lambda: None) for each in encoders_of(recipe))


def free_bytes(place: str) -> int | None:
    """Free where a store lies or would lie; None: a bucket, which has no end."""
    if "://" in place:
        return None
    above = Path(place).absolute()
    while not above.exists():
        above = above.parent
    return shutil.disk_usage(above).free


def disk_budget(place: str, disk_gb: float | None, taken: int = 0) -> int | None:
    """Bytes for weights and checkpoints: as told, else a third of what is free; None: a bucket, without end.

    ``taken``: by those that are there already, which counts as free.
    """
    if disk_gb is not None:
        return int(disk_gb * GB)
    free = free_bytes(place)
    return None if free is None else (free + taken) // DISK_SHARE


def recorded_seconds(place: str, recipe: Recipe) -> float | None:
    """Seconds of a fold trial by the records at ``place``, a store or a folder of stores; None: none are of this kind.

    The median of the newest store whose recipe and encoders have these names; folds that reused a stage do not count.
    """
    wanted = recipe.recipe, [stage.encoder.name for stage in recipe.stages.values()]
    for store in _stores_at(place):
        with suppress(TunePolarError, KeyError, TypeError, ValueError, OSError):
            opened = open_store(store, to_look=True)
            then = opened.manifest()["recipe"]
            if (then["recipe"], [stage["encoder"]["name"] for stage in then["stages"].values()]) == wanted:
                seconds = [fold.seconds for fold in opened.folds() if not fold.reused]
                if seconds:
                    return statistics.median(seconds)
    return None


def as_json(needs: SearchNeeds) -> dict[str, object]:
    """Plain data, in bytes and seconds."""
    about: dict[str, object] = json.loads(json.dumps(needs, default=vars))
    return about


def _stores_at(place: str) -> list[Path]:
    if "://" in place or not os.path.isdir(place):
        return []
    if (Path(place) / MANIFEST).is_file():
        return [Path(place)]
    with suppress(OSError):
        found = [each for each in Path(place).iterdir() if (each / MANIFEST).is_file()]
        return sorted(found, key=lambda each: (each / MANIFEST).stat().st_mtime, reverse=True)[:_STORES_LOOKED_AT]
    return []


def _frozen(shape: EncoderShape, layers: int) -> int:
    if layers == 0:
        return 0
    one = shape.linear_parameters // shape.layers + 9 * shape.hidden + shape.intermediate
    return shape.parameters - (shape.layers - layers) * one


def _gb(size: int) -> str:
    return f"{size / GB:.2f} GB" if size >= GB / 10 else f"{size / 2**20:.2f} MB"


def _slots(count: int) -> str:
    return "1 slot takes" if count == 1 else f"{count} slots take"
