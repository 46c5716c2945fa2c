"""What every tracker does, which there are, and whether one can be used here."""

from __future__ import annotations

import importlib.util
import os
from collections.abc import Iterable
from pathlib import Path
from typing import Protocol

from tune_polar.errors import SearchError, SpecError
from tune_polar.recipe.message_words import did_you_mean
from tune_polar.search.trackers.runs import ConfigurationEnd, ConfigurationRun, Evaluation, FoldEnd, FoldRun, SearchRun

PACKAGES = {"wandb": "wandb", "mlflow": "mlflow", "tensorboard": "tensorboardX"}  # by tracker what it writes with
FOLDER_VARIABLE = "TENSORBOARD_LOGGING_DIR"  # of transformers, for TensorBoard has none of its own
_WITHOUT_NETWORK = ("offline", "disabled", "dryrun")


class Tracker(Protocol):
    """Told in a thread of its own. Whatever it raises is counted and costs only what it was told.

    A run that it was told of before, by this search or by one that this one resumes, goes on.
    """

    def fold_started(self, run: FoldRun) -> None:
        """A fold trial has been handed out."""

    def evaluated(self, run: FoldRun, evaluation: Evaluation) -> None:
        """One of its stages has been evaluated."""

    def fold_ended(self, run: FoldRun, end: FoldEnd) -> None:
        """A fold trial has finished, failed or been stopped."""

    def configuration_ended(self, run: ConfigurationRun, end: ConfigurationEnd) -> None:
        """All that a configuration comes to is known."""

    def close(self) -> None:
        """The search has ended; what is open may go on another day."""


def check_trackers(names: Iterable[str]) -> tuple[str, ...]:
    """The trackers asked for, each once.

    Raises:
        SpecError: there is no such tracker, or W&B knows no account.
        SearchError: its package is not installed.
    """
    chosen = tuple(dict.fromkeys(names))
    for name in chosen:
        if name not in PACKAGES:
            raise SpecError(
                f"--track must be one of {list(PACKAGES)}, got {name!r}{did_you_mean(name, PACKAGES)}",
                "Give --track once for each tracker.",
            )
        if importlib.util.find_spec(PACKAGES[name]) is None:
            raise SearchError(
                f"--track {name} needs the package {PACKAGES[name]}, which is not installed",
                f"Install it: pip install 'tune-polar[{name}]'",
            )
    if "wandb" in chosen:
        _check_account()
    return chosen


def open_tracker(name: str, search: SearchRun, folder: Path) -> Tracker:
    """A tracker ready to be told; loads its package.

    Args:
        name: of the tracker, checked.
        search: that is tracked.
        folder: of TensorBoard's files where the environment names no other.
    """
    if name == "wandb":
        from tune_polar.search.trackers.wandb import WandbTracker

        return WandbTracker()
    if name == "mlflow":
        from tune_polar.search.trackers.mlflow import MlflowTracker

        return MlflowTracker(search)
    from tune_polar.search.trackers.tensorboard import TensorBoardTracker

    return TensorBoardTracker(Path(os.environ.get(FOLDER_VARIABLE) or folder))


def _check_account() -> None:
    """W&B asks for a key where it finds none, in the middle of the search and on its terminal.

    Raises:
        SpecError: it would.
    """
    if os.environ.get("WANDB_MODE") in _WITHOUT_NETWORK:
        return
    # Imported here: only who tracks with it waits for it.
    import wandb

    if wandb.setup().settings.mode in _WITHOUT_NETWORK:  # of `wandb offline`
        return
    if not wandb.login(prompt=False, verify=False):
        raise SpecError(
            "--track wandb must know an account, got neither WANDB_API_KEY nor a login",
            "Run `wandb login`, or set WANDB_MODE=offline and send its runs later with `wandb sync`.",
        )
