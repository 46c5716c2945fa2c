"""A process knows one Ray: while one thread has it, no other begins anything."""

from __future__ import annotations

import os
import threading
from pathlib import Path

import pandas as pd
import pytest

import tune_polar
from tune_polar.errors import SearchError
from tune_polar.search.ray.ray_environment import CLUSTER
from tune_polar.search.ray.sole_ray import sole_ray


def test_while_another_thread_searches_nothing_is_touched(tmp_path: Path) -> None:
    begun, ended = threading.Event(), threading.Event()

    def searches() -> None:
        with sole_ray(), sole_ray():  # a search, and the Ray that it starts
            begun.set()
            ended.wait(60)

    thread = threading.Thread(target=searches)
    thread.start()
    begun.wait(60)
    before = os.environ.get(CLUSTER)
    rows = pd.DataFrame({"text": [f"text {row}" for row in range(30)], "label": [0, 1] * 15})
    try:
        for address in (None, "auto"):
            with pytest.raises(SearchError, match="a process must run one search at a time") as told:
                tune_polar.search("classifier", rows, target="label", store=tmp_path / "store", address=address)
            assert "in a process of its own" in told.value.remedy
    finally:
        ended.set()
        thread.join()
    assert os.environ.get(CLUSTER) == before, "the first one's Ray may not have started yet"
    assert list(tmp_path.iterdir()) == []
    with sole_ray():
        pass
