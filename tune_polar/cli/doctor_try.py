"""`tune-polar doctor --try` in words: what two steps of every stage took, and what a search would take."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path

from tune_polar.api.pace import clock
from tune_polar.api.search_request import Asked
from tune_polar.model.footprint import GB
from tune_polar.recipe.cells import cells
from tune_polar.report.words import CellWords
from tune_polar.search.recipe_data import fold_plans, read_corpus
from tune_polar.search.resources.diagnosis import Diagnosis, stand_ins
from tune_polar.trial.tryout_process import Told, Tryout, try_out
from tune_polar.trial.tryout_result import DeviceTried, StageFailed, StageTried


def tryout_of(asked: Asked, found: Diagnosis, store: str, slot_gb: float) -> Tryout:
    """What is tried: one fold trial of the recipe in the first slot of this machine.

    Raises:
        TunePolarError: data or folds break a rule.
    """
    recipe, node = asked.loaded.recipe, found.node
    corpus = read_corpus(recipe, asked.source)
    return Tryout(
        recipe,
        corpus,
        fold_plans(recipe, corpus),
        scratch=_existing_folder(store),
        gpu=node.devices[0] if node.devices else None,
        slot_gb=slot_gb,
        threads=node.threads,
        configs=stand_ins(found),
    )


def _existing_folder(store: str) -> Path:
    """Where records would go, or what exists above it: a checkpoint takes as long there as in a search."""
    above = Path.cwd() if "://" in store else Path(store).absolute()
    while not os.path.isdir(above):
        above = above.parent
    return above


@dataclass(frozen=True)
class SearchReckoned:
    """What a search would take at the most, if its slots did not slow each other down."""

    configurations: int
    cells: int  # of each: folds times seeds
    slots: int  # that train at once
    fold_seconds: float  # of all stages of a fold trial
    seconds: float = field(init=False)

    def __post_init__(self) -> None:
        seconds = self.fold_seconds * self.cells * self.configurations / self.slots
        object.__setattr__(self, "seconds", seconds)


class Tried:
    """A tryout that runs while its lines are drawn."""

    def __init__(self, tryout: Tryout, slots: int, trials: int) -> None:
        """``slots`` would train at once; a search of ``trials`` configurations is reckoned."""
        self._tryout, self._slots, self._trials = tryout, slots, trials
        self._told: list[Told] = []

    @property
    def failed(self) -> bool:
        """Whether something could not be trained."""
        return any(isinstance(told, StageFailed) for told in self._told)

    def as_json(self) -> list[dict[str, object]]:
        """All of it, as plain data."""
        self._told = list(try_out(self._tryout))
        found: list[dict[str, object]] = [{"kind": "RandomWeights", "encoder": name} for name in self._tryout.configs]
        for told in self._told:
            about = asdict(told) | {"kind": type(told).__name__}
            found.append(about | {"fold_seconds": told.fold_seconds} if isinstance(told, StageTried) else about)
        return found if self.failed else [*found, asdict(self._search()) | {"kind": "SearchReckoned"}]

    def lines(self) -> Iterator[str]:
        """Each as soon as it is known."""
        for name in self._tryout.configs:
            yield f"try        random weights of the size of {name}, which is not on this machine"
        for told in try_out(self._tryout):
            self._told.append(told)
            yield from _LINES[type(told)](told)  # type: ignore[operator]
        if not self.failed:
            yield self._search_line()

    @property
    def _cells(self) -> CellWords:
        """Of each configuration."""
        return CellWords(cells(self._tryout.recipe, next(iter(self._tryout.plans.values()))))

    def _search(self) -> SearchReckoned:
        fold = sum(told.fold_seconds for told in self._told if isinstance(told, StageTried))
        return SearchReckoned(self._trials, len(self._cells.cells), max(1, self._slots), fold)

    def _search_line(self) -> str:
        found = self._search()
        return (
            f"search     {found.configurations} configurations of {self._cells.count(found.cells)} on "
            f"{_counted(found.slots, 'slot')}: at most {clock(found.seconds)}, if slots do not slow each other down; "
            f"patience and racing end most {self._cells.many} sooner"
        )


def _device_lines(told: DeviceTried) -> Iterator[str]:
    if told.budget_bytes is not None:
        yield f"try        on {told.name}, of which torch may allocate {told.budget_bytes / GB:.2f} GB"
    else:
        threads = _counted(told.threads, "thread")
        yield f"try        on {told.name}, {threads}: memory and speed of a GPU are not measured here"


def _stage_lines(told: StageTried) -> Iterator[str]:
    yield f"{told.stage:<10} {told.precision}, {told.memory}, at most {told.longest_tokens} tokens"
    if told.device_peak_bytes is not None:
        outside = (told.outside_torch_bytes or 0) / GB
        yield (
            f"           GPU memory at its peak: {_gb(told.device_peak_bytes, told.device_predicted_bytes)}; "
            f"{outside:.2f} GB outside torch"
        )
    yield f"           this machine's memory at its peak: {_gb(told.host_peak_bytes, told.host_predicted_bytes)}"
    yield (
        f"           {1 / told.step_seconds:.3g} steps a second ({1 / told.longest_step_seconds:.3g} on the longest "
        f"rows), an evaluation {told.evaluation_seconds:.3g} s, a checkpoint {told.checkpoint_seconds:.3g} s"
    )
    yield (
        f"           a fold trial: at most {_counted(told.steps, 'step')} and "
        f"{_counted(told.evaluations, 'evaluation')}, {clock(told.fold_seconds)}"
    )


def _failure_lines(told: StageFailed) -> Iterator[str]:
    yield f"failed     {told.problem if told.stage is None else f'{told.stage}: {told.problem}'}"
    yield f"           Remedy: {told.remedy}"


_LINES = {DeviceTried: _device_lines, StageTried: _stage_lines, StageFailed: _failure_lines}


def _gb(measured: int, predicted: int) -> str:
    return f"{measured / GB:.2f} GB, counted {predicted / GB:.2f} ({predicted / measured:.2f} of it)"


def _counted(number: int, word: str) -> str:
    return f"{number} {word}" if number == 1 else f"{number} {word}s"
