"""A Ray to run on: one of our own on this machine, or a cluster that is there already."""

from __future__ import annotations

import contextlib
import logging
import os
import signal
import socket
import threading
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import ray
import ray._private.parameter as parameter
import ray._private.ray_constants as ray_constants
import ray._private.services as ray_services
import ray._private.utils as ray_utils

import tune_polar
from tune_polar.errors import SearchError
from tune_polar.model.footprint import GB
from tune_polar.search.ray.cluster_check import JOIN, check_cluster
from tune_polar.search.ray.own_token import own_token
from tune_polar.search.ray.ray_environment import CLUSTER, SHARED, restored
from tune_polar.search.ray.scratch import scratch_folder
from tune_polar.search.ray.sole_ray import sole_ray
from tune_polar.search.resources.node import memory_gb
from tune_polar.search.resources.slots import Slots
from tune_polar.trial.visible_gpus import make_visible

_OBJECTS_BYTES = 100 * 2**20  # for configurations and results; Ray takes no less than 75 MiB
_OBJECTS_SHARE = 0.3  # of the memory, at most


@contextlib.contextmanager
def local_ray(slots: Slots, shared_bytes: int = 0) -> Iterator[None]:
    """A Ray of our own on this machine, shut down at the end.

    Args:
        slots: what it offers.
        shared_bytes: of what all workers are given once, as it lies in Ray's object store.

    Raises:
        SearchError: Ray cannot be started, or one runs in this process already.
    """
    devices = restored("CUDA_VISIBLE_DEVICES", "HIP_VISIBLE_DEVICES")
    with sole_ray(), scratch_folder() as scratch, own_token(scratch), devices:
        if slots.devices:  # one entry a slot, of which Ray hands each fold trial one
            make_visible(slots.devices)
        _heed_cluster_switch()
        try:
            with _deaf_to_hang_up(), _in_groups_of_their_own(), _without_watchers(), _signals_wait():
                ray.init(
                    address="local",
                    num_cpus=slots.count,
                    num_gpus=slots.count if slots.gpu else 0,
                    include_dashboard=False,
                    log_to_driver=False,
                    logging_level=logging.ERROR,
                    object_store_memory=_object_store_bytes(shared_bytes),
                    _temp_dir=str(scratch / "r"),  # Ray opens its folder to everybody; the one above stays this user's
                    # Tune gives its actors an environment of their own: none could use a worker started ahead.
                    _system_config={"prestart_worker_first_driver": False},
                )
        except (RuntimeError, OSError, ConnectionError, ValueError) as error:
            ray.shutdown()  # of what had begun
            raise SearchError(
                f"Ray must be able to start on this machine, but: {error}",
                "Look for leftover Ray processes (`ray stop`), or free memory and space in the temporary folder.",
            ) from error
        except (SystemExit, KeyboardInterrupt):  # of a signal that came meanwhile
            ray.shutdown()
            raise
        try:
            yield
        finally:
            ray.shutdown()


def _object_store_bytes(shared_bytes: int) -> int:
    """What is needed: each process maps it, and may not be allowed a third of the memory, which is what Ray takes."""
    memory = memory_gb()
    wanted = _OBJECTS_BYTES + shared_bytes
    # What does not fit there is put on the disk.
    return wanted if memory is None else max(_OBJECTS_BYTES, min(wanted, int(_OBJECTS_SHARE * memory * GB)))


@contextlib.contextmanager
def joined_cluster(address: str) -> Iterator[None]:
    """The Ray cluster at ``address``, with this package sent to its nodes; left at the end, not stopped.

    Raises:
        SearchError: there is none, it wants a token, its Ray or Python is another one, or one runs in this process
            already.
    """
    package = Path(tune_polar.__file__).parent
    with sole_ray():
        check_cluster(address)
        _heed_cluster_switch()
        try:
            with _signals_wait():
                ray.init(
                    address=address,
                    log_to_driver=False,
                    logging_level=logging.ERROR,
                    runtime_env={"py_modules": [str(package)], "env_vars": dict(SHARED)},
                )
        except (SystemExit, KeyboardInterrupt):  # of a signal that came meanwhile
            ray.shutdown()
            raise
        except (RuntimeError, OSError, ConnectionError, ValueError, ray.exceptions.RayError) as error:
            ray.shutdown()  # of what had begun
            raise SearchError(
                f"--address must name a running Ray cluster that this machine belongs to, but {address!r}: {error}",
                JOIN,
            ) from error
        try:
            yield
        finally:
            ray.shutdown()


def _heed_cluster_switch() -> None:
    """Ray reads it when it is imported, which the user may have done before us, or another search of this process."""
    ray_constants.ENABLE_RAY_CLUSTER = os.environ.get(CLUSTER, "0") == "1"


@contextlib.contextmanager
def _signals_wait() -> Iterator[None]:
    """Signals that would end the search are heard at the end of the block, by whoever heard them before.

    Ray forks while it starts, and an exception that a handler raises there is lost in the forking. Its own handler of
    SIGTERM, which ends with exit code 15, is not set.
    """
    inner = ray_utils.set_sigterm_handler
    ray_utils.set_sigterm_handler = lambda handler: None  # noqa: ARG005
    if threading.current_thread() is not threading.main_thread():  # which alone hears signals
        try:
            yield
        finally:
            ray_utils.set_sigterm_handler = inner
        return
    noted: list[int] = []
    numbers = [
        each for each in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP) if signal.getsignal(each) != signal.SIG_IGN
    ]
    before = {number: signal.signal(number, lambda received, _: noted.append(received)) for number in numbers}
    try:
        yield
    finally:
        ray_utils.set_sigterm_handler = inner
        for number, handler in before.items():
            signal.signal(number, handler)
        if noted:
            os.kill(os.getpid(), noted[0])


@contextlib.contextmanager
def _in_groups_of_their_own() -> Iterator[None]:
    """Processes that Ray starts meanwhile hear no signal that is sent to the driver's process group.

    ``timeout``, a terminal and `kill -- -PGID` signal the whole group. Ray's daemons would end at once, and the driver,
    without them, before it could end in order. On Linux they die with the driver in any case: the function by which
    Ray asks the kernel for that, in the child before it becomes the daemon, is where they can leave the group.
    """
    inner = ray_utils.set_kill_on_parent_death_linux

    def leave_group() -> None:
        os.setpgid(0, 0)
        inner()

    ray_utils.set_kill_on_parent_death_linux = leave_group
    try:
        yield
    finally:
        ray_utils.set_kill_on_parent_death_linux = inner


@contextlib.contextmanager
def _without_watchers() -> Iterator[None]:
    """Ray's watchers are not started meanwhile: of a cloud to grow into, of logs, which go to no driver here, of pages.

    Each is a Python that loads Ray, while driver and workers wait for these cores. `ray start` can leave out the first
    two, `ray.init` has no words for it. The last is the server of a dashboard, which without a dashboard is started
    and waited for as well, with nothing to serve.
    """
    whole, serve = parameter.RayParams, ray_services.start_api_server
    parameter.RayParams = partial(whole, no_monitor=True, include_log_monitor=False)
    ray_services.start_api_server = lambda *_, **__: ("", None)  # no address, no process
    try:
        yield
    finally:
        parameter.RayParams, ray_services.start_api_server = whole, serve


@contextlib.contextmanager
def _deaf_to_hang_up() -> Iterator[None]:
    """Processes started meanwhile never hear that the terminal was closed: the driver ends them in order itself."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGHUP})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def head_watch() -> Callable[[], bool]:
    """Says whether the head that this process is connected to still takes connections."""
    if not ray.is_initialized():  # a signal came while Ray was being left
        return lambda: False
    host, _, port = ray.get_runtime_context().gcs_address.rpartition(":")

    def answers() -> bool:
        try:
            with socket.create_connection((host.strip("[]"), int(port)), timeout=2):
                return True
        except OSError:
            return False

    return answers
