"""A corpus of 150 rows and an empty store."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from trial_bench import Bench

from tune_polar.data.corpus import Corpus
from tune_polar.data.sample import sample_corpus
from tune_polar.store.store import open_store


@pytest.fixture(autouse=True, scope="session")
def one_thread() -> Iterator[None]:
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture(scope="session")
def corpus() -> Corpus:
    return sample_corpus(0, rows_train=150, rows_dev=30, rows_test=0)


@pytest.fixture
def bench(corpus: Corpus, tmp_path: Path) -> Bench:
    return Bench(corpus, open_store(tmp_path), tmp_path)
