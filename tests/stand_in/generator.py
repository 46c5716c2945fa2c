"""A card's random numbers: seed and offset as on a card, and drawn from a CPU generator that both of them seed."""

from __future__ import annotations

import secrets
import struct
import weakref
from collections.abc import Callable
from typing import Any

import torch

_DEFAULT_SEED = 67280421310721  # of all of torch's generators
_STATE = struct.Struct("<Qq")
_OFFSET = 4  # of one operation; on a card it is what a thread of the kernel draws


# C++ hands on what lies underneath, in a Python object of its own.
_KNOWN: weakref.WeakValueDictionary[int, CardGenerator] = weakref.WeakValueDictionary()


class CardGenerator(torch._C.Generator):
    """Underneath a CPU generator, which is seeded anew for each operation."""

    index: int

    def __new__(cls, index: int) -> CardGenerator:
        made = super().__new__(cls, "cpu")
        made.index = index
        _KNOWN[made._cdata] = made
        return made.manual_seed(_DEFAULT_SEED)

    @property
    def device(self) -> torch.device:
        return torch.device("cuda", self.index)

    def manual_seed(self, seed: int) -> CardGenerator:
        self._seed, self._offset = seed % 2**64, 0
        return self

    def seed(self) -> int:
        return self.manual_seed(secrets.randbits(53)).initial_seed()

    def initial_seed(self) -> int:
        return self._seed

    def get_offset(self) -> int:
        return self._offset

    def set_offset(self, offset: int) -> None:
        self._offset = offset

    def get_state(self) -> torch.Tensor:
        return torch.frombuffer(bytearray(_STATE.pack(self._seed, self._offset)), dtype=torch.uint8)

    def set_state(self, state: torch.Tensor) -> None:
        if state.dtype != torch.uint8 or state.device.type != "cpu":
            raise TypeError(f"expected a torch.ByteTensor with a strided layout on CPU, but got {state.type()}")
        if state.numel() != _STATE.size:
            raise RuntimeError("RNG state is wrong size")
        self._seed, self._offset = _STATE.unpack(bytes(state.tolist()))

    def draw(self, func: Callable[..., Any], args: Any, kwargs: dict[str, Any]) -> Any:
        """The operation, with the numbers that come next on this card."""
        given = kwargs.get("generator")
        source = self if given is None else _KNOWN.get(given._cdata)
        if source is None:
            raise RuntimeError("Expected a 'cuda' device type for generator but found 'cpu'")
        seed = hash((source._seed, source._offset)) % 2**63  # of two integers, so the same in every process
        source._offset += _OFFSET
        if given is not None:
            given.manual_seed(seed)
            return func(*args, **kwargs)
        shared = torch.default_generator  # few operations take another one
        before = shared.get_state()
        shared.manual_seed(seed)
        try:
            return func(*args, **kwargs)
        finally:
            shared.set_state(before)


def generators(index_of: Callable[[Any], int | None]) -> type:
    """What ``torch.Generator`` becomes: it makes a card's generator for a device that ``index_of`` knows."""

    class AnyGenerator(type(torch._C.Generator)):
        def __instancecheck__(cls, thing: object) -> bool:
            return isinstance(thing, torch._C.Generator)

    class Generator(torch._C.Generator, metaclass=AnyGenerator):
        def __new__(cls, device: Any = "cpu") -> torch._C.Generator:
            index = index_of(device)
            return torch._C.Generator(device) if index is None else CardGenerator(index)

    return Generator
