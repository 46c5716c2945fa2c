"""Trained on × tested on, over several searches: every run's score on the rows it held out and on other data sets."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from tune_polar.data.source import SAMPLE
from tune_polar.data.table import DEV, TRAIN
from tune_polar.decide.array_checks import FloatArray
from tune_polar.evaluate.cells_elsewhere import cell_scores_elsewhere
from tune_polar.evaluate.summary import ConfigurationSummary
from tune_polar.report.document import Entries, Entry, TextTable
from tune_polar.report.index import name_of
from tune_polar.report.numbers import spread, with_error
from tune_polar.report.page_context import PageContext
from tune_polar.report.words import SEEN_MARK, chosen_notes, metric_words, seen_notes
from tune_polar.store.gold import GoldSplit

SHOWN = 12  # configurations of a search: the best, and the one to compare with


@dataclass(frozen=True, eq=False)
class Tested:
    """One configuration's runs on one set, each by itself."""

    scores: FloatArray  # (cells,), without those that are not there
    is_own: bool  # whether the set is what it was trained on: then the held-out rows

    @property
    def mean(self) -> float:
        """Over cells."""
        return float(np.mean(self.scores))

    @property
    def sd(self) -> float | None:
        """Between cells; None of one alone."""
        return spread(self.scores.tolist())


@dataclass(frozen=True, eq=False)
class CrossRow:
    """One configuration of one search."""

    search: str
    trained_on: str
    configuration: str
    id: str
    start_has_seen: tuple[str, ...]  # stages for which scores on held-out rows are not honest
    tested: Mapping[str, Tested]  # by set


@dataclass(frozen=True, eq=False)
class CrossTable:
    """The runs of several searches, each on every set that has gold.

    Args:
        sets: in order, those that were trained on first.
        rows: searches in the order given, configurations best first.
        metric: its name for readers.
        unlike: sets of one name that hold other rows, or other gold, in one search than in another.
        doubts: what keeps scores of the table from being honest, a sentence each.
    """

    sets: tuple[str, ...]
    rows: tuple[CrossRow, ...]
    metric: str
    unlike: tuple[str, ...]
    doubts: tuple[str, ...]

    def table(self) -> TextTable:
        """For page and terminal: mean ± standard deviation between cells."""
        lines: list[Entries] = []
        for row in self.rows:
            words = (_shown(row.tested.get(name), bool(row.start_has_seen)) for name in self.sets)
            lines.append((row.search, row.trained_on, row.configuration, *words))
        caption = f"Trained on × tested on: {self.metric}, mean ± SD between runs, each by itself"
        return TextTable(caption, ("search", "trained on", "configuration", *self.sets), lines, words=(1, 2))

    def notes(self) -> list[str]:
        """What the numbers are and are not."""
        notes = [
            "Bold: held-out rows of the set that was trained on, on which configurations may have been chosen; "
            "these searches choose nothing on other sets."
        ]
        if len({row.trained_on for row in self.rows}) > 1:
            notes[0] += " Rows that were trained on other texts cannot be paired."
        if self.unlike:
            names = ", ".join(self.unlike)
            notes.append(f"Other rows or other gold under one name: {names}. Do not read these columns downwards.")
        return [*notes, *self.doubts]

    def as_json(self) -> dict[str, Any]:
        """For scripts."""
        return {
            "metric": self.metric,
            "sets": list(self.sets),
            "unlike": list(self.unlike),
            "doubts": list(self.doubts),
            "rows": [
                {
                    "search": row.search,
                    "trained_on": row.trained_on,
                    "configuration": row.configuration,
                    "id": row.id,
                    "start_has_seen": list(row.start_has_seen),
                    "tested": {
                        name: {"held_out": each.is_own, "mean": each.mean, "sd": each.sd, "runs": each.scores.tolist()}
                        for name, each in row.tested.items()
                    },
                }
                for row in self.rows
            ],
        }


def cross_table(searches: Sequence[tuple[str, PageContext]]) -> CrossTable | str:
    """Of ``searches`` by name, their predictions read; or why there is none."""
    pages = [(name, page) for name, page in searches if page.scored]
    if not pages:
        return "none of these searches has a score"
    scored = sorted({metric_words(page.metric.name) for _, page in pages})
    if len(scored) > 1:
        return f"these searches are scored by different metrics, {' and '.join(scored)}"
    if not any(sets_of(page) for _, page in pages):
        return "none of these searches has a test or evaluation set with gold"
    own = _own_names(pages)
    shown = [(name, page, row) for name, page in pages for row in most_shown(page)]
    rows = tuple(_row(name, own[name], page, row) for name, page, row in shown)
    sets = tuple(dict.fromkeys([*own.values(), *(each for row in rows for each in row.tested)]))
    doubts = (
        *seen_notes(row for _, _, row in shown),
        *chosen_notes(
            (page.summary, split, row)
            for _, page, row in shown
            for split in (page.summary.facts.data_name, *sets_of(page))
        ),
    )
    return CrossTable(sets, rows, scored[0], tuple(_unlike(pages)), doubts)


def _own_names(pages: Sequence[tuple[str, PageContext]]) -> dict[str, str]:
    """What each search was trained on, by its name; two data sets have two names."""
    named = {}
    for name, page in pages:
        facts = page.summary.facts
        named[name] = (page.recipe.sample if facts.data_name == SAMPLE else facts.data_name, facts.data_fingerprint)
    told = {data: {each for other, each in named.values() if other == data} for data, _ in named.values()}
    return {name: data if len(told[data]) == 1 else f"{data} ({name})" for name, (data, _) in named.items()}


def _row(search: str, own: str, page: PageContext, row: ConfigurationSummary) -> CrossRow:
    tested = {}
    if row.scores is not None:
        each = row.scores.by_cell(page.summary.cells)
        tested[own] = Tested(each[~np.isnan(each)], is_own=True)
    if row.outcome is not None:
        elsewhere = cell_scores_elsewhere(row.outcome)
        for name in (name for name in sets_of(page) if name in elsewhere):
            key = name if name != own else f"{name} (as a set)"
            tested[key] = Tested(elsewhere[name], is_own=False)
    seen = tuple(each.stage for each in row.seen_starts())
    return CrossRow(search, own, name_of(row), row.configuration.id, seen, tested)


def most_shown(page: PageContext) -> list[ConfigurationSummary]:
    """The best configurations, and the one to compare with."""
    rows = page.in_full[:SHOWN]
    reference = page.reference
    return rows if reference is None or reference in rows or reference.outcome is None else [*rows, reference]


def sets_of(page: PageContext) -> list[str]:
    """The sets beside train and dev that have gold."""
    judged = () if page.outcome is None else page.outcome.judged.scored.splits
    return [name for name in judged if name not in (TRAIN, DEV)]


def _unlike(pages: Sequence[tuple[str, PageContext]]) -> Iterator[str]:
    for name in dict.fromkeys(name for _, page in pages for name in sets_of(page)):
        column = [page.summary.gold.splits[name] for _, page in pages if name in sets_of(page)]
        if len({_digest(split) for split in column}) > 1:
            yield name


def _digest(split: GoldSplit) -> str:
    digest = hashlib.sha256("\x1f".join(split.ids).encode("utf-8", "surrogatepass"))
    for name, column in sorted(split.columns.items()):
        digest.update(f"\x1e{name}".encode() + column.as_bytes())
    return digest.hexdigest()


def _shown(tested: Tested | None, has_seen: bool) -> str | Entry:
    if tested is None or not len(tested.scores):
        return "—"
    mark = f" {SEEN_MARK}" if has_seen and tested.is_own else ""
    return Entry(with_error(tested.mean, tested.sd) + mark, kind="strong" if tested.is_own else "")
