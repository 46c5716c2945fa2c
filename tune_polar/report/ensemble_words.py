"""Ensembles beside the configuration that would be picked, in words and tables for page, terminal and documents."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from tune_polar.decide.kinds import Thresholds
from tune_polar.decide.metrics import metric_named
from tune_polar.evaluate.ensemble_file import EnsembleFile
from tune_polar.evaluate.summary import SearchSummary
from tune_polar.report.document import TextTable
from tune_polar.report.expected_score import EXPECTATION
from tune_polar.report.ladder import shown_threshold
from tune_polar.report.numbers import count, decimals_for, fixed
from tune_polar.report.words import seen_mark
from tune_polar.stats.ensemble_report import EnsembleEntry, EnsembleReport
from tune_polar.stats.intervals import Interval, signed, signed_span, unit_of

SAME = 1e-6  # between a difference and the one written
MEMBERS = 12  # of a table; the file has them all
Name = Callable[[str], str]  # of a configuration, as readers know it


def ensemble_sentences(report: EnsembleReport, name: Name) -> tuple[str, ...]:
    """What the greedy ensemble is worth, and what it costs."""
    entry = report.greedy
    places = [place for place, _ in entry.members]
    gain = _gain(report, entry.gain, entry.interval)
    pick = name(report.pick.configuration)
    if entry.is_better:
        verdict = f"An ensemble of {count(len(places), 'configuration')} is better than {pick} on these rows: {gain}."
    elif entry.gain > 0:
        verdict = f"An ensemble of {count(len(places), 'configuration')} is not told apart from {pick} here: {gain}."
    else:
        verdict = f"An ensemble is not better here than {pick}: {gain}."
    together = [
        f"Models of several seeds answer together in {pick}, as `tune-polar predict` has it: against one seed alone "
        f"that is worth {_gain(report, each.gain, each.interval)}, and is not in its score above."
        for each in report.entries
        if each.kind == "seeds"
    ]
    flaw = (f"No score of the pick or of an ensemble is honest here: {report.flaw}.",) if report.flaw else ()
    return (verdict, *flaw, _corrected(report), _cost(report, places), *together)


def _cost(report: EnsembleReport, places: Sequence[int]) -> str:
    passes, alone = report.passes(places), report.passes([report.pick_place])
    if passes is None:
        return f"A text then passes through the models of {count(len(places), 'configuration')} in place of one."
    return (
        f"It costs {count(passes, 'forward pass', 'forward passes')} a text in place of {alone}: one of every model "
        "of every member, shared models once."
    )


def fault_of_recorded(file: EnsembleFile, summary: SearchSummary) -> str | None:
    """What keeps ``ensemble.yaml`` from being an ensemble of this search, or None."""
    told, metric = file.score, summary.metric
    known = {row.configuration.id for row in summary.configurations}
    strange = [each.configuration for each in file.members if each.configuration not in known]
    if strange:
        return f"its members must be configurations of this search, got {strange[0]!r}"
    if (told.of, told.metric) != (summary.recipe.score.of, metric.name):
        return f"it must be scored by {metric.name} of {summary.recipe.score.of}, got {told.metric} of {told.of}"
    low, high = metric.range
    if not (low <= told.ensemble <= high and abs(told.gain - metric.gain(told.ensemble, told.pick)) < SAME):
        return f"its gain must be that of {told.ensemble} over {told.pick}, got {told.gain}"
    return None


def recorded_sentence(file: EnsembleFile, summary: SearchSummary) -> str:
    """What ``ensemble.yaml`` says of itself, in the search as it is now."""
    told, metric, best = file.score, metric_named(file.score.metric), summary.best
    members = {each.configuration for each in file.members}
    mark = max((seen_mark(row) for row in summary.configurations if row.configuration.id in members), default="")
    verdict = "better" if file.better else "not told apart" if told.gain > 0 else "not better"
    low, high = signed(told.low, metric), signed(told.high, metric)
    is_pick = best is not None and best.configuration.id == told.configuration
    since = "" if is_pick else "; another configuration is the best since then"
    return (
        f"ensemble of {count(len(file.members), 'configuration')}, as of the search’s last end: "
        f"{fixed(told.ensemble, 4)} cross-fitted{mark}, {signed(told.gain, metric)}{unit_of(metric)} over the best "
        f"configuration ({told.level:.0%} interval {low} to {high}): {verdict}{since}"
    )


def _corrected(report: EnsembleReport) -> str:
    corrected = report.corrected
    if isinstance(corrected, str):
        return f"Correction for choosing among configurations and ensembles: not applicable, {corrected}."
    if not report.is_chosen:
        return (
            "The best score among configurations and ensembles is another one; the ensemble’s own owes nothing to a "
            f"choice, for its weights and settings were chosen on other {_parts(report)} than those scored."
        )
    decimals = decimals_for((corrected.interval.high - corrected.interval.low) / 4)
    low, high = (fixed(value, decimals) for value in (corrected.interval.low, corrected.interval.high))
    return (
        f"Corrected for having chosen it among {corrected.entered} candidates (configurations and ensembles; BBC-CV) "
        f"it scores {fixed(corrected.corrected, decimals)}, {corrected.interval.level:.0%} {EXPECTATION} {low} "
        f"to {high}, of the models as trained: unlike the winner's intervals it holds no other training run."
    )


def _parts(report: EnsembleReport) -> str:
    """What weights are chosen on the others of."""
    return "folds" if report.folds > 1 else "fifths of the rows"


def ensemble_table(report: EnsembleReport, name: Name) -> TextTable:
    """The pick and every ensemble."""
    metric = report.metric
    level = f"{report.greedy.interval.level:.0%} interval"
    rows = [
        (
            f"picked: {name(report.pick.configuration)}",
            fixed(report.pick_score, 3),
            "",
            "",
            "1",
            *_passes(report, [report.pick_place]),
        )
    ]
    for entry in report.entries:
        places = [place for place, _ in entry.members]
        rows.append(
            (
                _title(entry),
                fixed(entry.score, 3),
                signed(entry.gain, metric),
                signed_span(entry.interval, report.metric),
                str(len(places)),
                *_passes(report, places),
            )
        )
    unit = f", {metric.unit}" if metric.unit else ""
    each = "each fold’s rows" if report.folds > 1 else "each fifth of the rows"
    passes = () if report.runs is None else ("passes a text",)
    return TextTable(
        f"Scores cross-fitted: weights, and settings on the mean, of {each} were chosen on the other "
        f"{_parts(report).removesuffix(' of the rows')}"
        + (f". Too high all the same: {report.flaw}" if report.flaw else ""),
        ("", "score", f"gain over the pick{unit}", level, "configurations", *passes),
        rows,
        words=(3,),
    )


def _passes(report: EnsembleReport, places: Sequence[int]) -> tuple[str, ...]:
    found = report.passes(places)
    return () if found is None else (str(found),)


def member_table(report: EnsembleReport, name: Name) -> TextTable:
    """Who is in the ensemble that would be used, chosen on all out-of-fold rows."""
    members = report.greedy.members
    rows = [(name(report.names[place]), f"{weight:.1%}") for place, weight in members[:MEMBERS]]
    rest = members[MEMBERS:]
    if rest:
        rows.append((f"{count(len(rest), 'more')}", f"{sum(weight for _, weight in rest):.1%}"))
    return TextTable("Members of the ensemble, chosen on all out-of-fold rows", ("configuration", "weight"), rows)


def ensemble_thresholds(report: EnsembleReport) -> tuple[TextTable, ...]:
    """What each label is called at where the greedy ensemble is used; () where nothing is called at thresholds."""
    chosen = report.greedy.ensemble.deployed.settings.get(report.bench.node.name)
    if not isinstance(chosen, Thresholds):
        return ()
    rows = list(zip(report.bench.judged.gold.names, map(shown_threshold, chosen.values.tolist()), strict=True))
    caption = "Thresholds of the ensemble on its weighted mean of probabilities, chosen on all out-of-fold rows"
    return (TextTable(caption, ("label", "threshold"), rows),)


def ensemble_remarks(report: EnsembleReport) -> tuple[str, ...]:
    """What the figures do not say by themselves."""
    combined = f"{count(len(report.names), 'configuration')} could be members; those that share all models count once."
    together = (
        "On new rows all folds of each configuration answer together, in the pick too; out of fold each row has one "
        "fold’s answer, so that what this gains does not show here."
    )
    return (
        combined,
        "The interval of a gain resamples texts under the models as trained: another training is not among what "
        "varies.",
        *((together,) if report.folds > 1 else ()),
    )


def _title(entry: EnsembleEntry) -> str:
    if entry.kind == "seeds":
        return "its seeds’ mean"
    if entry.kind == "uniform":
        return f"uniform mean of {len(entry.members)}"
    return "greedy ensemble"


def _gain(report: EnsembleReport, gain: float, interval: Interval) -> str:
    unit = f" {report.metric.unit}" if report.metric.unit else ""
    return f"{signed(gain, report.metric)}{unit}, {interval.level:.0%} interval {signed_span(interval, report.metric)}"
