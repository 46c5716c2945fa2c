"""How a stage is made to fit its slot: all rows of a step at once, else in micro-batches, else computed twice.

None of this is a setting: the effective batch and, to rounding, the loss stay what the recipe says, so no stage's key
depends on it. Tried are, in this order: the whole batch; half of it, again and again; then gradient checkpointing with
the whole batch, half of it and so on. What comes later is slower and needs less. Where a row's loss depends on other
rows of its batch, parts pass twice (see ``gradients``).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from tune_polar.model.footprint import StageLoad, evaluation_peak, stage_peak, training_peak

EVALUATION_ROWS = 128  # of one batch without gradients, where memory allows
_FEWEST_EVALUATION_ROWS = 8


@dataclass(frozen=True)
class Rung:
    """One way to compute a step."""

    rows: int  # of one forward and backward
    recompute: bool = False  # gradient checkpointing


@dataclass(frozen=True)
class MemoryPlan:
    """What was chosen for a stage."""

    batch_rows: int
    rung: Rung
    evaluation_rows: int
    predicted_bytes: int  # at the peak, by count alone
    expected_bytes: int  # the same, corrected by what was measured
    budget_bytes: int | None = None  # what the slot offers; None: no limit is known
    rungs_left: int = 0  # ways that need less

    @property
    def is_plain(self) -> bool:
        """Whether a step is computed as if memory had no end."""
        return self.rung == Rung(self.batch_rows)


def plan_memory(
    load: StageLoad,
    budget_bytes: int | None,
    *,
    tried: Rung | None = None,
    evaluated: int | None = None,
    can_recompute: bool = True,
    fewest_rows: int = 1,
    correction: Callable[[bool], float] = lambda recompute: 1.0,  # noqa: ARG005 (a function of it where it is known)
) -> MemoryPlan:
    """The first way that fits; the one that needs least where none does by count, since a count may be wrong.

    Args:
        load: the stage.
        budget_bytes: what the slot offers; None: no limit is known, and only ``tried`` makes steps smaller.
        tried: what ran out of memory before; only ways that need less are considered.
        evaluated: rows of an evaluation that ran out of memory before; half of them pass at once.
        can_recompute: whether the encoder knows gradient checkpointing.
        fewest_rows: that pass together: 2 where a row and its positive text do.
        correction: measured over counted peak of training, from a probe or from earlier stages, without and with
            checkpointing. Evaluations go by the count: what they take is measured by nothing that trains.
    """
    ladder = rungs(load.batch_rows, can_recompute, fewest_rows)
    load = replace(load, evaluation_rows=_evaluation_rows(load, budget_bytes))
    after = _after(ladder, tried, load)
    training = {rung: int(correction(rung.recompute) * training_peak(load, *_pair(rung))) for rung in after}
    # Smaller parts of a step would not make an evaluation fit.
    fits = [rung for rung in after if budget_bytes is None or training[rung] <= budget_bytes]
    chosen = fits[0] if fits else after[-1]
    # Where steps take more than was counted, so do evaluations: their batches shrink with each way that failed.
    evaluation_rows = load.evaluation_rows if tried is None else _shrunk(load.evaluation_rows, ladder.index(chosen))
    return MemoryPlan(
        batch_rows=load.batch_rows,
        rung=chosen,
        evaluation_rows=evaluation_rows if evaluated is None else max(1, min(evaluation_rows, evaluated // 2)),
        predicted_bytes=stage_peak(load, *_pair(chosen)),
        expected_bytes=max(training[chosen], evaluation_peak(load)),
        budget_bytes=budget_bytes,
        rungs_left=len(after) - 1 - after.index(chosen),
    )


def rungs(batch_rows: int, can_recompute: bool, fewest_rows: int = 1) -> tuple[Rung, ...]:
    """All ways to compute a step of ``batch_rows`` rows, in the order they are tried."""
    sizes = [batch_rows]
    while sizes[-1] > fewest_rows:
        sizes.append(max(sizes[-1] // 2, fewest_rows))
    plain = [Rung(size) for size in sizes]
    return (*plain, *(Rung(size, recompute=True) for size in sizes)) if can_recompute else tuple(plain)


def _after(ladder: Sequence[Rung], tried: Rung | None, load: StageLoad) -> list[Rung]:
    """Ways after the one that failed which need less than it did; the last one in any case."""
    if tried is None:
        return list(ladder)
    if tried not in ladder:  # of a record made with another batch
        return list(ladder[-1:])
    needed = training_peak(load, *_pair(tried))
    later = ladder[ladder.index(tried) + 1 :]
    less = [r for r in later if r.recompute == tried.recompute or training_peak(load, *_pair(r)) < needed]
    if ladder[-1] not in less:
        less.append(ladder[-1])
    return less


def _evaluation_rows(load: StageLoad, budget_bytes: int | None) -> int:
    rows = load.evaluation_rows
    while budget_bytes is not None and rows > _FEWEST_EVALUATION_ROWS:
        if evaluation_peak(replace(load, evaluation_rows=rows)) <= budget_bytes:
            break
        rows //= 2
    return rows


def _shrunk(rows: int, halvings: int) -> int:
    return max(min(rows, _FEWEST_EVALUATION_ROWS), rows >> halvings)


def _pair(rung: Rung) -> tuple[int, bool]:
    return rung.rows, rung.recompute
