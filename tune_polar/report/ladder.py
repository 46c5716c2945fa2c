"""Scores by where settings of decisions were chosen: how much of a number is hindsight."""

from __future__ import annotations

from collections.abc import Sequence

from tune_polar.data.table import DEV
from tune_polar.decide.graph import Node
from tune_polar.decide.groups import GroupSettings
from tune_polar.decide.judgement import Judgement, Rung, Scored
from tune_polar.decide.kinds import Setting, Thresholds
from tune_polar.decide.threshold_rules import PREDICT_NONE
from tune_polar.evaluate.honesty_checks import CHOSEN, sets_chosen_on
from tune_polar.evaluate.outcome import Outcome
from tune_polar.recipe.cells import Cell
from tune_polar.report.document import Entry, Row, TextTable
from tune_polar.report.expected_score import EXPECTATION, LEVEL, PREDICTION, span
from tune_polar.report.numbers import DECIMALS_WITHOUT_ERROR, count, fixed, spread
from tune_polar.report.page_context import PageContext
from tune_polar.report.words import (
    OOF,
    RUNGS,
    SEEN_MARK,
    chosen_on,
    gap_words,
    metric_words,
    per_column_words,
    seen_mark,
)

NO_DEV = "no dev split with gold"
WIDEST = 200  # neighbours that a vote may ask
# Rules that look for the most of F1 on the rows they see; the others may score less there than elsewhere.
MAXIMISING = ("max_f1", "max_f1_grid", "max_macro_f1", "shrunk_max_f1", "smoothed_max_f1", "smoothed_max_macro_f1")


def score_ladder(page: PageContext, outcome: Outcome, *, is_winner: bool = True) -> TextTable:
    """The score by every way of choosing, then on other rows; the one to report is set apart.

    ``is_winner``: whether the configuration was chosen among others; what that is worth is then told too.
    """
    judgement, cells = outcome.judged.scored, page.cells
    chooses, is_open = outcome.graph.scored.chooses, _leaves_open(outcome.graph.scored, outcome)
    mark = seen_mark(page.best)

    def rung(name: Rung) -> Row:
        where = chosen_on(name, cells, leaves_open=is_open)
        return Row((RUNGS[name], page.shown(judgement.ladder[name].score) + mark, "", where, OOF))

    flattering: tuple[Rung, ...] = ("inside_folds", "fold_tuned") if chooses else ()
    written: tuple[Rung, ...] = ("as_written",) if _any_written(outcome.graph.scored, outcome) else ()
    best = _honest(page, judgement, chooses, is_winner)
    return TextTable(
        f"{'The winner’s' if is_winner else 'Its'} {metric_words(judgement.metric.name)} by where its settings were "
        f"chosen, from hindsight, which flatters, to {chosen_on('cross_fitted', page.cells)}; then on other rows. "
        + (f"None with {SEEN_MARK} is one to report" if mark else "The one to report is set in bold"),
        ("Score", "Value", "Uncertainty", "Settings chosen on", "Scored on"),
        (*map(rung, flattering), *best, *map(rung, written), *_on_splits(page, judgement, chooses)),
        words=(2, 3, 4),
        kind="numbers ladder",
    )


def _honest(page: PageContext, judgement: Judgement, chooses: bool, is_winner: bool) -> list[Row]:
    """Cross-fitted, and what is foretold from that."""
    crossed, corrected, cells, ahead = judgement.cross_fitted, page.corrected, page.cells, page.ahead
    where = chosen_on("cross_fitted", cells) if chooses else "nowhere: there is nothing to choose"
    sd = spread(crossed.cell_scores)
    error = "" if sd is None else f"± {page.shown(sd)} between {cells.many}"
    mark = seen_mark(page.best)
    main = (RUNGS["cross_fitted"] if chooses else "as decided", page.shown(crossed.score) + mark, error, where, OOF)
    found = [Row(main, kind="main" if isinstance(ahead, str) and not mark else "")]
    again = where
    if isinstance(corrected, str):
        found += [Row(("corrected", "—", f"not applicable: {corrected}", "", ""))] if is_winner else []
    else:
        again = f"{f'{where}; ' if chooses else ''}the choice of the winner repeated"
    if not isinstance(ahead, str):
        new, said = ahead.new_rows, count(ahead.new_rows.rows, "row")
        expected, next_rows = (span(each(LEVEL), page.shown) for each in (new.expected, new.interval))
        on_average = (page.shown(new.estimate), f"{expected} ({LEVEL:.0%} {EXPECTATION})")
        found.append(Row(("expected on average", *on_average, again, OOF)))
        uncertain = f"{next_rows} ({LEVEL:.0%} {PREDICTION})"
        found.append(Row((f"on the next {said}", "", uncertain, again, f"{said} like these"), kind="main"))
    return found


def _on_splits(page: PageContext, judgement: Judgement, chooses: bool) -> list[Row]:
    """Dev with its own oracle, then one line a set that the search chooses nothing on."""
    rows = [] if DEV in judgement.splits else [Row((DEV, "—", NO_DEV, "", ""))]
    expected = {
        split.name: f"expected {span(split.ahead.interval(LEVEL), page.shown)} ({LEVEL:.0%} {PREDICTION})"
        for split in (() if isinstance(page.ahead, str) else page.ahead.splits)
    }
    doubtful = set[str]() if page.best is None else sets_chosen_on(page.summary, page.best)
    together = f"models of all {page.cells.many} together" if len(page.cells.cells) > 1 else "one model"
    for split, ladder in sorted(judgement.splits.items(), key=lambda each: each[0] != DEV):
        rungs: tuple[Rung, ...] = ("oracle", "fold_tuned") if chooses and split == DEV else ("fold_tuned",)
        for rung in rungs:
            name = f"{split}, {RUNGS[rung]}" if chooses else split
            where = chosen_on(rung, page.cells, split) if chooses else "nowhere"
            doubt = f"; a value may have been chosen on them ({CHOSEN})" if split in doubtful else ""
            scored = f"{split} rows, {together}{doubt}"
            uncertain = expected.get(split, "") if rung == "fold_tuned" else ""
            rows.append(Row((name, page.shown(ladder[rung].score), uncertain, where, scored)))
    return rows


def rungs_beside(node: Node, outcome: Outcome, *rungs: Rung) -> tuple[Rung, ...]:
    """``rungs``, then as written where the recipe writes anything of what ``node`` rests on, then plain."""
    written: tuple[Rung, ...] = ("as_written",) if _any_written(node, outcome) else ()
    return (*rungs, *written, "plain")


def _any_written(node: Node, outcome: Outcome) -> bool:
    """Whether the recipe writes what some decision would else be set to by choice."""
    return any(_written(node, outcome))


def _leaves_open(node: Node, outcome: Outcome) -> bool:
    """Whether something of it is chosen even where the recipe's own settings are scored."""
    return not all(_written(node, outcome))


def _written(node: Node, outcome: Outcome) -> list[bool]:
    """Of each decision below that has settings to choose, whether the recipe writes them all."""
    judged = [(each, outcome.decisions.get(each.name)) for each in node.below if each.parameters]
    return [
        found is not None and each.plain_decision.as_written(found.rows.gold.names, WIDEST) is not None
        for each, found in judged
    ]


def decision_tables(page: PageContext, outcome: Outcome, judgement: Judgement) -> tuple[TextTable, ...]:
    """The decision's score of each column by every way of choosing, on out-of-fold rows and on dev."""
    whole = _columns_table(page, outcome, judgement, OOF, "inside_folds", "fold_tuned", "cross_fitted")
    if DEV not in judgement.splits:
        return (whole,)
    return whole, _columns_table(page, outcome, judgement, DEV, "oracle", "fold_tuned")


def _columns_table(page: PageContext, outcome: Outcome, judgement: Judgement, split: str, *rungs: Rung) -> TextTable:
    metric, names = judgement.metric, judgement.rows.gold.names
    node, ladder = outcome.graph.nodes[judgement.name], judgement.ladder if split == OOF else judgement.splits[split]
    columns = [(rung, ladder[rung]) for rung in rungs_beside(node, outcome, *rungs) if rung in ladder]
    is_open = _leaves_open(node, outcome)
    where = (chosen_on(rung, page.cells, split, judgement.kind, is_open) for rung, _ in columns)
    lines = [Row(("settings chosen on", *where), kind="chosen-on")]
    for place, name in enumerate(names) if len(names) > 1 else ():
        each = (Entry(page.shown(s.per_column[place]), column_setting(s, judgement, place)) for _, s in columns)
        lines.append(Row((name, *each)))
    whole = (Entry(page.shown(s.score), _whole_setting(s, judgement) if len(names) == 1 else "") for _, s in columns)
    lines.append(Row((metric_words(metric.name), *whole), kind="main"))
    part = per_column_words(metric, judgement.rows.gold.kind)
    what = f"{part} of each column" if len(names) > 1 else metric_words(metric.name)
    on, rows = page.rows_of(judgement.name), OOF if split == OOF else f"{split} rows"
    parts = "folds" if page.cells.folds > 1 else "parts"
    mark = seen_mark(page.best, judgement.name) if split == OOF else ""
    caption = (
        f"{judgement.name}{mark}, {what}, on {rows}{'' if on == 'all rows' else f' ({on})'} by where its settings were "
        f"chosen. Beside a score its setting, or the range of the {parts}’ settings"
    )
    return TextTable(caption, ("", *(RUNGS[rung] for rung, _ in columns)), lines, kind="numbers comparison")


def shown_threshold(value: float) -> str:
    """A threshold with two significant digits below 0.1; "none" where nothing is predicted."""
    if value >= PREDICT_NONE:
        return "none"
    return fixed(value, 2) if value >= 0.1 else f"{value:.2g}"


def threshold_range(values: Sequence[float]) -> str:
    """One threshold, or the range of several."""
    return "–".join(dict.fromkeys((shown_threshold(min(values)), shown_threshold(max(values)))))


def settings_of(scored: Scored, judgement: Judgement) -> list[Setting]:
    """What the decision was set to: one setting, or one a part; of groups what holds for all others."""
    found = [each[judgement.name] for each in scored.settings if judgement.name in each]
    return [each.pooled if isinstance(each, GroupSettings) else each for each in found]


def part_name(page: PageContext, judgement: Judgement, scored: Scored, place: int) -> str:
    """Whose rows the setting at ``place`` decides: ``fold 2``, or a fifth of one split's rows."""
    if len(scored.parts) == len(judgement.cells):
        return page.cells.name(Cell(*judgement.cells[place]))
    seeds = sorted({seed for _, seed in judgement.cells})
    seed = seeds[place * len(seeds) // len(scored.parts)]
    return f"fifth {scored.parts[place] + 1} of the rows" + (f", seed {seed}" if len(seeds) > 1 else "")


def column_setting(scored: Scored, judgement: Judgement, place: int) -> str:
    """A column's threshold, or the range of those of the parts; "" of a decision without thresholds."""
    found = [each for each in settings_of(scored, judgement) if isinstance(each, Thresholds)]
    return threshold_range([float(each.values[place]) for each in found]) if found else ""


def _whole_setting(scored: Scored, judgement: Judgement) -> str:
    """The setting of a decision of one column; of a vote "" where each part has its own."""
    found = settings_of(scored, judgement)
    return column_setting(scored, judgement, 0) or (str(found[0]) if len(found) == 1 else "")


def gap_sentences(page: PageContext, judgement: Judgement, rule: str = "") -> tuple[str, ...]:
    """What choosing on the scored rows promises beyond choosing elsewhere; ``rule``: of thresholds."""
    ladder, dev = judgement.ladder, judgement.splits.get(DEV)
    on_oof = _gap(page, judgement, ladder["inside_folds"], ladder["cross_fitted"], OOF, rule)
    if dev is None:
        return on_oof, "There is no dev split with gold, so every score here is on out-of-fold rows."
    return on_oof, _gap(page, judgement, dev["oracle"], dev["fold_tuned"], f"{DEV} rows", rule)


def _gap(page: PageContext, judgement: Judgement, own: Scored, other: Scored, rows: str, rule: str) -> str:
    metric, digits = judgement.metric, max(page.decimals, DECIMALS_WITHOUT_ERROR)
    pooled = rows == OOF and page.cells.folds > 1  # there the oracle is a mean over folds, the other one pooled
    mark = seen_mark(page.best, judgement.name) if rows == OOF else ""
    measured = (
        f"Oracle gap of {judgement.name} on {rows}: choosing its settings on the very rows that are scored gives "
        f"{fixed(own.score, digits)}{mark}, choosing them elsewhere "
        f"({RUNGS['cross_fitted'] if rows == OOF else RUNGS['fold_tuned']}) {fixed(other.score, digits)}{mark}."
    )
    gained = metric.gain(own.score, other.score)
    if gained > 0:
        averaged = ", and in part that a mean over folds differs from the score of pooled rows" if pooled else ""
        return f"{measured} The difference, {gap_words(gained, metric)}, is hindsight{averaged}."
    if rule and rule not in MAXIMISING:
        return f"{measured} Hindsight gains nothing here: the rule {rule} does not look for the best score."
    if pooled:
        return f"{measured} Hindsight gains less here than an average over folds loses against pooled rows."
    return f"{measured} Hindsight gains nothing here."
