"""A token for a Ray of our own: without it, whoever can reach a port of this machine could run code as this user."""

from __future__ import annotations

import contextlib
import os
import secrets
from collections.abc import Iterator
from pathlib import Path

from ray._raylet import AuthenticationTokenLoader, Config  # type: ignore[attr-defined] # not in its stub

from tune_polar.search.ray.ray_environment import restored

MODE, TOKEN, TOKEN_PATH = "RAY_AUTH_MODE", "RAY_AUTH_TOKEN", "RAY_AUTH_TOKEN_PATH"


@contextlib.contextmanager
def own_token(folder: Path) -> Iterator[None]:
    """Ray takes a new token in ``folder``, for this user alone, whatever the user has set for clusters.

    Ray would keep one in the home folder, readable for everybody, and end where there is no home that can be written.
    """
    path = folder / "token"
    file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    os.write(file, secrets.token_hex(32).encode())
    os.close(file)
    try:
        with restored(MODE, TOKEN, TOKEN_PATH):
            os.environ.pop(TOKEN, None)
            os.environ |= {MODE: "token", TOKEN_PATH: str(path)}
            _read_again()
            yield
    finally:
        _read_again()


def _read_again() -> None:
    """Ray's client keeps what it has read once."""
    Config.initialize("")
    AuthenticationTokenLoader.instance().reset_cache()
