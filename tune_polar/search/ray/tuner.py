"""Ray Tune as the engine: a new Tuner on scratch storage at every start, with our searcher inside it."""

from __future__ import annotations

import logging
import os
import signal
import threading
from collections.abc import Callable

import ray
from ray import tune
from ray.tune.constants import RAY_TUNE_CALLBACKS_ENV_VAR
from ray.tune.progress_reporter import TrialProgressCallback
from ray.tune.stopper import Stopper

from tune_polar.errors import SearchError
from tune_polar.search.ray.racing_scheduler import RacingScheduler
from tune_polar.search.ray.ray_environment import restored
from tune_polar.search.ray.scratch import scratch_folder
from tune_polar.search.ray.searcher import FoldSearcher
from tune_polar.search.ray.trainable import FoldTrainable
from tune_polar.search.ray.worker_setup import WorkerSetup
from tune_polar.search.resources.slots import Slots
from tune_polar.search.stopping.end_signals import EndSignals

_MOST_PENDING = 1000  # the searcher itself hands out no more than there are slots


class Silence(TrialProgressCallback):  # type: ignore[misc] # Ray is untyped
    """In the place of the one that Tune adds, which prints a line for each fold that racing has stopped."""

    def on_trial_result(self, *_: object, **__: object) -> None:
        """Nothing: our watcher tells."""

    def on_trial_error(self, *_: object, **__: object) -> None:
        """Nothing."""

    def on_trial_complete(self, *_: object, **__: object) -> None:
        """Nothing."""


class _StopWhen(Stopper):  # type: ignore[misc] # Ray is untyped
    """Ends all fold trials at once, in order: when the event is set in whatever thread, or an error ends the search."""

    def __init__(self, event: threading.Event, searcher: FoldSearcher) -> None:
        self._event, self._searcher = event, searcher

    def __call__(self, trial_id: str, result: dict[str, object]) -> bool:  # noqa: ARG002 (the interface of Tune)
        return False

    def stop_all(self) -> bool:
        return self._event.is_set() or self._searcher.error is not None

    def __getstate__(self) -> dict[str, object]:
        return {}  # Tune would pickle it; nobody takes that up


def run_tune(
    searcher: FoldSearcher,
    worker: WorkerSetup,
    slots: Slots,
    signals: EndSignals,
    on_signal: Callable[[signal.Signals], None],
    stop: threading.Event,
) -> None:
    """Drive the search to its end, to that of ``signals``, of which ``on_signal`` hears at once, or until ``stop``.

    Raises:
        SearchError: Tune itself failed; what was recorded is kept.
        StoreError: a record could not be written.
    """
    # Tune's own state is never read (records are the truth): where a signal ends Tune while it copies that state, the
    # traceback that it logs is of no use to anybody.
    logging.getLogger("ray.tune.execution.experiment_state").setLevel(logging.CRITICAL)
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
                stop=_StopWhen(stop, searcher),
                failure_config=tune.FailureConfig(max_failures=0),
                checkpoint_config=tune.CheckpointConfig(checkpoint_at_end=False),
            ),
        )
        signals.end_tune(on_signal)
        try:
            with restored(RAY_TUNE_CALLBACKS_ENV_VAR):
                # Not as an argument: callbacks that are given are counted, and for that Ray loads MLflow and W&B
                os.environ[RAY_TUNE_CALLBACKS_ENV_VAR] = f"{Silence.__module__}.{Silence.__qualname__}"
                tuner.fit()
        except (tune.TuneError, ray.exceptions.RayError) as error:
            raise SearchError(
                f"Ray Tune must be able to go on, but: {error}",
                "Every finished fold is recorded: resume the search.",
            ) from error
        finally:
            signals.wait()
    if searcher.error is not None:
        raise searcher.error
