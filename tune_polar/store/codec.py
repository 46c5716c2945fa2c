"""Bytes of a record and back: JSON in an envelope with its hash, arrays as safetensors. Nothing is ever unpickled."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any

import numpy as np
from safetensors import SafetensorError
from safetensors.numpy import load as load_arrays
from safetensors.numpy import save as save_arrays

from tune_polar.spec.configuration import canonical_json
from tune_polar.store.record import Array

FORMAT = 1


class DamagedRecordError(ValueError):
    """The bytes are not what was written. The file is set aside and its work done again."""


class NewerFormatError(ValueError):
    """The file was written by a later version. Upgrade to read it."""


def encode_json(body: Mapping[str, object]) -> bytes:
    """``body`` with format and content hash around it, readable by people."""
    text = canonical_json(body)
    envelope = {"format": FORMAT, "sha256": _hash_text(FORMAT, text), "body": json.loads(text)}
    return (json.dumps(envelope, ensure_ascii=False, indent=1, allow_nan=False) + "\n").encode()


def decode_json(content: bytes) -> dict[str, Any]:
    """The body of an envelope.

    Raises:
        DamagedRecordError: not an envelope, or its content hash does not fit.
        NewerFormatError: a format this version does not know.
    """
    return _opened(content)[0]


def decode_text(content: bytes) -> str:
    """The same as canonical JSON, which reading has made anyway, for whoever parses it next."""
    return _opened(content)[1]


def _opened(content: bytes) -> tuple[dict[str, Any], str]:
    try:
        envelope = json.loads(content)
        version, body, sha256 = envelope["format"], envelope["body"], envelope["sha256"]
        text = canonical_json(body)
        fits = _hash_text(version, text) == sha256
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise DamagedRecordError(f"not a record: {error}") from None
    # The hash first: a flipped bit in the format number is damage, not news from a later version.
    if not fits:
        raise DamagedRecordError("its content hash does not fit")
    if not isinstance(version, int) or version > FORMAT:
        raise NewerFormatError(f"format {version}, this version reads up to {FORMAT}")
    if not isinstance(body, dict):
        raise DamagedRecordError("it holds no record")
    return body, text


def encode_arrays(header: Mapping[str, object], arrays: Mapping[str, Array]) -> bytes:
    """One safetensors file whose metadata holds the header in its envelope, with a hash over the arrays."""
    contiguous = {name: np.asarray(array, order="C") for name, array in sorted(arrays.items())}
    body = {"header": dict(header), "arrays_sha256": _hash_arrays(contiguous)}
    return save_arrays(contiguous, metadata={"record": encode_json(body).decode()})


def decode_arrays(content: bytes) -> tuple[dict[str, Any], dict[str, Array]]:
    """Header and arrays of ``encode_arrays``.

    Raises:
        DamagedRecordError: torn, truncated or altered.
        NewerFormatError: a format this version does not know.
    """
    body = decode_json(_metadata(content).encode())
    try:
        arrays = load_arrays(content)
        header, sha256 = body["header"], body["arrays_sha256"]
    except (SafetensorError, KeyError, ValueError, TypeError) as error:
        raise DamagedRecordError(f"not a record: {error}") from None
    if not isinstance(header, dict):
        raise DamagedRecordError("its header holds no record")
    if _hash_arrays(arrays) != sha256:
        raise DamagedRecordError("its arrays' hash does not fit")
    return header, arrays


def _metadata(content: bytes) -> str:
    # safetensors.numpy.load drops the metadata, so the header is read here: 8 bytes of length, then JSON.
    length = int.from_bytes(content[:8], "little")
    if len(content) < 8 or length > len(content) - 8:
        raise DamagedRecordError("its header is longer than the file")
    try:
        record = json.loads(content[8 : 8 + length])["__metadata__"]["record"]
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise DamagedRecordError(f"not a record: {error}") from None
    if not isinstance(record, str):
        raise DamagedRecordError("not a record: its metadata is no text")
    return record


def _hash_text(version: object, body: str) -> str:
    """Hash of format and body; envelope and hash stay the same in every format, so that old versions know new files."""
    return hashlib.sha256(f"{version}\n{body}".encode()).hexdigest()


def _hash_arrays(arrays: Mapping[str, Array]) -> str:
    digest = hashlib.sha256()
    for name in sorted(arrays):
        array = np.asarray(arrays[name], order="C")
        digest.update(f"{name} {array.dtype.str} {array.shape}\n".encode())
        digest.update(array.tobytes())
    return digest.hexdigest()
