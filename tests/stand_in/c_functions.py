"""Functions of ``torch._C`` that a build for CUDA has, and autocast's, over the pretended driver."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from types import SimpleNamespace
from typing import Any

import torch
from torch import Tensor

from tests.stand_in.board import Board
from tests.stand_in.cards import properties
from tests.stand_in.driver import Driver, accelerator_error

ARCHITECTURES = "sm_75 sm_80 sm_86 sm_90 sm_100 sm_120"  # of torch's own builds for CUDA 13.0


def cuda_functions(driver: Driver) -> dict[str, Any]:
    """What ``torch._C`` is given: name → function."""
    local = driver.local

    def board(index: int) -> Board:
        driver.check()
        if not 0 <= index < len(driver.boards):
            raise accelerator_error(101, "invalid device ordinal")
        return driver.boards[index]

    def init() -> None:
        if not driver.boards:
            raise RuntimeError(driver.why_none)
        torch.cuda.default_generators = tuple(each.generator for each in driver.boards)

    def exchange(index: int) -> int:
        before = local.device
        if index >= 0:
            local.device = board(index).index
        return before

    def on_board(use: Callable[[Board], Any]) -> Callable[..., Any]:
        return lambda index=None, *_: use(board(local.device if index is None else index))

    def on_all(use: Callable[[Board], Any]) -> Callable[..., Any]:
        def call(*_: Any) -> None:
            driver.check()
            for each in driver.boards:
                use(each)

        return call

    def drop_workspace(each: Board) -> None:
        each.workspace = None

    def set_fraction(fraction: float, index: int) -> None:
        board(index).fraction = fraction

    stream = SimpleNamespace(is_capturing=lambda: False, synchronize=on_board(Board.touch), stream_id=0)
    return {
        "_has_cuda": True,
        "_cuda_getDeviceCount": lambda: len(driver.boards),
        "_cuda_init": init,
        "_cuda_getArchFlags": lambda: ARCHITECTURES,
        "_cuda_getDevice": lambda: local.device,
        "_cuda_setDevice": exchange,
        "_cuda_exchangeDevice": exchange,
        "_cuda_maybeExchangeDevice": exchange,
        "_cuda_synchronize": on_board(Board.touch),
        "_cuda_memoryStats": lambda index: driver.boards[index].stats(),
        "_cuda_resetPeakMemoryStats": lambda index: driver.boards[index].reset_peak(),
        "_cuda_resetAccumulatedMemoryStats": lambda index: None,
        "_cuda_emptyCache": on_all(Board.empty_cache),
        "_cuda_setMemoryFraction": set_fraction,
        "_cuda_getMemoryFraction": lambda index: board(index).fraction,
        "_cuda_clearCublasWorkspaces": on_all(drop_workspace),
        "_cuda_canDeviceAccessPeer": lambda *_: False,
        "_cuda_ipc_collect": lambda: None,
        "_cuda_hasPrimaryContext": lambda index: driver.boards[index].context > 0,
        "_cuda_getAllocatorBackend": lambda: "native",
        "_cuda_isInBadFork": lambda: False,
        "_cuda_isCurrentStreamCapturing": lambda: False,
        "_cuda_getCurrentRawStream": lambda index: 0,
        "_accelerator_getAccelerator": lambda: torch.device("cuda"),
        "_accelerator_getDeviceIndex": lambda: local.device,
        "_accelerator_setDeviceIndex": exchange,
        "_accelerator_exchangeDevice": exchange,
        "_accelerator_maybeExchangeDevice": exchange,
        "_accelerator_synchronizeDevice": on_board(Board.touch),
        "_accelerator_getStream": lambda *_: stream,
        "_group_tensors_by_device_and_dtype": _grouped,
    }


def cuda_module(driver: Driver, functions: dict[str, Any]) -> dict[str, Any]:
    """What ``torch.cuda`` took from ``torch._C`` as it was loaded, and its state before CUDA is initialised."""

    def memory(index: int) -> tuple[int, int]:
        driver.check()
        board = driver.boards[index]
        board.touch()
        return board.free, board.total

    return {
        "_initialized": False,
        "_cached_device_count": None,
        "default_generators": (),
        "_queued_calls": list(torch.cuda._queued_calls),
        "_cudart": SimpleNamespace(cudaMemGetInfo=memory, cudaError=SimpleNamespace(success=0)),
        "_exchange_device": functions["_cuda_exchangeDevice"],
        "_maybe_exchange_device": functions["_cuda_maybeExchangeDevice"],
        "_get_device_properties": lambda index: properties(driver.boards[index].card),
        "_raw_device_count_nvml": lambda: -1,
        "_raw_device_uuid_nvml": lambda: None,
    }


def autocast_functions(driver: Driver) -> dict[str, Any]:
    """What ``torch`` is given: autocast of "cuda" lowers what the CPU computes, and each device keeps its setting."""
    local = driver.local
    is_enabled, dtype_of = torch.is_autocast_enabled, torch.get_autocast_dtype
    set_enabled, set_dtype = torch.set_autocast_enabled, torch.set_autocast_dtype
    kept = {"cuda": "autocast_cuda", "cpu": "autocast_cpu"}

    def setting(device: str) -> tuple[bool, torch.dtype]:
        return getattr(local, kept[device]) if device in kept else (is_enabled(device), dtype_of(device))

    def change(device: str, enabled: bool, dtype: torch.dtype) -> None:
        if device not in kept:
            set_enabled(device, enabled)
            set_dtype(device, dtype)
            return
        setattr(local, kept[device], (enabled, dtype))
        in_force = local.autocast_cuda if local.autocast_cuda[0] else local.autocast_cpu
        set_enabled("cpu", in_force[0])
        set_dtype("cpu", in_force[1])

    def enable(*args: Any) -> None:
        device, enabled = args if len(args) == 2 else ("cuda", *args)
        change(device, enabled, setting(device)[1])

    return {
        "is_autocast_enabled": lambda device="cuda": setting(device)[0],
        "get_autocast_dtype": lambda device: setting(device)[1],
        "get_autocast_gpu_dtype": lambda: setting("cuda")[1],
        "set_autocast_enabled": enable,
        "set_autocast_dtype": lambda device, dtype: change(device, setting(device)[0], dtype),
        "set_autocast_gpu_dtype": lambda dtype: change("cuda", setting("cuda")[0], dtype),
    }


def _grouped(lists: Sequence[Sequence[Tensor | None]], with_indices: bool = False) -> dict[Any, Any]:
    groups: dict[Any, tuple[list[list[Tensor | None]], list[int]]] = {}
    for place, row in enumerate(itertools.zip_longest(*lists)):
        first = row[0]
        if first is None:
            raise RuntimeError("the first list of tensors to group must have no None")
        tensors, indices = groups.setdefault((first.device, first.dtype), ([[] for _ in lists], []))
        for group, given, tensor in zip(tensors, lists, row, strict=True):
            if len(given) > 0:
                group.append(tensor)
        if with_indices:
            indices.append(place)
    return groups
