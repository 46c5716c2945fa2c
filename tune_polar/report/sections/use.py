"""What ran, what to use, what it scores, and whether that beats what it began with."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

from tune_polar.data.table import DEV, TEST, TRAIN
from tune_polar.evaluate.outcome import Outcome
from tune_polar.evaluate.summary import ConfigurationSummary, State
from tune_polar.report.context import PageContext
from tune_polar.report.correction import correction_sentence
from tune_polar.report.difference import CellDifference, winner_sentences
from tune_polar.report.document import (
    Block,
    Code,
    Details,
    Entry,
    Fact,
    Facts,
    TextTable,
    caption,
    heading,
    missing,
    notice,
    prose,
)
from tune_polar.report.index import name_of, score_of
from tune_polar.report.ladder import score_ladder
from tune_polar.report.numbers import count, decimals_for, duration, fixed, listed, spread, with_error
from tune_polar.report.page_file import Verbatim
from tune_polar.report.section import Answer, Section, always
from tune_polar.report.settings import differences
from tune_polar.report.winner import winner_recipe, winner_yaml
from tune_polar.report.words import begun, decided_by, metric_words, score_words

SPLITS = (TRAIN, DEV, TEST)
WHY = "stand under “Is it really better?”."
STATE_WORDS: Mapping[State, str] = {
    "finished": "finished",
    "abandoned": "stopped early",
    "infeasible": "failed",
    "incomplete": "open",
}


def build(page: PageContext) -> Answer:
    """The whole section."""
    said = notice_of(page)
    blocks: list[Block] = [notice(said)] if said else []
    blocks += [missing(_missing(page))] if page.outcome is None else _winner(page, page.scored[0][0], page.won)
    return [*blocks, heading("What ran"), Facts(_facts(page))]


# -- the winner --------------------------------------------------------------------------------------------------


def _winner(page: PageContext, best: ConfigurationSummary, outcome: Outcome) -> list[Block]:
    difference, yaml = page.difference(best), Verbatim(winner_yaml(page.summary) or "")
    return [
        Facts(_tiles(page, difference), "tiles"),
        caption(
            "Scores are cross-fitted: each fold is decided by settings chosen on the other folds, all decisions are "
            f"pooled and scored once. ± is the standard deviation between {page.cells.many}."
        ),
        prose(*_sentences(page, best, difference)),
        heading("What will it score?"),
        prose(correction_sentence(page)),
        score_ladder(page, outcome),
        heading("The winner’s settings"),
        _settings(page, best),
        Details(
            "All settings as YAML, to give back to any command",
            (Code("winner-yaml", "The winner’s settings as YAML", yaml),),
        ),
        heading("Its score in parts"),
        _parts(page, best, outcome),
    ]


def _tiles(page: PageContext, difference: CellDifference | None) -> tuple[Fact, ...]:
    best, *others = page.scored
    named = [(f"Winner: {name_of(best[0])}", best)]
    named += [(begun(page.reference_word), each) for each in others if each[0] is page.reference]
    if page.reference in (None, best[0]):
        named += [(f"Next: {name_of(each[0])}", each) for each in others[:1]]
    tiles = [
        Fact(title, score_of(row), note=decided_by(row.configuration.recipe, scores.best.settings))
        for title, (row, scores) in named
    ]
    if difference is not None:
        unit = f"{page.metric.unit}, " if page.metric.unit else ""
        title = f"Difference, {page.cells.one} by {page.cells.one}"
        tiles.append(Fact(title, difference.text, note=f"{unit}mean ± standard error"))
    return tuple(tiles)


def _sentences(page: PageContext, best: ConfigurationSummary, difference: CellDifference | None) -> tuple[str, ...]:
    word, reference, others = page.reference_word, page.summary.reference, len(page.scored) - 1
    if difference is not None:
        return winner_sentences(difference, others + 1, word, page.cells)
    if reference is best:
        return (
            f"Only the {word} configuration has finished, so there is nothing to compare it with yet."
            if others == 0
            else f"The one other configuration that finished did not do better than the {word} one."
            if others == 1
            else f"None of the {others:,} other configurations that finished did better than the {word} one.",
        )
    if reference is None:
        return (f"The {word} configuration is not part of this search, so there is nothing to compare with.",)
    if page.reference is not None:
        return (f"One {page.cells.one} alone says nothing of noise, so no difference is claimed.",)
    done = f"{len(reference.folds)} of {page.cells.count(len(page.cells.cells))}"
    return (
        f"The {word} configuration has no score ({reference.state}, {done}), so whether the winner is better than it "
        "cannot be said.",
    )


def _settings(page: PageContext, best: ConfigurationSummary) -> Block:
    found, word = differences(page.recipe, winner_recipe(best)), page.reference_word
    if not found:
        return prose(f"They are those of the {word} recipe, without a difference.")
    ranges = {each.key: each.words for each in page.searched}
    rows = [
        (
            *(Entry(each.key, kind="key"), each.values[0], Entry(each.values[1], kind="strong")),
            Entry(ranges.get(each.key, "—"), kind="quiet"),
        )
        for each in found
    ]
    return TextTable(
        f"Settings in which the winner and the {word} recipe differ; all others are the same. Settings of decisions "
        "are those chosen on all out-of-fold rows",
        ("Setting", begun(word), "Winner", "Searched"),
        rows,
        words=(1, 2, 3),
        kind="settings",
    )


def _parts(page: PageContext, best: ConfigurationSummary, outcome: Outcome) -> TextTable:
    """The score and what it is made of, beside the reference's where it was read."""
    theirs = None if page.reference in (None, best) else page.reference.outcome
    shown = [outcome, *([] if theirs is None else [theirs])]
    whole = [("The score, as above", [each.best.scored for each in shown])]
    if outcome.graph.scored.chooses:
        whole.append(("The same with decisions as the recipe writes them", [each.proposed for each in shown]))
    rows = [(what, *(with_error(each.score, spread(each.cell_scores)) for each in scored)) for what, scored in whole]
    for name, judgement in outcome.decisions.items():
        if name != outcome.judged.score_of:
            said = f"{name} alone: {metric_words(judgement.metric.name)}, cross-fitted"
            rows.append((said, *(_part(each, name) for each in shown)))
    for name, why in outcome.judged.unjudged.items():
        rows.append((f"{name} alone: not scored, {why}", *("—" for _ in shown)))
    return TextTable(
        f"Winner: {name_of(best)}. Where folds give no error, digits are those of the score",
        ("Scored", "Winner", *([] if theirs is None else [begun(page.reference_word)])),
        rows,
    )


def _part(outcome: Outcome, name: str) -> str:
    """With the decimals that the score's noise allows."""
    decimals = decimals_for(spread(outcome.best.scored.cell_scores))
    return fixed(outcome.decisions[name].cross_fitted.score, decimals) if name in outcome.decisions else "—"


# -- what ran ----------------------------------------------------------------------------------------------------


def _facts(page: PageContext) -> tuple[Fact, ...]:
    facts, recipe = page.summary.facts, page.recipe
    order = {name: place for place, name in enumerate(SPLITS)}
    splits = sorted(facts.rows, key=lambda name: (order.get(name, len(SPLITS)), name))
    rows = listed([f"{facts.rows[name]:,} {name}" for name in splits])
    seconds = [record.seconds for row in page.summary.configurations for record in row.folds]
    encoders = dict.fromkeys(stage.encoder.name for stage in recipe.stages.values())
    profile = f", profile {facts.profile}" if facts.profile not in ("", "published", *encoders) else ""
    trained = f"{duration(sum(seconds))} over {count(len(seconds), 'fold trial')}"
    return (
        Fact("Recipe", f"{recipe.recipe}: {recipe.description}" if recipe.description else recipe.recipe),
        Fact("Encoder", listed(list(encoders)) + profile),
        Fact("Data", f"{facts.data_name} ({rows} rows)"),
        Fact("Folds", f"{page.cells.folds}, {recipe.folds.name} plan"),
        Fact("Configurations", states_words(page)),
        Fact("Seeds", seeds_words(page)),
        Fact("Training time", trained if seconds else "no fold finished yet"),
        Fact("Score", score_words(recipe)),
    )


def seeds_words(page: PageContext) -> str:
    """``search 11, training 42, folds 42``."""
    seeds = listed([str(seed) for seed in page.recipe.seeds])
    folds = getattr(page.recipe.folds, "seed", None)
    return f"search {page.summary.facts.seed}, training {seeds}" + ("" if folds is None else f", folds {folds}")


def states_words(page: PageContext) -> str:
    """``3 finished and 1 open, of 12 planned``."""
    states = Counter(row.state for row in page.summary.configurations)
    parts = [f"{states[state]:,} {words}" for state, words in STATE_WORDS.items() if states[state]]
    return f"{listed(parts) or 'none yet'}, of {page.summary.planned:,} planned"


def notice_of(page: PageContext) -> str:
    """That the search goes on; "" where it has come to its end."""
    ended = sum(row.state != "incomplete" for row in page.summary.configurations)
    return (
        ""
        if page.summary.is_complete
        else f"This search has not come to its end: {ended:,} of {page.summary.planned:,} planned configurations have "
        "ended. Everything below may still change."
    )


def _missing(page: PageContext) -> str:
    rows = page.summary.configurations
    failed = sum(row.state == "infeasible" for row in rows)
    if not rows:
        return "Not enough data: no configuration has been proposed yet."
    if failed == len(rows):
        have = count(failed, "configuration has", "configurations have")
        return f"Not enough data: {have} failed and none has finished all its folds. The reasons {WHY}"
    return (
        "Not enough data: no configuration has finished all its folds, and a score needs all of them. What is missing "
        f"{WHY.replace('stand', 'stands')}"
    )


SECTION = Section("use", "What should I use, and what will it score?", "What to use", always, build)
