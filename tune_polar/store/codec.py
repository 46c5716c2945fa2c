"""Bytes of a record and back: JSON in an envelope with its hash, arrays as safetensors. Nothing is ever unpickled."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from typing import Any

import numpy as np
from safetensors import SafetensorError
from safetensors.numpy import load as load_arrays

from tune_polar.recipe.configuration import canonical_json
from tune_polar.store.array_file import ArrayParts, bytes_of, file_of_arrays, kind_of
from tune_polar.store.training_facts import Array

FORMAT = 3
_LINES = re.compile(rb'\{"format":%d,"sha256":"(?P<sha256>[0-9a-f]{64})","body":\n(?P<body>\{[^\n]*\})\n\}\n' % FORMAT)


class DamagedRecordError(ValueError):
    """The bytes are not what was written. The file is set aside and its work done again."""


class OtherFormatError(ValueError):
    """The file is whole, and of a format that this version does not read."""

    remedy = ""


class NewerFormatError(OtherFormatError):
    """The file was written by a later version. Upgrade to read it."""

    remedy = "Upgrade tune-polar."


class OlderFormatError(OtherFormatError):
    """The file was written by a version before this one. Search anew."""

    remedy = "Search anew with this version, or read it with the one that made it."


def encode_json(body: Mapping[str, object], *, indented: bool = False) -> bytes:
    """``body`` with format and content hash around it.

    ``indented``: for people, and read a few times as slowly; otherwise the body stands on a line of its own in the very
    spelling that is hashed, so that reading it takes no second spelling.
    """
    text = canonical_json(body)
    sha256 = _hash_text(FORMAT, text)
    if indented:
        envelope = {"format": FORMAT, "sha256": sha256, "body": json.loads(text)}
        return (json.dumps(envelope, ensure_ascii=False, indent=1, allow_nan=False) + "\n").encode()
    return f'{{"format":{FORMAT},"sha256":"{sha256}","body":\n{text}\n}}\n'.encode()


def decode_json(content: bytes) -> dict[str, Any]:
    """The body of an envelope, whoever has formatted it since.

    Raises:
        DamagedRecordError: not an envelope, or its content hash does not fit.
        OtherFormatError: whole, but of a format that this version does not read.
    """
    text = decode_text(content)
    try:
        body: dict[str, Any] = json.loads(text, parse_constant=_no_number)
    except (ValueError, RecursionError) as error:  # whoever wrote it has hashed what is no JSON
        raise DamagedRecordError(f"not a record: {error}") from None
    return body


def _no_number(word: str) -> float:
    raise ValueError(f"{word} is no number")


def decode_text(content: bytes) -> str | bytes:
    """The same as JSON, for whoever parses it next."""
    text = _hashed_text(content)
    return _canonical_text(content) if text is None else text


def _hashed_text(content: bytes) -> bytes | None:
    """The body as it was hashed, or None where the file is formatted in another way, newer or damaged."""
    found = _LINES.fullmatch(content)
    if found is None or hashlib.sha256(b"%d\n%b" % (FORMAT, found["body"])).hexdigest().encode() != found["sha256"]:
        return None
    return found["body"]


def _canonical_text(content: bytes) -> str:
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
    if type(version) is int and version < FORMAT:
        raise OlderFormatError(f"made by format {version} of tune-polar, this version reads format {FORMAT} alone")
    if type(version) is not int or version != FORMAT:
        raise NewerFormatError(f"format {version}, this version reads format {FORMAT} alone")
    if not isinstance(body, dict):
        raise DamagedRecordError("it holds no record")
    return text


def encode_arrays(header: Mapping[str, object], arrays: Mapping[str, Array]) -> bytes:
    """One safetensors file whose metadata holds the header in its envelope, with a hash over the arrays."""
    contiguous = {name: np.asarray(array, order="C") for name, array in sorted(arrays.items())}
    body = {"header": dict(header), "arrays_sha256": _hash_arrays(contiguous)}
    # Indented, as ever: scores that are kept name the hash of gold's bytes, and a hash of arrays costs more anyway.
    return file_of_arrays(contiguous, encode_json(body, indented=True).decode())


def array_parts(header: Mapping[str, object], arrays: Mapping[str, Array]) -> ArrayParts:
    """The file of ``encode_arrays``, for arrays too large to be in memory twice; ``StoredArrays`` reads it.

    Args:
        header: of the record.
        arrays: each is asked for twice, once for the hash and once for the file, and may be made only then.
    """
    body = {"header": dict(header), "arrays_sha256": _hash_arrays(arrays)}
    return ArrayParts(arrays, encode_json(body, indented=True).decode())


def decode_arrays(content: bytes) -> tuple[dict[str, Any], dict[str, Array]]:
    """Header and arrays of ``encode_arrays``.

    Raises:
        DamagedRecordError: torn, truncated or altered.
        OtherFormatError: whole, but of a format that this version does not read.
    """
    body = decode_json(_metadata(content).encode())
    try:
        arrays = dict(sorted(load_arrays(content).items()))  # the library gives them in another order every time
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


def first_line(name: str, dtype: np.dtype, shape: tuple[int, ...]) -> bytes:
    """What is hashed of an array before its bytes."""
    return f"{name} {dtype.str} {shape}\n".encode()


def _hash_arrays(arrays: Mapping[str, Array]) -> str:
    digest = hashlib.sha256()
    for name in sorted(arrays):
        digest.update(first_line(name, *kind_of(arrays, name)))
        digest.update(bytes_of(arrays[name]))
    return digest.hexdigest()
