"""The calls of torch that take or tell a device, over tensors of the CPU that may lie on a card."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.utils._device import _device_constructors

from tests.stand_in.board import Board
from tests.stand_in.driver import Driver
from tests.stand_in.ops import board_of, settle

_CPU = torch.device("cpu")
_LIKE = tuple(f"{kind}_like" for kind in ("empty", "full", "ones", "rand", "randint", "randn", "zeros"))
_NEW = tuple(f"new_{kind}" for kind in ("empty", "empty_strided", "full", "ones", "zeros"))
_C: Any = torch._C.TensorBase
_Call = Callable[..., Any]


def calls_of_torch(driver: Driver) -> dict[str, Any]:
    """What replaces functions of ``torch``: name → function."""
    # Asked before any is replaced: torch keeps this set, and compares functions with it.
    named = {func.__name__: func for func in _device_constructors()} | {"normal": torch.normal}
    makers = {name: func for name, func in named.items() if getattr(torch, name, None) is func}
    calls = {name: _making(driver, func) for name, func in makers.items()}
    calls |= {name: _making(driver, getattr(torch, name), like_input=True) for name in _LIKE}
    return calls | {name: _wrapping(driver, makers[name]) for name in ("as_tensor", "asarray")}


def calls_of_tensor(driver: Driver) -> dict[str, Any]:
    """What replaces methods and properties of ``torch.Tensor``: name → method or property."""

    def to(tensor: Tensor, *args: Any, **kwargs: Any) -> Tensor:
        wanted = args[0] if args else kwargs.get("device", kwargs.get("other"))
        if not isinstance(wanted, (str, int, torch.device, Tensor)):
            return _C.to(tensor, *args, **kwargs)
        target = board_of(wanted) if isinstance(wanted, Tensor) else driver.board(wanted)
        if target is None and board_of(tensor) is None:
            return _C.to(tensor, *args, **kwargs)
        options = (_like_other if isinstance(wanted, Tensor) else _there)(*args, **kwargs)
        if target is None and not isinstance(wanted, Tensor):
            options["device"] = wanted  # the CPU, or meta
        return move(driver, tensor, target, **options)

    def cuda(tensor: Tensor, device: Any = None, non_blocking: bool = False, **kwargs: Any) -> Tensor:
        device = torch.device("cuda") if device is None else device
        return move(driver, tensor, driver.board(device), non_blocking=non_blocking, **kwargs)

    def cpu(tensor: Tensor, **kwargs: Any) -> Tensor:
        return _C.cpu(tensor, **kwargs) if board_of(tensor) is None else move(driver, tensor, None, **kwargs)

    def numpy(tensor: Tensor, *, force: bool = False) -> Any:
        board = board_of(tensor)
        if board is not None and not force:
            raise TypeError(
                f"can't convert {board.device} device type tensor to numpy. Use Tensor.cpu() to copy the tensor to "
                "host memory first."
            )
        return _C.numpy(tensor if board is None else cpu(tensor.detach()), force=force)

    def new_tensor(tensor: Tensor, data: Any, **kwargs: Any) -> Tensor:
        return _making(driver, functools.partial(_C.new_tensor, tensor))(data, **{"device": tensor.device} | kwargs)

    calls: dict[str, Any] = {name: _making(driver, getattr(_C, name), like_input=True) for name in _NEW}
    return calls | {
        "to": to,
        "cuda": cuda,
        "cpu": cpu,
        "numpy": numpy,
        "new_tensor": new_tensor,
        "type_as": lambda tensor, other: tensor.to(other),
        "device": property(lambda self: _C.device.__get__(self) if (b := board_of(self)) is None else b.device),
        "is_cuda": property(lambda self: board_of(self) is not None),
        "is_cpu": property(lambda self: _C.is_cpu.__get__(self) and board_of(self) is None),
        "get_device": lambda self: _C.get_device(self) if (b := board_of(self)) is None else b.index,
    }


def move(driver: Driver, tensor: Tensor, target: Board | None, **options: Any) -> Tensor:
    """``tensor`` on ``target``, itself where it lies there; its gradient goes back to where it came from."""
    if board_of(tensor) is target:
        return _placed(driver, target, _C.to, tensor, **{"device": _CPU} | options)
    options |= {"copy": True}
    if tensor.requires_grad and torch.is_grad_enabled():
        return _Moved.apply(driver, tensor, target, options)
    return _placed(driver, target, _C.to, tensor, **{"device": _CPU} | options)


class _Moved(torch.autograd.Function):
    """torch's own would leave the gradient where it is: to it there is one device."""

    @staticmethod
    def forward(ctx: Any, driver: Driver, tensor: Tensor, target: Board | None, options: dict[str, Any]) -> Tensor:
        ctx.driver, ctx.source, ctx.dtype = driver, board_of(tensor), tensor.dtype
        return move(driver, tensor.detach(), target, **options)

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> Any:
        return None, move(ctx.driver, grads[0], ctx.source, dtype=ctx.dtype), None, None


def _placed(driver: Driver, target: Board | None, func: _Call, *args: Any, **kwargs: Any) -> Any:
    """``func``, with what it makes on ``target``."""
    local = driver.local
    before, local.destination = local.destination, target
    try:
        return func(*args, **kwargs)
    finally:
        local.destination = before


def _making(driver: Driver, func: _Call, *, like_input: bool = False) -> _Call:
    @functools.wraps(func)
    def make(*args: Any, **kwargs: Any) -> Any:
        device = kwargs.get("device")
        if device is None and like_input:
            return func(*args, **kwargs)
        target = driver.board(device)
        if target is None:
            return _placed(driver, None, func, *args, **kwargs)
        made = _placed(driver, target, func, *args, **kwargs | {"device": _CPU})
        if isinstance(made, Tensor):
            settle(made, target)  # torch.tensor fills its tensor where no operation is seen
        return made

    return make


def _wrapping(driver: Driver, func: _Call) -> _Call:
    @functools.wraps(func)
    def wrap(*args: Any, device: Any = None, **kwargs: Any) -> Any:
        made = _placed(driver, None, func, *args, **kwargs)
        return made if device is None else made.to(device)  # never on a card in the memory it was given

    return wrap


def _there(
    device: Any = None, dtype: Any = None, non_blocking: bool = False, copy: bool = False, **kwargs: Any
) -> dict[str, Any]:
    return {"dtype": dtype, "non_blocking": non_blocking, "copy": copy} | kwargs


def _like_other(other: Tensor, non_blocking: bool = False, copy: bool = False, **kwargs: Any) -> dict[str, Any]:
    return {"dtype": other.dtype, "non_blocking": non_blocking, "copy": copy} | kwargs
