"""Which stages' weights are kept, in which order of importance, and how far the room for them reaches.

Pure: it is told how configurations stand and how large each file is, and says which files stay. In this order:

1. what a running fold trial may start from, and what it has left itself;
2. the best configurations' cells, all stages;
3. what waiting cells of open configurations may start from, and what they left when they were interrupted between two
   stages: recorded stages are not trained again, so weights gone here would be missing for good;
4. finished cells of open configurations, the most promising configuration first.

A stage that several cells share counts once.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from tune_polar.recipe.cells import Cell
from tune_polar.search.configuration_progress import ConfigurationProgress


@dataclass(frozen=True)
class WeightsBudget:
    """What a person has said of it."""

    configurations: int = 1  # the best so many that have finished are kept
    disk_bytes: int | None = None  # for weights and checkpoints together; None: without end
    is_told: bool = True  # False: a share of what is free, which yields to what must be written


@dataclass(frozen=True)
class CellKeys:
    """Of the stages of one fold trial."""

    starts: frozenset[str]  # that it may start from
    stages: frozenset[str]  # that it may consist of


@dataclass(frozen=True)
class Claims:
    """Whose weights are wanted."""

    running: frozenset[str]  # whatever they take
    best: tuple[frozenset[str], ...]  # the best configurations' cells
    further: tuple[frozenset[str], ...]  # in order of importance


@dataclass(frozen=True)
class Decision:
    """Which weights stay."""

    kept: frozenset[str]
    best_left_out: int  # cells of the best configurations for which there is no room


def claims_of(
    progress: Mapping[str, ConfigurationProgress],
    keys_of: Callable[[ConfigurationProgress, Cell], CellKeys],
    configurations: int,
    badness: Callable[[float], float],
    expected: Mapping[str, float],
) -> Claims:
    """What is wanted as a search stands.

    Args:
        progress: where its configurations stand, by id, in order of proposal.
        keys_of: the stages of a cell that has not finished.
        configurations: how many of the best are kept.
        badness: of a score, the lower the better.
        expected: final scores expected of open configurations, by id.
    """
    every = list(progress.values())
    running = (keys_of(each, cell) for each in every for cell in each.running)
    scored = [(badness(each.score), each) for each in every if each.state == "finished" and each.score is not None]
    best = [each for _, each in sorted(scored, key=lambda pair: pair[0])[:configurations]]
    # One without an expectation has no finished cell to compare; its own order is that of proposal.
    open_ones = sorted(
        ((key, each) for key, each in progress.items() if each.state == "open"),
        key=lambda pair: badness(expected[pair[0]]) if pair[0] in expected else float("inf"),
    )
    waiting = [keys_of(each, cell) for _, each in open_ones for cell in each.waiting]
    own = (keys.stages - keys.starts for keys in waiting)
    return Claims(
        frozenset().union(*(keys.starts | keys.stages for keys in running)),
        tuple(cell for each in best for cell in _finished(each)),
        (
            *filter(None, (keys.starts for keys in waiting)),
            *filter(None, own),
            *(cell for _, each in open_ones for cell in _finished(each)),
        ),
    )


def decide(claims: Claims, sizes: Mapping[str, int], disk_bytes: int | None, reserved_bytes: int) -> Decision:
    """Which of the weights that are there stay.

    Args:
        claims: whose are wanted.
        sizes: bytes of those that are there, by key.
        disk_bytes: that weights and checkpoints may take together; None: without end.
        reserved_bytes: of it for what running fold trials have written and will write.
    """
    kept = set(claims.running)
    room = None if disk_bytes is None else disk_bytes - reserved_bytes
    left_out = 0
    for cell in claims.best:
        room, fits = _taken(cell, kept, sizes, room)
        left_out += not fits
    for cell in claims.further:
        room, _ = _taken(cell, kept, sizes, room)
    return Decision(frozenset(kept), left_out)


def _taken(cell: Iterable[str], kept: set[str], sizes: Mapping[str, int], room: int | None) -> tuple[int | None, bool]:
    """Keep a cell's weights where there is room; what room is left, and whether there was."""
    new = [key for key in cell if key in sizes and key not in kept]
    needed = sum(sizes[key] for key in new)
    if room is not None and needed > room:
        return room, False
    kept.update(new)
    return None if room is None else room - needed, True


def _finished(progress: ConfigurationProgress) -> Iterator[frozenset[str]]:
    return (frozenset(record.stages.values()) for record in progress.finished.values())


def largest_cell(cells: Iterable[Sequence[str]], sizes: Mapping[str, int]) -> int:
    """Bytes of the largest cell of which all weights are there; 0: there is none."""
    return max((sum(sizes[key] for key in cell) for cell in cells if all(key in sizes for key in cell)), default=0)
