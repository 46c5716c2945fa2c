"""Ray Tune as the engine: a new Tuner on scratch storage at every start, with our searcher inside it."""

from __future__ import annotations

import contextlib
import os
import signal
import stat
import threading
from collections.abc import Callable, Iterator

import ray
from ray import tune
from ray.tune.progress_reporter import TrialProgressCallback
from ray.tune.stopper import Stopper

from tune_polar.errors import SearchError
from tune_polar.search.scheduler import RacingScheduler
from tune_polar.search.scratch import scratch_folder
from tune_polar.search.searcher import FoldSearcher
from tune_polar.search.slots import Slots
from tune_polar.search.worker import FoldTrainable
from tune_polar.search.worker_setup import WorkerSetup

_MOST_PENDING = 1000  # the searcher itself hands out no more than there are slots


class _Silence(TrialProgressCallback):  # type: ignore[misc] # Ray is untyped
    """In the place of the one that Tune adds, which prints a line for each fold that racing has stopped."""

    def on_trial_result(self, *_: object, **__: object) -> None:
        """Nothing: our watcher tells."""

    def on_trial_error(self, *_: object, **__: object) -> None:
        """Nothing."""

    def on_trial_complete(self, *_: object, **__: object) -> None:
        """Nothing."""


class _StopWhen(Stopper):  # type: ignore[misc] # Ray is untyped
    """Ends all fold trials at once, in order, when the event is set in whatever thread."""

    def __init__(self, event: threading.Event) -> None:
        self._event = event

    def __call__(self, trial_id: str, result: dict[str, object]) -> bool:  # noqa: ARG002 (the interface of Tune)
        return False

    def stop_all(self) -> bool:
        return self._event.is_set()

    def __getstate__(self) -> dict[str, object]:
        return {}  # Tune would pickle it; nobody takes that up


def run_tune(
    searcher: FoldSearcher,
    worker: WorkerSetup,
    slots: Slots,
    on_signal: Callable[[signal.Signals], None],
    stop: threading.Event,
) -> signal.Signals | None:
    """Drive the search to its end, or until ``stop`` is set.

    In the main thread signals end it early. Returns the one that did, or None; ``on_signal`` hears of it at once.

    Raises:
        SearchError: Tune itself failed; what was recorded is kept.
        StoreError: a record could not be written.
    """
    os.environ["TUNE_MAX_PENDING_TRIALS_PG"] = str(_MOST_PENDING)  # 1 by default: one slot of many is fed
    trainable = tune.with_parameters(FoldTrainable, worker=worker)
    with scratch_folder() as scratch:
        tuner = tune.Tuner(
            tune.with_resources(trainable, slots.resources),
            tune_config=tune.TuneConfig(
                search_alg=searcher, scheduler=RacingScheduler(searcher), num_samples=-1, reuse_actors=True
            ),
            run_config=tune.RunConfig(
                name="folds",
                storage_path=str(scratch),
                verbose=0,
                stop=_StopWhen(stop),
                callbacks=[_Silence()],
                failure_config=tune.FailureConfig(max_failures=0),
                checkpoint_config=tune.CheckpointConfig(checkpoint_at_end=False),
            ),
        )
        with _signals(on_signal) as received:
            try:
                tuner.fit()
            except (tune.TuneError, ray.exceptions.RayError) as error:
                raise SearchError(
                    f"Ray Tune must be able to go on, but: {error}",
                    "Every finished fold is recorded: resume the search.",
                ) from error
    if searcher.error is not None:
        raise searcher.error
    return received[0] if received else None


@contextlib.contextmanager
def _signals(on_signal: Callable[[signal.Signals], None]) -> Iterator[list[signal.Signals]]:
    """Let SIGINT, SIGTERM and SIGHUP end the search in order.

    Tune ends gracefully on SIGUSR1, whose handler it installs itself and never takes away; the others are passed on
    as that one, so that a second one cannot cut the first one's work short. What the user has ignored (nohup) stays so.
    """
    received: list[signal.Signals] = []
    if threading.current_thread() is not threading.main_thread():  # where no handler can be set, and none is called
        yield received
        return

    def pass_on(number: int, frame: object) -> None:  # noqa: ARG001 (signal's interface)
        if not received:
            if signal.getsignal(signal.SIGUSR1) is signal.SIG_DFL:  # Tune does not listen yet
                raise KeyboardInterrupt if number == signal.SIGINT else SystemExit(128 + number)
            received.append(signal.Signals(number))
            if number == signal.SIGHUP:
                _leave_terminal()
            on_signal(signal.Signals(number))
            os.kill(os.getpid(), signal.SIGUSR1)

    names = [n for n in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP) if signal.getsignal(n) is not signal.SIG_IGN]
    os.environ["TUNE_DISABLE_SIGINT_HANDLER"] = "1"
    before = {name: signal.signal(name, pass_on) for name in names}
    before[signal.SIGUSR1] = signal.getsignal(signal.SIGUSR1)
    try:
        yield received
    finally:
        for name, handler in before.items():
            signal.signal(name, handler)


def _leave_terminal() -> None:
    """Write no more to a terminal that is gone: each write would be an error."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    for descriptor in (1, 2):
        if stat.S_ISCHR(os.fstat(descriptor).st_mode):
            os.dup2(nowhere, descriptor)
    os.close(nowhere)
