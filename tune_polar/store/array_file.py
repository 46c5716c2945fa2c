"""The bytes of a safetensors file, put together once: the library's own ``save`` holds the whole file twice."""

from __future__ import annotations

import json
from collections.abc import Mapping
from types import MappingProxyType

from safetensors.numpy import save

from tune_polar.store.record import Array

# numpy's names of what the library knows, in the order in which it lays tensors out: the widest first.
_TYPES: Mapping[str, str] = MappingProxyType(
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
_PLACES = {name: place for place, name in enumerate(_TYPES)}
_ALIGNMENT = 8  # bytes; the header ends in blanks


def file_of_arrays(arrays: Mapping[str, Array], record: str) -> bytes:
    """The very bytes of ``safetensors.numpy.save(arrays, {"record": record})``; arrays must be C-contiguous."""
    if any(array.dtype.str not in _TYPES for array in arrays.values()):  # rare, or refused in the library's words
        return save(dict(arrays), metadata={"record": record})
    names = sorted(arrays, key=lambda name: (_PLACES[arrays[name].dtype.str], name))
    about: dict[str, object] = {"__metadata__": {"record": record}}
    end = 0
    for name in names:
        array = arrays[name]
        begin, end = end, end + array.nbytes
        about[name] = {"dtype": _TYPES[array.dtype.str], "shape": list(array.shape), "data_offsets": [begin, end]}
    header = json.dumps(about, ensure_ascii=False, separators=(",", ":")).encode()
    header += b" " * (-len(header) % _ALIGNMENT)
    parts = [arrays[name].reshape(-1).view("u1").data for name in names]  # their bytes as they lie: joined, copied once
    return b"".join((len(header).to_bytes(8, "little"), header, *parts))
