"""How many fold trials one GPU trains at once: no more than raise what it gets done in an hour.

Two folds on one GPU may run slower together than one after the other. Which number is best is tried: all slots first,
then fewer by halves, then the neighbours of the best. Pure: fed with times, asked for a number.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field

GAIN = 0.03  # a further slot has to raise throughput by this share
ENOUGH_SECONDS = 60.0  # of training, by each of the slots, before a number of slots is judged
Kind = str  # of work: only like is compared with like


@dataclass
class FairShare:
    """The number of slots in use on each GPU."""

    most: int  # slots that memory allows on one GPU
    enough_seconds: float = ENOUGH_SECONDS
    _seconds: dict[int, dict[Kind, float]] = field(default_factory=lambda: defaultdict(lambda: defaultdict(float)))
    _steps: dict[int, dict[Kind, int]] = field(default_factory=lambda: defaultdict(lambda: defaultdict(int)))
    settled: bool = False

    def __post_init__(self) -> None:
        self.slots = self.most
        self.settled = self.most < 2
        self._judged: list[int] = []
        self._low, self._high = 0, self.most

    def trained(self, kind: Kind, steps: int, seconds: float, slots: int) -> None:
        """A slot took ``steps`` in ``seconds`` while ``slots`` of its GPU were in use all the time."""
        if self.settled or slots != self.slots or seconds <= 0 or steps <= 0:
            return
        self._seconds[slots][kind] += seconds
        self._steps[slots][kind] += steps
        if sum(self._seconds[slots].values()) >= self.enough_seconds * slots:
            self._judge(slots)

    def throughput(self, slots: int, other: int) -> float | None:
        """What ``slots`` get done over what ``other`` do in the same time; None: they share no kind of work."""
        common = [kind for kind in self._seconds[slots] if kind in self._seconds[other]]
        weight = sum(self._steps[slots][kind] + self._steps[other][kind] for kind in common)
        if not weight:
            return None
        share = sum(
            (self._steps[slots][kind] + self._steps[other][kind]) * self._pace(slots, kind) / self._pace(other, kind)
            for kind in common
        )
        return share / weight * slots / other

    def _pace(self, slots: int, kind: Kind) -> float:
        return self._steps[slots][kind] / self._seconds[slots][kind]

    def _judge(self, slots: int) -> None:
        """Fewer by halves while fewer do as well; then up again, one by one, while more do better."""
        if slots not in self._judged:
            self._judged.append(slots)
        if slots < self._high:
            gain = self.throughput(self._high, slots)
            if gain is None:  # no work in common yet: go on measuring here
                return
            if gain > 1 + GAIN:
                self._low = slots
            else:
                self._high = slots
        if self._high - self._low > 1:
            self._use((self._low + self._high) // 2)
        else:
            self._use(self._high)
            above = self._high + 1
            if above > self.most:
                self.settled = True
            elif above not in self._judged:
                self._use(above)  # the best number may lie beyond a half that did as well as the whole
            else:
                gain = self.throughput(above, self._high)
                if gain is not None and gain > 1 + GAIN:
                    self._low, self._high = self._high, above
                    self._judge_again()
                else:
                    self.settled = True

    def _judge_again(self) -> None:
        above = self._high + 1
        if above > self.most or above in self._judged:
            self.settled = True
            self._use(self._high)
        else:
            self._use(above)

    def _use(self, slots: int) -> None:
        self.slots = slots


@dataclass
class Watched:
    """Times the fold trials of one machine whose GPUs offer equal slots, and tells ``share`` of each stretch."""

    share: FairShare
    gpus: int
    clock: Callable[[], float]
    _began: dict[str, tuple[Kind, int, float]] = field(default_factory=dict)
    _in_use: int = -1  # fold trials running, since when stretches count

    def slots(self, offered: int) -> int:
        """Fold trials to run at once, of ``offered``."""
        return min(offered, self.share.slots * self.gpus)

    def changed(self, running: int) -> None:
        """A fold trial began or ended: what runs on is another mixture from now on."""
        if running != self._in_use:
            self._in_use = running
            self._began.clear()

    def progressed(self, trial: str, kind: Kind, step: int) -> None:
        """A fold trial has taken steps."""
        now, before = self.clock(), self._began.get(trial)
        self._began[trial] = kind, step, now
        if before is None or before[0] != kind or step <= before[1] or self._in_use % self.gpus:
            return
        self.share.trained(kind, step - before[1], now - before[2], self._in_use // self.gpus)
