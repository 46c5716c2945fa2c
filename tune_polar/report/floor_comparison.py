"""Is fine-tuning worth its hours? Floors beside the search, cell by cell: for page, terminal and JSON."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tune_polar.evaluate.floor_scores import JudgedFloor, floors_of
from tune_polar.evaluate.summary import ConfigurationSummary
from tune_polar.recipe.floor_names import Floor
from tune_polar.recipe.sections import TINY
from tune_polar.report.difference import CellDifference, Verdict, difference_by_cell
from tune_polar.report.document import Entries, Entry, Row, TextTable
from tune_polar.report.numbers import duration, fixed
from tune_polar.report.page_context import PageContext
from tune_polar.report.words import named, seen_mark
from tune_polar.stats.intervals import signed, unit_of

FLOOR_WORDS: Mapping[Floor, str] = {
    "tfidf": "n-grams of characters (TF-IDF) and a linear model",
    "encoder": "the encoder as it was pretrained, frozen, and a linear model",
}

FROM_NOTHING = (
    "The embedded encoder is trained from nothing, to try a task in minutes, and says little of fine-tuning: compare "
    "with a pretrained one (--encoder NAME)."
)


@dataclass(frozen=True, eq=False)
class Compared:
    """A configuration beside one floor, on the same rows."""

    row: ConfigurationSummary
    called: str  # "winner", "published", "as given"
    difference: CellDifference | None  # configuration minus floor; None: fewer than two cells in common
    score: float
    floor_score: float
    luck: float  # what choosing it among many was worth, as a gain; 0 of one that was not chosen

    @property
    def verdict(self) -> Verdict | None:
        """Of the difference without that luck."""
        return None if self.difference is None else self.difference.verdict_beyond(self.luck)


def compared(page: PageContext, floor: JudgedFloor) -> list[Compared]:
    """The reference and, of a search, the winner beside ``floor``, as far as they have scores."""
    rows = [(page.reference, page.reference_word)]
    if page.summary.facts.kind == "search" and page.best is not page.reference:
        rows.append((page.best, "winner"))
    found = []
    for row, called in rows:
        beside = None if row is None else floor.beside(row, page.cells.cells)
        if row is not None and beside is not None:
            difference = difference_by_cell(beside.by_cell, beside.floor_by_cell, page.cells, page.metric)
            luck = _luck(page) if row is page.best else 0.0
            found.append(Compared(row, called, difference, beside.score, beside.floor_score, luck))
    return found


def _luck(page: PageContext) -> float:
    """What BBC-CV takes off the best score, and what its training runs had of it; 0 where that cannot be told."""
    if isinstance(page.corrected, str):
        return 0.0
    return max(page.corrected.optimism, 0.0) + (0.0 if isinstance(page.ahead, str) else page.ahead.new_rows.luck)


def judged_floors(page: PageContext) -> list[JudgedFloor]:
    """Those that have been computed and can be judged."""
    return [each for each in floors_of(page.summary).values() if isinstance(each, JudgedFloor)]


def missing_floors(page: PageContext) -> list[str]:
    """Of the others, why not."""
    found = floors_of(page.summary)
    return [f"{name} ({FLOOR_WORDS[name]}): {each}." for name, each in found.items() if isinstance(each, str)]


def floor_sentences(page: PageContext) -> tuple[str, ...]:
    """What floors say of the search, each in a sentence or two."""
    found = judged_floors(page)
    if not found:
        return ()
    said = [sentence for floor in found for sentence in _sentences(page, floor)]
    if any(stage.encoder.name == TINY for stage in page.recipe.stages.values()):
        said.append(FROM_NOTHING)
    return (*said, _cost(page))


def _cost(page: PageContext) -> str:
    best, rows = page.best, page.summary.configurations
    winner = "" if best is None else f"The winner’s {page.cells.many} took {duration(best.seconds)} to train, "
    whole = duration(sum(row.seconds for row in rows))
    return f"{winner or 'Training took '}{'all configurations ' if winner else ''}{whole}; a floor takes seconds."


def unbeaten_floors(page: PageContext) -> Iterator[str]:
    """Floors that the winner is not better than, a sentence each: the first thing that somebody should know of it."""
    for floor in judged_floors(page):
        for each in compared(page, floor):
            if each.row is page.best and each.difference is not None and each.verdict != "better":
                told = "is better than" if each.verdict == "worse" else "cannot be told from"
                yield (
                    f"{floor.floor} ({FLOOR_WORDS[floor.floor]}), which takes seconds, {told} the winner: "
                    f"{page.shown(floor.scores.score)}, and {page.cells.one} by {page.cells.one} the winner differs "
                    f"from it by {each.difference.text}{unit_of(page.metric)} (95% interval "
                    f"{each.difference.interval}), see “Is fine-tuning worth its hours?”."
                )


def _sentences(page: PageContext, floor: JudgedFloor) -> Iterator[str]:
    name = floor.floor
    if floor.record.is_sample:
        yield (
            f"{name} has seen a sample of {floor.record.rows:,} of {floor.record.of:,} rows, so that it takes seconds; "
            "it is compared on those of them that were held out, and with all rows it would do better."
        )
    for each in compared(page, floor):
        difference, verdict = each.difference, each.verdict
        if difference is None or verdict is None:
            continue
        called = "the winner" if each.called == "winner" else f"the {named(each.called)}"
        meaning = {
            "better": "fine-tuning is worth something over it",
            "within": f"these {page.cells.many} cannot tell the two apart, and the floor takes seconds",
            "worse": "the floor is better: fine-tuned in this way it is not worth its hours",
        }[verdict]
        if verdict != difference.verdict:
            worth = f"{signed(each.luck, page.metric).removeprefix('+')}{unit_of(page.metric)}"
            meaning = f"without {worth} for having been chosen as the best, {meaning}"
        yield (
            f"{name} ({FLOOR_WORDS[name]}): {page.cells.one} by {page.cells.one} {called} differs from it by "
            f"{difference.text}{unit_of(page.metric)} (95% interval {difference.interval}), better in "
            f"{difference.better_in} of {difference.cells}; {meaning}."
        )


def floor_table(page: PageContext) -> TextTable:
    """Floors, reference and winner, with their differences."""
    found = judged_floors(page)
    names = dict.fromkeys(each.called for floor in found for each in compared(page, floor))
    rows: list[Entries | Row] = []
    for floor in found:
        by_name = {each.called: each for each in compared(page, floor)}
        cells: list[str | Entry] = [floor.floor, page.shown(floor.scores.score)]
        for name in names:
            difference = by_name[name].difference if name in by_name else None
            cells += ["—", "—"] if difference is None else [difference.text, difference.interval]
        rows.append((*cells, f"{floor.record.rows:,}"))
    rows += _beside_floors(page, found, 2 * len(names))
    heads = tuple(head for name in names for head in (f"{name} − it", "95% interval"))
    unit = f", in {page.metric.unit}" if page.metric.unit else ""
    over = page.cells.count(len(page.cells.cells))
    caption = (
        f"Linear models without fine-tuning, trained and held out on the same {page.cells.many}, cross-fitted by the "
        f"same decisions; differences are means ± standard errors over {over}{unit}"
    )
    return TextTable(caption, ("Floor", "Score", *heads, "Rows"), rows)


def _beside_floors(page: PageContext, floors: Sequence[JudgedFloor], differences: int) -> Iterator[Row]:
    """The configurations' scores, on all rows and on those of each sample; ``differences``: columns left blank."""
    told = set[tuple[str, str]]()
    for floor in floors:
        on = f", on the sample of {floor.floor}" if floor.record.is_sample else ""
        for each in compared(page, floor):
            if (each.called, on) not in told:
                told.add((each.called, on))
                number = f"{floor.record.rows:,}" if on else ""
                score = Entry(page.shown(each.score) + seen_mark(each.row), kind="strong")
                yield Row((f"{each.called}{on}", score, *("",) * differences, number))


def floors_data(page: PageContext) -> dict[str, Any]:
    """For scripts."""
    found: dict[str, Any] = {}
    for name, floor in floors_of(page.summary).items():
        if isinstance(floor, str):
            found[name] = {"not_applicable": floor}
            continue
        found[name] = {
            "score": floor.scores.score,
            "rows": floor.record.rows,
            "of": floor.record.of,
            "compared": [
                {
                    "configuration": each.row.configuration.id,
                    "score": each.score,
                    "floor_score": each.floor_score,
                    "difference": None if each.difference is None else each.difference.mean,
                    "interval": None if each.difference is None else [each.difference.low, each.difference.high],
                }
                for each in compared(page, floor)
            ],
        }
    return found


def floor_lines(page: PageContext) -> list[str]:
    """A line a floor, for a status."""
    lines = []
    for floor in judged_floors(page):
        said = [
            f"{each.called} {each.difference.text}{unit_of(page.metric)} ({each.difference.interval})"
            for each in compared(page, floor)
            if each.difference is not None
        ]
        record, score = floor.record, fixed(floor.scores.score, 3)
        sample = f" (a sample of {record.rows:,} of {record.of:,} rows)" if record.is_sample else ""
        line = f"floor {floor.floor} {score}{sample}"
        lines.append(f"{line}: {'; '.join(said)}" if said else line)
    return lines
