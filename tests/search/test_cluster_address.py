"""A cluster that is not there is said in seconds, before Ray's client is asked."""

from __future__ import annotations

import socket
import time

import pytest
import ray

from tune_polar.errors import SearchError
from tune_polar.search import ray_session
from tune_polar.search.ray_session import joined_cluster


def closed_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        port: int = found.getsockname()[1]
    return port


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "[::1]", "nowhere.invalid"])
def test_where_nothing_answers_the_address_is_named(monkeypatch: pytest.MonkeyPatch, host: str) -> None:
    monkeypatch.setattr(ray, "init", None)
    address, began = f"{host}:{closed_port()}", time.monotonic()
    with pytest.raises(SearchError, match="nothing answers at") as caught, joined_cluster(address):
        pass
    assert address in str(caught.value)
    assert "ray start --head" in str(caught.value)
    assert time.monotonic() - began < 4 * ray_session.ANSWER_SECONDS


def test_a_port_that_cannot_be_is_no_traceback(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ray, "init", None)
    with (
        pytest.raises(SearchError, match="nothing answers at"),
        joined_cluster("10.0.0.1:99999999"),
    ):
        pass


def test_where_something_answers_ray_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []

    def init(**about: object) -> None:
        asked.append(about["address"])
        raise ConnectionError("it is no Ray")

    monkeypatch.setattr(ray, "init", init)
    with socket.create_server(("127.0.0.1", 0)) as server:
        address = f"127.0.0.1:{server.getsockname()[1]}"
        with pytest.raises(SearchError, match="it is no Ray"), joined_cluster(address):
            pass
    assert asked == [address]
    with pytest.raises(SearchError, match="it is no Ray"), joined_cluster("auto"):
        pass
    assert asked[1:] == ["auto"]
