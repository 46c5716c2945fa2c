"""Whether a Ray cluster answers at an address, takes our token and has our versions; said within seconds."""

from __future__ import annotations

import contextlib
import json
import os
import platform
import socket
import subprocess
import sys
import tempfile
import threading
from pathlib import Path
from typing import Any, TextIO, cast

import ray

from tune_polar.errors import SearchError
from tune_polar.search.ray import ask_cluster

ANSWER_SECONDS = 4.0
_START_SECONDS = 60.0  # of a Python that imports Ray on a busy machine
_MUST = "--address must name a running Ray cluster"
JOIN = (
    "Start one with `ray start --head`, join it from here with `ray start --address=HOST:PORT`, and give "
    "--address HOST:PORT (or auto); docs/cluster.md has every step, tokens included."
)
_CHECK = "Check host and port: `ray start --head` prints them, and `ray status --address=HOST:PORT` asks."
_TOKEN = "Copy ~/.ray/auth_token from the head's machine to here and `export RAY_AUTH_MODE=token` (docs/cluster.md)."


def check_cluster(address: str) -> None:
    """Ask at ``address`` (``HOST:PORT`` or ``auto``) before Ray's client does.

    Raises:
        SearchError: nothing answers, or no Ray does, or one that wants another token or has other versions.
    """
    _check_listens(address)
    words, end = _answers(address)
    said: dict[str, Any] = {}
    for each in words:
        said |= each
    at = repr(address) if said.get("at") in (None, address) else f"{address!r} ({said['at']})"
    if "problem" in said:
        raise SearchError(f"{_MUST} that this machine belongs to, but {at}: {said['problem']}", JOIN)
    if said.get("sends") and not said["has"]:
        where = os.environ.get("RAY_AUTH_TOKEN_PATH") or "~/.ray/auth_token"
        raise SearchError(f"{_MUST}, but RAY_AUTH_MODE is token and there is no token in {where}", _TOKEN)
    if said.get("refused"):
        ours = _token_sent() if said["sends"] else "and none was sent, for RAY_AUTH_MODE is not token here"
        raise SearchError(f"{_MUST}, but the one at {at} wants a token, {ours}", _TOKEN)
    if "at" not in said:
        raise SearchError(f"{_MUST}, but {at} could not be asked: {end}", JOIN)
    if "ray_version" not in said:
        raise SearchError(f"{_MUST}, but what answers at {at} is no Ray, or a head that has come to a stop", _CHECK)
    check_versions(at, str(said["ray_version"]), str(said.get("python_version")))


def check_versions(at: str, of_ray: str, of_python: str) -> None:
    """Refuse a cluster that this process cannot work with.

    Raises:
        SearchError: its Ray or Python is another one.
    """
    # Ray itself asks for the same patch of Python unless told otherwise.
    digits = 2 if os.environ.get("RAY_DEFAULT_PYTHON_VERSION_MATCH_LEVEL") == "minor" else 3
    pairs = (("Ray", of_ray, ray.__version__, None), ("Python", of_python, platform.python_version(), digits))
    other = [
        f"{name} {theirs} there and {ours} here"
        for name, theirs, ours, compared in pairs
        if theirs.split(".")[:compared] != ours.split(".")[:compared]
    ]
    if other:
        raise SearchError(
            f"--address must name a cluster with the same Ray and Python, got {', '.join(other)} at {at}",
            "Install the same on all machines: one Python, and `pip install -c constraints.txt .` on each.",
        )


def _token_sent() -> str:
    if os.environ.get("RAY_AUTH_TOKEN"):
        return "and that of RAY_AUTH_TOKEN is another one"
    return f"and that in {os.environ.get('RAY_AUTH_TOKEN_PATH') or '~/.ray/auth_token'} is another one"


def _answers(address: str) -> tuple[list[dict[str, Any]], str]:
    """What was said in time, and the last line of what Ray's client wrote beside it."""
    command = [sys.executable, "-P", str(Path(ask_cluster.__file__)), address]
    with (
        tempfile.TemporaryFile("w+", errors="replace") as beside,
        subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=beside, text=True) as asking,
    ):
        out = ""
        pipe = cast("TextIO", asking.stdout)
        for seconds, read in ((_START_SECONDS, pipe.readline), (ANSWER_SECONDS, pipe.read)):
            stop = threading.Timer(seconds, asking.kill)  # the first line follows the import of Ray
            stop.start()
            out += read()
            stop.cancel()
        asking.kill()
        beside.seek(0)
        lines = beside.read().split("\n")
    words = []
    for line in out.splitlines():
        with contextlib.suppress(ValueError):
            words.append(json.loads(line))
    return words, next((line for line in reversed(lines) if line.strip()), "it said nothing")


def _check_listens(address: str) -> None:
    """Whether anything listens at ``HOST:PORT``.

    Raises:
        SearchError: nothing does.
    """
    host, _, port = address.rpartition(":")
    if not port.isdigit():
        return  # auto, or what Ray itself refuses at once
    problem: OSError | OverflowError | None = None
    # Ray takes this machine's own address for loopback's.
    own = [ray.util.get_node_ip_address()] if host in ("127.0.0.1", "localhost") else []
    for name in [host.strip("[]"), *own]:
        try:
            with socket.create_connection((name, int(port)), ANSWER_SECONDS):
                return
        except (OSError, OverflowError) as error:  # OverflowError: no port has that number
            problem = error
    raise SearchError(f"{_MUST}, but nothing answers at {address!r}: {problem}", _CHECK)
