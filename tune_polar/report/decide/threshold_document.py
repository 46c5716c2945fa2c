"""A threshold report in words and tables."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial

import numpy as np

from tune_polar.decide.degenerate import CODE as DEGENERATE
from tune_polar.decide.judgement import Rung, Scored
from tune_polar.decide.predictions import OOF
from tune_polar.recipe.cells import Cell
from tune_polar.report.choice_words import choice_sentences
from tune_polar.report.decide.comparisons import comparison_section, ranking_section, winners_judgements
from tune_polar.report.document import Document, DocumentSection, TextTable
from tune_polar.report.ensemble_words import (
    ensemble_remarks,
    ensemble_sentences,
    ensemble_table,
    ensemble_thresholds,
    member_table,
)
from tune_polar.report.expected_score import EXPECTATION, PREDICTION, ahead_sentences, alarm_sentences
from tune_polar.report.ladder import shown_threshold, threshold_range
from tune_polar.report.numbers import count, fixed, listed
from tune_polar.report.words import RUNGS, CellWords, begun, chosen_on, per_column_words, weakest_words
from tune_polar.stats.ensemble_report import EnsembleReport
from tune_polar.stats.intervals import Interval, points
from tune_polar.stats.rare_labels import CODE as RARE
from tune_polar.stats.rare_labels import FEWEST, RareLabel
from tune_polar.stats.scored_configuration import ScoredConfiguration, among_words, thresholds_of
from tune_polar.stats.split_alarm import ALARM, ALARM_TITLE, LabelledSplit
from tune_polar.stats.threshold_report import LEVELS, ThresholdReport

MEASURE = {
    "labels": "mean over labels of the positive class's F1",
    "binary": "macro-F1 of one label: mean of the positive and the negative class's F1",
}
TERMS = (
    "A fold is one share of the out-of-fold rows (oof), predicted by models that did not train on it. Cross-fitted: "
    "each fold is decided by thresholds chosen on the other folds, the score to compare by; fold-tuned: by those "
    "chosen on all of them; inside folds: by each fold's own; oracle: by those chosen on the very rows that are "
    "scored, which flatters; plain: all at 0.5."
)
ENSEMBLES = "Ensembles of the configurations"
OOF_RUNGS: tuple[Rung, ...] = ("inside_folds", "fold_tuned", "cross_fitted", "plain")
ON_SPLITS: tuple[Rung, ...] = ("oracle", "fold_tuned")
WIDEST = 8  # columns of a table that a terminal shows


def decide_document(report: ThresholdReport) -> Document:
    """One file's report."""
    own = (
        *alarm_sections(report.splits_ahead),
        _read(report),
        _selected(report),
        _rules(report),
        _labels(report),
        _findings(report),
        rare_in_words(report.rare),
    )
    return Document(
        f"Threshold report: {report.path}",
        (*own, comparison_section(report), ranking_section(report), ensemble_section(report)),
    )


def alarm_sections(splits: Sequence[LabelledSplit]) -> tuple[DocumentSection, ...]:
    """Labelled splits far from what was expected, before anything else is read; nothing where there are none."""
    alarms = [alarm_sentences(split, _three) for split in splits if split.fires]
    if not alarms:
        return ()
    title = f"Look here first ({ALARM}): a {ALARM_TITLE}"
    return tuple(DocumentSection(title, said[:1], remarks=said[1:]) for said in alarms)


_three = partial(fixed, decimals=3)


def _spans(at: Callable[[float], Interval]) -> tuple[str, ...]:
    return tuple(_span(at(level)) for level in LEVELS)


def _span(interval: Interval) -> str:
    return f"{_three(interval.low)}–{_three(interval.high)}"


def _read(report: ThresholdReport) -> DocumentSection:
    splits = [
        f"{count(each.rows, 'row')} in {each.name}{'' if each.has_gold else ' (no gold)'}" for each in report.splits
    ]
    read = (
        f"{count(len(report.configurations), 'configuration')}, {count(len(report.labels), 'label')}, "
        f"{count(len(report.folds), 'fold')}; {listed(splits)}."
    )
    return DocumentSection("Read", (read, f"Scores are the {MEASURE[report.gold.kind]}.", TERMS), remarks=report.notes)


def _selected(report: ThresholdReport) -> DocumentSection:
    winner, corrected, new_rows = report.winner, report.corrected, report.new_rows
    complete = len({each.name for each in report.scored})
    ahead = {split.name: split for split in report.splits_ahead}
    sentences = [
        f"Selected: {winner.name} by rule {winner.rule}, the best cross-fitted score of "
        f"{count(len(report.scored), 'candidate')} ({count(complete, 'complete configuration')} × "
        f"{count(len(report.rules), 'rule')}).",
        *([] if isinstance(report.by_folds, str) else choice_sentences(report.by_folds, winners_judgements(report))),
        *_distrusted(report),
        *([] if isinstance(new_rows, str) else ahead_sentences(new_rows, _three, "tune-polar decide")),
        f"Correction for the choice (BBC-CV): not applicable, {corrected}."
        if isinstance(corrected, str)
        else f"Choosing it among {among_words(winner, report.scored)} was worth {points(corrected.optimism)} points, "
        "which are taken off too (BBC-CV: "
        "the choice is made anew on resampled rows, and scored on those left out).",
    ]
    for split, ladder in winner.judgement.splits.items():
        sentences += _unlike_expected(ahead[split]) if split in ahead else []
        oracle, applied = (ladder[rung].score for rung in ON_SPLITS)
        hindsight = f"{points(oracle - applied)} points of hindsight" if oracle > applied else "hindsight gains nothing"
        sentences.append(
            f"Thresholds chosen on {split} gold itself promise {_three(oracle)} there, fold-tuned ones reach "
            f"{_three(applied)}: {hindsight}."
        )
    if not isinstance(report.ensembles, str):
        sentences.append(ensemble_sentences(report.ensembles, str)[0])
    sentences.append(_use(report))
    return DocumentSection("Selected configuration", tuple(sentences), (_scores(report, ahead),))


def _use(report: ThresholdReport) -> str:
    """What to do with new rows."""
    alone = f"call each label of {report.winner.name} at its threshold under “Labels, by rule {report.winner.rule}”"
    if isinstance(report.ensembles, str) or not report.ensembles.greedy.is_better:
        return f"To use it on new rows, {alone}."
    return (
        "On new rows use the ensemble: the mean of its members’ probabilities, with weights and thresholds under "
        f"“{ENSEMBLES}”. Where one model alone can be run, {alone}."
    )


def _scores(report: ThresholdReport, ahead: Mapping[str, LabelledSplit]) -> TextTable:
    """The winner's, from what is foretold to every split."""
    winner, corrected, new_rows = report.winner, report.corrected, report.new_rows
    cells = CellWords(tuple(Cell(fold, 0) for fold in report.folds))
    chosen, no_spans = partial(chosen_on, cells=cells, kind="threshold"), ("",) * len(LEVELS)
    rows = []
    if not isinstance(new_rows, str):
        said, everywhere, estimate = count(new_rows.rows, "new row"), "all out-of-fold rows", _three(new_rows.estimate)
        rows = [
            (f"next {said}", "", *_spans(new_rows.interval), PREDICTION, said, everywhere),
            ("expected", estimate, *_spans(new_rows.expected), EXPECTATION, "", everywhere),
        ]
    rows.append((RUNGS["cross_fitted"], _three(winner.cross_fitted), *no_spans, "", OOF, chosen("cross_fitted")))
    if not isinstance(corrected, str):
        rows.append(("corrected (BBC-CV)", _three(corrected.corrected), *no_spans, "", OOF, chosen("cross_fitted")))
    for rung, scored in winner.judgement.ladder.items():
        if rung in OOF_RUNGS and rung != "cross_fitted":
            rows.append((RUNGS[rung], _three(scored.score), *no_spans, "", OOF, chosen(rung)))
    for split, ladder in winner.judgement.splits.items():
        for rung in ON_SPLITS:
            at = (f"{RUNGS[rung]} on {split}", _three(ladder[rung].score))
            expected = ahead.get(split) if rung == "fold_tuned" else None
            span = (*no_spans, "") if expected is None else (*_spans(expected.ahead.interval), PREDICTION)
            rows.append((*at, *span, split, chosen(rung, split=split)))
    return TextTable(
        "The selected configuration's score, by where its thresholds were chosen",
        ("", "score", *(f"{each:.0%} interval" for each in LEVELS), "which interval", "scored on", "thresholds from"),
        rows,
        words=tuple(range(2, 5 + len(LEVELS))),
    )


def _unlike_expected(split: LabelledSplit) -> list[str]:
    """That a labelled split lies outside its interval, where it is not so far as to raise the alarm."""
    interval = split.ahead.interval(LEVELS[0])
    if split.fires or interval.low <= split.score <= interval.high:
        return []
    side, rows, models = ("below", "harder", "worse") if split.score < interval.low else ("above", "easier", "better")
    return [
        f"On {split.name} it scored {_three(split.score)}, {side} its {LEVELS[0]:.0%} {PREDICTION} {_span(interval)}: "
        f"these rows are {rows}, or what predicted them is {models} than the models of the folds. Too near for an "
        f"alarm ({ALARM}), too far to count on either figure."
    ]


def _distrusted(report: ThresholdReport) -> tuple[str, ...]:
    """Labels whose F1 or threshold says little, with the check that says why."""
    reasons: dict[str, list[str]] = {}
    for each in report.rare:
        reasons.setdefault(each.label, []).append(f"{RARE}, {count(each.positives, 'positive row')}")
    for finding in (found for rule, findings in report.findings if rule == report.winner.rule for found in findings):
        if DEGENERATE not in " ".join(reasons.get(finding.label, ())):
            reasons.setdefault(finding.label, []).append(f"{DEGENERATE}, its threshold")
    if not reasons:
        said = "No label is rare, and no threshold looks degenerate."
    else:
        named = [f"{name} ({'; '.join(why)})" for name, why in reasons.items()]
        said = f"Do not trust what is said of {listed(named)}."
    weakest = weakest_words(report.winner.judgement, _three)
    return (said, weakest) if weakest else (said,)


def ensemble_section(report: ThresholdReport) -> DocumentSection:
    """What the mean of several configurations is worth beside the selected one."""
    return ensembles_in_words(report.ensembles)


def ensembles_in_words(found: EnsembleReport | str) -> DocumentSection:
    """The same of any report."""
    title = ENSEMBLES
    if isinstance(found, str):
        return DocumentSection(title, (f"Not applicable: {found}.",))
    return DocumentSection(
        title,
        ensemble_sentences(found, str),
        (ensemble_table(found, str), member_table(found, str), *ensemble_thresholds(found)),
        ensemble_remarks(found)[:2],
    )


def _rules(report: ThresholdReport) -> DocumentSection:
    shown: list[tuple[str, Rung, str]] = [(RUNGS[rung], rung, OOF) for rung in OOF_RUNGS if rung != "plain"]
    shown += [(f"{split} {RUNGS[rung]}", rung, split) for split in report.labelled for rung in ON_SPLITS]
    rows = [
        (each.rule, *(_three(_at(each, split, rung).score) for _, rung, split in shown))
        for each in report.of(report.winner.name)
    ]
    table = TextTable(f"Macro-F1 of {report.winner.name}", ("rule", *(head for head, _, _ in shown)), rows)
    return DocumentSection("Rules side by side, by where thresholds were chosen", tables=(table,))


def _at(each: ScoredConfiguration, split: str, rung: Rung) -> Scored:
    return (each.judgement.ladder if split == OOF else each.judgement.splits[split])[rung]


def _labels(report: ThresholdReport) -> DocumentSection:
    winner, gold = report.winner, report.gold.values
    ladder = winner.judgement.ladder
    pooled, by_fold = (thresholds_of(ladder[rung]) for rung in ("fold_tuned", "cross_fitted"))
    columns = [
        "label",
        "positive",
        "threshold",
        "folds'",
        RUNGS["cross_fitted"],
        f"{LEVELS[0]:.0%} interval, rows resampled",
    ]
    columns += [RUNGS["fold_tuned"], RUNGS["inside_folds"]]
    others = [(split, rung) for split in report.labelled for rung in ON_SPLITS]
    columns += [f"{split} {RUNGS[rung]}" for split, rung in others]
    rows = []
    for place, label in enumerate(report.labels):
        scored = [*(ladder[rung] for rung in ("cross_fitted", "fold_tuned", "inside_folds"))]
        crossed, *further = (_three(float(each.per_column[place])) for each in scored)
        own = (str(np.count_nonzero(gold[:, place])), shown_threshold(float(pooled[0, place])))
        chosen = (*own, threshold_range(by_fold[:, place].tolist()), crossed)
        on_splits = (_three(float(_at(winner, *each).per_column[place])) for each in others)
        rows.append((label, *chosen, _span(report.bootstrap.per_class_intervals[place]), *further, *on_splits))
    half = min(len(columns), WIDEST)
    what = begun(per_column_words(winner.judgement.metric, winner.judgement.rows.gold.kind))
    tables = [TextTable(f"{what} on out-of-fold rows", tuple(columns[:half]), [row[:half] for row in rows])]
    if half < len(columns):
        caption = f"{what} on further splits: chosen on their own gold (oracle), on all out-of-fold rows (fold-tuned)"
        tables.append(TextTable(caption, (columns[0], *columns[half:]), [(row[0], *row[half:]) for row in rows]))
    remark = f"Intervals resample rows, {report.bootstrap.rounds:,} rounds."
    return DocumentSection(f"Labels, by rule {winner.rule}", (), tuple(tables), (remark,))


def _findings(report: ThresholdReport) -> DocumentSection:
    found = [(rule, finding) for rule, findings in report.findings for finding in findings]
    clean = [rule for rule, findings in report.findings if not findings]
    sentences = (f"No finding for {listed(clean)}.",) if clean else ()
    remarks = tuple(f"{finding.code} {rule}: {finding.message}" for rule, finding in found)
    return DocumentSection("Degenerate thresholds (TP003)", sentences, remarks=remarks)


def rare_in_words(rare: Sequence[RareLabel]) -> DocumentSection:
    """Labels or classes with few rows, or that there are none."""
    sentences = () if rare else (f"Every label has {FEWEST} positive rows or more.",)
    remarks = tuple(f"{RARE}: {each.sentence}" for each in rare)
    return DocumentSection(f"Rare labels ({RARE})", sentences, remarks=remarks)
