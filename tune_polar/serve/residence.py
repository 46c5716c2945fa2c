"""Where the models of several folds are while texts pass: on the device, else in memory, else in their files."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence

import torch

from tune_polar.trial.inference import TrainedStage

SHARE = 0.6  # of what is free; activations and tokens need some too
GB = 2**30


class Residence:
    """Models by their keys, moved to the device when they are asked for."""

    def __init__(self, load: Callable[[str], TrainedStage], keys: Sequence[str], device: torch.device) -> None:
        """``load``: a model from its file, on the CPU; ``keys``: all, in the order in which they are asked for."""
        self._load = load
        self._keys = list(keys)
        self._device = device
        self._kept: dict[str, TrainedStage] = {}
        self._there: str | None = None  # the one on the device, where not all are
        self._all_there = self._all_kept = False

    @property
    def stay(self) -> bool:
        """Whether no model has to be read from its file again."""
        return self._all_there or self._all_kept

    def prepare(self) -> str | None:
        """Load what stays; a sentence where that is not everything on the device."""
        first = self._load(self._keys[0])
        size = first.weight_bytes * len(self._keys)  # stages of one recipe differ little in size
        on_gpu = self._device.type == "cuda"
        self._all_there = size <= SHARE * _free_bytes(self._device)
        self._all_kept = self._all_there or size <= SHARE * _free_bytes(torch.device("cpu"))
        kept = self._keys if self.stay else self._keys[:1]
        for key in kept:
            self._kept[key] = first if key == self._keys[0] else self._load(key)
            if self._all_there:
                self._kept[key].to(self._device)
        if self._all_there:
            return None
        where = "in memory and go to the GPU" if self._all_kept and on_gpu else "in their files and are read"
        return (
            f"The {len(self._keys)} models take {size / GB:.1f} GB, more than "
            f"{'the GPU' if on_gpu else 'memory'} has free for them: they stay {where} one after the other."
        )

    def get(self, key: str) -> TrainedStage:
        """A model on the device; it stays there until another one is asked for, or for good where all fit."""
        if not self._kept and not self.stay:
            self.prepare()
        if self._all_there:
            return self._kept[key]
        if self._there is not None and self._there != key:
            left = self._kept[self._there]
            left.to(torch.device("cpu"))
            if not self._all_kept:
                del self._kept[self._there]
        if key not in self._kept:
            self._kept.clear()
            self._kept[key] = self._load(key)
        self._kept[key].to(self._device)
        self._there = key
        return self._kept[key]


def _free_bytes(device: torch.device) -> int:
    if device.type == "cuda":
        return int(torch.cuda.mem_get_info(device)[0])
    try:
        return os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (OSError, ValueError):  # not told: as on macOS
        return 8 * GB
