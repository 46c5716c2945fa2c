"""Puts the stand-in into this process, and takes it out again."""

from __future__ import annotations

import contextlib
import copy
import importlib
import sys
import threading
from collections.abc import Iterator, Mapping
from typing import Any

import torch
from torch.optim.optimizer import register_optimizer_step_post_hook

from tests.stand_in.c_functions import autocast_functions, cuda_functions, cuda_module
from tests.stand_in.cards import Card
from tests.stand_in.driver import Driver
from tests.stand_in.generator import generators
from tests.stand_in.ops import Watch
from tests.stand_in.tensors import calls_of_tensor, calls_of_torch

_MISSING = object()


@contextlib.contextmanager
def pretended_cards(*cards: Card, too_old: int | None = None, hip: str | None = None) -> Iterator[Driver]:
    """A machine with these cards, until the end.

    Args:
        cards: of the machine; CUDA_VISIBLE_DEVICES chooses among them when the first is looked for.
        too_old: the version of a driver that torch finds too old, such as 11040.
        hip: the version of ROCm, such as "6.3": the cards are AMD's.
    """
    with contextlib.ExitStack() as undo:
        yield install(Driver(cards, too_old, hip), undo)


def install(driver: Driver, undo: contextlib.ExitStack) -> Driver:
    """Put ``driver`` in place; ``undo`` takes it out."""
    if torch.version.cuda is not None or torch.version.hip is not None:
        raise RuntimeError(f"the stand-in needs a torch that is built for the CPU, got {torch.__version__}")
    functions = cuda_functions(driver)
    version = {"cuda": None, "hip": driver.hip} if driver.hip is not None else {"cuda": "13.0", "hip": None}
    capturing = {"_cuda_isCurrentStreamCapturing": functions["_cuda_isCurrentStreamCapturing"]}
    calls = calls_of_torch(driver) | autocast_functions(driver)
    of_tensor, of_cuda = calls_of_tensor(driver), cuda_module(driver, functions)
    _replace(undo, torch._C, functions)
    _replace(undo, torch.cuda, of_cuda | {"_lazy_seed_tracker": copy.copy(torch.cuda._lazy_seed_tracker)})
    _replace(undo, torch.cuda.graphs, capturing)
    _replace(undo, torch.version, version)
    _replace(undo, torch.UntypedStorage, {"stand_in_block": None})
    _replace(undo, torch, calls | {"Generator": generators(lambda device: _index(driver, device))})
    _replace(undo, torch.Tensor, of_tensor)
    undo.callback(_forget)
    undo.callback(register_optimizer_step_post_hook(lambda *_: _count(driver)).remove)
    _watch_threads(driver, undo)
    return driver


def _replace(undo: contextlib.ExitStack, owner: Any, new: Mapping[str, Any]) -> None:
    for name, value in new.items():
        before = vars(owner).get(name, _MISSING)
        setattr(owner, name, value)
        if before is _MISSING:
            undo.callback(delattr, owner, name)
        else:
            undo.callback(setattr, owner, name, before)


def _watch_threads(driver: Driver, undo: contextlib.ExitStack) -> None:
    """Operations of this thread, of those that will be started, and of those that name a CUDA device."""

    def watch() -> None:
        if not driver.local.is_watched:
            driver.local.is_watched = True
            Watch(driver).__enter__()

    start: Any = threading.Thread._bootstrap_inner

    def watched_start(thread: threading.Thread) -> None:
        watch()
        start(thread)

    _replace(undo, threading.Thread, {"_bootstrap_inner": watched_start})
    undo.enter_context(Watch(driver))
    driver.local.is_watched = True
    driver.watch = watch


def _index(driver: Driver, device: Any) -> int | None:
    board = driver.board(device)
    return None if board is None else board.index


def _count(driver: Driver) -> None:
    driver.steps += 1


def _forget() -> None:
    """What torch has kept of the cards."""
    torch.cuda._check_bf16_tensor_supported.cache_clear()
    if "torch.utils.checkpoint" in sys.modules:
        importlib.import_module("torch.utils.checkpoint").DefaultDeviceType._default_device_type = None
