"""A file of arrays against the library's own: the same bytes, whatever it holds, and no second copy of them."""

from __future__ import annotations

import tracemalloc

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as numpy_strategies
from safetensors import SafetensorError
from safetensors.numpy import load, save

from tune_polar.store.array_file import file_of_arrays
from tune_polar.store.training_facts import Array

TYPES = ("u8", "i8", "f8", "f4", "u4", "i4", "f2", "u2", "i2", "i1", "u1", "?")
NAMES = st.text(st.characters(exclude_categories=["Cs"]), max_size=8).filter(lambda name: name != "__metadata__")
ARRAYS = numpy_strategies.arrays(
    st.sampled_from(TYPES), numpy_strategies.array_shapes(min_dims=0, max_dims=3, min_side=0, max_side=4)
)


@settings(deadline=None)
@given(arrays=st.dictionaries(NAMES, ARRAYS, max_size=6), record=st.text(st.characters(exclude_categories=["Cs"])))
def test_the_bytes_are_the_librarys(arrays: dict[str, Array], record: str) -> None:
    ours = file_of_arrays(arrays, record)
    assert ours == save(arrays, metadata={"record": record})
    assert {name: array.tobytes() for name, array in load(ours).items()} == {
        name: array.tobytes() for name, array in arrays.items()
    }


def test_arrays_are_laid_out_by_width_and_then_by_name() -> None:
    """All types at once, each twice: an order that is wrong anywhere is seen here in every run."""
    arrays: dict[str, Array] = {f"{name}{kind}": np.arange(3).astype(kind) for kind in TYPES for name in "éab"}
    assert file_of_arrays(arrays, 'a "record"\n\x01\x7f\u2028') == save(
        arrays, metadata={"record": 'a "record"\n\x01\x7f\u2028'}
    )


def test_a_rare_type_is_left_to_the_library() -> None:
    turned: dict[str, Array] = {"x": np.arange(3, dtype=">f4")}
    assert file_of_arrays(turned, "") == save(turned, metadata={"record": ""})
    with pytest.raises(SafetensorError, match="complex128"):
        file_of_arrays({"x": np.ones(3, complex)}, "")


def test_a_large_file_is_in_memory_once() -> None:
    """Checkpoints of a pretrained encoder are gigabytes, and each worker of a machine writes its own."""
    arrays: dict[str, Array] = {f"layer {number}": np.ones(2**20, np.float32) for number in range(8)}
    whole = sum(array.nbytes for array in arrays.values())
    tracemalloc.start()
    content = file_of_arrays(arrays, "record")
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert whole < len(content) < peak < 1.05 * whole
