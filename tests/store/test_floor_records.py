"""Records of floors: what the store takes, what it sets aside, and what becomes of them in a merge."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from tests.store.made_recipes import one_vote, three_classes, two_stages
from tests.store.made_store import finished_store
from tune_polar.evaluate.floor_scores import JudgedFloor, floors_of
from tune_polar.evaluate.summary import summarise
from tune_polar.store.codec import encode_arrays
from tune_polar.store.floor import FloorRecord
from tune_polar.store.merge import merge
from tune_polar.store.store import open_store
from tune_polar.trial.floor_models import make_floor


def with_floor(folder: Path, recipe=None):  # type: ignore[no-untyped-def]
    made = finished_store(folder, recipe or two_stages())
    record = make_floor("tfidf", made.recipe, made.corpus, made.plans)
    return made, record


def test_it_is_read_as_it_was_written_and_written_once(tmp_path: Path) -> None:
    made, record = with_floor(tmp_path / "store")
    assert made.store.floors(made.recipe) == {}
    assert made.store.put_floor(record)
    assert not made.store.put_floor(replace(record, rows=7))
    found = made.store.floors(made.recipe)["tfidf"]
    assert (found.floor, found.rows, found.of) == (record.floor, record.rows, record.of)
    assert set(found.arrays) == set(record.arrays)
    for name, array in record.arrays.items():
        np.testing.assert_array_equal(found.arrays[name], array)


def broken(record: FloorRecord) -> dict[str, FloorRecord]:
    arrays = dict(record.arrays)
    rows, table = arrays["finder/0/rows"], arrays["finder/0/probability"]
    other = arrays["finder/1/rows"]

    def one(**changes: np.ndarray | None) -> FloorRecord:
        changed = {name.replace("__", "/"): value for name, value in changes.items()}
        return replace(record, arrays={k: v for k, v in (arrays | changed).items() if v is not None})

    return {
        "finder/0/rows": one(finder__0__rows=None),
        "one table beside them": one(finder__0__value=table),
        "rows that the fold holds out": one(finder__0__rows=other[: len(rows)].astype(np.int32)),
        "all 40 rows that the fold holds out": one(
            finder__0__rows=rows[1:].copy(), finder__0__probability=table[1:].copy()
        ),
        "finder must have rows in some fold": replace(
            record, arrays={name: array[:0].copy() for name, array in arrays.items()}, rows=record.of - 1
        ),
        "of must be at most": replace(record, of=10**400),
        "ascending": one(finder__0__rows=rows[::-1].copy()),
        "values for each of": one(finder__0__probability=table[1:]),
        "lie between 0 and 1": one(finder__0__probability=table + 2),
        "be float32": one(finder__0__probability=table.astype(np.float64)),
        "2 columns of probability": one(sorter__0__probability=arrays["sorter/0/probability"][:, :1].copy()),
        "stages and folds alone": one(other__0__rows=rows),
    }


@pytest.mark.parametrize(
    "fault",
    broken(
        FloorRecord(
            "tfidf",
            1,
            1,
            dict.fromkeys(
                (
                    f"{stage}/{fold}/{kind}"
                    for stage in ("finder", "sorter")
                    for fold in range(2)
                    for kind in ("rows", "probability")
                ),
                np.zeros((1, 2), dtype=np.float32),
            ),
        )
    ),
)
def test_one_that_says_what_none_may_is_set_aside(tmp_path: Path, fault: str, caplog) -> None:
    made, record = with_floor(tmp_path / "store")
    made.store.put_floor(broken(record)[fault])
    assert made.store.floors(made.recipe) == {}
    assert fault in caplog.text
    assert not (tmp_path / "store" / "floors" / "tfidf.safetensors").exists()
    assert made.store.put_floor(record)
    assert set(made.store.floors(made.recipe)) == {"tfidf"}


@pytest.mark.parametrize(
    "header",
    [{"floor": "other"}, {"rows": 0}, {"rows": "many"}, {"rows": 500}, {"of": None}],
    ids=str,
)
def test_a_header_of_another_kind_is_set_aside(tmp_path: Path, header: dict[str, object]) -> None:
    made, record = with_floor(tmp_path / "store", one_vote())
    content = encode_arrays({**record.header(), **header}, record.arrays)
    made.store.files.put_if_absent("floors/tfidf.safetensors", content)
    assert made.store.floors(made.recipe) == {}


def test_one_of_another_recipe_is_set_aside(tmp_path: Path) -> None:
    made, _ = with_floor(tmp_path / "store")
    other = finished_store(tmp_path / "other", three_classes())
    made.store.put_floor(make_floor("tfidf", other.recipe, other.corpus, other.plans))
    assert made.store.floors(made.recipe) == {}


@pytest.mark.parametrize("anonymous", [False, True])
def test_a_merge_takes_it_along(tmp_path: Path, anonymous: bool) -> None:
    made, record = with_floor(tmp_path / "store")
    made.store.put_floor(record)
    target = open_store(tmp_path / "merged")
    merge([made.store], target, anonymous=anonymous)
    merge([made.store], target, anonymous=anonymous)
    name = "floors/tfidf.safetensors"
    assert target.files.read(name) == made.store.files.read(name)
    assert set(target.floors(made.recipe)) == {"tfidf"}


def test_a_damaged_one_is_left_out_of_a_merge(tmp_path: Path) -> None:
    made, record = with_floor(tmp_path / "store")
    made.store.put_floor(broken(record)["ascending"])
    merged = merge([made.store], open_store(tmp_path / "merged"))
    assert merged.damaged == 1
    assert open_store(tmp_path / "merged").floors(made.recipe) == {}


def test_a_sample_may_miss_a_small_fold(tmp_path: Path) -> None:
    made, record = with_floor(tmp_path / "store")
    arrays = {name: array[:0].copy() if "/0/" in name else array for name, array in record.arrays.items()}
    assert made.store.put_floor(replace(record, arrays=arrays, rows=record.of - 1))
    found = floors_of(summarise(made.store))["tfidf"]
    assert isinstance(found, JudgedFloor)
    assert 0 < found.scores.score < 1
