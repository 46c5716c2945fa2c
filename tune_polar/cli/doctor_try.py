"""`tune-polar doctor --try` in words: what two steps of every stage took, and what a search would take."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path

from tune_polar.cli.pace import clock
from tune_polar.model.footprint import GB
from tune_polar.search.diagnosis import Diagnosis, sizes_of
from tune_polar.spec.data_source import DataSource
from tune_polar.spec.fold_plans import fold_plans
from tune_polar.spec.recipe import Recipe
from tune_polar.trial.tryout_process import Told, Tryout, try_out
from tune_polar.trial.tryout_result import DeviceTried, StageFailed, StageTried


def tryout_of(recipe: Recipe, source: DataSource, found: Diagnosis, store: str, slot_gb: float) -> Tryout:
    """What is tried: one fold of ``recipe`` in the first slot of this machine.

    Raises:
        TunePolarError: data or folds break a rule.
    """
    corpus = source.load(recipe)
    detector_plan, classifier_plan = fold_plans(recipe, corpus)
    node = found.node
    return Tryout(
        recipe,
        corpus,
        detector_plan,
        classifier_plan,
        scratch=_existing_folder(store),
        gpu=node.devices[0] if node.devices else None,
        slot_gb=slot_gb,
        threads=node.threads,
        # Where not even its sizes are known, what loads it says best what is wrong with it.
        config=None if found.encoder_is_here or found.parameters is None else sizes_of(recipe),
    )


def _existing_folder(store: str) -> Path:
    """Where records would go, or what exists above it: a checkpoint takes as long there as in a search."""
    above = Path.cwd() if "://" in store else Path(store).absolute()
    while not above.is_dir():
        above = above.parent
    return above


@dataclass(frozen=True)
class SearchReckoned:
    """What a search would take at the most, if its slots did not slow each other down."""

    configurations: int
    folds: int
    slots: int  # that train at once
    fold_seconds: float  # of all stages
    seconds: float = field(init=False)

    def __post_init__(self) -> None:
        seconds = self.fold_seconds * self.folds * self.configurations / self.slots
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
        name = self._random_weights
        found: list[dict[str, object]] = [] if name is None else [{"kind": "RandomWeights", "encoder": name}]
        for told in self._told:
            about = asdict(told) | {"kind": type(told).__name__}
            found.append(about | {"fold_seconds": told.fold_seconds} if isinstance(told, StageTried) else about)
        return found if self.failed else [*found, asdict(self._search()) | {"kind": "SearchReckoned"}]

    def lines(self) -> Iterator[str]:
        """Each as soon as it is known."""
        if self._random_weights is not None:
            yield f"try        random weights of the size of {self._random_weights}, which is not on this machine"
        for told in try_out(self._tryout):
            self._told.append(told)
            yield from _LINES[type(told)](told)  # type: ignore[operator]
        if not self.failed:
            yield self._search_line()

    @property
    def _random_weights(self) -> str | None:
        """The encoder whose size they have."""
        return None if self._tryout.config is None else self._tryout.recipe.encoder.name

    def _search(self) -> SearchReckoned:
        fold = sum(told.fold_seconds for told in self._told if isinstance(told, StageTried))
        return SearchReckoned(self._trials, self._tryout.detector_plan.count, max(1, self._slots), fold)

    def _search_line(self) -> str:
        found = self._search()
        return (
            f"search     {found.configurations} configurations of {found.folds} folds on "
            f"{_counted(found.slots, 'slot')}: at most {clock(found.seconds)}, if slots do not slow each other down; "
            "patience and racing end most folds sooner"
        )


def _device_lines(told: DeviceTried) -> Iterator[str]:
    if told.budget_bytes is not None:
        yield f"try        on {told.name}, of which torch may allocate {told.budget_bytes / GB:.2f} GB"
    else:
        threads = _counted(told.threads, "thread")
        yield f"try        on {told.name}, {threads}: memory and speed of a GPU are not measured here"


def _stage_lines(told: StageTried) -> Iterator[str]:
    yield f"{told.stage:<11}{told.precision}, {told.memory}, at most {told.longest_tokens} tokens"
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
        f"           a fold: at most {_counted(told.steps, 'step')} and {_counted(told.evaluations, 'evaluation')}, "
        f"{clock(told.fold_seconds)}"
    )


def _failure_lines(told: StageFailed) -> Iterator[str]:
    yield f"failed     {told.problem if told.stage is None else f'{told.stage}: {told.problem}'}"
    yield f"           Remedy: {told.remedy}"


_LINES = {DeviceTried: _device_lines, StageTried: _stage_lines, StageFailed: _failure_lines}


def _gb(measured: int, predicted: int) -> str:
    return f"{measured / GB:.2f} GB, counted {predicted / GB:.2f} ({predicted / measured:.2f} of it)"


def _counted(number: int, word: str) -> str:
    return f"{number} {word}" if number == 1 else f"{number} {word}s"
