"""Arrays of a large safetensors file, read one by one as they are asked for: the file is never in memory whole."""

from __future__ import annotations

import hashlib
import json
import os
import weakref
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from tune_polar.errors import StoreError
from tune_polar.store.array_file import TYPES
from tune_polar.store.codec import DamagedRecordError, decode_json, first_line
from tune_polar.store.training_facts import Array

_MOST_HEADER_BYTES = 100_000_000  # the library's own limit
_PIECE_BYTES = 2**24
_DTYPES = {name: np.dtype(own) for own, name in TYPES.items()}


class StoredArrays(Mapping[str, Array]):
    """By name, each read anew from the file whenever it is asked for; the file stays readable if its name is removed.

    Example:
        >>> weights = store.weights(key)
        >>> weights.kind("head.weight")
        (dtype('float32'), (5, 768))
    """

    def __init__(self, file: int) -> None:
        """Take over an open file's descriptor, and check the arrays' hash piece by piece.

        Raises:
            DamagedRecordError: torn, truncated or altered; the descriptor is closed.
            OtherFormatError: whole, but of a format that this version does not read; the same.
        """
        self._file = file
        self._close = weakref.finalize(self, os.close, file)
        try:
            about, self._start = _header(file)
            self._places = _places(about, os.fstat(file).st_size - self._start)
            body = decode_json(_record(about).encode())
            self.header: dict[str, Any] = body["header"]
            if not isinstance(self.header, dict):
                raise DamagedRecordError("its header holds no record")
            if self._hash() != body["arrays_sha256"]:
                raise DamagedRecordError("its arrays' hash does not fit")
        except (KeyError, TypeError, ValueError) as error:
            self._close()
            if isinstance(error, DamagedRecordError) or hasattr(error, "remedy"):
                raise
            raise DamagedRecordError(f"not a record: {error}") from None

    def __getitem__(self, name: str) -> Array:
        dtype, shape, begin = self._places[name]
        array: Array = np.empty(shape, dtype)
        into, at = array.reshape(-1).view(np.uint8).data, self._start + begin
        while len(into):
            read = os.preadv(self._file, [into[:_PIECE_BYTES]], at)
            if read == 0:
                raise StoreError(f"{name} must be whole, but its file has become shorter", "Run the command again.")
            into, at = into[read:], at + read
        return array

    def __iter__(self) -> Iterator[str]:
        return iter(sorted(self._places))

    def __len__(self) -> int:
        return len(self._places)

    def kind(self, name: str) -> tuple[np.dtype, tuple[int, ...]]:
        """Type and shape of an array, which is not read for it."""
        dtype, shape, _ = self._places[name]
        return dtype, shape

    def _hash(self) -> str:
        digest = hashlib.sha256()
        piece = bytearray(_PIECE_BYTES)
        for name in self:
            dtype, shape, begin = self._places[name]
            digest.update(first_line(name, dtype, shape))
            at, left = self._start + begin, _bytes(dtype, shape)
            while left:
                read = os.preadv(self._file, [memoryview(piece)[: min(left, _PIECE_BYTES)]], at)
                if read == 0:
                    raise DamagedRecordError("it ends too soon")
                digest.update(memoryview(piece)[:read])
                at, left = at + read, left - read
        return digest.hexdigest()


def _header(file: int) -> tuple[dict[str, Any], int]:
    """What the file says of its arrays, and where they begin."""
    length = int.from_bytes(os.pread(file, 8, 0), "little")
    if length > min(_MOST_HEADER_BYTES, os.fstat(file).st_size - 8):
        raise DamagedRecordError("its header is longer than the file")
    try:
        about = json.loads(os.pread(file, length, 8))
    except (ValueError, RecursionError) as error:
        raise DamagedRecordError(f"not a record: {error}") from None
    if not isinstance(about, dict):
        raise DamagedRecordError("not a record: its header is no mapping")
    return about, 8 + length


def _record(about: Mapping[str, Any]) -> str:
    record = about["__metadata__"]["record"]
    if not isinstance(record, str):
        raise DamagedRecordError("not a record: its metadata is no text")
    return record


def _places(about: Mapping[str, Any], size: int) -> dict[str, tuple[np.dtype, tuple[int, ...], int]]:
    """Type, shape and begin of each array; together they must fill the file without gap or overlap."""
    found: dict[str, tuple[np.dtype, tuple[int, ...], int]] = {}
    spans: list[tuple[int, int]] = []
    for name, each in about.items():
        if name == "__metadata__":
            continue
        dtype, shape, (begin, end) = _DTYPES[each["dtype"]], each["shape"], each["data_offsets"]
        if not all(type(number) is int and number >= 0 for number in (*shape, begin, end)):
            raise DamagedRecordError(f"not a record: {name} has no shape or place")
        if end - begin != _bytes(dtype, shape):
            raise DamagedRecordError(f"not a record: {name} has other bytes than its shape")
        found[name] = dtype, tuple(shape), begin
        spans.append((begin, end))
    at = 0
    for begin, end in sorted(spans):
        if begin != at:
            raise DamagedRecordError("not a record: its arrays leave gaps or overlap")
        at = end
    if at != size:
        raise DamagedRecordError("not a record: its arrays end elsewhere than the file")
    return found


def _bytes(dtype: np.dtype, shape: tuple[int, ...] | list[int]) -> int:
    count = dtype.itemsize
    for number in shape:
        count *= number
    return count
