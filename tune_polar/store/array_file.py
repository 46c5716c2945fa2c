"""The bytes of a safetensors file, array by array: the library's own ``save`` holds the whole file twice."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from types import MappingProxyType

import numpy as np
from safetensors.numpy import save

from tune_polar.store.training_facts import Array

# numpy's names of what the library knows, in the order in which it lays tensors out: the widest first.
TYPES: Mapping[str, str] = MappingProxyType(
    {
        "<u8": "U64",
        "<i8": "I64",
        "<f8": "F64",
        "<f4": "F32",
        "<u4": "U32",
        "<i4": "I32",
        "<f2": "F16",
        "<u2": "U16",
        "<i2": "I16",
        "|i1": "I8",
        "|u1": "U8",
        "|b1": "BOOL",
    }
)
_PLACES = {name: place for place, name in enumerate(TYPES)}
_ALIGNMENT = 8  # bytes; the header ends in blanks


class ArrayParts:
    """The very bytes of ``safetensors.numpy.save(arrays, {"record": record})``, one array after the other.

    Each pass asks ``arrays`` for one array at a time, so that a mapping that makes them as they are asked for is never
    in memory whole.
    """

    def __init__(self, arrays: Mapping[str, Array], record: str) -> None:
        """``arrays``: of the types in ``TYPES``, and the same on every pass."""
        self._arrays = arrays
        about = {name: kind_of(arrays, name) for name in arrays}
        self._names = sorted(arrays, key=lambda name: (_PLACES[about[name][0].str], name))
        header: dict[str, object] = {"__metadata__": {"record": record}}
        end = 0
        for name in self._names:
            dtype, shape = about[name]
            begin, end = end, end + dtype.itemsize * int(np.prod(shape, dtype=np.int64))
            header[name] = {"dtype": TYPES[dtype.str], "shape": list(shape), "data_offsets": [begin, end]}
        text = json.dumps(header, ensure_ascii=False, separators=(",", ":")).encode()
        text += b" " * (-len(text) % _ALIGNMENT)
        self._head = len(text).to_bytes(8, "little") + text
        self._size = len(self._head) + end

    def __len__(self) -> int:
        """Bytes of the whole file."""
        return self._size

    def __iter__(self) -> Iterator[bytes | memoryview]:
        """The header, then each array's bytes as they lie."""
        yield self._head
        for name in self._names:
            yield bytes_of(self._arrays[name])


def bytes_of(array: Array) -> memoryview:
    """An array's bytes in order of its rows, without a copy where they lie so."""
    return np.asarray(array, order="C").reshape(-1).view(np.uint8).data


def kind_of(arrays: Mapping[str, Array], name: str) -> tuple[np.dtype, tuple[int, ...]]:
    """Type and shape of one array; a mapping with a ``kind`` of its own is not made to read the array for it."""
    own = getattr(arrays, "kind", None)
    if own is not None:
        found: tuple[np.dtype, tuple[int, ...]] = own(name)
        return found
    array = np.asarray(arrays[name])
    return array.dtype, array.shape


def file_of_arrays(arrays: Mapping[str, Array], record: str) -> bytes:
    """The same in one piece, for small files."""
    if any(array.dtype.str not in TYPES for array in arrays.values()):  # rare, or refused in the library's words
        return save(dict(arrays), metadata={"record": record})
    return b"".join(ArrayParts(arrays, record))
