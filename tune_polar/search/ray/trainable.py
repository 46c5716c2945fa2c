"""The Ray Tune trainable: a thin adapter around ``FoldRunner``."""

from __future__ import annotations

from typing import Any

import ray
from ray import tune

from tune_polar.python_gc import without_collection
from tune_polar.search.ray.worker_setup import WorkerSetup
from tune_polar.search.resources.slots import threads_on_this_node
from tune_polar.trial.visible_gpus import keep_own


class FoldTrainable(tune.Trainable):  # type: ignore[misc]  # Ray ships no types
    """One Tune trial = one fold trial. With ``reuse_actors`` the process stays, and what is loaded in it."""

    def setup(self, config: dict[str, Any], worker: WorkerSetup) -> None:
        """Take the first fold trial."""
        if worker.gpu:
            keep_own_gpu()
        # Imported here: the driver imports this file too, and needs none of torch's seconds of loading.
        with without_collection():
            from tune_polar.search.ray.fold_runner import FoldRunner

        self._runner = FoldRunner(config, worker, worker.threads or threads_on_this_node(worker.gpu))

    def reset_config(self, new_config: dict[str, Any]) -> bool:
        """Take the next fold trial in the same process."""
        self._runner.take(new_config)
        return True

    def step(self) -> dict[str, Any]:
        """Train for about a second."""
        return self._runner.step()

    def cleanup(self) -> None:
        """Stop the fold trial in hand."""
        self._runner.leave()

    def save_checkpoint(self, checkpoint_dir: str) -> None:
        """Leave nothing with Tune: what must last goes to our own store."""

    def load_checkpoint(self, checkpoint: object) -> None:
        """Take nothing from Tune."""


def keep_own_gpu() -> None:
    """Leave this process the GPU that Ray has given it; torch must not have looked for one yet."""
    keep_own(lambda: str(ray.get_runtime_context().get_accelerator_ids()["GPU"][0]))
