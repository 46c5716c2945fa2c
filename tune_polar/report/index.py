"""One number and one distinct name for each configuration, by which figures, tables and the filter are linked."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from tune_polar.evaluate.summary import ConfigurationSummary, SearchSummary
from tune_polar.report.numbers import setting, spread, with_error
from tune_polar.report.page_file import steady
from tune_polar.report.searched import SearchedParameter


@dataclass(frozen=True)
class Indexed:
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
    entries: tuple[Indexed, ...]
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


def configuration_index(summary: SearchSummary, searched: Sequence[SearchedParameter]) -> ConfigurationIndex:
    """Number and name the configurations of ``summary``."""
    rows = [*summary.finished, *(row for row in summary.configurations if row.scores is None)]
    shown = Counter(name_of(row) for row in rows)
    entries = []
    for place, row in enumerate(rows):
        name, about = name_of(row), row.configuration
        distinct = name if shown[name] == 1 else f"{name} ({about.id[:6]})"
        values = tuple(setting(each.value(about.recipe)) for each in searched)
        entries.append(Indexed(place, distinct, about.id, row.state, score_of(row), values))
    keys = tuple(each.key for each in searched)
    return ConfigurationIndex(keys, tuple(entries), {each.id: each.place for each in entries})


def name_of(row: ConfigurationSummary) -> str:
    """``published``, ``as given``, the ablation's name, or ``no. 7``."""
    about = row.configuration
    return f"no. {about.number}" if about.origin == "sampled" else about.origin


def score_of(row: ConfigurationSummary) -> str:
    """``0.412 ± 0.013``: score and standard deviation between cells; "" without a score."""
    return "" if row.scores is None else with_error(row.scores.score, spread(row.scores.best.cell_scores))
