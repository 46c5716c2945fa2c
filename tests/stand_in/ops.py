"""Sees every aten operation: what it makes lies on the card its inputs lie on, and counts there."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode

from tests.stand_in.board import Block, Board
from tests.stand_in.driver import UNSET, Driver

# C++ makes tensors of its own for an operation on a card, and on the CPU nothing tells them from a CPU's. They are
# nobody's until they meet a tensor of a card. A call in Python is told apart: it says where its tensor shall lie.
NOBODYS = Block(None, 0)
_CROSSING = {"aten::copy_", "aten::_to_copy"}
_INDEXING = {f"aten::{name}" for name in ("index", "_unsafe_index", "index_put", "index_put_", "_index_put_impl_")}
_PRODUCTS = {f"aten::{name}" for name in ("mm", "addmm", "bmm", "baddbmm", "mv", "addmv")}


def block_of(tensor: Tensor) -> Block | None:
    """What the tensor's storage holds on a card."""
    try:
        return tensor.untyped_storage().stand_in_block
    except (RuntimeError, NotImplementedError):  # it has no storage, as a sparse one
        return None


def board_of(tensor: Tensor) -> Board | None:
    """The card that the tensor lies on; None: the CPU."""
    block = block_of(tensor)
    return None if block is None else block.board


def place(tensor: Tensor, block: Block) -> None:
    """Write on the tensor's storage what it holds."""
    tensor.untyped_storage().stand_in_block = block


def settle(tensor: Tensor, board: Board) -> None:
    """Have the tensor lie on ``board``, if it lies on no card."""
    if board_of(tensor) is None:
        place(tensor, board.allocate(tensor.untyped_storage().nbytes()))


class _About(NamedTuple):
    is_random: bool
    crosses: bool
    is_copy: bool
    indexes: bool
    writes_first: bool
    is_product: bool


class Watch(TorchDispatchMode):
    """Of one thread."""

    def __init__(self, driver: Driver) -> None:
        super().__init__()
        self._driver, self._local = driver, driver.local
        self._known: dict[Any, _About] = {}

    @classmethod
    def _should_skip_dynamo(cls) -> bool:
        return False  # to be skipped, torch's compiler would be loaded first: seconds in every process

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: dict[str, Any] | None = None) -> Any:
        kwargs = kwargs or {}
        boards: list[Board] = []
        on_cpu: list[Tensor] = []
        nobodys: list[Tensor] = []
        for value in (*args, *kwargs.values()) if kwargs else args:
            if isinstance(value, Tensor):
                tensors: Sequence[Any] = (value,)
            elif isinstance(value, (list, tuple)):
                tensors = value
            else:
                continue
            for tensor in tensors:
                if isinstance(tensor, Tensor):
                    block = block_of(tensor)
                    if block is None:
                        on_cpu.append(tensor)
                    elif block.board is None:
                        nobodys.append(tensor)
                    elif block.board not in boards:
                        boards.append(block.board)
        wanted = self._local.destination
        if not boards and not isinstance(wanted, Board):
            made = func(*args, **kwargs)
            if wanted is UNSET and (nobodys or not on_cpu):
                for tensor in _tensors(made):
                    if block_of(tensor) is None and tensor.layout is torch.strided:
                        place(tensor, NOBODYS)
            return made
        return self._on_card(func, args, kwargs, boards, on_cpu, nobodys)

    def _on_card(
        self,
        func: Any,
        args: Any,
        kwargs: dict[str, Any],
        boards: list[Board],
        on_cpu: list[Tensor],
        nobodys: list[Tensor],
    ) -> Any:
        about = self._known.get(func) or self._look_at(func)
        wanted = self._local.destination
        target: Any = boards[0] if wanted is UNSET else wanted
        board: Board = boards[0] if boards else target
        self._driver.begin(board)
        if not about.crosses and boards:
            _check_devices(about, args, boards, on_cpu)
            for tensor in nobodys:
                settle(tensor, board)
        if about.is_product:
            board.use_workspace()
        if about.is_random and target is not None:
            made = target.generator.draw(func, args, kwargs)
        else:
            made = func(*args, **kwargs)
        if target is not None and not about.is_copy:
            for tensor in _tensors(made):
                if block_of(tensor) in (None, NOBODYS):
                    settle(tensor, target)
        return made

    def _look_at(self, func: Any) -> _About:
        name = func._schema.name
        self._known[func] = about = _About(
            is_random=torch.Tag.nondeterministic_seeded in func.tags,
            crosses=name in _CROSSING,
            is_copy=name == "aten::copy_",
            indexes=name in _INDEXING,
            writes_first=func._schema.is_mutable,
            is_product=name in _PRODUCTS,
        )
        return about


def _check_devices(about: _About, args: Any, boards: list[Board], on_cpu: list[Tensor]) -> None:
    """CUDA lets a kernel read a number from the CPU, and an index; nothing else, and no other card."""
    strange: Any = boards[1].device if len(boards) > 1 else None
    first = args[0] if args else None
    if about.indexes:
        if any(tensor is first for tensor in on_cpu):
            raise RuntimeError("indices should be either on cpu or on the same device as the indexed tensor (cpu)")
        on_cpu = [tensor for tensor in on_cpu if len(args) > 2 and tensor is args[2]]
    if any(tensor.dim() > 0 or (about.writes_first and tensor is first) for tensor in on_cpu):
        strange = "cpu"
    if strange is not None:
        raise RuntimeError(
            "Expected all tensors to be on the same device, but found at least two devices, "
            f"{boards[0].device} and {strange}!"
        )


def _tensors(made: Any) -> list[Tensor]:
    if isinstance(made, Tensor):
        return [made]
    return [each for each in made if isinstance(each, Tensor)] if isinstance(made, (list, tuple)) else []
