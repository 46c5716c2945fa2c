"""Question 6: what the detector's errors cost the classes, which labels go together, and how training went."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from markupsafe import Markup

from tune_polar.decide.checks import BoolArray
from tune_polar.decide.knn import cross_fit_votes
from tune_polar.report.figures import Strip, strip_plot
from tune_polar.report.numbers import count, decimals_for, fixed, listed, spread
from tune_polar.report.panel import Panel, linear_axis
from tune_polar.report.setting_meanings import PlainTable
from tune_polar.stats.intervals import points
from tune_polar.store.outcome import Outcome
from tune_polar.store.predictions_of import ConfigurationPredictions
from tune_polar.store.record import StageRecord
from tune_polar.store.summary import ConfigurationSummary

NOTHING = "Not enough data: no configuration has finished all its folds."
MANY_LABELS = 12  # more do not fit a table side by side


@dataclass(frozen=True)
class PassedOn:
    """Gold-gated against end to end, class by class."""

    missing: str
    sentences: tuple[str, ...] = ()
    figure: str = ""
    table: PlainTable | None = None


@dataclass(frozen=True)
class CountTable:
    """A square of counts with a shade for each cell."""

    caption: str
    labels: tuple[str, ...]
    rows: tuple[tuple[str, tuple[tuple[str, int], ...]], ...]  # label, (words, shade 0–8)


@dataclass(frozen=True)
class LearningCurves:
    """A panel a stage."""

    missing: str
    sentences: tuple[str, ...] = ()
    figures: tuple[Markup, ...] = ()
    table: PlainTable | None = None


@dataclass(frozen=True)
class PipelineSection:
    """The winner's pipeline."""

    missing: str
    passed_on: PassedOn | None = None
    detector: PlainTable | None = None
    confusion: CountTable | None = None
    confusion_note: str = ""
    curves: LearningCurves | None = None


def pipeline_section(best: ConfigurationSummary | None) -> PipelineSection:
    """Everything about the winner's stages."""
    if best is None or best.outcome is None or best.predictions is None:
        return PipelineSection(NOTHING)
    detected = _detected(best.predictions)
    confusion, note = _confusion(best.outcome, best.predictions)
    return PipelineSection(
        missing="",
        passed_on=_passed_on(best.outcome, best.predictions),
        detector=_detector_table(best.predictions, detected),
        confusion=confusion,
        confusion_note=note,
        curves=_curves(best.predictions),
    )


# -- the detector's errors ---------------------------------------------------------------------------------------


def _detected(predictions: ConfigurationPredictions) -> BoolArray:
    """(rows,) in the order of ``detector_tables``: (k, τ) chosen on the other folds."""
    tables, gold = predictions.detector_tables()
    fitted = cross_fit_votes(tables, gold, range(1, tables[0].shape[1] + 1))
    return np.concatenate(fitted.decided)


def _detector_table(predictions: ConfigurationPredictions, detected: BoolArray) -> PlainTable:
    _, parts = predictions.detector_tables()
    gold = np.concatenate(parts) == 1
    rows = []
    for name, own in (("polarized", gold), ("not polarized", ~gold)):
        right = int(np.count_nonzero(detected[own] == gold[own]))
        rows.append(
            (
                name,
                f"{np.count_nonzero(detected & own):,}",
                f"{np.count_nonzero(~detected & own):,}",
                f"{100 * right / max(1, int(np.count_nonzero(own))):.0f}%",
            )
        )
    return PlainTable(
        "The detector’s decisions on out-of-fold rows, (k, τ) chosen on the other folds",
        ("gold", "called polarized", "called not polarized", "right"),
        tuple(rows),
    )


def _passed_on(outcome: Outcome, predictions: ConfigurationPredictions) -> PassedOn:
    if outcome.objective != "end_to_end" or outcome.thresholds is None:
        return PassedOn(
            "Not applicable: the objective of this search does not put classifier behind detector, so there is no "
            "end-to-end score to compare."
        )
    _, row, _ = predictions.classifier_rows()
    polarized = predictions.target[row] == 1
    labels, best = outcome.thresholds.labels, outcome.best
    gated = outcome.thresholds.score("cross_fitted", "oof")
    if gated.decided is None:
        return PassedOn("Not applicable: the cross-fitted decisions are not kept.")
    rows = []
    for place, label in enumerate(labels):
        gold = best.gold[polarized, place]
        lost = int(np.count_nonzero(gold & gated.decided[:, place] & ~best.decided[polarized, place]))
        false = int(np.count_nonzero(best.decided[~polarized, place]))
        end = best.per_class[label]
        rows.append((label, float(gated.per_class[place]), end, lost, int(gold.sum()), false))
    rows.sort(key=lambda each: each[2] - each[1])
    worst, macro_gated, macro_end = rows[0], gated.macro_f1, best.score
    decimals = decimals_for(spread(best.fold_scores))
    strips = [
        Strip(label, f"{inside:.2f} → {end:.2f}", (inside,), end, point_names=(f"{label}, gold-gated: {inside:.2f}",))
        for label, inside, end, *_ in rows
    ]
    figure = strip_plot(
        "passed-on",
        "F1 of each class on gold-polarized rows and end to end",
        f"{worst[0]} loses most: {worst[1]:.2f} to {worst[2]:.2f}. The table after this figure has every class.",
        strips,
    )
    return PassedOn(
        missing="",
        sentences=(
            f"Behind a perfect detector the labels would score {fixed(macro_gated, decimals)}; behind this one they "
            f"score {fixed(macro_end, decimals)}: its errors cost "
            f"{points(macro_gated - macro_end).removeprefix('+')} F1 points.",
            f"{worst[0]} loses most ({points(worst[2] - worst[1])}), {rows[-1][0]} least "
            f"({points(rows[-1][2] - rows[-1][1])}).",
        ),
        figure=figure,
        table=PlainTable(
            "Class by class, worst loss first. Same thresholds in both, chosen on the other folds",
            (
                "class",
                "gold-gated F1",
                "end-to-end F1",
                "points",
                "right ones lost with rejected texts",
                "false ones on texts that are not polarized",
            ),
            tuple(
                (
                    label,
                    fixed(inside, 2),
                    fixed(end, 2),
                    points(end - inside),
                    f"{lost:,} of {positives:,}",
                    f"{false:,}",
                )
                for label, inside, end, lost, positives, false in rows
            ),
        ),
    )


# -- labels together ---------------------------------------------------------------------------------------------


def _confusion(outcome: Outcome, predictions: ConfigurationPredictions) -> tuple[CountTable | None, str]:
    labels = predictions.configuration.recipe.task.labels
    if not labels or not outcome.best.rule:
        return None, "Not applicable: this recipe decides one label alone."
    if len(labels) > MANY_LABELS:
        return None, f"Not shown: a square of {len(labels)} labels does not fit a page."
    gold, decided = outcome.best.gold, outcome.best.decided
    rows = []
    for place, label in enumerate(labels):
        own = gold[:, place]
        positives = max(1, int(own.sum()))
        cells = []
        for other in range(len(labels)):
            together = int(np.count_nonzero(own & gold[:, other]))
            called = int(np.count_nonzero(own & decided[:, other]))
            # On the diagonal right calls; beside it calls of a label that gold does not have beside this one.
            wrong = int(np.count_nonzero(own & decided[:, other] & ~gold[:, other]))
            words = f"{called:,}" if place == other else f"{wrong:,} / {together:,}"
            share = (called if place == other else wrong) / positives
            cells.append((words, min(8, int(share * 9))))
        rows.append((f"{label} ({int(own.sum()):,})", tuple(cells)))
    caption = (
        "Texts with the row’s gold label (how many): on the diagonal, how many were given it; elsewhere, how many were "
        "given the column’s label wrongly / how many have both labels in gold"
    )
    return CountTable(caption, labels, tuple(rows)), _confusion_sentence(gold, decided, labels)


def _confusion_sentence(gold: BoolArray, decided: BoolArray, labels: Sequence[str]) -> str:
    wrong = (gold.T.astype(int) @ (decided & ~gold).astype(int)).astype(float)
    np.fill_diagonal(wrong, 0)
    if not wrong.any():
        return "No text was given a label that its gold does not have beside another one."
    shares = wrong / np.maximum(gold.sum(axis=0), 1)[:, None]
    one, other = divmod(int(shares.argmax()), len(labels))
    return (
        f"The commonest mistake beside a gold label: {100 * shares[one, other]:.0f}% of the {labels[one]} texts were "
        f"also called {labels[other]} where gold says no."
    )


# -- training ----------------------------------------------------------------------------------------------------


def _curves(predictions: ConfigurationPredictions) -> LearningCurves:
    figures, rows, sentences = [], [], []
    for name, metric in (("detector", "Precision@1"), ("classifier", "macro-F1, best thresholds of the fold")):
        stages = [fold.detector if name == "detector" else fold.classifier for fold in predictions.folds]
        found = [stage for stage in stages if stage is not None and stage.curve]
        if not found:
            continue
        figures.append(_curve_panel(name, metric, found))
        early = [stage for stage in found if stage.stopped == "patience"]
        last = [stage for stage in found if stage.best_step == stage.curve[-1].step]
        sentences.append(
            f"{name.capitalize()}: {len(early)} of {count(len(found), 'fold')} stopped early, {len(last)} had the best "
            "checkpoint at the very last evaluation"
            + (" and might have gained by longer training." if len(last) > len(found) / 2 else ".")
        )
        rows += [
            (
                f"{name}, fold {stage.fold}",
                f"{stage.steps:,}",
                f"{stage.best_step:,}",
                fixed(stage.best_value, 3),
                "early, patience ran out" if stage.stopped == "patience" else "all planned steps",
            )
            for stage in found
        ]
    if not figures:
        return LearningCurves("Not enough data: the stages’ records hold no curve.")
    table = PlainTable("Each stage’s training", ("stage", "steps", "best at", "value there", "ended"), tuple(rows))
    return LearningCurves("", tuple(sentences), tuple(figures), table)


def _curve_panel(name: str, metric: str, stages: Sequence[StageRecord]) -> Markup:
    values = [point.value for stage in stages for point in stage.curve]
    steps = [float(point.step) for stage in stages for point in stage.curve]
    panel = Panel(
        f"curve-{name}",
        f"{name.capitalize()}: {metric} over training steps",
        f"{count(len(stages), 'fold')}; best values {listed([fixed(stage.best_value, 2) for stage in stages])}.",
        linear_axis([0.0, *steps], "step", pad=0.02),
        linear_axis(values, ""),
    )
    for stage in stages:
        panel.line([(point.step, point.value) for point in stage.curve], "fold", f"fold {stage.fold}")
    for stage in stages:
        draw = panel.square if stage.stopped == "patience" else panel.dot
        draw(
            stage.best_step,
            stage.best_value,
            "pt pub" if stage.stopped == "patience" else "pt",
            title=f"fold {stage.fold}: best at step {stage.best_step}",
        )
    title = f"{name.capitalize()}: {metric}"
    return Markup('<div class="small-multiple"><p class="panel-title">{}</p>{}</div>').format(title, panel.svg())
