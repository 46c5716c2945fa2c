"""Bytes, trees of JSON and whole records, changed at random."""

from __future__ import annotations

import random

from tune_polar.store.codec import decode_arrays, decode_json, encode_arrays, encode_json

WORDS = [
    b"\x00",
    b"\xff\xfe",
    b"NaN",
    b"-Infinity",
    b"1e999",
    b"null",
    b"[]",
    b"{}",
    b"\x1b]52;c;AA\x07",
    b"../../x",
    b"-1",
]
VALUES: list[object] = [
    None,
    True,
    -1,
    0,
    1,
    2**63,
    1e308,
    float("nan"),
    "",
    "x" * 5000,
    [],
    {},
    [[]],
    "../..",
    "\x1b[2J",
    0.5,
    "0",
]


def changed_bytes(rng: random.Random, content: bytes) -> bytes:
    """Bits, cuts, repetitions and foreign words."""
    data = bytearray(content)
    for _ in range(rng.choice([1, 1, 2, 5])):
        at = rng.randrange(len(data) + 1)
        how = rng.randrange(6)
        if how == 0 and data:
            data[at % len(data)] ^= 1 << rng.randrange(8)
        elif how == 1:
            data = data[:at]
        elif how == 2:
            data[at:at] = rng.choice(WORDS)
        elif how == 3:
            end = at + rng.randrange(200)
            data[at:at] = data[at:end]
        elif how == 4:
            del data[at : at + rng.randrange(1, 200)]
        else:
            data[at : at + 8] = rng.randbytes(8)
    return bytes(data)


def changed_value(rng: random.Random, value: object, depth: int = 0) -> object:
    """One place in a tree of JSON holds something else."""
    if isinstance(value, dict) and value and (depth < 1 or rng.random() < 0.85):
        key = rng.choice(sorted(value))
        if rng.random() < 0.1:
            return {name: each for name, each in value.items() if name != key}
        if rng.random() < 0.1:
            return {**value, rng.choice(["more", "", key + " ", "__class__"]): value[key]}
        return {**value, key: changed_value(rng, value[key], depth + 1)}
    if isinstance(value, list) and value and rng.random() < 0.85:
        at = rng.randrange(len(value))
        return [*value[:at], changed_value(rng, value[at], depth + 1), *value[at + 1 :]]
    return rng.choice(VALUES)


def changed_record(rng: random.Random, content: bytes) -> bytes:
    """A record with another body and a hash that fits it, as whoever means harm would write it."""
    try:
        if content[:1] == b"{":
            body = changed_value(rng, decode_json(content))
            return encode_json(body)  # type: ignore[arg-type]
        header, arrays = decode_arrays(content)
        name = rng.choice(sorted(arrays))
        how = rng.randrange(5)
        if how == 0:
            header = changed_value(rng, header)  # type: ignore[assignment]
        elif how == 1:
            arrays[name] = arrays[name][: rng.randrange(len(arrays[name]) + 1)]
        elif how == 2:
            arrays[rng.choice([name + "x", "validation/probability", "gold/train/x", ""])] = arrays.pop(name)
        elif how == 3:
            arrays[name] = arrays[name].astype(rng.choice(["f4", "i8", "u1", "f8"]))
        else:
            flat = arrays[name].copy()
            if flat.size:
                flat.reshape(-1)[rng.randrange(flat.size)] = rng.choice(
                    [0, 1, 7, -1 if flat.dtype.kind != "u" else 200]
                )
            arrays[name] = flat
        return encode_arrays(header, arrays)
    except (ValueError, TypeError, OverflowError, KeyError):
        return changed_bytes(rng, content)
