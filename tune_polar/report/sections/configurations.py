"""Every configuration with its cells, who can be told from whom, and why some have no score."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import fmean

from tune_polar.evaluate.summary import ConfigurationSummary
from tune_polar.recipe.cells import Cell
from tune_polar.report.choice_words import choice_sentences
from tune_polar.report.document import (
    Block,
    Details,
    Entry,
    Figures,
    Row,
    TextTable,
    bullets,
    figure,
    heading,
    missing,
    prose,
)
from tune_polar.report.drawing.figures import Strip, strip_plot
from tune_polar.report.numbers import count, decimals_for, duration, fixed, spread
from tune_polar.report.page_context import PageContext
from tune_polar.report.page_section import Answer, Section, always
from tune_polar.report.racing_words import stopped_early
from tune_polar.report.top_choice import TOP, cheapest_of, compared, judgements_of
from tune_polar.report.words import (
    NOTHING_FINISHED,
    STATES,
    begun,
    decided_by,
    named,
    score_words,
    seen_mark,
    seen_notes,
)
from tune_polar.stats.intervals import signed
from tune_polar.stats.told_apart import Comparison, ComparisonMatrix
from tune_polar.store.failures import FailureRecord

STRIPS_AT_MOST = 24  # a figure of more rows says less; the table has them all
ROWS_OPEN = 40  # of the table; the others are folded away
LISTED = 1000  # with a score, best first, and as many without one: a page of more opens slowly
MESSAGE_LENGTH = 240
MARKS = {"equal": "≈", "open": "?", "better": "▲", "worse": "▼"}


def build(page: PageContext) -> Answer:
    """The best configurations beside each other, and what became of the others."""
    blocks: list[Block] = [missing(NOTHING_FINISHED)]
    if page.scored:
        rows, further = _scored_rows(page), "Further finished configurations"
        shared = (
            "corrected for folds that share training rows, not for" if page.cells.folds > 1 else "not corrected for"
        )
        caption = "Finished configurations, best first"
        if len(page.cells.cells) > 1:
            caption += (
                f"; − {page.reference_word}: mean ± standard error of the difference on the same {page.cells.many}"
                f"{_unit(page)}; its interval is {shared} choosing"
            )
        marks = seen_notes(row for row, _ in page.scored)
        blocks = [prose(f"{begun(score_words(page.recipe))}; cross-fitted.", *marks), _figure(page)]
        blocks += [heading("Who can be told from whom"), *_told_apart(page)]
        blocks += [heading("All configurations"), _scored(page, caption, rows[:ROWS_OPEN])]
        if len(rows) > ROWS_OPEN:
            more = f"{len(rows) - ROWS_OPEN:,} further configurations" + _of_all(len(rows), len(page.scored))
            blocks.append(Details(more, (_scored(page, further, rows[ROWS_OPEN:]),)))
    unscored = [row for row in page.summary.configurations if row.scores is None]
    if unscored:
        blocks += [
            heading(f"Without a score{_of_all(min(LISTED, len(unscored)), len(unscored))}"),
            _unscored(page, unscored),
        ]
    return blocks


def _unit(page: PageContext) -> str:
    return f", in {page.metric.unit}" if page.metric.unit else ""


def _figure(page: PageContext) -> Figures:
    finished, cells, decimals = page.scored, page.cells, decimals_for(page.noise)
    strips = []
    for rank, (row, scores) in enumerate(finished):
        if rank < STRIPS_AT_MOST or row is page.reference:
            own, name = scores.best.cell_scores, page.index.name(row)
            points = zip(scores.cells, own, strict=True)
            strips.append(
                Strip(
                    label=name,
                    value=_shown(scores.score, own, decimals) + seen_mark(row),
                    points=own,
                    mean=fmean(own),
                    is_reference=row is page.reference,
                    place=page.index.place(row),
                    point_names=tuple(f"{name}, {cells.name(cell)}: {fixed(each, decimals)}" for cell, each in points),
                )
            )
    pooled = "the score of all rows pooled" if cells.folds > 1 else "the score"
    sd = f" ± the standard deviation between {cells.many}" if len(cells.cells) > 1 else ""
    note = f"Points are {cells.many}, the upright bar is their mean; the number is {pooled}{sd}."
    if any(strip.is_reference for strip in strips):
        note += f" Squares and the dashed line: the {named(page.reference_word)}."
    if len(strips) < len(finished):
        note += f" Drawn: the best {STRIPS_AT_MOST} of {len(finished):,} and the {named(page.reference_word, 'one')}."
    description = (
        f"{count(len(strips), 'configuration')}, best first. {strips[0].label} leads with {strips[0].value}. "
        "The table after this figure holds every number drawn here."
    )
    title = f"Scores of configurations, {cells.one} by {cells.one}"
    return figure(strip_plot("strips", title, description, strips), note)


def _sd(scores: Sequence[float], decimals: int) -> str:
    found = spread(scores)
    return "" if found is None else fixed(found, decimals)


def _shown(score: float, cells: Sequence[float], decimals: int) -> str:
    sd = _sd(cells, decimals)
    return f"{fixed(score, decimals)} ± {sd}" if sd else fixed(score, decimals)


def _told_apart(page: PageContext) -> list[Block]:
    cells = page.cells
    top = [each for rank, each in enumerate(page.scored) if rank < TOP or each[0] is page.reference]
    if len(top) < 2 or len(cells.cells) < 2:
        what = "two configurations with all folds" if len(top) < 2 else f"two {cells.many}"
        return [missing(f"Not enough data: {what} are needed to compare any.")]
    rows = [row for row, _ in top]
    matrix = compared(page, rows)
    first = [pair for pair in matrix.pairs if matrix.names[0] in (pair.first, pair.second)]
    told = sum(pair.differs for pair in matrix.pairs)
    sentences = (
        f"Of {count(len(matrix.pairs), 'pair')} of the top configurations, {told} can be told apart with "
        f"{cells.count(len(cells.cells))}, all pairs taken into account (Holm, family-wise error 5%).",
        *choice_sentences(matrix, judgements_of(page, rows), cheapest_of(page)),
    )
    every = Details("Every difference of the winner in words", (bullets(*(pair.sentence for pair in first)),))
    return [prose(*sentences), _matrix(page, [page.index.place(row) for row, _ in top], matrix), every]


def _matrix(page: PageContext, places: Sequence[int], matrix: ComparisonMatrix) -> TextTable:
    names, rows = matrix.names, []
    for number, name in enumerate(names[:-1]):
        pairs = (_pair(matrix.pair(name, other), page) for other in names[number + 1 :])
        rows.append(Row((name, *("" for _ in range(number)), *pairs), places[number]))
    caption = (
        f"Row minus column{_unit(page)}, paired by {page.cells.one}. ▲ the row is better, ▼ worse; ? cannot be "
        "told apart (Nadeau and Bengio’s corrected t, Holm-adjusted); ≈ at most a hundredth apart by the 95% interval"
    )
    return TextTable(caption, ("", *names[1:]), rows, kind="matrix")


def _pair(pair: Comparison | None, page: PageContext) -> str | Entry:
    if pair is None:
        return ""
    difference = pair.paired.difference
    is_better = page.metric.gain(difference, 0.0) > 0
    kind = "better" if is_better else "worse"
    mark = MARKS["equal" if pair.are_equal else kind if pair.differs else "open"]
    shown = kind if pair.differs else "same"
    return Entry(f"{signed(difference, page.metric)} {mark}", kind=shown, title=pair.sentence)


def _scored(page: PageContext, caption: str, rows: Sequence[Row]) -> TextTable:
    columns = (
        *("Rank", "Configuration", "Score", "SD", f"− {page.reference_word}", "95% interval"),
        *(begun(page.cells.many), "Decided by", "Time"),
    )
    return TextTable(caption, columns, rows, words=(6, 7), kind="numbers scores", head=1)


def _of_all(listed: int, there: int) -> str:
    return f" (of {there:,}; `tune-polar export` lists them all)" if listed < there else ""


def _scored_rows(page: PageContext) -> list[Row]:
    decimals, rows = decimals_for(page.noise), []
    for rank, (row, scores) in enumerate(page.scored, start=1):
        if rank > LISTED and row is not page.reference:
            continue
        own, difference = scores.best.cell_scores, page.difference(row)
        cells = (
            *(str(rank), Entry(page.index.name(row), row.configuration.id, kind="named")),
            *(Entry(fixed(scores.score, decimals) + seen_mark(row), kind="strong"), _sd(own, decimals) or "—"),
            *(("—", "—") if difference is None else (difference.text, difference.interval)),
            Entry(" ".join(fixed(score, decimals) for score in own), kind="folds"),
            Entry(decided_by(row.configuration.recipe, scores.best.settings), kind="decision"),
            duration(row.seconds),
        )
        rows.append(Row(cells, page.index.place(row), "reference" if row is page.reference else ""))
    return rows


def _unscored(page: PageContext, rows: Sequence[ConfigurationSummary]) -> TextTable:
    lines = []
    for row in rows[:LISTED]:
        why = "\n".join((*(_failure(each, page) for each in row.failures), *_gaps(row, page)))
        called = Entry(page.index.name(row), row.configuration.id, kind="named")
        done = f"{len(row.folds)} of {len(page.cells.cells)}"
        lines.append(Row((called, STATES[row.state], done, Entry(why, kind="lines")), page.index.place(row)))
    caption = (
        "Failed: a fold trial failed for a reason of its own, so it is not run again. Open: fold trials are still to "
        "be run"
    )
    columns = ("Configuration", "State", begun(page.cells.many), "Why")
    return TextTable(caption, columns, lines, words=(1, 2, 3), kind="unscored")


def _gaps(row: ConfigurationSummary, page: PageContext) -> tuple[str, ...]:
    recorded = {Cell(record.fold, record.seed) for record in row.folds}
    if row.abandonment is not None:
        return (stopped_early(row.abandonment, page.cells),)
    waiting = [cell for cell in page.cells.cells if cell not in recorded]
    if row.state == "infeasible":
        return () if row.failures else ("Its predictions cannot be scored.",)
    if waiting:
        return (f"Not finished: {page.cells.names(waiting)}.",)
    if row.predictions is None:
        return ("Its scores were not computed.",)
    gone = page.cells.names(row.predictions.missing_cells)
    return (f"A stage record is missing or damaged: {gone}. Resume the search to train it again.",)


def _failure(failure: FailureRecord, page: PageContext) -> str:
    said, cell = failure.first_line, Cell(failure.fold, failure.seed)
    said = said if len(said) <= MESSAGE_LENGTH else said[: MESSAGE_LENGTH - 1] + "…"
    attempt = f", attempt {failure.attempt + 1}" if failure.attempt else ""
    return f"{begun(page.cells.name(cell))}{attempt}: {said}"


SECTION = Section("better", "Is it really better?", "Is it better?", always, build)
