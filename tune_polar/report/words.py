"""The words of page, documents, JSON and terminal: one set of them, taken from columns, metric and decisions."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from tune_polar.decide.judgement import Judgement, Rung
from tune_polar.decide.metrics import Metric
from tune_polar.decide.rows import Gold, GoldKind
from tune_polar.evaluate.cell_words import cell_name
from tune_polar.evaluate.honesty_checks import CHOSEN, values_chosen_on
from tune_polar.evaluate.summary import ConfigurationSummary, SearchSummary, State
from tune_polar.recipe.cells import Cell
from tune_polar.recipe.components import Decision
from tune_polar.recipe.configuration import AS_GIVEN
from tune_polar.recipe.graph import DecisionGraph
from tune_polar.recipe.recipe import Recipe
from tune_polar.recipe.seen_starts import seen_words
from tune_polar.report.numbers import count, listed, setting
from tune_polar.stats.intervals import signed

METRICS: Mapping[str, str] = {
    "macro_f1": "macro-F1",
    "positive_f1": "F1 of the positive class",
    "micro_f1": "micro-F1",
    "accuracy": "accuracy",
    "precision_at_1": "precision@1",
    "pearson": "Pearson’s r",
    "spearman": "Spearman’s ρ",
    "mae": "mean absolute error",
    "rmse": "root mean squared error",
    "log_loss": "log-loss",
    "best_threshold_f1": "macro-F1 at the best thresholds of the fold",
    "half_threshold_f1": "macro-F1 at 0.5",
}
RUNGS: Mapping[Rung, str] = {
    "oracle": "oracle",
    "inside_folds": "inside folds",
    "fold_tuned": "fold-tuned",
    "cross_fitted": "cross-fitted",
    "as_written": "as written",
    "plain": "plain",
}
PLAIN: Mapping[str, str] = {
    "threshold": "0.5",
    "knn_vote": "what most neighbours are",
    "calibrate": "the numbers as predicted",
}
STATES: Mapping[State, str] = {
    "finished": "finished",
    "abandoned": "stopped early",
    "infeasible": "failed",
    "incomplete": "open",
}
F1 = "F1"  # of the positive class
NO_CHOICE = "what needs no choice"
SIDE_BY_SIDE = 8
OOF = "out-of-fold rows"
SEEN_MARK = "†"  # beside scores on rows that the start of a stage has seen
NOTHING_FINISHED = "Not enough data: no configuration has finished all its folds."


def named(origin: str, noun: str = "configuration") -> str:
    """``published configuration``, but ``configuration as given``."""
    return f"{noun} {origin}" if origin == AS_GIVEN else f"{origin} {noun}"


def metric_words(name: str) -> str:
    """``macro-F1``; a metric of the user's own by its name."""
    return METRICS.get(name, name)


def gap_words(value: float, metric: Metric) -> str:
    """A difference without a plus sign, for running text: ``4.1 F1 points``, ``−0.012 r``."""
    return f"{signed(value, metric).removeprefix('+')} {metric.unit}".rstrip()


def per_column_words(metric: Metric, kind: GoldKind) -> str:
    """What one column of a metric is: of macro-F1 ``F1``, but of a yes-or-no question itself, a mean of both classes.

    ``kind``: of the gold.
    """
    of_positives = metric.name in ("positive_f1", "micro_f1") or (metric.name == "macro_f1" and kind != "binary")
    return F1 if of_positives else metric_words(metric.name)


def column_heads(metric: Metric, gold: Gold) -> tuple[str, ...]:
    """Of a table with a score for each of several columns, as far as they fit side by side."""
    part = per_column_words(metric, gold.kind)
    return tuple(f"{part} {name}" for name in gold.names) if 1 < len(gold.names) <= SIDE_BY_SIDE else ()


def chosen_on(rung: Rung, cells: CellWords, split: str = OOF, kind: str = "", leaves_open: bool = False) -> str:
    """Where the settings of a score were chosen: ``the other folds``.

    Args:
        rung: how they were.
        cells: of the plan.
        split: whose rows are scored.
        kind: of the decision.
        leaves_open: whether the recipe writes some of them alone.
    """
    inside = "each fold’s own rows, then averaged" if cells.folds > 1 else "these very rows"
    return {
        "oracle": inside if split == OOF else f"{split} gold itself",
        "inside_folds": inside,
        "fold_tuned": "all these rows" if split == OOF else f"all {OOF}",
        "cross_fitted": "the other folds" if cells.folds > 1 else "the other four fifths of the rows",
        "as_written": "nowhere: as the recipe writes them" if not leaves_open else _the_rest(cells, split),
        "plain": f"nowhere: {PLAIN.get(kind, NO_CHOICE)}",
    }[rung]


def _the_rest(cells: CellWords, split: str) -> str:
    where = chosen_on("cross_fitted" if split == OOF else "fold_tuned", cells, split)
    return f"the recipe’s; what it leaves open: {where}"


def begun(text: str) -> str:
    """``text`` as a sentence or column begins."""
    return text[:1].upper() + text[1:]


@dataclass(frozen=True)
class CellWords:
    """How a configuration's cells are called: by fold, by seed, or by both, whichever tells them apart.

    ``held_out``: rows that they validate over those they train on, for comparisons; None: 1/(K−1) in K folds.
    """

    cells: tuple[Cell, ...]
    held_out: float | None = None

    @cached_property
    def folds(self) -> int:
        """Of the plan."""
        return len({cell.fold for cell in self.cells})

    @cached_property
    def seeds(self) -> int:
        """With which each fold is trained."""
        return len({cell.seed for cell in self.cells})

    @property
    def one(self) -> str:
        """``fold``, ``seed`` or ``cell``."""
        return "fold" if self.seeds == 1 else "seed" if self.folds == 1 else "cell"

    @property
    def many(self) -> str:
        """``folds``, ``seeds`` or ``cells``."""
        return f"{self.one}s"

    @property
    def pooling(self) -> str:
        """How all rows come to one score: ``all rows are pooled and scored once``."""
        pooled = "pooled and scored once" if self.folds > 1 else "scored once"
        return f"all rows are {pooled}" if self.seeds == 1 else f"each seed’s rows are {pooled}, then averaged"

    @property
    def counted(self) -> str:
        """Behind a number of out-of-fold rows: that each counts several times."""
        return ", each counted once a seed" if self.seeds > 1 else ""

    @property
    def unlike_pooled(self) -> str:
        """What a mean over cells is not; "" where it is just that."""
        unlike = " That mean is not the difference of the pooled scores, and may even differ in sign."
        return unlike if self.folds > 1 else ""

    def count(self, number: int) -> str:
        """``5 folds``."""
        return count(number, self.one)

    def name(self, cell: Cell) -> str:
        """``fold 2``, ``seed 7``, or ``fold 2, seed 7``."""
        return cell_name(cell, self.cells)

    def names(self, cells: Sequence[Cell]) -> str:
        """``folds 0 and 2``."""
        if self.one == "cell":
            return "; ".join(map(self.name, cells))
        numbers = [str(cell.fold if self.one == "fold" else cell.seed) for cell in cells]
        return f"{self.one if len(cells) == 1 else self.many} {listed(numbers)}"


def weakest_words(judgement: Judgement, shown: Callable[[float], str]) -> str:
    """``The weakest of 6 is invalidation: F1 0.17.``; "" of one column."""
    metric, gold, values = judgement.metric, judgement.rows.gold, judgement.cross_fitted.per_column.tolist()
    if len(gold.names) < 2 or len(values) != len(gold.names):
        return ""
    value, name = min(zip(values, gold.names, strict=True), key=lambda pair: metric.gain(pair[0], 0.0))
    part = per_column_words(metric, gold.kind)
    return f"The weakest of {len(gold.names)} is {name}: {part} {shown(value)}, cross-fitted."


def decided_by(recipe: Recipe, settings: Mapping[str, Any]) -> str:
    """What a configuration's decisions were set to, but for thresholds: ``k=49, τ=0.4; max_f1``.

    Args:
        recipe: of the configuration.
        settings: by dotted key, what was chosen for it.
    """
    parts = []
    for name, decision in recipe.decide.items():
        values = {field: settings.get(f"decide.{name}.{field}", getattr(decision, field)) for field in decision.free}
        order = [field for field in type(decision).model_fields if field in values]
        parts += [", ".join(_setting_words(field, values[field]) for field in order)] if order else []
    return "; ".join(parts)


def _setting_words(field: str, value: object) -> str:
    if field == "rule":
        return str(value)
    return f"{'τ' if field == 'tau' else field}={f'{value:.3g}' if isinstance(value, float) else setting(value)}"


DECISIONS: Mapping[str, Callable[[Any], str]] = {
    "knn_vote": lambda of: f"a vote of {of.of}’s nearest training rows",
    "threshold": lambda of: f"thresholds on {of.of}" + (f", chosen for each {of.per}" if of.per else ""),
    "argmax": lambda of: f"the likeliest class by {of.of}",
    "clip": lambda of: f"the numbers of {of.of}" + ("" if of.low is None and of.high is None else ", held in range"),
    "calibrate": lambda of: (
        f"the numbers of {of.of}, calibrated ({of.method})" + (f" for each {of.per}" if of.per else "")
    ),
    "gate": lambda of: f"{of.of} where {of.by} says yes, {of.otherwise or 'nothing'} elsewhere",
    "mean": lambda of: f"the mean of {listed(of.of)}",
    "ensemble": lambda of: f"an ensemble of {listed(of.of)}",
}


def plain_words(kinds: Iterable[str]) -> str:
    """What decisions of these kinds do where nothing is chosen: ``0.5, or what most neighbours are``."""
    return ", or ".join(PLAIN[kind] for kind in dict.fromkeys(kinds) if kind in PLAIN) or NO_CHOICE


def decision_words(decision: Decision) -> str:
    """What a decision does, in the recipe's own names."""
    words = DECISIONS.get(decision.name)
    return f"{decision.name} of {listed(decision.reads)}" if words is None else words(decision)


def rows_judged(recipe: Recipe, name: str) -> Mapping[str, int | str]:
    """What the rows that a decision is judged on have in common; {}: all rows."""
    graph, decision = DecisionGraph(recipe.stages, recipe.decide), recipe.decide[name]
    first = decision.reads[0]
    stage = graph.stage_read(decision, first)
    return recipe.stages[stage].rows if stage is not None else rows_judged(recipe, first)


def rows_words(conditions: Mapping[str, int | str]) -> str:
    """``all rows``, or ``rows with gold polarization = 1``."""
    said = [f"{column} = {value}" for column, value in conditions.items()]
    return f"rows with gold {listed(said)}" if said else "all rows"


def seen_mark(row: ConfigurationSummary | None, decision: str | None = None) -> str:
    """`` †`` behind a score of ``decision`` (None: the score's) that is not honest, else ""; ``row`` None: of none."""
    return f" {SEEN_MARK}" if row is not None and row.seen_starts(decision) else ""


def seen_notes(rows: Iterable[ConfigurationSummary]) -> tuple[str, ...]:
    """What the mark means beside scores of ``rows``; () where none has it."""
    found = {seen: None for row in rows for name in row.configuration.recipe.decide if (seen := row.seen_starts(name))}
    return tuple(f"{SEEN_MARK} no honest score, too high: {seen_words(seen)}." for seen in found)


def seen_ending(row: ConfigurationSummary | None, decision: str) -> str:
    """What the mark means beside scores of ``decision``, as the end of a table’s caption; "" where there is none."""
    seen = () if row is None else row.seen_starts(decision)
    return f". {SEEN_MARK} no honest score, too high: {seen_words(seen)}" if seen else ""


def chosen_notes(scored: Iterable[tuple[SearchSummary, str, ConfigurationSummary]]) -> tuple[str, ...]:
    """What may have been chosen before a search by scores on sets that it scores, and on which; a sentence a set.

    Args:
        scored: search, set and a configuration that is scored there.
    """
    found: dict[str, dict[str, dict[str, None]]] = {}  # by split, then by the set's name, what was chosen
    for summary, split, row in scored:
        for name, said in values_chosen_on(summary, split, [row]):
            found.setdefault(split, {}).setdefault(name, {})[said] = None
    return tuple(
        f"A value may have been chosen on {split} before the search: "
        f"{'; '.join(f'{listed(list(said))} by scores on {name}' for name, said in sets.items())}, as the recipe says "
        f"({CHOSEN})."
        for split, sets in found.items()
    )


def score_words(recipe: Recipe) -> str:
    """What a search makes the most of: ``macro-F1 of system (… where vote says yes, …), on all rows``."""
    of = recipe.score.of
    about = decision_words(recipe.decide[of])
    return f"{metric_words(recipe.score.metric)} of {of} ({about}), on {rows_words(rows_judged(recipe, of))}"
