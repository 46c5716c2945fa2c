"""What ran, what to use, what it scores, and whether that beats what it began with."""

from __future__ import annotations

from collections import Counter

from tune_polar.data.table import DEV, TEST, TRAIN
from tune_polar.evaluate.honesty_checks import CHOSEN
from tune_polar.evaluate.outcome import Outcome
from tune_polar.evaluate.search_ensembles import ensembles_of
from tune_polar.evaluate.summary import ConfigurationSummary
from tune_polar.recipe.seen_starts import CODE as SEEN
from tune_polar.report.correction import alarm_lines, worth_sentences
from tune_polar.report.difference import CellDifference, winner_sentences
from tune_polar.report.document import (
    Block,
    Code,
    Details,
    Entry,
    Fact,
    Facts,
    TextTable,
    bullets,
    caption,
    heading,
    missing,
    notice,
    prose,
)
from tune_polar.report.ensemble_words import ensemble_sentences
from tune_polar.report.floor_comparison import unbeaten_floors
from tune_polar.report.index import name_of, score_of
from tune_polar.report.ladder import score_ladder
from tune_polar.report.next_steps import next_lines
from tune_polar.report.numbers import count, duration, listed
from tune_polar.report.page_context import PageContext
from tune_polar.report.page_file import Verbatim
from tune_polar.report.page_section import Answer, Section, always
from tune_polar.report.sections.ensemble import SECTION as ENSEMBLE
from tune_polar.report.settings import differences
from tune_polar.report.winner_recipe import winner_recipe, winner_yaml
from tune_polar.report.words import STATES, begun, decided_by, named, score_words, seen_mark, seen_notes, weakest_words
from tune_polar.stats.split_alarm import ALARM, ALARM_TITLE

DISTRUST, SHOWN = ("TP003", "TP005", "TP008", SEEN, CHOSEN), 4  # of rows, labels, starts and sets; messages of each
SPLITS = (TRAIN, DEV, TEST)


def build(page: PageContext) -> Answer:
    """What to use, what it will score, what to distrust and what to do next."""
    said = notice_of(page)
    blocks: list[Block] = [notice(said)] if said else []
    for first, *causes in alarm_lines(page):
        blocks += [notice(f"{ALARM} {ALARM_TITLE}: {first}"), bullets(*causes)]
    blocks += [missing(_missing(page))] if page.outcome is None else _winner(page, page.scored[0][0], page.won)
    return [*blocks, heading("What ran"), Facts(_facts(page))]


def _winner(page: PageContext, best: ConfigurationSummary, outcome: Outcome) -> list[Block]:
    difference, yaml = page.difference(best), Verbatim(winner_yaml(page.summary) or "")
    code = Code("winner-yaml", "The winner’s settings as YAML", yaml)
    part = "fold" if page.cells.folds > 1 else "fifth of the rows"
    chosen = f"cross-fitted: each {part} is decided by settings chosen on the others, and "
    how = chosen if outcome.graph.scored.chooses else "of out-of-fold rows: "
    error = f" ± is the standard deviation between {page.cells.many}." if len(page.cells.cells) > 1 else ""
    return [
        Facts(_tiles(page, difference), "tiles"),
        caption(
            " ".join((f"Scores are {how}{page.cells.pooling}.{error}", *seen_notes(row for row, _ in page.scored)))
        ),
        prose(*_sentences(page, best, difference)),
        heading("What will it score?"),
        prose(*worth_sentences(page)),
        score_ladder(page, outcome),
        heading("What to distrust, what to add"),
        bullets(*_cautions(page)),
        *_next(page),
        heading("The winner’s settings"),
        _settings(page, best),
        Details("All settings as YAML, to give back to any command", (code,)),
    ]


def _next(page: PageContext) -> list[Block]:
    lines = next_lines(page)
    return [heading("What to do next"), bullets(*lines)] if lines else []


def _cautions(page: PageContext) -> tuple[str, ...]:
    """Labels and rows of which little is known, and an ensemble where it is worth more than the winner."""
    found = [
        *unbeaten_floors(page),
        *(
            f"{check.code} {check.title}: {message}"
            for check in page.checks
            if check.verdict == "fires" and check.code in DISTRUST
            for message in check.messages[:SHOWN]
        ),
    ]
    found += _weakest(page)
    ensemble = ensembles_of(page.summary) if ENSEMBLE.applies(page) is None else ""
    if not isinstance(ensemble, str) and ensemble.greedy.is_better:
        found.append(ensemble_sentences(ensemble, page.index.names_by_id)[0])
    return tuple(found) or ("No check names a label, a threshold or a text to distrust.",)


def _weakest(page: PageContext) -> list[str]:
    """The column of the score that is predicted worst."""
    words = weakest_words(page.won.judged.scored, lambda value: page.shown(value) + seen_mark(page.best))
    return [words] if words else []


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
            f"Only the {named(word)} has finished, so there is nothing to compare it with yet."
            if others == 0
            else f"The one other configuration that finished did not do better than the {named(word, 'one')}."
            if others == 1
            else f"None of the {others:,} other configurations that finished did better than the {named(word, 'one')}.",
        )
    if reference is None:
        return (f"The {named(word)} is not part of this search, so there is nothing to compare with.",)
    if page.reference is not None:
        return (f"One {page.cells.one} alone says nothing of noise, so no difference is claimed.",)
    done = f"{len(reference.folds)} of {page.cells.count(len(page.cells.cells))}"
    return (
        f"The {named(word)} has no score ({STATES[reference.state]}, {done}), so whether the winner is better than it "
        "cannot be said.",
    )


def _settings(page: PageContext, best: ConfigurationSummary) -> Block:
    found, word, rows = differences(page.recipe, winner_recipe(best)), page.reference_word, []
    if not found:
        return prose(f"They are those of the {named(word, 'recipe')}, without a difference.")
    ranges = {each.key: each.words for each in page.searched}
    for each in found:
        key, (given, won), searched = each.key, each.values, ranges.get(each.key, "—")
        rows.append((Entry(key, kind="key"), given, Entry(won, kind="strong"), Entry(searched, kind="quiet")))
    chosen = "settings of decisions are those chosen on all out-of-fold rows"
    caption = (
        f"The winner is the {named(word)} in all that is trained; {chosen}"
        if best is page.summary.reference
        else f"Settings in which the winner and the {named(word, 'recipe')} differ, all others are the same; {chosen}"
    )
    columns = ("Setting", begun(word), "Winner", "Searched")
    return TextTable(caption, columns, rows, words=(1, 2, 3), kind="settings")


def _facts(page: PageContext) -> tuple[Fact, ...]:
    facts, recipe = page.summary.facts, page.recipe
    splits = [name for name in SPLITS if name in facts.rows]
    splits += sorted(set(facts.rows) - set(splits))
    extra = len(page.summary.gold.sources)
    sizes = {name: facts.rows[name] - (extra if name == TRAIN else 0) for name in splits}
    added = f" with {extra:,} extra" if extra else ""
    rows = listed([f"{sizes[name]:,} {name}{added if name == TRAIN else ''}" for name in splits])
    seconds = [record.seconds for row in page.summary.configurations for record in row.folds]
    encoders = dict.fromkeys(stage.encoder.name for stage in recipe.stages.values())
    profile = f", profile {facts.profile}" if facts.profile not in ("", "published", *encoders) else ""
    trained = f"{duration(sum(seconds))} over {count(len(seconds), 'fold trial')}"
    return (
        Fact("Recipe", recipe.recipe),  # what it says of itself may be of columns with another meaning
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
    folds = getattr(page.recipe.folds, "seed", None)
    said = f"search {page.summary.facts.seed}, training {listed(list(map(str, page.recipe.seeds)))}"
    return said if folds is None else f"{said}, folds {folds}"


def states_words(page: PageContext) -> str:
    """``3 finished and 1 open, of 12 planned``."""
    states = Counter(row.state for row in page.summary.configurations)
    parts = [f"{states[state]:,} {words}" for state, words in STATES.items() if states[state]]
    return f"{listed(parts) or 'none yet'}, of {page.summary.planned:,} planned"


def notice_of(page: PageContext) -> str:
    """That the search goes on; "" where it has come to its end."""
    if page.summary.is_complete:
        return ""
    ended = sum(row.state != "incomplete" for row in page.summary.configurations)
    return (
        f"This search has not come to its end: {ended:,} of {page.summary.planned:,} planned configurations have "
        "ended. Everything below may still change."
    )


def _missing(page: PageContext) -> str:
    states = {row.state for row in page.summary.configurations}
    if not states:
        return "Not enough data: no configuration has been proposed yet."
    why = "no configuration has finished all its folds, and a score needs all of them. What is missing stands"
    if states == {"infeasible"}:
        have = count(len(page.summary.configurations), "configuration has", "configurations have")
        why = f"{have} failed and none has finished all its folds. The reasons stand"
    return f"Not enough data: {why} under “Is it really better?”."


SECTION = Section("use", "What should I use, and what will it score?", "What to use", always, build)
