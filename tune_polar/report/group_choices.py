"""What it is worth in each group that settings are chosen, and the thresholds that were chosen for it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np

from tune_polar.decide.array_checks import BoolArray
from tune_polar.decide.groups import GroupSettings
from tune_polar.decide.judgement import Judgement
from tune_polar.decide.kinds import Thresholds
from tune_polar.report.document import Block, Row, TextTable
from tune_polar.report.ladder import threshold_range
from tune_polar.report.page_context import PageContext
from tune_polar.report.words import chosen_on, plain_words, seen_ending, seen_mark
from tune_polar.stats.group_scores import measure
from tune_polar.stats.intervals import signed

NONE = "—"


def choosing_by_group(page: PageContext, judgement: Judgement, groups: Mapping[str, BoolArray]) -> Iterator[Block]:
    """A table: each group plain and with settings chosen on the other folds; nothing where nothing is chosen.

    Args:
        page: of the search.
        judgement: of the decision.
        groups: by name, its rows among the judged ones, in the order of their codes.
    """
    crossed, plain, metric = judgement.cross_fitted, judgement.ladder.get("plain"), judgement.metric
    if plain is None or len(plain.decided) != len(crossed.decided):
        return
    names = judgement_names(judgement, page)
    rows, mark = [], seen_mark(page.best, judgement.name)
    whole = np.ones(len(crossed.decided), dtype=np.bool_)
    for name, own in (*groups.items(), ("all pooled", whole)):
        before, after = (measure(judgement.rows, each.decided, metric, own).score for each in (plain, crossed))
        chosen = thresholds_of(judgement, names.index(name)) if name in names else NONE
        cells = (
            name,
            page.shown(before) + mark,
            page.shown(after) + mark,
            signed(metric.gain(after, before), metric),
            chosen,
        )
        rows.append(Row(cells, kind="main" if own is whole else ""))
    kinds = [each.kind for each in page.won.decisions.values()]
    caption = (
        f"What choosing settings is worth: plain ({plain_words(kinds)}) against chosen on "
        f"{chosen_on('cross_fitted', page.cells)}{seen_ending(page.best, judgement.name)}"
    )
    heads = ("", "plain", "cross-fitted", "gain")
    if any(row.cells[-1] != NONE for row in rows):
        yield TextTable(f"{caption}; thresholds of a group, lowest and highest", (*heads, "thresholds"), rows)
    else:
        yield TextTable(caption, heads, [Row(row.cells[:-1], kind=row.kind) for row in rows])


def judgement_names(judgement: Judgement, page: PageContext) -> tuple[str, ...]:
    """The groups by which a decision chooses, in the order of their codes; none where it does so for all alike."""
    per = page.won.graph.nodes[judgement.name].per
    return () if per is None else page.summary.gold.train.columns[per].names


def thresholds_of(judgement: Judgement, code: int) -> str:
    """The range of a group's thresholds between folds; a dash of what is no single threshold."""
    found: list[float] = []
    for chosen in judgement.cross_fitted.settings:
        setting = chosen.get(judgement.name)
        own = setting.own.get(code, setting.pooled) if isinstance(setting, GroupSettings) else None
        if isinstance(own, Thresholds) and len(own.values) == 1:
            found += own.values.tolist()
    return threshold_range(found) if found else NONE
