"""Stage and fold records: what they hold, that they come back, and what a stranger's file may not hold."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.store.made_recipes import one_vote
from tests.store.made_store import finished_store
from tune_polar.store.codec import decode_arrays, encode_arrays
from tune_polar.store.records import CurvePoint, FoldRecord, MemoryUse, Provenance, StageRecord
from tune_polar.store.store import open_store

ABOUT = Provenance("here", 1, "cpu", "2026-01-02T03:04:05+00:00", {"torch": "2.13"})
ROWS = np.array([2, 5, 9], dtype=np.int32)
TABLES: Mapping[str, np.ndarray] = {
    "neighbours": np.array([[0, 1], [1, 1], [2, 0]], dtype=np.uint8),
    "probability": np.array([[0.0, 1.0], [0.25, 0.5], [0.1, 0.9]], dtype=np.float32),
    "value": np.array([[-1.5], [3.25], [9.0]], dtype=np.float32),
}


def arrays(predicts: str, **others: np.ndarray | None) -> dict[str, np.ndarray]:
    found: dict[str, np.ndarray | None] = {
        "validation/rows": ROWS,
        f"validation/{predicts}": TABLES[predicts],
        "sbic/rows": np.arange(1, dtype=np.int32),
        f"sbic/{predicts}": TABLES[predicts][:1],
        "extra/centers": np.zeros((4, 2), dtype=np.float32),
    }
    changed = found | {name.replace("__", "/"): value for name, value in others.items()}
    return {name: value for name, value in changed.items() if value is not None}


def record(predicts: Any = "probability") -> StageRecord:
    return StageRecord(
        key="a" * 32,
        stage="model",
        fold=1,
        seed=42,
        predicts=predicts,
        keep="macro_f1",
        start="b" * 32,
        best_step=2,
        best_value=0.5,
        steps=4,
        total_steps=8,
        epoch_steps=4,
        stopped="patience",
        curve=(CurvePoint(2, 0.7, 0.5), CurvePoint(4, 0.6, 0.4)),
        seconds=1.5,
        peak_memory_bytes=None,
        provenance=ABOUT,
        memory=MemoryUse(16, 8, False, 100, 1000),
        precision="bf16",
        arrays=arrays(predicts),
    )


@pytest.mark.parametrize("predicts", TABLES)
def test_a_stage_comes_back_from_its_file(predicts: str) -> None:
    written = record(predicts)
    found = StageRecord.from_parts(*decode_arrays(encode_arrays(written.header(), written.arrays)))
    assert found.header() == written.header()
    assert found.arrays.keys() == written.arrays.keys()
    assert sorted(found.splits) == ["sbic", "validation"]
    for split in found.splits:
        np.testing.assert_array_equal(found.rows(split), written.rows(split))
        np.testing.assert_array_equal(found.table(split), written.table(split))
    with pytest.raises(KeyError):
        found.table("dev")


def test_classes_beyond_a_byte_have_two() -> None:
    wide = arrays("neighbours", validation__neighbours=TABLES["neighbours"].astype(np.uint16) + 300)
    assert StageRecord.from_parts(record("neighbours").header(), wide).table("validation").max() == 302


def test_only_optional_parts_may_be_left_out() -> None:
    header = record().header()
    short = {name: value for name, value in header.items() if name not in ("memory", "precision")}
    found = StageRecord.from_parts(short, arrays("probability"))
    assert (found.memory, found.precision) == (None, "fp32")
    for name in set(short):
        with pytest.raises((KeyError, ValueError), match=name if name != "curve" else None):
            StageRecord.from_parts({key: value for key, value in short.items() if key != name}, arrays("probability"))


NAN, INF = float("nan"), float("inf")


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"fold": -1}, "greater than or equal to 0"),
        ({"fold": "1"}, "valid integer"),
        ({"fold": True}, "valid integer"),
        ({"seed": 1.0}, "valid integer"),
        ({"steps": -4}, "greater than or equal to 0"),
        ({"best_value": "0.5"}, "valid number"),
        ({"best_value": NAN}, "finite number"),
        ({"seconds": INF}, "finite number"),
        ({"stage": 3}, "valid string"),
        ({"predicts": "labels"}, "'neighbours', 'probability' or 'value'"),
        ({"precision": "fp8"}, "'fp32', 'bf16' or 'fp16'"),
        ({"start": 5}, "valid string"),
        ({"curve": [[1, 2.0]]}, "shorter"),
        ({"curve": [["1", 2.0, 0.5]]}, "valid integer"),
        ({"provenance": {"host": "x"}}, "Field required"),
        ({"memory": {"batch_rows": 1}}, "Field required"),
    ],
)
def test_headers_of_another_kind_are_refused(changed: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        StageRecord.from_parts(record().header() | changed, arrays("probability"))


TWICE = np.array([2, 5, 5], dtype=np.int32)


@pytest.mark.parametrize(
    ("predicts", "changed", "message"),
    [
        ("value", {"validation__rows": None, "validation__value": None}, "must have predictions for validation"),
        ("value", {"validation__value": None}, r"misses \['validation/value'\]"),
        ("value", {"sbic__rows": None}, r"got \['sbic/value'\] beside them"),
        ("value", {"sbic__value": None}, r"misses \['sbic/value'\]"),
        ("value", {"dev__centers": ROWS}, r"got \['dev/centers'\] beside them"),
        ("value", {"validation__probability": TABLES["probability"]}, "beside them"),
        ("value", {"validation__rows": ROWS.astype(np.int64)}, "each row number once, got .* of int64"),
        ("value", {"validation__rows": ROWS.astype(np.float32)}, "each row number once"),
        ("value", {"validation__rows": ROWS[:, None]}, "each row number once"),
        ("value", {"validation__rows": -ROWS}, "each row number once"),
        ("value", {"validation__rows": TWICE}, "each row number once"),
        ("value", {"validation__value": TABLES["value"][:2]}, r"values for each of 3 rows, got shape \(2, 1\)"),
        ("value", {"validation__value": TABLES["value"][:, 0]}, r"got shape \(3,\)"),
        ("value", {"validation__value": np.zeros((3, 0), np.float32)}, r"got shape \(3, 0\)"),
        ("value", {"validation__value": TABLES["value"].astype(np.float64)}, "be float32, got float64"),
        ("value", {"validation__value": np.full((3, 1), NAN, np.float32)}, "finite numbers"),
        ("value", {"sbic__value": np.full((1, 1), INF, np.float32)}, "finite numbers"),
        ("value", {"extra__centers": np.full((1, 1), NAN, np.float32)}, "extra/centers must hold finite numbers"),
        ("value", {"extra__words": np.array(["a"])}, "extra/words must hold finite numbers"),
        ("probability", {"validation__probability": TABLES["probability"] * 2}, "lie between 0 and 1, got 0.0 to 2.0"),
        ("probability", {"validation__probability": TABLES["probability"] - 1}, "lie between 0 and 1"),
        ("probability", {"validation__probability": np.full((3, 2), NAN, np.float32)}, "lie between 0 and 1"),
        ("neighbours", {"validation__neighbours": TABLES["neighbours"].astype(np.int8)}, "uint8 or uint16, got int8"),
        ("neighbours", {"validation__neighbours": TABLES["probability"]}, "uint8 or uint16, got float32"),
    ],
)
def test_arrays_of_another_kind_are_refused(predicts: str, changed: dict[str, np.ndarray | None], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        StageRecord.from_parts(record(predicts).header(), arrays(predicts, **changed))


FOLD = FoldRecord(
    configuration_id="c" * 12,
    fold=0,
    seed=42,
    stages={"first": "a" * 32, "second": "b" * 32},
    reused=("first",),
    scores={"race": 0.5, "second.macro_f1": 0.25},
    seconds=2.0,
    provenance=ABOUT,
    memory={"second": MemoryUse(16, 8, True)},
    curve=((0.5, 0.25), (1.0, 0.25)),
)


def test_a_fold_record_comes_back_with_its_stages_in_order() -> None:
    found = FoldRecord.from_json(FOLD.to_json())
    assert found == FOLD
    assert list(found.stages) == ["first", "second"]
    assert found.id == f"{'c' * 12}-f0-s42"
    assert FoldRecord.from_json(replace(FOLD, memory={}, curve=()).to_json()).memory == {}


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"configuration_id": "../x"}, "letters, digits, - and _, got '../x'"),
        ({"stages": {"first": "a/b"}}, "letters, digits, - and _, got 'a/b'"),
        ({"stages": {}, "reused": [], "memory": {}}, "must be of its stages"),
        ({"stages": {"first": None}}, "valid string"),
        ({"reused": ["third"]}, r"must be of its stages .* got \['third'\]"),
        ({"memory": {"third": {"batch_rows": 1, "micro_rows": 1, "recompute": False}}}, "must be of its stages"),
        ({"scores": {"race": "high"}}, "valid number"),
        ({"fold": -1}, "greater than or equal to 0"),
        ({"curve": [[0.5]]}, "Field required|too_short|missing"),
        ({"seconds": None}, "valid number"),
    ],
)
def test_fold_records_of_another_kind_are_refused(changed: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        FoldRecord.from_json({**FOLD.to_json(), **changed})


@pytest.mark.parametrize("word", ["NaN", "Infinity", "1e999"])
def test_scores_are_finite_whatever_json_allows(word: str) -> None:
    text = json.dumps(FOLD.to_json()).replace('"race": 0.5', f'"race": {word}')
    assert word in text
    with pytest.raises(ValueError, match=r"finite number|Invalid|expected"):
        FoldRecord.from_text(text)


def test_a_table_of_more_neighbours_than_anything_stores_is_damage(tmp_path: Path) -> None:
    made = finished_store(tmp_path / "store", one_vote())
    path = sorted((tmp_path / "store/stages").glob("*.safetensors"))[0]
    header, arrays = decode_arrays(path.read_bytes())
    name = next(name for name in arrays if name.endswith("/neighbours"))
    assert made.store.stage(path.stem) is not None
    arrays[name] = np.zeros((len(arrays[name]), 2000), dtype=np.uint8)
    path.write_bytes(encode_arrays(header, arrays))
    assert open_store(tmp_path / "store").stage(path.stem) is None
