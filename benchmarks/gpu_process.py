"""Processes of `gpu.py`: one for each section and for each measurement in it, so that none finds another's memory.

They are forked from a process that has loaded torch and never touches a card: each begins with a card's whole memory,
and without the seconds that loading takes.
"""

from __future__ import annotations

import importlib.util
import multiprocessing
import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Generic, TypeVar

from tune_polar.trial.gpus import Gpu

FORK = multiprocessing.get_context("fork")
_LEAVING_SECONDS = 10.0  # for a process that has answered to give its card back
T = TypeVar("T")


class ProcessEnded(Exception):  # noqa: N818 (not always a fault: one of them is killed on purpose)
    """A process gave no answer; the text says why."""


class Child(Generic[T]):
    """A function at work in a process of its own."""

    def __init__(self, work: Callable[..., T], *arguments: object) -> None:
        self._receiving, sending = FORK.Pipe(duplex=False)
        self._process = FORK.Process(target=_run, args=(work, arguments, sending))
        self._process.start()
        sending.close()

    def result(self, seconds: float) -> T:
        """What the function returned; the process is gone afterwards.

        Raises:
            ProcessEnded: it raised an error, died, or took longer than ``seconds``.
        """
        try:
            if not self._receiving.poll(max(0.0, seconds)):
                raise ProcessEnded(f"no answer within {seconds:.0f} s")
            is_done, value = self._receiving.recv()
            self._process.join(_LEAVING_SECONDS)
        except EOFError:
            self._process.join()
            raise ProcessEnded(f"the process ended with {self._process.exitcode}") from None
        finally:
            self._process.kill()
            self._process.join()
        if not is_done:
            raise ProcessEnded(value)
        answer: T = value
        return answer


def in_process(seconds: float, work: Callable[..., T], *arguments: object) -> T:
    """What ``work`` returns, computed in a process of its own.

    Raises:
        ProcessEnded: it raised an error, died, or took longer than ``seconds``.
    """
    return Child(work, *arguments).result(seconds)


def _run(work: Callable[..., object], arguments: tuple[object, ...], sending: Any) -> None:
    try:
        sending.send((True, work(*arguments)))
    except Exception as error:  # noqa: BLE001 (told where the answer is waited for)
        sending.send((False, first_line(error)))


def first_line(error: BaseException) -> str:
    """An error in one line."""
    return short(f"{type(error).__name__}: {error}")


def short(said: str) -> str:
    """The first line of an error, without the advice that torch adds to those of memory."""
    return said.strip().partition("\n")[0].partition(" If reserved but unallocated")[0]


def missing(*names: str) -> list[str]:
    """Those of these packages that are not installed."""
    return [name for name in names if importlib.util.find_spec(name) is None]


@dataclass(frozen=True)
class About:
    """The card that is measured, and what it is driven by."""

    gpu: Gpu
    free_gb: float
    torch: str
    driver: str

    def __str__(self) -> str:
        capability = "none" if self.gpu.capability is None else "{}.{}".format(*self.gpu.capability)
        return (
            f"torch {self.torch}, driver {self.driver}; {self.gpu.name}, capability {capability}, "
            f"{self.gpu.total_gb:.2f} GB, {self.free_gb:.2f} GB free beside a context; `precision: auto` is "
            f"{self.gpu.bits}"
        )


@dataclass(frozen=True)
class Bench:
    """What a section is given."""

    about: About
    dry: bool  # on a pretended card: small sizes, and no figure means anything
    slot_gb: float
    folder: Path  # scratch, removed at the end
    encoder: Path  # of random weights
    until: float  # of the monotonic clock: when this section is ended
    _tell: Callable[[str, str, bool], None]

    @property
    def threads(self) -> int:
        """Of one slot."""
        cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
        return max(1, cores // max(1, self.about.gpu.slots(self.slot_gb)))

    @property
    def left(self) -> float:
        """Seconds left to the section."""
        return self.until - time.monotonic()

    def tell(self, what: str, figure: str, *, good: bool = True) -> None:
        """Print a figure now, and put it into the table; not ``good``: the benchmark ends with exit code 1."""
        self._tell(what, figure, good)
