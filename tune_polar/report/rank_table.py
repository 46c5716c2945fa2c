"""Which choice does best where: configurations that several searches share, ranked in each (Demšar, 2006)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean

from tune_polar.evaluate.summary import ConfigurationSummary
from tune_polar.recipe.configuration import SAMPLED, TRIED
from tune_polar.report.document import Row, TextTable
from tune_polar.report.index import name_of
from tune_polar.report.numbers import count
from tune_polar.report.page_context import PageContext
from tune_polar.report.words import seen_mark, seen_notes


def rank_table(searches: Sequence[tuple[str, PageContext]]) -> TextTable | str:
    """Rank (and score) of each shared configuration in each search, the best mean rank first; or why there is none.

    Searches of other data have scores of their own, so only ranks are averaged; equal scores share a rank. A
    configuration is shared by its name (published, an ablation), one that was sampled by its id.
    """
    scored = [(name, page, _scores(page)) for name, page in searches if page.scored]
    if len(scored) < 2:
        return "fewer than two of these searches have a configuration with a score"
    shared = [key for key in scored[0][2] if all(key in rows for _, _, rows in scored)]
    if len(shared) < 2:
        return f"these searches share {count(len(shared), 'configuration')} with a score, and ranks need two"
    from scipy.stats import rankdata  # half a second to import, for whoever compares searches that share something

    ranks = [rankdata([page.metric.gain(0.0, rows[key].score) for key in shared]) for _, page, rows in scored]
    names = {_key(row): name_of(row) for row, _ in scored[0][1].scored}
    means = {key: fmean(rank[place] for rank in ranks) for place, key in enumerate(shared)}
    lines = []
    for key in sorted(shared, key=means.__getitem__):
        place = shared.index(key)
        cells = [
            f"{rank[place]:g} ({page.shown(rows[key].score)}{seen_mark(rows[key].row)})"
            for rank, (_, page, rows) in zip(ranks, scored, strict=True)
        ]
        lines.append(Row((names[key], f"{means[key]:.2f}", *cells)))
    caption = (
        f"Rank, and score, of the {count(len(shared), 'configuration')} that all these searches share, the best mean "
        "rank first. Scores are each search’s own; a rank says nothing of how far apart two configurations are"
    )
    notes = seen_notes(rows[key].row for _, _, rows in scored for key in shared)
    caption = ". ".join((caption, *(note.removesuffix(".") for note in notes)))
    return TextTable(caption, ("configuration", "mean rank", *(name for name, _, _ in scored)), lines)


@dataclass(frozen=True, eq=False)
class _Ranked:
    row: ConfigurationSummary
    score: float


def _scores(page: PageContext) -> dict[str, _Ranked]:
    return {_key(row): _Ranked(row, scores.score) for row, scores in page.scored}


def _key(row: ConfigurationSummary) -> str:
    about = row.configuration
    return about.id if about.origin in (SAMPLED, TRIED) else about.origin
