"""k × τ of every vote: its score over every number of neighbours and every share that decides."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from tune_polar.data.table import DEV
from tune_polar.decide.array_checks import FloatArray
from tune_polar.decide.decision_engine import decide_rows
from tune_polar.decide.judgement import Judgement
from tune_polar.decide.kinds import Setting
from tune_polar.decide.vote_sweep import VoteSweep
from tune_polar.decide.votes import VoteRule, grid_candidates, percent_taus
from tune_polar.evaluate.outcome import Outcome
from tune_polar.report.document import Block, TextTable, figure, in_parts, prose
from tune_polar.report.drawing.panel import Axis, Panel
from tune_polar.report.ladder import WIDEST, decision_tables, gap_sentences, part_name
from tune_polar.report.page_context import PageContext
from tune_polar.report.page_section import Answer, Section, decides
from tune_polar.report.words import RUNGS, begun, chosen_on, gap_words, metric_words, seen_mark

KIND = "knn_vote"
# Points of the metric below the best value of the map at which the next lighter shade begins, darkest first.
SHADE_POINTS = (0.5, 1.0, 2.0, 3.0, 5.0, 8.0, 12.0, 20.0)
SHADES = tuple((len(SHADE_POINTS) - place, f"within {limit:g}") for place, limit in enumerate(SHADE_POINTS))
COLUMNS = 24  # of the map; neighbouring k hardly differ
TAUS = percent_taus(range(2, 99, 4))
MARKS = {"◆": ("diamond", "win"), "■": ("square", "pub"), "●": ("dot", ""), "▲": ("up", "oracle")}


def build(page: PageContext) -> Answer:
    """A map a vote, with the settings that were chosen for it."""
    votes = enumerate(page.decisions(KIND))
    return in_parts((f"k and τ of {each.name}", _vote(page, page.won, each, place)) for place, each in votes)


def _vote(page: PageContext, outcome: Outcome, judgement: Judgement, place: int) -> list[Block]:
    metric, name, what = judgement.metric, judgement.name, metric_words(judgement.metric.name)
    ks, grid = score_map(outcome, judgement)
    best = np.unravel_index(int(grid.argmax()), grid.shape)
    panel = Panel(
        f"votes-map-{place}",
        f"{begun(what)} of {name} over k and τ",
        f"Best {page.shown(float(grid.max()))}, at k = {ks[best[0]]}, τ = {float(TAUS[best[1]]):.2f}; the table after "
        "this figure names every marked setting.",
        Axis(-0.5, len(ks) - 0.5, "k, neighbours that vote", _k_ticks(ks)),
        Axis(0.0, 1.0, "τ, share that decides", tuple((t / 10, f"0.{t}") for t in range(2, 9, 2))),
        width=520,
        height=300,
    )
    _shade(panel, page, ks, grid)
    rows, seen = [], seen_mark(page.best, judgement.name)
    for mark, said, rule in _marks(page, outcome, judgement):
        shape, kind = MARKS[mark]
        x = float(np.interp(rule.k, ks, range(len(ks))))
        panel.mark(shape, x, float(rule.tau), f"mark {kind}".rstrip(), title=f"{said}: {rule}")
        rows.append((f"{mark} {said}", str(rule), page.shown(score_at(outcome, judgement, rule)) + seen))
    caption = f"{begun(what)} of {name} on all out-of-fold rows for each (k, τ); marks are named in the table. Shades: "
    caption += f"{metric.unit or 'hundredths'} from the best value"
    head = ("Setting", "k and τ", begun(what))
    marked = "The settings marked on the map, and what each scores on all out-of-fold rows"
    return [
        prose(*_sentences(page, judgement, grid), *gap_sentences(page, judgement)),
        figure(panel.svg(), caption, (*SHADES, (0, f"over {SHADE_POINTS[-1]:g}"))),
        TextTable(marked, head, tuple(rows), words=(1,)),
        *decision_tables(page, outcome, judgement),
    ]


def score_map(outcome: Outcome, judgement: Judgement) -> tuple[list[int], FloatArray]:
    """Some numbers of neighbours, and the score of each with every share, (ks, taus)."""
    table, rows = outcome.evidence.tables[_stage(outcome, judgement)], outcome.evidence.rows[_stage(outcome, judgement)]
    ks = sorted({round(k) for k in np.linspace(1, table.width, min(COLUMNS, table.width))})
    models, gold = [model[rows.mask] for model in table.models], rows.gold.values[rows.mask, 0]
    sweep = VoteSweep.of_parts(models, gold, np.zeros(len(gold), dtype=np.int64), grid_candidates(ks, TAUS))
    of_counts = judgement.metric.of_counts
    scores = np.zeros(len(sweep.candidates)) if of_counts is None else of_counts(sweep.over([0]))
    return ks, scores.reshape(len(ks), len(TAUS))


def score_at(outcome: Outcome, judgement: Judgement, rule: VoteRule) -> float:
    """What one given (k, τ) scores on all judged out-of-fold rows."""
    rows = outcome.evidence.rows[_stage(outcome, judgement)]
    decided = decide_rows(outcome.graph, judgement.name, {judgement.name: rule}, outcome.evidence)
    return judgement.metric.score(rows.gold.take(rows.mask), decided[rows.mask])


def _stage(outcome: Outcome, judgement: Judgement) -> str:
    """The one stage that a vote reads."""
    return next(iter(outcome.graph.nodes[judgement.name].stages))


def _marks(page: PageContext, outcome: Outcome, judgement: Judgement) -> Iterator[tuple[str, str, VoteRule]]:
    """Mark, what it stands for, and its setting."""
    name, crossed = judgement.name, judgement.cross_fitted
    found = [("◆", "chosen on all out-of-fold rows; what a final system uses", judgement.deployed.get(name))]
    written = outcome.graph.nodes[name].plain_decision.as_written((), WIDEST)
    found.append(("■", f"{RUNGS['as_written']}: in the configuration’s own recipe", written))
    whose: dict[Setting | None, list[str]] = {}
    for place, settings in enumerate(crossed.settings):
        whose.setdefault(settings.get(name), []).append(part_name(page, judgement, crossed, place))
    found += [("●", f"for {'; '.join(parts)}, chosen on the other rows", rule) for rule, parts in whose.items()]
    if DEV in judgement.splits:
        oracle = judgement.splits[DEV]["oracle"]
        said = f"{RUNGS['oracle']}: chosen on {DEV} gold, where it scores {page.shown(oracle.score)}"
        found.append(("▲", said, oracle.setting(name)))
    width = outcome.evidence.tables[_stage(outcome, judgement)].width
    for mark, said, rule in found:
        if isinstance(rule, VoteRule):
            yield mark, said, VoteRule(min(rule.k, width), rule.tau)


def _k_ticks(ks: list[int]) -> tuple[tuple[float, str], ...]:
    step = max(1, len(ks) // 6)
    return tuple((float(place), str(ks[place])) for place in range(0, len(ks), step))


def _shade(panel: Panel, page: PageContext, ks: list[int], grid: FloatArray) -> None:
    half, high = 0.02, float(grid.max())
    for column, k in enumerate(ks):
        for row, tau in enumerate(map(float, TAUS)):
            value = float(grid[column, row])
            shade = len(SHADE_POINTS) - sum(100 * (high - value) > points for points in SHADE_POINTS)
            title = f"k={k}, τ={tau:.2f}: {page.shown(value)}"
            panel.cell((column - 0.5, tau - half), (column + 0.5, tau + half), f"q{shade}", title)


def _sentences(page: PageContext, judgement: Judgement, grid: FloatArray) -> tuple[str, ...]:
    near = float((grid >= grid.max() - 0.01).mean())
    pooled, crossed = (judgement.ladder[rung].score for rung in ("fold_tuned", "cross_fitted"))
    mark = seen_mark(page.best, judgement.name)
    return (
        f"{100 * near:.0f}% of the map lies within one point of its best value: "
        + ("k and τ hardly matter there." if near >= 0.15 else "k and τ have to be chosen with care."),
        f"The best setting, chosen on the rows it is scored on, has {page.shown(pooled)}{mark}; chosen on "
        f"{chosen_on('cross_fitted', page.cells)} {page.shown(crossed)}{mark} "
        f"({gap_words(crossed - pooled, judgement.metric)}).",
    )


APPLIES = decides(KIND, "no decision is a vote")
SECTION = Section("votes", "How do k and τ of the votes decide?", "Votes", APPLIES, build)
