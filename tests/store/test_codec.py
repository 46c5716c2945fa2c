"""Bytes of a record: what was written is read, and anything else is seen for what it is."""

from __future__ import annotations

import hashlib
import json
import os
import pickle
import tracemalloc
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tune_polar.store import codec
from tune_polar.store.codec import (
    DamagedRecordError,
    NewerFormatError,
    OlderFormatError,
    decode_arrays,
    decode_json,
    decode_text,
    encode_arrays,
    encode_json,
)
from tune_polar.store.records import FoldRecord

BODY = {"a": 1, "b": [1.5, None, True, "ξ\n\x00"], "c": {"d": "e"}}
ARRAYS = {"x": np.arange(6, dtype=np.int32).reshape(2, 3), "y": np.array([0.5, -1], dtype=np.float32)}


def same(first: tuple[dict, dict], second: tuple[dict, dict]) -> bool:
    return first[0] == second[0] and all(
        np.array_equal(first[1][k], second[1][k]) and first[1][k].dtype == second[1][k].dtype
        for k in set(first[1]) | set(second[1])
    )


def test_what_was_written_is_read():
    assert decode_json(encode_json(BODY)) == BODY
    header, arrays = decode_arrays(encode_arrays(BODY, ARRAYS))
    assert same((header, arrays), (BODY, ARRAYS))


def test_arrays_come_in_the_order_of_their_names():
    arrays = {name: np.zeros(1, dtype=np.uint8) for name in "qwertyuiopasdfghjkl"}
    assert list(decode_arrays(encode_arrays({}, arrays))[1]) == sorted(arrays)


def test_equal_content_has_equal_bytes():
    assert encode_json(dict(reversed(BODY.items()))) == encode_json(BODY)
    assert encode_arrays(BODY, dict(reversed(ARRAYS.items()))) == encode_arrays(BODY, ARRAYS)


def reformatted(content: bytes, **how: object) -> bytes:
    return json.dumps(json.loads(content), **how).encode()


@pytest.mark.parametrize("how", [{"indent": 1}, {"indent": 4, "ensure_ascii": False}, {"sort_keys": True}])
def test_whoever_has_formatted_a_file_it_says_the_same(how):
    for content in (reformatted(encode_json(BODY), **how), encode_json(BODY, indented=True)):
        assert decode_json(content) == BODY
        assert json.loads(decode_text(content)) == BODY
    changed = reformatted(encode_json(BODY), **how).replace(b'"e"', b'"f"')
    with pytest.raises(DamagedRecordError, match="hash does not fit"):
        decode_json(changed)


def test_a_body_is_read_as_it_was_hashed():
    """Ten thousand configurations' records are read without spelling each of them out again."""
    content = encode_json(BODY)
    assert decode_text(content) == content.split(b"\n")[1]


@pytest.mark.parametrize("body", [b"{}{}", b"{nothing}", b'{"a":\xff}', b'{"a":' * 50_000 + b"{}" + b"}" * 50_000])
def test_a_body_that_is_no_json_is_damaged_however_well_its_hash_fits(body):
    sha256 = hashlib.sha256(b"3\n" + body).hexdigest().encode()
    content = b'{"format":3,"sha256":"' + sha256 + b'","body":\n' + body + b"\n}\n"
    with pytest.raises(DamagedRecordError):
        decode_json(content)
    with pytest.raises(ValueError, match="JSON"):
        FoldRecord.from_text(decode_text(content))


def test_arrays_of_any_layout_and_size():
    arrays = {"empty": np.zeros((0, 3)), "turned": np.arange(6).reshape(2, 3).T, "one": np.array(3, dtype=np.uint8)}
    assert same(decode_arrays(encode_arrays({}, arrays)), ({}, arrays))


@pytest.mark.parametrize("value", [float("nan"), float("inf"), {1, 2}, object()])
def test_what_is_no_json_is_not_written(value):
    with pytest.raises((ValueError, TypeError)):
        encode_json({"a": value})


def test_every_truncation_is_seen():
    content = encode_json(BODY).rstrip()
    for length in range(len(content)):
        with pytest.raises(DamagedRecordError):
            decode_json(content[:length])
    content = encode_arrays(BODY, ARRAYS)
    for length in range(len(content)):
        with pytest.raises(DamagedRecordError):
            decode_arrays(content[:length])


@pytest.mark.parametrize("bit", [0, 1, 4, 7])
def test_every_flipped_bit_is_seen_or_changes_nothing(bit):
    for content, decode, want in (
        (encode_json(BODY), lambda c: (decode_json(c), {}), (BODY, {})),
        (encode_arrays(BODY, ARRAYS), decode_arrays, (BODY, ARRAYS)),
    ):
        seen = 0
        for position in range(len(content)):
            flipped = bytearray(content)
            flipped[position] ^= 1 << bit
            try:
                assert same(decode(bytes(flipped)), want)
            except DamagedRecordError:
                seen += 1
        assert seen > len(content) / 2


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{}",
        b"[]",
        b"null",
        b"1",
        b'"text"',
        b"\xff\xfe\x00",
        b"\x80abc",
        b"{" * 100_000,
        b"[" * 100_000 + b"]" * 100_000,
        b'{"format": 1, "sha256": "x", "body": ' + b'{"a":' * 50_000 + b"1" + b"}" * 50_000 + b"}",
        b'{"format": 1, "sha256": "x", "body": {}}',
        b'{"format": 1, "sha256": "x", "body": {"a": NaN}}',
        b'{"format": 1, "sha256": "x", "body": {"a": Infinity}}',
        b'{"format": NaN, "sha256": "x", "body": {}}',
        b'{"format": [], "sha256": [], "body": {}}',
        b'{"format": 3, "sha256": "x", "body": {}}',
        b'{"format": 1, "sha256": "x", "body": {"a": "\\ud800"}}',
        b'{"format": 1, "sha256": "x", "body": ' + b"9" * 10_000 + b"}",
        b'{"format": 1, "sha256": "x"}',
    ],
)
def test_what_is_no_record_is_damaged(content):
    with pytest.raises(DamagedRecordError):
        decode_json(content)


@settings(deadline=None)
@given(st.binary(max_size=300))
def test_any_bytes_are_damaged_and_nothing_worse(content):
    with pytest.raises(DamagedRecordError):
        decode_json(content)
    with pytest.raises(DamagedRecordError):
        decode_arrays(content)


@settings(deadline=None)
@given(
    st.dictionaries(
        st.text(max_size=8),
        st.recursive(
            st.none() | st.booleans() | st.integers(-(2**60), 2**60) | st.floats(allow_nan=False, allow_infinity=False),
            lambda inner: st.lists(inner, max_size=3),
        ),
        max_size=4,
    )
)
def test_any_plain_data_survives(body):
    assert decode_json(encode_json(body)) == body


@pytest.mark.parametrize(
    ("version", "error", "message"),
    [
        (4, NewerFormatError, "format 4, this version reads format 3 alone"),
        (1, OlderFormatError, "made by format 1 of tune-polar, this version reads format 3 alone"),
        (2, OlderFormatError, "made by format 2 of tune-polar"),
    ],
)
def test_another_format_with_a_fitting_hash_is_known_as_one(monkeypatch, version, error, message):
    monkeypatch.setattr(codec, "FORMAT", version)
    other, other_arrays = encode_json(BODY), encode_arrays(BODY, ARRAYS)
    monkeypatch.undo()
    for decode, content in ((decode_json, other), (decode_text, other), (decode_arrays, other_arrays)):
        with pytest.raises(error, match=message):
            decode(content)


@pytest.mark.parametrize("version", [True, 2.0, "2", None, [2]])
def test_a_format_that_is_no_number_is_never_read(version):
    text = json.dumps(BODY, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    sha256 = hashlib.sha256(f"{version}\n{text}".encode()).hexdigest()
    content = json.dumps({"format": version, "sha256": sha256, "body": BODY}).encode()
    with pytest.raises((NewerFormatError, DamagedRecordError)):
        decode_json(content)


class Touch:
    """Makes a file when it is unpickled."""

    def __init__(self, path: Path) -> None:
        self._path = str(path)

    def __reduce__(self):
        return (os.mkdir, (self._path,))


def test_a_pickle_in_place_of_arrays_is_not_opened(tmp_path):
    witness = tmp_path / "executed"
    content = pickle.dumps(Touch(witness))
    with pytest.raises(DamagedRecordError):
        decode_arrays(content)
    framed = len(content).to_bytes(8, "little") + content
    with pytest.raises(DamagedRecordError):
        decode_arrays(framed)
    assert not witness.exists()


@pytest.mark.parametrize("claim", [10 * 2**30, 2**63, 2**64 - 1])
def test_a_header_that_claims_gigabytes_allocates_none(claim):
    content = claim.to_bytes(8, "little") + b"{}"
    tracemalloc.start()
    with pytest.raises(DamagedRecordError, match="its header is longer than the file"):
        decode_arrays(content)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 1_000_000


@pytest.mark.parametrize(
    "tensor",
    [
        {"dtype": "F32", "shape": [10**10], "data_offsets": [0, 4 * 10**10]},
        {"dtype": "F32", "shape": [2**62, 4], "data_offsets": [0, 8]},
        {"dtype": "F32", "shape": [-1], "data_offsets": [0, 8]},
        {"dtype": "F32", "shape": [2], "data_offsets": [8, 0]},
        {"dtype": "BF16", "shape": [4], "data_offsets": [0, 8]},
        {"dtype": "X9", "shape": [2], "data_offsets": [0, 8]},
        {"dtype": "F32", "shape": "2", "data_offsets": [0, 8]},
        [],
        None,
    ],
)
def test_forged_headers_of_arrays_are_damaged(tensor):
    record = encode_json({"header": {}, "arrays_sha256": "0"}).decode()
    header = json.dumps({"__metadata__": {"record": record}, "x": tensor}).encode()
    with pytest.raises(DamagedRecordError):
        decode_arrays(len(header).to_bytes(8, "little") + header + bytes(8))


@pytest.mark.parametrize("metadata", [None, {}, {"record": 3}, {"record": None}, [], "record"])
def test_arrays_without_a_record_are_damaged(metadata):
    header = json.dumps({"__metadata__": metadata}).encode()
    with pytest.raises(DamagedRecordError):
        decode_arrays(len(header).to_bytes(8, "little") + header)
