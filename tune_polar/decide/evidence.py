"""What is known of some rows, stage by stage, and how rows are parted so that none takes part in its own choice.

- Folds that part the rows are the parts.
- Several seeds: each seed's rows are judged by themselves, chosen for on the other folds of that seed; scores are means
  over seeds.
- One part only (a given split): its rows are cut into ``CUT_PARTS``. In the order of their ids, row n goes to part
  n mod 5: the same for every configuration.
- Parts that share rows (groups left out in several draws): a row counts in each part that held it out, and a part is
  chosen for on the other parts' rows without the texts that it holds itself.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tune_polar.decide.rows import Rows
from tune_polar.decide.tables import Table
from tune_polar.errors import DecisionError

CUT_PARTS = 5


@dataclass(frozen=True, eq=False)
class Evidence:
    """Each stage's table and its rows, by the stage's name.

    Out of fold a table holds one answer a row; on a labelled split all models', which then decide together.

    Raises:
        DecisionError: a stage without rows, or rows of another number than its table's.
    """

    tables: Mapping[str, Table]
    rows: Mapping[str, Rows]

    def __post_init__(self) -> None:
        if not self.tables:
            raise DecisionError("decisions must read at least one stage's table, got none", "Finish a stage first.")
        for name, table in self.tables.items():
            if name not in self.rows or len(self.rows[name]) != len(table):
                raise DecisionError(
                    f"{name} must have gold for each of the {len(table)} rows of its table, got "
                    f"{len(self.rows[name]) if name in self.rows else 'none'}",
                    "Give gold and table of the same rows in the same order.",
                )

    def take(self, picked: Mapping[str, NDArray[Any]]) -> Evidence:
        """Some rows of each stage, given as positions or as masks."""
        return Evidence(
            {name: table.take(picked[name]) for name, table in self.tables.items()},
            {name: self.rows[name].take(picked[name]) for name in self.tables},
        )

    def by_seed(self) -> dict[int, Evidence]:
        """Each seed's rows, in rising order of seeds."""
        seeds = sorted({seed for name in self.tables for seed in self.rows[name].seeds})
        if len(seeds) == 1:
            return {seeds[0]: self}
        return {seed: self.take({name: self.rows[name].seed == seed for name in self.tables}) for seed in seeds}

    def cut(self) -> Evidence:
        """With one part only, its rows cut into five; else as it is."""
        parts = {part for name in self.tables for part in np.unique(self.rows[name].part).tolist()}
        if len(parts) > 1:
            return self
        return Evidence(self.tables, {name: _cut(self.rows[name]) for name in self.tables})

    @property
    def overlaps(self) -> bool:
        """Whether a text was held out in several parts."""
        return any(self.rows[name].repeats for name in self.tables)

    def without(self, part: int) -> Evidence:
        """The other parts' rows, less the texts that ``part`` holds."""
        held = np.concatenate([self.rows[name].ids[self.rows[name].part == part] for name in self.tables])
        return self.take({name: ~np.isin(self.rows[name].ids, held) for name in self.tables})


def _cut(rows: Rows) -> Rows:
    rank = np.unique(rows.ids, return_inverse=True)[1].reshape(-1)
    return replace(rows, part=np.asarray(rank % CUT_PARTS, dtype=np.int64))
