"""``tune_polar.decide``: what `tune-polar decide` reports of a file, of arrays in memory."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from numpy.typing import ArrayLike

from tune_polar.api.best import ends
from tune_polar.api.count_checks import is_whole, plain
from tune_polar.api.python_words import told_in_python
from tune_polar.decide.array_arguments import Predicted
from tune_polar.decide.prediction_arrays import ONE, ArraySplit, table_of_arrays
from tune_polar.decide.predictions import OOF
from tune_polar.errors import DecisionError
from tune_polar.report.decide.decide_page import decide_page, write_decide_report
from tune_polar.report.decide.decided import Report, data_of, document_of, report_of
from tune_polar.report.document import Document, markdown
from tune_polar.stats.scored_configuration import thresholds_of
from tune_polar.stats.threshold_report import LEVELS, ReportSettings, ThresholdReport


@dataclass(frozen=True, eq=False)
class Decided:
    """What predictions are worth. Printed it is the report; as the last line of a notebook's cell, the page."""

    _report: Report

    @property
    def configuration(self) -> str:
        """The best of the configurations given."""
        return self._report.winner.name

    @property
    def rule(self) -> str:
        """By which its thresholds are chosen; ``likeliest class`` or ``as predicted`` where there are none."""
        return self._report.winner.rule

    @property
    def score(self) -> float:
        """Its cross-fitted score: macro-F1, of numbers Pearson's r."""
        return self._report.winner.cross_fitted

    @property
    def corrected(self) -> float | None:
        """The score without the luck of having chosen the best (BBC-CV); None with too few rows."""
        found = self._report.corrected
        return None if isinstance(found, str) else found.corrected

    @property
    def interval(self) -> tuple[float, float] | None:
        """90% interval of the expectation: holds the score on average over many sets and runs."""
        found = self._report.new_rows
        return None if isinstance(found, str) else ends(found.expected(LEVELS[0]))

    @property
    def prediction(self) -> tuple[float, float] | None:
        """90% prediction interval: holds the score on the next ``next_rows`` rows like these."""
        found = self._report.new_rows
        return None if isinstance(found, str) else ends(found.interval(LEVELS[0]))

    @property
    def next_rows(self) -> int | None:
        """Size of that set: as told, else of the largest split beside the out-of-fold rows, else theirs."""
        found = self._report.new_rows
        return None if isinstance(found, str) else found.rows

    @property
    def thresholds(self) -> dict[str, float]:
        """By label, chosen on all out-of-fold rows: what to use from now on; {} where nothing is chosen."""
        if not isinstance(self._report, ThresholdReport):
            return {}
        (chosen,) = thresholds_of(self._report.winner.judgement.ladder["fold_tuned"]).tolist()
        return dict(zip(self._report.labels, chosen, strict=True))

    @cached_property
    def _document(self) -> Document:
        return document_of(self._report)

    def data(self) -> dict[str, Any]:
        """Every number, as `tune-polar decide --json` gives a report; docs/result-json.md names the keys."""
        return data_of(self._report)

    def report(self, path: str | Path) -> Path:
        """Write the report to an .html or .md file.

        Raises:
            TunePolarError: no path, another ending, or a place that cannot be written.
        """
        if not isinstance(path, str | Path):
            raise DecisionError(f"path must be text or a Path, got {path!r:.80}", 'For example "thresholds.html".')
        write_decide_report(Path(path), [self._document], None)
        return Path(path)

    def __str__(self) -> str:
        return markdown(self._document)

    def __repr__(self) -> str:
        return f"Decided({self.configuration!r}, {self.rule!r}, score {self.score:.4f})"

    def _repr_html_(self) -> str:
        return decide_page([self._document])


def decide(
    gold: ArrayLike,
    predictions: Predicted | Mapping[str, Predicted],
    folds: ArrayLike | None = None,
    *,
    labels: Sequence[str] | None = None,
    splits: Mapping[str, tuple[ArrayLike | None, Predicted | Mapping[str, Predicted]]] | None = None,
    groups: Sequence[object] | None = None,
    rules: Sequence[str] = (),
    new_rows: int | None = None,
    rounds: int = 1000,
    seed: int = 0,
) -> Decided:
    """Report what out-of-fold predictions are worth, as `tune-polar decide` does of a file.

    What names its rows, as DataFrames and Series do, is put in one order by its index, and columns by their names:
    both must then be the same everywhere. What has no names goes by position, and so does a single column. Predictions
    that pandas numbered, 0, 1, 2 …, are refused beside gold with the same numbers in another order: nothing tells which
    ones belong together.

    Args:
        gold: of the out-of-fold rows: 0 and 1 (rows,) or (rows, labels), classes (rows,), or numbers (rows,) or
            (rows, columns); a single column is (rows,). None may be missing.
        predictions: of the same rows, each by a model that was not trained on it: probabilities (rows,), (rows, labels)
            or (rows, classes), numbers, or what ``predict_proba`` gives, also as a list of arrays (rows, 2). A mapping
            by name compares several configurations.
        folds: the fold that each row was held out in, by number or name, (rows,); None: all in one, which compares no
            folds.
        labels: names of the columns, of classes what gold says, such as ``model.classes_``; tables that have none of
            these names are renamed by position. None: the columns' own names (sorted, where they are the classes of
            gold), sorted classes, or numbers from 0. Of two classes the last is the label.
        splits: further rows by name, each as (gold or None, predictions): ``{"test": (y_test, probabilities)}``.
        groups: of each out-of-fold row, such as its language; of classes and numbers each group's score is told.
        rules: threshold rules to compare; none: the usual ones.
        new_rows: size of the test set to come; None: the largest split, else as many as there are.
        rounds: of resampling.
        seed: of resampling.

    Returns:
        The report: ``thresholds``, ``score``, ``corrected``, ``data()``; print it to read it.

    Raises:
        TunePolarError: arrays that do not fit together, rows or columns of other names, or values that are no gold,
            no prediction or no fold, or are missing.

    Example:
        >>> import numpy as np
        >>> rng = np.random.default_rng(0)
        >>> gold = rng.random((300, 2)) < (0.4, 0.2)
        >>> probability = 1 / (1 + np.exp(-(2 * gold - 1 + rng.normal(size=gold.shape))))
        >>> found = tune_polar.decide(gold, probability, folds=np.arange(300) % 5, labels=["hurt", "rude"])
        >>> sorted(found.thresholds), found.score > 0.6, found.interval[0] < found.corrected < found.interval[1]
        (['hurt', 'rude'], True, True)
    """
    if not (is_whole(seed) and seed >= 0):
        raise DecisionError(f"seed must be at least 0, got {seed!r}", "Give a whole number from 0 up.")
    if new_rows is not None and not (is_whole(new_rows) and new_rows >= 1):
        raise DecisionError(f"new_rows must be at least 1, got {new_rows!r}", "Give the size of the test set to come.")
    every = {OOF: ArraySplit(gold, _named(predictions))}
    every |= _further({} if splits is None else splits, every[OOF].predictions)
    table = table_of_arrays(every, folds, labels, groups)
    with told_in_python({"rules", "rounds", "groups"}):
        return Decided(report_of(table, ReportSettings(tuple(rules), plain(seed), plain(rounds), plain(new_rows))))


def _further(splits: object, known: Mapping[str, Predicted]) -> Mapping[str, ArraySplit]:
    """The splits beside the out-of-fold rows; ``known``: the configurations, by name."""
    remedy = 'For example splits={"test": (y_test, probabilities)}.'
    if not isinstance(splits, Mapping):
        raise DecisionError(f"splits must map names to (gold or None, predictions), got {splits!r:.80}", remedy)
    found = {}
    for name, given in splits.items():
        if name == OOF:
            raise DecisionError(f"a further split must not be called {OOF!r}", "Call it dev or test.")
        if not isinstance(given, list | tuple) or len(given) != 2:
            got = f"{len(given)} of them" if isinstance(given, list | tuple) else type(given).__name__
            raise DecisionError(f"splits[{name!r}] must be a pair (gold or None, predictions), got {got}", remedy)
        found[str(name)] = ArraySplit(given[0], _named(given[1]))
        foreign = set(found[str(name)].predictions) - set(known)
        if foreign:
            raise DecisionError(
                f"splits[{name!r}] must hold predictions of {', '.join(known)}, got {', '.join(sorted(foreign))}",
                "Call configurations alike in predictions and splits.",
            )
    return found


def _named(predictions: Predicted | Mapping[str, Predicted]) -> Mapping[str, Predicted]:
    if not isinstance(predictions, Mapping):
        return {ONE: predictions}
    if not predictions:
        raise DecisionError("there must be at least one configuration's predictions, got none", "Give an array.")
    return {str(name): each for name, each in predictions.items()}
