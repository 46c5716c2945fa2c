"""The pretended driver of one process: its cards, the device in force, and errors that a test has asked for."""

from __future__ import annotations

import os
import threading
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import torch

from tests.stand_in.board import Board
from tests.stand_in.cards import Card, visible

Kind = Literal["out_of_memory", "accelerator", "sticky", "cublas"]

_TOO_OLD = (
    "The NVIDIA driver on your system is too old (found version {}). Please update your GPU driver by downloading and "
    "installing a new version from the URL: http://www.nvidia.com/Download/index.aspx Alternatively, go to: "
    "https://pytorch.org to install a PyTorch version that has been compiled with your version of the CUDA driver."
)
_HINT = "\nCUDA kernel errors might be asynchronously reported at some other API call, so the stacktrace below might be"
_ACCELERATOR = {"accelerator": (2, "out of memory"), "sticky": (700, "an illegal memory access was encountered")}
UNSET = object()


@dataclass
class _Planned:
    kind: Kind
    is_due: Callable[[], bool]
    once: Path | None  # made by the first process that raises it, where several have the same plan


class Local(threading.local):
    """What CUDA and torch keep for each thread."""

    device = 0
    destination: object = UNSET  # where a call that names a device puts what it makes: a board, or None for the CPU
    is_watched = False  # whether its operations are seen
    autocast_cuda: tuple[bool, torch.dtype] = (False, torch.float16)
    autocast_cpu: tuple[bool, torch.dtype] = (False, torch.bfloat16)


@dataclass(eq=False)
class Driver:
    """What a test sees of it: ``boards``, ``ops`` and ``steps`` counted so far, and ``fail``."""

    cards: Sequence[Card]
    too_old: int | None = None  # the driver's version, if torch needs a newer one
    hip: str | None = None  # the version of ROCm, in place of CUDA
    ops: int = 0  # on a card
    steps: int = 0  # of optimizers
    local: Local = field(default_factory=Local)
    watch: Callable[[], None] = lambda: None  # makes this thread's operations seen
    _boards: list[Board] | None = None
    _planned: list[_Planned] = field(default_factory=list)
    _is_broken: bool = False

    def fail(
        self,
        kind: Kind = "out_of_memory",
        *,
        at_op: int = 1,
        at_step: int = 0,
        when: Callable[[], bool] | None = None,
        once: Path | str | None = None,
    ) -> None:
        """Raise an error of ``kind`` once, at the first operation on a card where all that is asked for holds.

        Args:
            kind: "out_of_memory": torch.OutOfMemoryError; "accelerator": torch.AcceleratorError "CUDA error: out of
                memory"; "sticky": one after which every use of a card fails the same way; "cublas": a RuntimeError.
            at_op: the earliest such operation from now on, counted from 1.
            at_step: optimizer steps from now on that are done before.
            when: asked at every operation.
            once: a file that the error makes; where it lies already, nothing is raised.
        """
        op, step = self.ops + at_op, self.steps + at_step

        def is_due() -> bool:
            return self.ops >= op and self.steps >= step and (when is None or when())

        self._planned.append(_Planned(kind, is_due, None if once is None else Path(once)))

    def begin(self, board: Board) -> None:
        """Another operation on ``board``; raises what is due."""
        if self._is_broken:
            self.check()
        self.ops += 1
        if not self._planned:
            return
        for planned in [each for each in self._planned if each.is_due()]:
            self._planned.remove(planned)
            if planned.once is None or _made(planned.once):
                self._raise(planned.kind, board)

    def check(self) -> None:
        """Any other use of a card: after a sticky error it fails as well."""
        if self._is_broken:
            self._raise("sticky", self.boards[0])

    def _raise(self, kind: Kind, board: Board) -> None:
        if kind == "out_of_memory":
            raise board.out_of_memory(2 * 2**20)
        if kind == "cublas":
            raise RuntimeError("CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`")
        self._is_broken = kind == "sticky"
        raise accelerator_error(*_ACCELERATOR[kind])

    @property
    def boards(self) -> list[Board]:
        """The cards this process sees; which, is settled when it first asks."""
        if self._boards is None:
            names = os.environ.get("CUDA_VISIBLE_DEVICES")
            if self.hip is not None:
                names = os.environ.get("HIP_VISIBLE_DEVICES", names)
            seen = visible(self.cards, names)
            if self.too_old is not None:
                seen = []
                warnings.warn(
                    f"CUDA initialization: {self.why_none} (Triggered internally at "
                    "/pytorch/c10/cuda/CUDAFunctions.cpp:119.)",
                    stacklevel=3,
                )
            self._boards = [Board(index, card) for index, card in enumerate(seen)]
        return self._boards

    @property
    def why_none(self) -> str:
        """What CUDA says where it finds no card."""
        return "No CUDA GPUs are available" if self.too_old is None else _TOO_OLD.format(self.too_old)

    def board(self, device: Any) -> Board | None:
        """The card that ``device`` names, with CUDA initialised; None: another device, or no device at all."""
        if isinstance(device, str):
            device = torch.device(device)
        index = device
        if isinstance(device, torch.device):
            if device.type != "cuda":
                return None
            index = self.local.device if device.index is None else device.index
        elif not isinstance(device, int):
            return None
        torch.cuda._lazy_init()
        self.watch()
        if not 0 <= index < len(self.boards):
            raise accelerator_error(101, "invalid device ordinal")
        return self.boards[index]


def accelerator_error(code: int, words: str) -> Exception:
    """What C++ raises for an error of CUDA."""
    error: Any = torch.AcceleratorError(f"CUDA error: {words}{_HINT} incorrect.")
    error.error_code = code
    return error


def _made(path: Path) -> bool:
    try:
        path.touch(exist_ok=False)
    except FileExistsError:
        return False
    return True
