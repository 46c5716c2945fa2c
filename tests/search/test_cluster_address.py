"""A cluster that is not there is said in seconds, before Ray's client is asked."""

from __future__ import annotations

import contextlib
import platform
import re
import socket
import threading
import time
from collections.abc import Callable, Iterator

import pytest
import ray

from tune_polar.errors import SearchError
from tune_polar.search.ray import cluster_check
from tune_polar.search.ray.ray_session import joined_cluster


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
    assert time.monotonic() - began < 4 * cluster_check.ANSWER_SECONDS


def test_a_port_that_cannot_be_is_no_traceback(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ray, "init", None)
    with (
        pytest.raises(SearchError, match="nothing answers at"),
        joined_cluster("10.0.0.1:99999999"),
    ):
        pass


@pytest.fixture
def listens() -> Iterator[Callable[[Callable[[socket.socket], None]], str]]:
    """An address at which a server does as it is told with each that connects."""
    servers = []

    def start(treat: Callable[[socket.socket], None]) -> str:
        server = socket.create_server(("127.0.0.1", 0))
        servers.append(server)

        def serve() -> None:
            with contextlib.suppress(OSError):
                while True:
                    treat(server.accept()[0])

        threading.Thread(target=serve, daemon=True).start()
        return f"127.0.0.1:{server.getsockname()[1]}"

    yield start
    for server in servers:
        server.close()


def of_http(connection: socket.socket) -> None:
    """A web server's answer to what it does not understand."""
    with contextlib.suppress(OSError):
        connection.recv(1000)
        connection.sendall(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
    connection.close()


kept: list[socket.socket] = []


@pytest.mark.parametrize("treat", [of_http, kept.append, socket.socket.close], ids=["http", "silent", "closes"])
def test_what_is_no_ray_is_said_in_seconds(
    monkeypatch: pytest.MonkeyPatch,
    listens: Callable[[Callable[[socket.socket], None]], str],
    treat: Callable[[socket.socket], None],
) -> None:
    monkeypatch.setattr(ray, "init", None)
    monkeypatch.setenv("RAY_AUTH_MODE", "disabled")
    address, began = listens(treat), time.monotonic()
    said = "is no Ray, or a head that has come to a stop"
    with pytest.raises(SearchError, match=said) as caught, joined_cluster(address):
        pass
    assert address in str(caught.value)
    assert "Check host and port" in str(caught.value)
    assert time.monotonic() - began < cluster_check.ANSWER_SECONDS + 6  # importing Ray on a busy machine


@pytest.mark.parametrize("path", ["/nowhere/token", "/dev/null"])
def test_where_tokens_are_on_and_there_is_none_that_is_said(
    monkeypatch: pytest.MonkeyPatch, listens: Callable[[Callable[[socket.socket], None]], str], path: str
) -> None:
    monkeypatch.setattr(ray, "init", None)
    monkeypatch.setenv("RAY_AUTH_MODE", "token")
    monkeypatch.setenv("RAY_AUTH_TOKEN_PATH", path)
    monkeypatch.delenv("RAY_AUTH_TOKEN", raising=False)
    address, said = listens(kept.append), f"RAY_AUTH_MODE is token and there is no token in {path}"
    with pytest.raises(SearchError, match=said) as caught, joined_cluster(address):
        pass
    assert "Copy ~/.ray/auth_token from the head's machine" in str(caught.value)


@pytest.mark.parametrize(
    ("of_ray", "of_python", "said"),
    [
        ("2.9.3", platform.python_version(), f"Ray 2.9.3 there and {ray.__version__} here"),
        (ray.__version__, "3.9.1", f"Python 3.9.1 there and {platform.python_version()} here"),
        ("2.9.3", "3.9.1", f"Ray 2.9.3 there and {ray.__version__} here, Python 3.9.1 there"),
    ],
)
def test_a_cluster_of_other_versions_is_refused_with_both(of_ray: str, of_python: str, said: str) -> None:
    with pytest.raises(SearchError, match=re.escape(said)) as caught:
        cluster_check.check_versions("10.0.0.1:6379", of_ray, of_python)
    assert "pip install -c constraints.txt" in str(caught.value)


def test_patches_of_python_may_differ_where_ray_has_been_told_so(monkeypatch: pytest.MonkeyPatch) -> None:
    other = platform.python_version().rpartition(".")[0] + ".99"
    with pytest.raises(SearchError, match="must name a cluster with the same Ray and Python"):
        cluster_check.check_versions("auto", ray.__version__, other)
    monkeypatch.setenv("RAY_DEFAULT_PYTHON_VERSION_MATCH_LEVEL", "minor")
    cluster_check.check_versions("auto", ray.__version__, other)


def test_without_a_cluster_auto_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ray, "init", None)
    monkeypatch.setattr(cluster_check, "_answers", lambda _: ([{"problem": "Could not find any running Ray"}], ""))
    with pytest.raises(SearchError, match="'auto': Could not find any running Ray") as caught, joined_cluster("auto"):
        pass
    assert "ray start --head" in str(caught.value)
