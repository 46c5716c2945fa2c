"""The interface of what ends a search early."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, Protocol

from tune_polar.search.configuration_progress import ConfigurationProgress


@dataclass(frozen=True)
class Stop:
    """Why a search ends before its configurations are used up."""

    kind: Literal["time", "converged", "failures"]
    message: str  # a sentence without its full stop
    holds_folds: bool  # True: folds that wait are not begun either; False: open configurations are finished


class StopRule(Protocol):
    """A reason to end a search early, looked at before anything is handed out."""

    def stop(self, progress: Mapping[str, ConfigurationProgress]) -> Stop | None:
        """The reason, or None while the search goes on. It may lapse, for example when a fold finishes after all."""
