"""Run as a file of its own: asks a cluster's head for its versions and says what it answered, as lines of JSON.

In a process of its own since Ray's client waits for minutes where no Ray answers, ends its process where a token's file
cannot be read, and writes lines of its own to standard error. It imports nothing of this package.
"""

from __future__ import annotations

import json
import sys

import ray._private.services as services
from ray._common.usage.usage_lib import get_cluster_metadata
from ray._private.authentication.authentication_token_setup import maybe_enable_token_auth_if_token_available
from ray._raylet import (  # type: ignore[attr-defined] # not in its stub
    AuthenticationMode,
    AuthenticationTokenLoader,
    GcsClient,
    get_authentication_mode,
)
from ray.exceptions import AuthenticationError


def say(**words: object) -> None:
    """One line."""
    print(json.dumps(words), flush=True)


def main(address: str) -> None:
    """Say where it asks and with which token, then what came of it."""
    if address == "auto":
        maybe_enable_token_auth_if_token_available(warn_if_disabled=False)
    try:
        found = services.canonicalize_bootstrap_address(address)
    except (ConnectionError, ValueError, OSError) as error:
        say(problem=str(error))
        return
    wants = get_authentication_mode() == AuthenticationMode.TOKEN
    try:
        has = AuthenticationTokenLoader.instance().has_token(ignore_auth_mode=True)
    except AuthenticationError:
        has = False
    say(at=found, sends=wants, has=has)
    if wants and not has:
        return
    try:
        say(**get_cluster_metadata(GcsClient(address=found)))
    except AuthenticationError:
        say(refused=True)
    except Exception as error:  # noqa: BLE001 (the boundary of this process)
        say(problem=f"{type(error).__name__}: {error}")


if __name__ == "__main__":
    main(sys.argv[1])
