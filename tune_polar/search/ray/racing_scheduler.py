"""The other thin adapter between the search core and Ray Tune: stops fold trials that racing has given up."""

from __future__ import annotations

from typing import Any

from ray.tune.schedulers import FIFOScheduler, TrialScheduler

from tune_polar.search.ray.searcher import FoldSearcher

_LIVE = ("RUNNING", "PENDING")
# For a worker that ends in order to write its last checkpoint, gigabytes to a slow disk or a bucket. Tune kills it
# after ten seconds, and has no setting for that.
LEAVING_SECONDS = 90


class RacingScheduler(FIFOScheduler):  # type: ignore[misc]  # Ray ships no types
    """First come, first served, but for the fold trials of configurations that are no longer in the race.

    Tune asks the scheduler before it tells the searcher, so an evaluation is looked at here.
    """

    _supports_buffered_results = False  # each evaluation is decided on before the next one

    def __init__(self, searcher: FoldSearcher) -> None:
        super().__init__()
        self._searcher = searcher

    def on_trial_result(self, tune_controller: Any, trial: Any, result: dict[str, Any]) -> str:  # noqa: ARG002
        """Stop the trial whose own curve has just ended its configuration."""
        self._searcher.look_at_curve(trial.trial_id, result)
        stop: str = TrialScheduler.STOP if self._searcher.is_abandoned(trial.trial_id) else TrialScheduler.CONTINUE
        return stop

    def choose_trial_to_run(self, tune_controller: Any) -> Any:
        """Stop the trials whose configuration another fold has ended, then as ever."""
        tune_controller._tune_controller._actor_force_cleanup_timeout = LEAVING_SECONDS
        for trial in list(tune_controller.get_live_trials()):
            if trial.status in _LIVE and self._searcher.is_abandoned(trial.trial_id):
                tune_controller.stop_trial(trial)
        return super().choose_trial_to_run(tune_controller)
