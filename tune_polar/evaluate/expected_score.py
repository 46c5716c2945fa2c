"""What a search's winner will score on new rows, and its labelled splits beside that."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from weakref import WeakKeyDictionary

import numpy as np
from numpy.typing import NDArray

from tune_polar.data.table import DEV, TEST, TRAIN
from tune_polar.decide.array_checks import FloatArray
from tune_polar.decide.chooser import Chooser, Settings
from tune_polar.decide.evidence import Evidence
from tune_polar.decide.graph import Node
from tune_polar.decide.tables import Table
from tune_polar.errors import DecisionError
from tune_polar.evaluate.cell_words import cell_name
from tune_polar.evaluate.correction import SEED, Choice, choice_of
from tune_polar.evaluate.outcome import Outcome
from tune_polar.evaluate.summary import ConfigurationSummary, SearchSummary
from tune_polar.recipe.cells import Cell
from tune_polar.recipe.seen_starts import seen_words
from tune_polar.stats.new_rows import NewRowsScore, new_rows_score
from tune_polar.stats.run_spread import RunSpread, run_spread
from tune_polar.stats.split_alarm import LabelledSplit, Predicted, SplitEvidence
from tune_polar.stats.split_causes import labelled_split


@dataclass(frozen=True, eq=False)
class Ahead:
    """What is to come."""

    new_rows: NewRowsScore
    splits: tuple[LabelledSplit, ...]  # each labelled one of the same data beside what was expected of it

    @property
    def alarms(self) -> tuple[LabelledSplit, ...]:
        """Splits far from what was expected."""
        return tuple(split for split in self.splits if split.fires)


ALIKE = (DEV, TEST)  # splits of the same data; of another data set nothing is foretold
_FOUND: WeakKeyDictionary[SearchSummary, Ahead | str] = WeakKeyDictionary()


def ahead_of(summary: SearchSummary) -> Ahead | str:
    """Of the best configuration, or why there is nothing to say; computed once a summary."""
    if summary not in _FOUND:
        try:
            _FOUND[summary] = _ahead(summary)
        except DecisionError as error:
            _FOUND[summary] = error.problem
    return _FOUND[summary]


def _ahead(summary: SearchSummary) -> Ahead | str:
    choice, best = choice_of(summary), summary.best
    if best is not None and (seen := best.seen_starts()):
        return seen_words(seen)
    if isinstance(choice, str):
        return choice
    if best is None or best.outcome is None:
        return "the predictions of the best configuration have not been read"
    outcome, rng = best.outcome, np.random.default_rng(SEED)
    decided = [each.outcome.best.scored.decided for each in _apart(summary) if each.outcome is not None]
    runs = run_spread(choice.rows, decided, summary.metric, choice.corrected.standard_error, rng)
    splits = tuple(_splits(summary, choice, best, outcome, runs, rng))
    new = _new_rows(choice, _next_rows(summary, choice, splits), runs, rng)
    return Ahead(new, splits)


def _new_rows(choice: Choice, rows: int, runs: RunSpread | None, rng: np.random.Generator) -> NewRowsScore:
    return new_rows_score(choice.corrected, choice.rows, choice.winner.decided, rows, runs, rng)


def _apart(summary: SearchSummary) -> list[ConfigurationSummary]:
    """Configurations with honest scores, best first, of which no two share a training run of what is scored."""
    found, used = [], set[str]()
    for row in summary.finished:
        if row.outcome is None or row.predictions is None or row.seen_starts():
            continue
        stages = row.outcome.graph.scored.stages
        keys = {cell.record.stages[stage] for cell in row.predictions.cells for stage in stages}
        if not keys & used:
            found.append(row)
            used |= keys
    return found


def _next_rows(summary: SearchSummary, choice: Choice, splits: tuple[LabelledSplit, ...]) -> int:
    """As many as are asked for, else as the largest other split has; of these the share that is judged."""
    if summary.next_rows is not None:
        return summary.next_rows
    texts = len(np.unique(choice.rows.ids))
    facts = summary.facts.rows
    share = min(texts / facts[TRAIN], 1.0) if facts.get(TRAIN) else 1.0
    sizes = {name: max(round(share * rows), 1) for name, rows in facts.items() if name in ALIKE and rows}
    sizes |= {split.name: split.rows for split in splits}
    return max(sizes.values(), default=texts)


def _splits(
    summary: SearchSummary,
    choice: Choice,
    best: ConfigurationSummary,
    outcome: Outcome,
    runs: RunSpread | None,
    rng: np.random.Generator,
) -> Iterator[LabelledSplit]:
    node = outcome.graph.changed(outcome.best.changes).scored
    found = outcome.judged.scored.splits.items()
    for name, ladder in ((name, ladder) for name, ladder in found if name in ALIKE):
        tuned, evidence = ladder["fold_tuned"], outcome.splits[name]
        bench = _Bench(summary, best, outcome, node, tuned.settings[0])
        ahead = _new_rows(choice, len(tuned.decided), runs, rng)
        about = partial(bench.evidence, choice, name, evidence, tuned.decided)
        yield labelled_split(name, tuned.score, ahead, about)


@dataclass(frozen=True, eq=False)
class _Bench:
    """What is at hand to say why a split scores as it does; looked at only where it lies far outside."""

    summary: SearchSummary
    best: ConfigurationSummary
    outcome: Outcome
    node: Node
    settings: Settings

    def evidence(
        self, choice: Choice, name: str, there: Evidence, decided: NDArray[np.generic]
    ) -> tuple[Predicted, SplitEvidence]:
        """Out of fold, and in the split."""
        chooser = Chooser(there, self.summary.metric)
        rows = chooser.rows(self.node)
        judged = rows.take(rows.mask)
        repeated = self.summary.gold.repeated.get(name)
        return (
            Predicted(choice.rows, choice.winner.decided, self._measured(choice)),
            SplitEvidence(
                name,
                Predicted(judged, decided, self._values(chooser)),
                models=tuple(self._models(there)),
                others=tuple(self._others(name)),
                repeated=0 if repeated is None else len(repeated),
            ),
        )

    def _measured(self, choice: Choice) -> FloatArray | None:
        chooser = Chooser(self.outcome.evidence, self.summary.metric)
        rows, values = chooser.rows(self.node), self._values(chooser, judged=False)
        if values is None:
            return None
        in_order = np.argsort(rows.seed, kind="stable")  # as judged rows stand
        found = values[in_order[rows.mask[in_order]]]
        return found if len(found) == len(choice.rows) else None

    def _values(self, chooser: Chooser, *, judged: bool = True) -> FloatArray | None:
        """Probabilities or numbers that are decided on; None of votes and of what rests on several decisions."""
        first = chooser.inputs(self.node, self.settings).tables[0]
        if first.kind not in ("probability", "value"):
            return None
        return first.ensemble[chooser.rows(self.node).mask] if judged else first.ensemble

    def _models(self, there: Evidence) -> Iterator[tuple[str, float]]:
        """Each model's score by itself."""
        cells = [Cell(fold.fold, fold.seed) for fold in self.best.folds]
        counts = {len(table.models) for table in there.tables.values()}
        if counts != {len(cells)}:
            return
        for place, cell in enumerate(cells):
            alone = {name: Table.of(table.kind, [table.models[place]]) for name, table in there.tables.items()}
            chooser = Chooser(Evidence(alone, there.rows), self.summary.metric)
            rows, decided = chooser.rows(self.node), chooser.decide(self.node, self.settings)
            score = chooser.metric(self.node).score(rows.gold.take(rows.mask), decided[rows.mask])
            yield cell_name(cell, self.summary.cells), score

    def _others(self, name: str) -> Iterator[tuple[float, float]]:
        for row in self.summary.finished:
            if row is not self.best and row.outcome is not None and name in row.outcome.judged.scored.splits:
                there = row.outcome.judged.scored.splits[name]["fold_tuned"]
                yield row.outcome.score, there.score
