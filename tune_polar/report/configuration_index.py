"""One number and one distinct name for each configuration, by which figures, tables and the filter are linked."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from tune_polar.report.numbers import decimals_for, fixed, setting, spread
from tune_polar.report.objectives import name_of
from tune_polar.report.page_file import steady
from tune_polar.report.searched import SearchedParameter, searched_parameters, value_of
from tune_polar.store.summary import ConfigurationSummary, SearchSummary


@dataclass(frozen=True)
class Entry:
    """What the page's script knows of a configuration."""

    place: int
    name: str
    id: str
    state: str
    score: str  # with its spread; "" where there is none
    values: tuple[str, ...]  # of the searched parameters, as shown


@dataclass(frozen=True)
class ConfigurationIndex:
    """All configurations in order of rank, those without a score after them."""

    keys: tuple[str, ...]
    entries: tuple[Entry, ...]
    _places: Mapping[str, int] = field(repr=False)

    def place(self, row: ConfigurationSummary) -> int:
        """The number under which ``row`` is linked."""
        return self._places[row.configuration.id]

    def name(self, row: ConfigurationSummary) -> str:
        """A name that no other configuration of this page has."""
        return self.entries[self._places[row.configuration.id]].name

    def as_data(self) -> dict[str, object]:
        """For the page's script."""
        rows = [
            [steady(each.name), each.id, each.state, each.score, *map(steady, each.values)] for each in self.entries
        ]
        return {"keys": list(self.keys), "rows": rows}


def configuration_index(summary: SearchSummary) -> ConfigurationIndex:
    """Number and name the configurations of ``summary``."""
    finished = summary.finished
    rows = [*finished, *(row for row in summary.configurations if row.scores is None)]
    shown = Counter(name_of(row) for row in rows)
    searched = searched_parameters(summary.facts)
    entries = []
    for place, row in enumerate(rows):
        name, about = name_of(row), row.configuration
        distinct = name if shown[name] == 1 else f"{name} ({about.id[:6]})"
        entries.append(Entry(place, distinct, about.id, row.state, score_of(row), _values(row, searched)))
    return ConfigurationIndex(
        tuple(parameter.key for parameter in searched),
        tuple(entries),
        {each.id: each.place for each in entries},
    )


def score_of(row: ConfigurationSummary) -> str:
    """``0.412 ± 0.013``: score and standard deviation between folds; "" without a score."""
    if row.scores is None:
        return ""
    error = spread(row.scores.best.fold_scores)
    decimals = decimals_for(error)
    return f"{fixed(row.scores.score, decimals)} ± {fixed(error, decimals)}"


def _values(row: ConfigurationSummary, searched: Sequence[SearchedParameter]) -> tuple[str, ...]:
    return tuple(setting(value_of(row.configuration.recipe, parameter.key)) for parameter in searched)
