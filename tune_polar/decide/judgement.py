"""What the engine finds: every decision's scores by where its settings were chosen."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from tune_polar.decide.array_checks import FloatArray
from tune_polar.decide.chooser import Settings
from tune_polar.decide.kinds import Setting
from tune_polar.decide.metrics import Metric
from tune_polar.decide.rows import Rows

Rung = Literal["oracle", "inside_folds", "fold_tuned", "cross_fitted", "as_written", "plain"]
Ladder = Mapping[Rung, "Scored"]


@dataclass(frozen=True, eq=False)
class Scored:
    """One decision by one way of choosing its settings, on one set of rows."""

    score: float
    per_column: FloatArray  # (columns,), of class gold (classes,)
    settings: tuple[Settings, ...]  # one; where they are chosen part by part one each, in the order of ``parts``
    parts: tuple[int, ...]  # that ``settings`` were chosen for; () where they are the same for all rows
    decided: NDArray[Any]  # (judged rows, columns)
    cell_scores: tuple[float, ...]  # on each part's judged rows; on a split: ()
    remarks: tuple[str, ...] = ()

    def setting(self, name: str) -> Setting | None:
        """What decision ``name`` was set to, where that is one setting for all rows; None where it chooses nothing.

        Raises:
            ValueError: there is one a part.
        """
        if len(self.settings) != 1:
            raise ValueError(f"{name} has {len(self.settings)} settings, one a part")
        return self.settings[0].get(name)


@dataclass(frozen=True, eq=False)
class Judgement:
    """One decision of the graph."""

    name: str
    kind: str
    metric: Metric
    rows: Rows  # the judged ones out of fold; several seeds' one below the other
    cells: tuple[tuple[int, int], ...]  # (part, seed) of each of ``cell_scores``
    ladder: Ladder  # on out-of-fold rows; "oracle" only where no split is labelled: it is then inside_folds
    splits: Mapping[str, Ladder]  # on each labelled split: oracle, fold_tuned, as_written, plain
    deployed: Settings  # chosen on all out-of-fold rows: what a final system uses

    @property
    def cross_fitted(self) -> Scored:
        """The score to compare configurations by."""
        return self.ladder["cross_fitted"]

    @property
    def decides_cells_whole(self) -> bool:
        """Whether all rows of a cell are decided alike, in every cell: nothing was learnt."""
        decided, places = self.cross_fitted.decided, np.stack((self.rows.part, self.rows.seed))
        _, first, cell = np.unique(places, axis=1, return_index=True, return_inverse=True)
        return len(first) < len(decided) and bool((decided == decided[first[cell.reshape(-1)]]).all())

    def decides_as(self, other: Judgement) -> bool:
        """Whether both decide every row alike."""
        same_rows = np.array_equal(self.rows.ids, other.rows.ids) and np.array_equal(self.rows.seed, other.rows.seed)
        return same_rows and np.array_equal(self.cross_fitted.decided, other.cross_fitted.decided)


@dataclass(frozen=True, eq=False)
class Alternative:
    """The score's decision with other values of settings that cost no training, cross-fitted."""

    changes: Mapping[str, Any]  # by NAME.setting; {}: the recipe's own
    scored: Scored
    deployed: Settings


@dataclass(frozen=True, eq=False)
class Judged:
    """Everything the engine derives for one configuration."""

    score_of: str
    decisions: Mapping[str, Judgement]  # by name, those that can be judged; of the best alternative
    alternatives: tuple[Alternative, ...]  # best first; ties go to the recipe's own, then to the order of the space
    unjudged: Mapping[str, str]  # decisions that cannot be judged, and the rule that this would break

    @property
    def scored(self) -> Judgement:
        """The score's decision."""
        return self.decisions[self.score_of]

    @property
    def best(self) -> Alternative:
        """The best alternative."""
        return self.alternatives[0]

    @property
    def own(self) -> Alternative:
        """The recipe's own settings."""
        return next(each for each in self.alternatives if not each.changes)

    @property
    def score(self) -> float:
        """The best alternative's cross-fitted score."""
        return self.best.scored.score


def mean_of(scored: Sequence[Scored]) -> Scored:
    """Seeds' scores averaged, their settings, decisions and cells one behind the other."""
    if len(scored) == 1:
        return scored[0]
    return Scored(
        score=float(np.mean([each.score for each in scored])),
        per_column=np.mean([each.per_column for each in scored], axis=0),
        settings=tuple(settings for each in scored for settings in each.settings),
        parts=tuple(part for each in scored for part in each.parts),
        decided=np.concatenate([each.decided for each in scored]),
        cell_scores=tuple(score for each in scored for score in each.cell_scores),
        remarks=tuple(dict.fromkeys(remark for each in scored for remark in each.remarks)),
    )
