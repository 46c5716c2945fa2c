"""How a running search is shown."""

from __future__ import annotations

import signal
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Literal

from rich.console import Console

from tune_polar.api.consoles import progress_console

Progress = Literal["auto", "lines", "none"]
Farewell = Callable[[signal.Signals, str], None]


@dataclass(frozen=True)
class Shown:
    """How much, where, and what happens where Ray cannot end an interrupted search in order.

    Args:
        progress: ``auto`` redraws a table in a terminal and writes lines elsewhere; ``none`` says nothing.
        verbose: whether lines also tell what each fold trial does.
        console: where it is shown.
        farewell: told of the signal and of the command that goes on, before the process is ended after some seconds;
            None: the process is not ours to end.
        track: trackers that are told too: ``wandb``, ``mlflow``, ``tensorboard``.
    """

    progress: Progress = "auto"
    verbose: bool = False
    console: Console = field(default_factory=progress_console)
    farewell: Farewell | None = None
    track: Sequence[str] = ()

    @property
    def is_redrawn(self) -> bool:
        """Whether a table is drawn again and again."""
        return self.progress == "auto" and self.console.is_terminal and not self.verbose

    def say(self, text: str) -> None:
        """A line, or several, as they are; nothing where nothing is to be shown."""
        if self.progress != "none":
            self.console.print(text, soft_wrap=True)
