"""What a search has come to, in words and tables: printed at its end and by `tune-polar status`."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from rich.console import Console
from rich.table import Table

from tune_polar.cli.winner import winner_changes
from tune_polar.decide.crossfit import Protocol, ProtocolTable
from tune_polar.report.honesty import honesty_section
from tune_polar.report.raced import saved_by_racing
from tune_polar.spec.configuration import PUBLISHED
from tune_polar.store.outcome import DetectorScores
from tune_polar.store.summary import ConfigurationSummary, SearchSummary

OBJECTIVES = {
    "detector": "macro-F1 of the detector",
    "gold_gated": "macro-F1 of the labels on gold-polarized rows",
    "end_to_end": "macro-F1 of the labels on all rows, gated by the detector",
}

# The heading says on which rows the thresholds were chosen: the rows themselves, all, the other folds, none.
OUT_OF_FOLD_COLUMNS: tuple[tuple[str, Protocol], ...] = (
    ("oracle", "inside_folds"),
    ("fold-tuned", "fold_tuned"),
    ("cross-fitted", "cross_fitted"),
    ("0.5", "fixed_half"),
)
DEV_COLUMNS: tuple[tuple[str, Protocol], ...] = (
    ("dev oracle", "oracle"),
    ("dev tuned", "fold_tuned"),
    ("dev 0.5", "fixed_half"),
)


FLAGS_SHOWN = 3  # of one check; the page shows more
PARTS = {"detector": "its own macro-F1", "gold-gated": "the labels' macro-F1 on gold-polarized rows"}
GAP_NOTE = (
    "oracle: chosen inside each fold, F1 averaged over folds; the others: all rows pooled. oracle gap: oracle − "
    "cross-fitted, in points; below 0 where averaging costs more than hindsight gains, or the rule maximises no F1."
)


def spread(scores: tuple[float, ...]) -> float:
    """Standard deviation between folds."""
    return float(np.std(scores, ddof=1)) if len(scores) > 1 else 0.0


def print_ending(
    console: Console, summary: SearchSummary, page: Path, winner: Path | None, asked: int | None = None
) -> None:
    """Result, comparison, settings, and where everything lies.

    ``asked``: how many configurations this run was to come to; None: as begun, or left open.
    """
    console.print()
    print_scores(console, summary)
    best = summary.best
    if best is None or best.outcome is None:
        console.print("\nNo configuration has finished all its folds, so there is nothing to compare yet.")
        for line in failure_notice(summary) or failure_lines(summary):
            console.print(line, markup=False, highlight=False, soft_wrap=True)
    else:
        print_comparison(console, best)
        print_honesty(console, summary)
        if winner is not None and summary.facts.kind == "search":
            console.print(f"\nWinner's settings as a recipe: {winner}", markup=False, highlight=False, soft_wrap=True)
            console.print(winner_changes(summary), markup=False, highlight=False, soft_wrap=True)
    print_places(console, summary, page, asked)


def print_places(console: Console, summary: SearchSummary, page: Path | None, asked: int | None = None) -> None:
    """Where records and page lie, and how to go on."""
    console.print(f"\nrecords   {summary.url}", markup=False, highlight=False, soft_wrap=True)
    if page is not None:
        console.print(f"page      {page}", markup=False, highlight=False, soft_wrap=True)
    trials = summary.planned
    if not summary.is_complete or len(summary.configurations) < (asked or 0):
        goes_on = way_on(summary.url, summary.facts.trials, asked)
    elif summary.facts.kind == "search":
        goes_on = f"tune-polar resume {summary.url} --trials {2 * trials}"
    else:
        goes_on = None
    if goes_on is not None:
        print_way_on(console, goes_on)
    console.print(f"page anew tune-polar report {summary.url}", markup=False, highlight=False, soft_wrap=True)


def way_on(url: str, begun: int, asked: int | None) -> str:
    """The command that finishes what is left: a total that is not that of the manifest has to be given again."""
    return f"tune-polar resume {url}" + (f" --trials {asked}" if asked is not None and asked > begun else "")


def print_way_on(console: Console, command: str) -> None:
    """The command that goes on with the search."""
    console.print(f"go on     {command}", markup=False, highlight=False, soft_wrap=True)


def print_scores(console: Console, summary: SearchSummary) -> None:
    """Configurations with their scores, best first; an ablation in its own order with paired differences."""
    is_ablation = summary.facts.kind == "ablation"
    reference = PUBLISHED if summary.published is None else summary.published.configuration.origin
    table = Table(title=_title(summary), title_justify="left", box=None, header_style="bold")
    parts = _parts(summary)
    for name in ("#", "configuration", "score ± fold SD", f"− {reference}", *parts, "folds"):
        table.add_column(name, justify="left" if name == "configuration" else "right", no_wrap=True)
    rows = summary.configurations if is_ablation else (*summary.finished, *_unfinished(summary))
    for row in rows[:20]:
        table.add_row(*_score_cells(row, summary))
    console.print(table)
    if len(rows) > 20:
        console.print(f"… and {len(rows) - 20} more")
    if summary.abandoned:
        saved = saved_by_racing(summary, summary.gold.detector_plan.count)
        console.print(f"stopped early (--racing {summary.facts.racing}): {saved}.", highlight=False, soft_wrap=True)
    console.print(
        "score: decision settings chosen on the other folds, all rows pooled and scored once. "
        f"− {reference}: mean ± SE of the difference, fold by fold; the mean of F1 differences of folds is not the "
        "difference of the pooled scores, and may even differ in sign."
        + "".join(f"\n{name}: {PARTS[name]}." for name in parts),
        style="dim",
        soft_wrap=True,
    )


def _title(summary: SearchSummary) -> str:
    name = summary.facts.recipe.recipe
    return f"{name}: {OBJECTIVES[summary.objective]}, cross-fitted"


def _unfinished(summary: SearchSummary) -> tuple[ConfigurationSummary, ...]:
    return tuple(c for c in summary.configurations if c.scores is None)


def _parts(summary: SearchSummary) -> tuple[str, ...]:
    """The columns beside the score: what it does not say already."""
    has_labels = summary.facts.recipe.classifier is not None
    return tuple(
        name for name, is_told in (("detector", summary.objective != "detector"), ("gold-gated", has_labels)) if is_told
    )


def _score_cells(row: ConfigurationSummary, summary: SearchSummary) -> list[str]:
    name = f"{row.configuration.id[:8]} {row.configuration.origin}"
    folds = f"{len(row.folds)}/{summary.gold.detector_plan.count}"
    number = str(row.configuration.number)
    if row.scores is None:
        said = {"infeasible": "failed", "abandoned": "stopped"}.get(row.state, "…")
        return [number, name, said, "", *("" for _ in _parts(summary)), folds]
    scores = row.scores
    difference = paired_difference(row, summary.published)
    parts = {"detector": scores.detector, "gold-gated": scores.gold_gated}
    cells = ["" if (value := parts[name]) is None else f"{value:.4f}" for name in _parts(summary)]
    return [
        number,
        name,
        f"{scores.score:.4f} ± {spread(scores.best.fold_scores):.3f}",
        "" if difference is None else f"{difference[0]:+.3f} ± {difference[1]:.3f}",
        *cells,
        folds,
    ]


def paired_difference(row: ConfigurationSummary, published: ConfigurationSummary | None) -> tuple[float, float] | None:
    """Mean and standard error of the difference to the published configuration, fold by fold; None for itself."""
    if row.scores is None or published is None or published.scores is None or row is published:
        return None
    difference = np.subtract(row.scores.best.fold_scores, published.scores.best.fold_scores)
    return float(difference.mean()), spread(tuple(difference)) / float(np.sqrt(len(difference)))


def print_comparison(console: Console, best: ConfigurationSummary) -> None:
    """The winner's score by where its thresholds were chosen."""
    outcome = best.outcome
    if outcome is None:
        return
    console.print()
    if outcome.thresholds is None:
        console.print(_votes_table(outcome.detector))
    else:
        console.print(_thresholds_table(outcome.thresholds))
        console.print(GAP_NOTE, markup=False, highlight=False, soft_wrap=True)


def print_honesty(console: Console, summary: SearchSummary) -> None:
    """What the best score is worth, the oracle's gap, and the checks that found something."""
    section = honesty_section(summary)
    console.print(f"\n{section.correction}", markup=False, highlight=False, soft_wrap=True)
    for check in section.firing:
        for message in check.messages[:FLAGS_SHOWN]:
            console.print(f"{check.code} {check.title}: {message}", markup=False, highlight=False, soft_wrap=True)
        if len(check.messages) > FLAGS_SHOWN:
            rest = len(check.messages) - FLAGS_SHOWN
            console.print(f"{check.code} … and {rest} more (see the page)", markup=False, highlight=False)


def _thresholds_table(protocols: ProtocolTable) -> Table:
    """Four columns on out-of-fold rows; the same on dev, where cross-fitting has no meaning, if there is dev gold."""
    table = Table(
        title=f"Winner's thresholds by rule {protocols.rule}: F1 on gold-polarized rows, by where they were chosen",
        title_justify="left",
        box=None,
        header_style="bold",
    )
    columns = [(name, protocols.score(protocol, "oof")) for name, protocol in OUT_OF_FOLD_COLUMNS]
    if any(row.scored_on == "dev" for row in protocols.rows):
        columns += [(name, protocols.score(protocol, "dev")) for name, protocol in DEV_COLUMNS]
    table.add_column("label", no_wrap=True)
    for name, _ in columns:
        table.add_column(name, justify="right")
    table.add_column("oracle gap", justify="right")
    oracle, crossed = (protocols.score(protocol, "oof") for protocol in ("inside_folds", "cross_fitted"))
    for index, label in enumerate(protocols.labels):
        gap = oracle.per_class[index] - crossed.per_class[index]
        table.add_row(label, *(f"{score.per_class[index]:.3f}" for _, score in columns), f"{100 * gap:+.1f}")
    gap = oracle.macro_f1 - crossed.macro_f1
    table.add_row("macro", *(f"{score.macro_f1:.3f}" for _, score in columns), f"{100 * gap:+.1f}", style="bold")
    return table


def _votes_table(detector: DetectorScores) -> Table:
    table = Table(
        title=f"Winner's (k, τ), chosen {detector.chosen}: macro-F1, by where they were chosen",
        title_justify="left",
        box=None,
        header_style="bold",
    )
    for name in ("oracle (inside folds)", "fold-tuned", "cross-fitted", "own (k, τ)"):
        table.add_column(name, justify="right")
    values = (detector.inside_folds, detector.fold_tuned, detector.cross_fitted, detector.published)
    table.add_row(*(f"{value:.4f}" for value in values))
    return table


def failure_notice(summary: SearchSummary) -> list[str]:
    """Why nothing works, with a remedy; empty where a fold has finished or nothing has failed for good."""
    failed = [row for row in summary.configurations if row.state == "infeasible"]
    if not failed or any(row.folds for row in summary.configurations):
        return []
    first = failed[0].failures[0]
    remedy = (
        "Look for the end of memory or time on the machine; try fewer --slots or a smaller batch_size, then resume."
        if first.is_infrastructure
        else "Mend what the error names (a value of the recipe, the data, the encoder) and begin a new search; "
        "`resume` tries further configurations of this one."
    )
    return [
        f"{len(failed)} configurations failed and no fold has ever finished. The first, "
        f"{first.configuration_id} on fold {first.fold}, said:",
        *(f"  {line}" for line in f"{first.kind}: {first.message.strip()}".splitlines()),
        f"  Remedy: {remedy}",
    ]


def failure_lines(summary: SearchSummary) -> list[str]:
    """One line a failed fold: which, and the error's first line."""
    return [
        f"  {failure.configuration_id} fold {failure.fold}: {failure.first_line}"
        for row in summary.configurations
        for failure in row.failures
    ]


def memory_lines(summary: SearchSummary) -> list[str]:
    """One line a configuration's stage that was made to fit into memory: how, and on how many folds."""
    return [
        f"  {row.configuration.id} {stage}: {how} ({folds} of {len(row.folds)} folds), to fit into memory"
        for row in summary.configurations
        for (stage, how), folds in row.memory.items()
    ]
