"""What Ray and Tune read from the environment when they are imported or started."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator

# Of the driver and of its workers alike: a worker on another machine has that machine's environment, not ours.
SHARED = {
    "RAY_CHDIR_TO_TRIAL_DIR": "0",  # relative paths of the user must keep their meaning in workers
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",
    # Torch's threads wait without spinning: beside another busy process spinning made a fold eight times as long
    "OMP_WAIT_POLICY": "passive",
}
CLUSTER = "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER"  # 0 moves every listener to 127.0.0.1 (docs/decisions/0006)
_OF_THE_USER = os.environ.get(CLUSTER, "0")
_DRIVER = SHARED | {
    "TUNE_GLOBAL_CHECKPOINT_S": "3600",  # Tune's own state is scratch
    "TUNE_DISABLE_AUTO_CALLBACK_LOGGERS": "1",
    "TUNE_PRINT_ALL_TRIAL_ERRORS": "0",  # a lost worker is recorded and its fold run again: no traceback on the screen
    "TUNE_WARN_EXCESSIVE_EXPERIMENT_CHECKPOINT_SYNC_THRESHOLD_S": "0",
    "RAY_AIR_NEW_OUTPUT": "0",
    "RAY_DEDUP_LOGS": "0",
}


def set_environment(*, cluster: bool = False) -> None:
    """Set what the user has not set; called before Ray is imported.

    ``cluster``: this driver will join a cluster of machines, so its own address must be one they can reach.
    """
    os.environ[CLUSTER] = "1" if cluster else _OF_THE_USER  # a process may have driven another search before
    for name, value in _DRIVER.items():
        os.environ.setdefault(name, value)


@contextlib.contextmanager
def restored(*variables: str) -> Iterator[None]:
    """Put environment variables back: a GPU that is named once a slot is none to whoever loads torch afterwards."""
    before = {name: os.environ.get(name) for name in variables}
    try:
        yield
    finally:
        for name, value in before.items():
            os.environ.pop(name, None)
            if value is not None:
                os.environ[name] = value
