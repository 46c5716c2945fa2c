"""Scores by where decision settings were chosen, in four columns: how much of a number is hindsight."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from tune_polar.decide.crossfit import Protocol, ProtocolScore, ProtocolTable, Rows
from tune_polar.report.comparison import gap_points
from tune_polar.report.numbers import DECIMALS_WITHOUT_ERROR, decimals_for, fixed, spread
from tune_polar.report.objectives import name_of
from tune_polar.store.outcome import DetectorScores, Outcome
from tune_polar.store.summary import ConfigurationSummary, SearchSummary

NOTHING_FINISHED = (
    "Not enough data: no configuration has finished all its folds, and thresholds are compared on one that has."
)
NO_DEV = "There is no dev split with gold labels, so every score here is on out-of-fold rows."
NO_LABELS = (
    "Not applicable: this recipe has no classifier, hence no label thresholds. Its threshold is τ, compared below."
)
NOT_ON_DEV = "no folds"
OTHER_FOLDS_HINT = "On dev the fold-tuned column is the held-out one: its settings were chosen without dev."

# Rules that look for the largest F1 on the rows they see; the others may score less there than elsewhere.
MAXIMISING = ("max_f1", "max_f1_grid")


@dataclass(frozen=True)
class Cell:
    """One score."""

    score: str
    chosen: str = ""  # the threshold, or the range of the folds' thresholds


@dataclass(frozen=True)
class RowGroup:
    """Scores on one set of rows; every tuple holds four: oracle, fold-tuned, cross-fitted, fixed."""

    title: str
    chosen_on: tuple[str, ...]
    macro: tuple[Cell, ...]
    per_class: tuple[tuple[str, tuple[Cell, ...]], ...]


@dataclass(frozen=True)
class Comparison:
    """A table of four columns with its message."""

    columns: tuple[str, ...]
    groups: tuple[RowGroup, ...]
    sentences: tuple[str, ...]


@dataclass(frozen=True)
class ThresholdSection:
    """Votes and label thresholds of the winner."""

    missing: str  # why there is nothing at all; "" otherwise
    configuration: str = ""
    detector: Comparison | None = None
    labels: Comparison | None = None
    labels_missing: str = ""
    labels_title: str = ""


def threshold_section(summary: SearchSummary) -> ThresholdSection:
    """The comparison for the best configuration."""
    best = summary.best
    if best is None or best.outcome is None:
        return ThresholdSection(missing=NOTHING_FINISHED)
    outcome = best.outcome
    decimals = decimals_for(spread(outcome.best.fold_scores))
    return ThresholdSection(
        missing="",
        configuration=name_of(best),
        detector=_votes(outcome.detector, best, decimals),
        labels=None if outcome.thresholds is None else _labels(outcome.thresholds, decimals),
        labels_missing=NO_LABELS if outcome.thresholds is None else "",
        labels_title=_labels_title(outcome),
    )


def _labels_title(outcome: Outcome) -> str:
    if outcome.thresholds is None:
        return ""
    title = f"F1 of each label on the gold-polarized rows, thresholds by the recipe’s rule {outcome.thresholds.rule}"
    if outcome.best.rule not in ("", outcome.thresholds.rule):
        title += f" (the winner’s score above uses {outcome.best.rule}, which did better)"
    return f"{title}. Under each F1 its threshold, or the range of the folds’ thresholds."


# -- detector --------------------------------------------------------------------------------------------------


def _votes(scores: DetectorScores, best: ConfigurationSummary, decimals: int) -> Comparison:
    decision = best.configuration.recipe.decision
    as_written = f"not chosen: k = {decision.k}, τ = {decision.tau:g} as in its recipe"
    groups = [
        RowGroup(
            "Scored on out-of-fold rows",
            ("each fold’s own rows, then averaged", "all these rows pooled", "the other folds’ rows", as_written),
            _cells(
                (scores.inside_folds, scores.fold_tuned, scores.cross_fitted, scores.published),
                ("", str(scores.chosen), "", ""),
                decimals,
            ),
            (),
        )
    ]
    sentences = [
        _Gap("(k, τ)", "out-of-fold rows", scores.inside_folds, scores.cross_fitted).sentence(decimals),
    ]
    if scores.dev_oracle is not None and scores.dev_fold_tuned is not None:
        groups.append(
            RowGroup(
                "Scored on dev rows",
                ("dev gold itself", "all out-of-fold rows", NOT_ON_DEV, "not scored"),
                _cells(
                    (scores.dev_oracle, scores.dev_fold_tuned, None, None), ("", str(scores.chosen), "", ""), decimals
                ),
                (),
            )
        )
        sentences.append(_Gap("(k, τ)", "dev rows", scores.dev_oracle, scores.dev_fold_tuned).sentence(decimals))
    else:
        sentences.append(NO_DEV)
    return Comparison(("Oracle", "Fold-tuned", "Cross-fitted", "As written"), tuple(groups), tuple(sentences))


def _cells(scores: tuple[float | None, ...], chosen: tuple[str, ...], decimals: int) -> tuple[Cell, ...]:
    return tuple(
        Cell("—" if score is None else fixed(score, decimals), at) for score, at in zip(scores, chosen, strict=True)
    )


# -- labels ----------------------------------------------------------------------------------------------------


def _labels(table: ProtocolTable, decimals: int) -> Comparison:
    oof = (
        _found(table, "inside_folds", "oof"),
        _found(table, "fold_tuned", "oof"),
        _found(table, "cross_fitted", "oof"),
        _found(table, "fixed_half", "oof"),
    )
    dev = (
        _found(table, "oracle", "dev"),
        _found(table, "fold_tuned", "dev"),
        None,
        _found(table, "fixed_half", "dev"),
    )
    chosen = ("each fold’s own rows, then averaged", "all these rows pooled", "the other folds’ rows", "not chosen")
    groups = [_group("Scored on out-of-fold rows", chosen, table.labels, oof, decimals)]
    sentences = []
    if oof[0] is not None and oof[2] is not None:
        inside, crossed = oof[0].macro_f1, oof[2].macro_f1
        sentences.append(_Gap("thresholds", "out-of-fold rows", inside, crossed, table.rule).sentence(decimals))
    if dev[0] is not None and dev[1] is not None:
        chosen = ("dev gold itself", "all out-of-fold rows", NOT_ON_DEV, "not chosen")
        groups.append(_group("Scored on dev rows", chosen, table.labels, dev, decimals))
        oracle, held_out = dev[0].macro_f1, dev[1].macro_f1
        sentences.append(_Gap("thresholds", "dev rows", oracle, held_out, table.rule).sentence(decimals))
        sentences.append(OTHER_FOLDS_HINT)
    else:
        sentences.append(NO_DEV)
    return Comparison(("Oracle", "Fold-tuned", "Cross-fitted", "0.5"), tuple(groups), tuple(sentences))


def _found(table: ProtocolTable, protocol: Protocol, scored_on: Rows) -> ProtocolScore | None:
    return next((row for row in table.rows if row.protocol == protocol and row.scored_on == scored_on), None)


def _group(
    title: str,
    chosen_on: tuple[str, ...],
    labels: tuple[str, ...],
    scores: tuple[ProtocolScore | None, ...],
    decimals: int,
) -> RowGroup:
    per_class = tuple(
        (
            label,
            tuple(
                Cell("—") if score is None else Cell(fixed(score.per_class[place], decimals), _threshold(score, place))
                for score in scores
            ),
        )
        for place, label in enumerate(labels)
    )
    macro = tuple(Cell("—") if score is None else Cell(fixed(score.macro_f1, decimals)) for score in scores)
    return RowGroup(title, chosen_on, macro, per_class)


def _threshold(score: ProtocolScore, place: int) -> str:
    if score.protocol == "fixed_half":  # its column says so
        return ""
    values = np.atleast_2d(score.thresholds)[:, place]
    low, high = fixed(values.min(), 2), fixed(values.max(), 2)
    return low if low == high else f"{low}–{high}"


@dataclass(frozen=True)
class _Gap:
    """A score with settings chosen on the scored rows, and one with settings chosen elsewhere."""

    chosen: str  # what was chosen
    scored: Literal["out-of-fold rows", "dev rows"]
    oracle: float
    honest: float
    rule: str | None = None  # of thresholds; None: (k, τ), of which the best is taken

    def sentence(self, decimals: int) -> str:
        """Both, and what their difference is made of."""
        decimals = max(decimals, DECIMALS_WITHOUT_ERROR)
        out_of_fold = self.scored == "out-of-fold rows"  # there the oracle is a mean over folds, the other one pooled
        measured = (
            f"Oracle gap on {self.scored}: choosing {self.chosen} on the very rows that are scored gives "
            f"{fixed(self.oracle, decimals)}, choosing them elsewhere "
            f"({'cross-fitted' if out_of_fold else 'fold-tuned'}) {fixed(self.honest, decimals)}."
        )
        if self.oracle > self.honest:
            averaged = ", and what an average over folds differs from pooled rows" if out_of_fold else ""
            return (
                f"{measured} The difference, {gap_points(self.oracle, self.honest)} F1 points, is hindsight{averaged}."
            )
        if self.rule is not None and self.rule not in MAXIMISING:
            return f"{measured} Hindsight gains nothing here: the rule {self.rule} does not look for the largest F1."
        if out_of_fold:
            return f"{measured} Hindsight gains less here than an average over folds loses against pooled rows."
        return f"{measured} Hindsight gains nothing here."
