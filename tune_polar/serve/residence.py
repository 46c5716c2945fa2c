"""Where the models of several folds are while texts pass: on the device, else in memory, else in their files."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

import torch

from tune_polar.errors import ModelError
from tune_polar.trial.error_verdict import verdict
from tune_polar.trial.inference import TrainedStage

SHARE = 0.6  # of what is free, that all models may take; activations and tokens need some too
FITS = 0.95  # of what is free, that one may: batches are made as small as they have to be
GB = 2**30


class Residence:
    """Models by their keys, moved to the device when they are asked for."""

    def __init__(
        self, load: Callable[[str], TrainedStage], keys: Sequence[str], device: torch.device, *, falls_back: bool
    ) -> None:
        """Read nothing yet.

        Args:
            load: a model from its file, on the CPU.
            keys: all, in the order in which they are asked for.
            device: where they compute.
            falls_back: whether they compute on the CPU where the device has no room for one of them.
        """
        self._load = load
        self._keys = list(keys)
        self._device, self._falls_back = device, falls_back
        self._kept: dict[str, TrainedStage] = {}
        self._there: str | None = None  # the one on the device, where not all are
        self._all_there = self._all_kept = False

    @property
    def stay(self) -> bool:
        """Whether no model has to be read from its file again."""
        return self._all_there or self._all_kept

    def prepare(self) -> str | None:
        """Load what stays; a sentence where that is not everything on the device.

        Raises:
            ModelError: the device has no room for one of them.
        """
        first = self._load(self._keys[0])
        size = first.weight_bytes * len(self._keys)  # stages of one recipe differ little in size
        moved = self._moved_to_cpu(first)
        on_gpu = self._device.type == "cuda"
        self._all_there = size <= SHARE * _free_bytes(self._device)
        self._all_kept = self._all_there or size <= SHARE * _free_bytes(torch.device("cpu"))
        kept = self._keys if self.stay else self._keys[:1]
        for key in kept:
            self._kept[key] = first if key == self._keys[0] else self._load(key)
            if self._all_there:
                self._put(self._kept[key])
        if self._all_there:
            return moved
        where = "in memory and go to the GPU" if self._all_kept and on_gpu else "in their files and are read"
        return (
            f"{f'{moved} ' if moved else ''}The {len(self._keys)} models take {size / GB:.1f} GB, more than "
            f"{'the GPU' if on_gpu else 'memory'} has free for them: they stay {where} one after the other."
        )

    def _moved_to_cpu(self, first: TrainedStage) -> str | None:
        """A sentence where the CPU takes the device's place."""
        free = _free_bytes(self._device)
        if not self._falls_back or self._device.type != "cuda" or first.weight_bytes <= FITS * free:
            return None
        self._device = torch.device("cpu")
        return (
            f"A model takes {first.weight_bytes / GB:.1f} GB and the GPU has {free / GB:.1f} GB free: "
            "the CPU computes in its place; --device cuda insists."
        )

    def _put(self, stage: TrainedStage) -> None:
        with told_in_words(self._device):
            stage.to(self._device)

    def get(self, key: str) -> TrainedStage:
        """A model on the device; it stays there until another one is asked for, or for good where all fit.

        Raises:
            ModelError: the device has no room for it.
        """
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
        self._put(self._kept[key])
        self._there = key
        return self._kept[key]


@contextmanager
def told_in_words(device: torch.device) -> Iterator[None]:
    """Where memory ends, that is said of the device and not of a line of torch's.

    Raises:
        ModelError: it has ended.
    """
    try:
        yield
    except RuntimeError as error:
        if verdict(error) != "memory":
            raise
        raise ModelError(
            f"a model and one text must fit into the memory of {device}, which has {_free_bytes(device) / GB:.1f} GB "
            f"free, but: {str(error).splitlines()[0]}",
            "End other programs that hold its memory (`nvidia-smi` names them), or give --device cpu.",
        ) from error


def _free_bytes(device: torch.device) -> int:
    if device.type == "cuda":
        return int(torch.cuda.mem_get_info(device)[0])
    try:
        return os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (OSError, ValueError):  # not told: as on macOS
        return 8 * GB
