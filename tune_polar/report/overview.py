"""The page's first answer: what ran, what to use, what it scores, and whether that beats what was published."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from tune_polar.report.comparison import FoldDifference, fold_difference, winner_sentences
from tune_polar.report.numbers import count, decimals_for, duration, fixed, listed, spread, with_error
from tune_polar.report.objectives import OBJECTIVES, name_of
from tune_polar.report.page_file import Verbatim
from tune_polar.report.provenance import Fact
from tune_polar.report.score_ladder import LadderRow, score_ladder
from tune_polar.report.settings import SettingDifference, differences
from tune_polar.report.winner import winner_recipe, winner_yaml
from tune_polar.stats.bbc_cv import BbcCv
from tune_polar.store.manifest_facts import ManifestFacts
from tune_polar.store.outcome import Decided, Outcome
from tune_polar.store.summary import ConfigurationSummary, SearchSummary, State

SPLITS = ("train", "dev", "test")


@dataclass(frozen=True)
class Tile:
    """One headline number."""

    title: str
    value: str
    note: str


@dataclass(frozen=True)
class PartRow:
    """One score of the pipeline, for the winner and for the published configuration."""

    what: str
    winner: str
    published: str


@dataclass(frozen=True)
class Winner:
    """The best configuration beside the published one."""

    name: str
    id: str
    tiles: tuple[Tile, ...]
    sentences: tuple[str, ...]
    ladder: tuple[LadderRow, ...]
    parts: tuple[PartRow, ...]
    has_published: bool  # whether there is another configuration to show beside it
    differences: tuple[SettingDifference, ...]
    is_published: bool
    yaml: str


@dataclass(frozen=True)
class Overview:
    """Section 1."""

    facts: tuple[Fact, ...]
    notice: str  # the search is not complete; "" where it is
    missing: str  # why there is no winner; "" where there is one
    winner: Winner | None


def overview(summary: SearchSummary, facts: ManifestFacts, planned_folds: int, corrected: BbcCv | str) -> Overview:
    """What ran and what came of it."""
    best = summary.best
    winner = None
    if best is not None and best.outcome is not None:
        winner = _winner(summary, best, best.outcome, facts, corrected)
    return Overview(
        facts=_facts(summary, facts, planned_folds),
        notice=_notice(summary, facts),
        missing=_missing(summary) if winner is None else "",
        winner=winner,
    )


# -- what ran --------------------------------------------------------------------------------------------------


def _facts(summary: SearchSummary, facts: ManifestFacts, planned_folds: int) -> tuple[Fact, ...]:
    recipe = facts.recipe
    rows = listed([f"{number:,} {name}" for name, number in sorted(facts.rows.items(), key=_split_order)])
    folds = [record for row in summary.configurations for record in row.folds]
    profile = f", profile {facts.profile}" if facts.profile not in ("", recipe.encoder.name, "published") else ""
    return (
        Fact("Recipe", f"{recipe.recipe}: {recipe.description}" if recipe.description else recipe.recipe),
        Fact("Encoder", recipe.encoder.name + profile),
        Fact("Data", f"{facts.data_name} ({rows} rows)"),
        Fact("Folds", f"{planned_folds}, {recipe.folds.plan} plan"),
        Fact("Configurations", _states(summary, facts)),
        Fact("Seeds", f"search {facts.seed}, training {recipe.seed}, folds {recipe.folds.seed}"),
        Fact("Training time", _time([fold.seconds for fold in folds])),
        Fact("Objective", OBJECTIVES.get(summary.objective, summary.objective)),
    )


def _time(seconds: Sequence[float]) -> str:
    return f"{duration(sum(seconds))} over {count(len(seconds), 'fold trial')}" if seconds else "no fold finished yet"


def _split_order(split: tuple[str, int]) -> tuple[int, str]:
    name = split[0]
    return (SPLITS.index(name) if name in SPLITS else len(SPLITS)), name


STATE_WORDS: Mapping[State, str] = {
    "finished": "finished",
    "abandoned": "stopped early",
    "infeasible": "failed",
    "incomplete": "open",
}


def _states(summary: SearchSummary, facts: ManifestFacts) -> str:
    states = Counter(row.state for row in summary.configurations)
    parts = [f"{states[state]:,} {words}" for state, words in STATE_WORDS.items() if states[state]]
    return f"{listed(parts) or 'none yet'}, of {_planned(summary, facts):,} planned"


def _planned(summary: SearchSummary, facts: ManifestFacts) -> int:
    """Configurations planned; a resumed search may have more than its manifest says."""
    return max(facts.trials, len(summary.configurations))


def _notice(summary: SearchSummary, facts: ManifestFacts) -> str:
    if summary.is_complete:
        return ""
    ended = sum(row.state != "incomplete" for row in summary.configurations)
    return (
        f"This search has not come to its end: {ended:,} of {_planned(summary, facts):,} planned configurations have "
        "ended. Everything below may still change."
    )


def _missing(summary: SearchSummary) -> str:
    states = Counter(row.state for row in summary.configurations)
    if not summary.configurations:
        return "Not enough data: no configuration has been proposed yet."
    if states["infeasible"] == len(summary.configurations):
        return (
            f"Not enough data: {count(states['infeasible'], 'configuration has', 'configurations have')} failed and "
            "none has finished all its folds. The reasons stand under “Is it really better?”."
        )
    return (
        "Not enough data: no configuration has finished all its folds, and a score needs all of them. "
        "What is missing stands under “Is it really better?”."
    )


# -- the winner ------------------------------------------------------------------------------------------------


def _winner(
    summary: SearchSummary, best: ConfigurationSummary, outcome: Outcome, facts: ManifestFacts, corrected: BbcCv | str
) -> Winner:
    planned_folds = summary.gold.detector_plan.count
    published = summary.published
    theirs = None if published is None else published.outcome
    is_published = best is published
    difference = None
    if theirs is not None and not is_published:
        difference = fold_difference(outcome.best, theirs.best, planned_folds)
    compared = len(summary.finished)
    return Winner(
        name=name_of(best),
        id=best.configuration.id,
        tiles=_tiles(summary, best, None if is_published else theirs, difference),
        sentences=_sentences(published, is_published, difference, compared, planned_folds),
        ladder=score_ladder(best, corrected),
        parts=_parts(outcome, None if is_published else theirs),
        has_published=theirs is not None and not is_published,
        differences=differences(facts.recipe, winner_recipe(best), facts.parameters),
        is_published=is_published,
        yaml=Verbatim(winner_yaml(summary) or ""),
    )


def _tiles(
    summary: SearchSummary,
    best: ConfigurationSummary,
    published: Outcome | None,
    difference: FoldDifference | None,
) -> tuple[Tile, ...]:
    tiles = [_tile(f"Winner: {name_of(row)}", row.outcome.best) for row in (best,) if row.outcome is not None]
    if published is not None:
        tiles.append(_tile("Published", published.best))
    else:
        next_best = summary.finished[1:2]
        tiles += [_tile(f"Next: {name_of(row)}", row.outcome.best) for row in next_best if row.outcome is not None]
    if difference is not None:
        tiles.append(Tile("Difference, fold by fold", difference.text, "F1 points, mean ± standard error"))
    return tuple(tiles)


def _tile(title: str, decided: Decided) -> Tile:
    return Tile(title, _score(decided), _decision(decided))


def _score(decided: Decided) -> str:
    return with_error(decided.score, spread(decided.fold_scores))


def _decision(decided: Decided) -> str:
    return ", ".join(part for part in (decided.rule, str(decided.votes)) if part)


def _sentences(
    published: ConfigurationSummary | None,
    is_published: bool,
    difference: FoldDifference | None,
    compared: int,
    planned_folds: int,
) -> tuple[str, ...]:
    if difference is not None:
        return winner_sentences(difference, compared)
    if is_published:
        others = compared - 1
        if others == 0:
            return ("Only the published configuration has finished, so there is nothing to compare it with yet.",)
        if others == 1:
            return ("The one other configuration that finished did not score higher than the published one.",)
        return (f"None of the {others:,} other configurations that finished scored higher than the published one.",)
    if published is None:
        return ("The published configuration is not part of this search, so there is nothing to compare with.",)
    done = len({record.fold for record in published.folds})
    return (
        f"The published configuration has no score ({published.state}, {done} of {planned_folds} folds), so whether "
        "the winner is better than it cannot be said.",
    )


def _parts(outcome: Outcome, published: Outcome | None) -> tuple[PartRow, ...]:
    """The objective and what it is made of."""
    rows = [
        PartRow("The objective, as above", *_both(outcome, published, lambda of: _score(of.best))),
        PartRow(
            "The same with decision settings as its recipe states them",
            *_both(outcome, published, lambda of: _score(of.proposed)),
        ),
    ]
    if outcome.objective != "gold_gated" and outcome.gold_gated is not None:
        labels = _both(outcome, published, lambda of: _digits_of(of, of.gold_gated))
        rows.append(PartRow("Labels alone, on gold-polarized rows: macro-F1, cross-fitted", *labels))
    if outcome.objective != "detector":
        votes = _both(outcome, published, lambda of: _digits_of(of, of.detector.cross_fitted))
        rows.append(PartRow("Detector alone: macro-F1, cross-fitted", *votes))
    return tuple(rows)


def _both(outcome: Outcome, published: Outcome | None, show: Callable[[Outcome], str]) -> tuple[str, str]:
    return show(outcome), "" if published is None else show(published)


def _digits_of(outcome: Outcome, score: float | None) -> str:
    """``score`` with the decimals that the objective's fold noise allows."""
    return "" if score is None else fixed(score, decimals_for(spread(outcome.best.fold_scores)))
