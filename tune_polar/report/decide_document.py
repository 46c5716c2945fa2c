"""A threshold report in words and tables."""

from __future__ import annotations

import numpy as np

from tune_polar.decide.crossfit import Protocol, ProtocolScore
from tune_polar.decide.predictions import OOF
from tune_polar.decide.threshold_rules import PREDICT_NONE
from tune_polar.report.comparison_tables import comparison_section, ranking_section
from tune_polar.report.document import Document, DocumentSection, TextTable
from tune_polar.report.numbers import count, listed
from tune_polar.stats.intervals import Interval, points
from tune_polar.stats.threshold_report import LEVELS, ThresholdReport

MEASURE = {
    "positive": "mean over labels of the positive class's F1",
    "both_classes": "macro-F1 of one label: mean of the positive and the negative class's F1",
}
# Protocols on out-of-fold rows: column heading, and where thresholds were chosen.
OOF_PROTOCOLS: tuple[tuple[str, Protocol, str], ...] = (
    ("inside folds", "inside_folds", "each fold's own rows, then averaged"),
    ("pooled", "fold_tuned", "all these rows"),
    ("cross-fitted", "cross_fitted", "the other folds"),
    ("0.5", "fixed_half", "nowhere: 0.5"),
)


def decide_document(report: ThresholdReport) -> Document:
    """One file's report."""
    return Document(
        f"Threshold report: {report.path}",
        (
            _read(report),
            _selected(report),
            _rules(report),
            _labels(report),
            _findings(report),
            comparison_section(report),
            ranking_section(report),
        ),
    )


def three(value: float) -> str:
    """A score with three decimals."""
    return f"{value:.3f}"


def span(interval: Interval) -> str:
    """``0.473–0.512``."""
    return f"{interval.low:.3f}–{interval.high:.3f}"


def _read(report: ThresholdReport) -> DocumentSection:
    splits = [
        f"{count(each.rows, 'row')} in {each.name}{'' if each.has_gold else ' (no gold)'}" for each in report.splits
    ]
    return DocumentSection(
        "Read",
        (
            f"{count(len(report.configurations), 'configuration')}, {count(len(report.labels), 'label')}, "
            f"{count(len(report.folds), 'fold')}; {listed(splits)}.",
            f"Scores are the {MEASURE[report.score]}.",
        ),
        remarks=report.notes,
    )


def _selected(report: ThresholdReport) -> DocumentSection:
    winner, candidates = report.winner, len(report.scored)
    complete = len({each.name for each in report.scored})
    sentences = [
        f"Selected: {winner.name} by rule {winner.rule}, the best cross-fitted score of "
        f"{count(candidates, 'candidate')} ({count(complete, 'complete configuration')} × "
        f"{count(len(report.rules), 'rule')})."
    ]
    levels = " and ".join(f"{level:.0%}" for level in LEVELS)
    rows = [("raw best", three(winner.cross_fitted), "", OOF, "the other folds")]
    if isinstance(report.corrected, str):
        sentences.append(f"Correction for the choice (BBC-CV): not applicable, {report.corrected}.")
    else:
        spans = " ".join(f"{span(report.corrected.interval_at(level))}" for level in LEVELS)
        rows.append(("corrected (BBC-CV)", three(report.corrected.corrected), spans, OOF, "the other folds"))
        sentences.append(
            f"To report: {three(report.corrected.corrected)}, {LEVELS[0]:.0%} interval "
            f"{span(report.corrected.interval_at(LEVELS[0]))}. Choosing it was worth "
            f"{points(report.corrected.optimism)} points, which are taken off."
        )
    if not isinstance(report.new_rows, str):
        spans = " ".join(span(report.new_rows.interval(level)) for level in LEVELS)
        rows.append((f"new set of {report.new_rows.rows:,} rows", "", spans, "new rows", "all out-of-fold rows"))
    rows += [
        (heading, three(winner.protocols.score(protocol, OOF).macro_f1), "", OOF, chosen)
        for heading, protocol, chosen in OOF_PROTOCOLS
        if protocol != "cross_fitted"
    ]
    for split in report.labelled:
        oracle, applied = winner.oracle_on(split), winner.on(split)
        if oracle is not None and applied is not None:
            rows.append((f"oracle on {split}", three(oracle.macro_f1), "", split, f"{split} gold itself"))
            rows.append((f"fold-tuned on {split}", three(applied.macro_f1), "", split, "all out-of-fold rows"))
            sentences.append(
                f"Thresholds chosen on {split} gold itself promise {three(oracle.macro_f1)} there, fold-tuned ones "
                f"reach {three(applied.macro_f1)}: {points(oracle.macro_f1 - applied.macro_f1)} points of hindsight."
            )
    table = TextTable(
        "The selected configuration's score, by where its thresholds were chosen",
        ("", "score", f"{levels} interval", "scored on", "thresholds chosen on"),
        tuple(rows),
        words=(2, 3, 4),
    )
    remark = (
        "The interval for a new set covers what one more training run scores on that many rows like these; "
        "it is wider than that of the corrected score, which speaks of the expectation alone."
    )
    return DocumentSection(
        "Selected configuration", tuple(sentences), (table,), () if isinstance(report.new_rows, str) else (remark,)
    )


def _rules(report: ThresholdReport) -> DocumentSection:
    columns = ["rule", *(heading for heading, _, _ in OOF_PROTOCOLS if heading != "0.5")]
    for split in report.labelled:
        columns += [f"{split} oracle", f"{split} tuned"]
    rows = []
    for each in report.of(report.winner.name):
        cells = [
            three(each.protocols.score(protocol, OOF).macro_f1) for head, protocol, _ in OOF_PROTOCOLS if head != "0.5"
        ]
        for split in report.labelled:
            cells += [_macro(each.oracle_on(split)), _macro(each.on(split))]
        rows.append((each.rule, *cells))
    caption = f"Macro-F1 of {report.winner.name}"
    return DocumentSection(
        "Rules and protocols side by side", tables=(TextTable(caption, tuple(columns), tuple(rows)),)
    )


def _macro(score: ProtocolScore | None) -> str:
    return "n/a" if score is None else three(score.macro_f1)


def _labels(report: ThresholdReport) -> DocumentSection:
    protocols = report.winner.protocols
    crossed, pooled = protocols.score("cross_fitted", OOF), protocols.score("fold_tuned", OOF)
    inside = protocols.score("inside_folds", OOF)
    columns = [
        "label",
        "positive",
        "threshold",
        "folds'",
        "cross-fitted",
        f"{LEVELS[0]:.0%} interval",
        "pooled",
        "inside",
    ]
    for split in report.labelled:
        columns += [f"{split} oracle", f"{split} tuned"]
    rows = []
    for place, label in enumerate(report.labels):
        cells = [
            label,
            str(int(np.count_nonzero(report.gold[:, place]))),
            shown(float(pooled.thresholds[place])),
            "–".join(dict.fromkeys(shown(float(end)) for end in _ends(crossed, place))),
            three(float(crossed.per_class[place])),
            span(report.bootstrap.per_class_intervals[place]),
            three(float(pooled.per_class[place])),
            three(float(inside.per_class[place])),
        ]
        for split in report.labelled:
            for score in (report.winner.oracle_on(split), report.winner.on(split)):
                cells.append("n/a" if score is None else three(float(score.per_class[place])))
        rows.append(tuple(cells))
    half = len(columns) if len(columns) <= 8 else 8
    tables = [TextTable("F1 on out-of-fold rows", tuple(columns[:half]), tuple(row[:half] for row in rows))]
    if half < len(columns):
        tables.append(
            TextTable(
                "F1 on further splits: chosen on their own gold (oracle), and on all out-of-fold rows (tuned)",
                (columns[0], *columns[half:]),
                tuple((row[0], *row[half:]) for row in rows),
            )
        )
    remark = f"Intervals resample rows within each pattern of gold labels, {report.bootstrap.rounds:,} rounds."
    return DocumentSection(f"Labels, by rule {report.winner.rule}", (), tuple(tables), (remark,))


def _ends(score: ProtocolScore, place: int) -> tuple[float, float]:
    """Lowest and highest of the folds' thresholds."""
    values = np.atleast_2d(score.thresholds)[:, place]
    return float(values.min()), float(values.max())


def shown(threshold: float) -> str:
    """A threshold with two significant digits below 0.1; "none" where nothing is predicted."""
    if threshold >= PREDICT_NONE:
        return "none"
    return f"{threshold:.2f}" if threshold >= 0.1 else f"{threshold:.2g}"


def _findings(report: ThresholdReport) -> DocumentSection:
    found = [(rule, finding) for rule, findings in report.findings for finding in findings]
    clean = [rule for rule, findings in report.findings if not findings]
    sentences = (f"No finding for {listed(clean)}.",) if clean else ()
    return DocumentSection(
        "Degenerate thresholds (TP003)",
        sentences,
        remarks=tuple(f"{finding.code} {rule}: {finding.message}" for rule, finding in found),
    )
