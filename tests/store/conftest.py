"""A made-up search of chosen numbers, without a training; configurations with equal settings of a stage share it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.store.made_recipes import two_stages
from tests.store.made_store import MadeStore, made_store
from tune_polar.recipe.cells import Cell
from tune_polar.recipe.configuration import Configuration
from tune_polar.recipe.recipe import Recipe
from tune_polar.store.records import StageRecord

SEED = 42


class Search(MadeStore):
    """A store, and how to put a configuration's predictions into it by its recipe."""

    @staticmethod
    def of(made: MadeStore) -> Search:
        return Search(**{each.name: getattr(made, each.name) for each in fields(made)})

    def put(
        self, recipe: Recipe, number: int = 0, folds: tuple[int, ...] = (0, 1, 2), origin: str = "published"
    ) -> Configuration:
        """A configuration with these finished folds of the first seed."""
        configuration = self.configuration(recipe=recipe, number=number, origin=origin)
        return self.finish(configuration, cells=[Cell(fold, SEED) for fold in folds])


@pytest.fixture
def new_search(tmp_path: Path) -> Callable[..., Search]:
    """Make a store with gold and manifest; further keywords as of ``made_store``."""

    def make(recipe: Recipe | None = None, *, seed: int = 0, trials: int = 1, **about: Any) -> Search:
        settings = {"rows": 48, "dev": 14, "shares_stages": True, **about}
        return Search.of(
            made_store(tmp_path / f"store{seed}", recipe or two_stages(), seed=seed, trials=trials, **settings)
        )

    return make


@pytest.fixture
def search(new_search: Callable[..., Search]) -> Search:
    return new_search()


@pytest.fixture
def recipe_of() -> Callable[..., Recipe]:
    return two_stages


@pytest.fixture
def with_arrays() -> Callable[..., StageRecord]:
    """A stage with other arrays: ``with_arrays(record, validation__rows=…)``."""

    def change(record: StageRecord, **arrays: np.ndarray) -> StageRecord:
        changed = {name.replace("__", "/"): array for name, array in arrays.items()}
        return replace(record, arrays={**record.arrays, **changed})

    return change


# -- a server that speaks S3, whose libraries take a second to load, for those who ask it alone --------------------


@pytest.fixture(scope="module")
def moto() -> Iterator[str]:
    from moto.server import ThreadedMotoServer

    server = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


@pytest.fixture
def endpoint(monkeypatch: pytest.MonkeyPatch, moto: str, tmp_path: Path) -> Callable[[str], None]:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "someone")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "none"))
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    return lambda url: monkeypatch.setenv("AWS_ENDPOINT_URL", url)


@pytest.fixture
def whole(endpoint: Callable[[str], None], moto: str) -> Iterator[str]:
    """The server itself, with an empty bucket."""
    import boto3

    endpoint(moto)
    client = boto3.client("s3")
    client.create_bucket(Bucket="records")
    yield moto
    for about in client.list_objects_v2(Bucket="records").get("Contents", ()):
        client.delete_object(Bucket="records", Key=about["Key"])
    client.delete_bucket(Bucket="records")
    client.close()
