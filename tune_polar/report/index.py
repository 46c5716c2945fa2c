"""One number and one distinct name for each configuration, by which figures, tables and the filter are linked."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from tune_polar.evaluate.summary import ConfigurationSummary, SearchSummary
from tune_polar.recipe.configuration import SAMPLED, TRIED
from tune_polar.report.numbers import setting, spread, with_error
from tune_polar.report.page_file import steady
from tune_polar.report.searched import SearchedParameter
from tune_polar.report.words import seen_mark


@dataclass(frozen=True)
class Indexed:
    """What the page's script knows of a configuration."""

    place: int
    name: str  # that no other configuration of this page has
    id: str
    state: str
    score: str  # with its spread; "" where there is none
    values: tuple[str, ...]  # of the searched parameters, as shown


@dataclass(frozen=True)
class ConfigurationIndex:
    """All configurations in order of rank, those without a score after them."""

    keys: tuple[str, ...]  # of the searched parameters
    by_id: Mapping[str, Indexed]

    @property
    def entries(self) -> tuple[Indexed, ...]:
        """Configurations with their names, in the order of the page."""
        return tuple(self.by_id.values())

    def place(self, row: ConfigurationSummary) -> int:
        """The number under which ``row`` is linked."""
        return self.by_id[row.configuration.id].place

    def name(self, row: ConfigurationSummary) -> str:
        """What the page calls a configuration."""
        return self.by_id[row.configuration.id].name

    def names_by_id(self, configuration: str) -> str:
        """The name of a configuration given by its id."""
        return self.by_id[configuration].name

    def as_data(self) -> dict[str, object]:
        """For the page's script."""
        rows = [[steady(e.name), e.id, e.state, e.score, *map(steady, e.values)] for e in self.by_id.values()]
        return {"keys": list(self.keys), "rows": rows}


def configuration_index(summary: SearchSummary, searched: Sequence[SearchedParameter]) -> ConfigurationIndex:
    """Number and name the configurations of ``summary``."""
    rows = [*summary.finished, *(row for row in summary.configurations if row.scores is None)]
    shown, found = Counter(map(name_of, rows)), {}
    for place, row in enumerate(rows):
        name, about = name_of(row), row.configuration
        distinct = name if shown[name] == 1 else f"{name} ({about.id[:6]})"
        values = tuple(setting(each.value(about.recipe)) for each in searched)
        found[about.id] = Indexed(place, distinct, about.id, row.state, score_of(row), values)
    return ConfigurationIndex(tuple(each.key for each in searched), found)


def name_of(row: ConfigurationSummary) -> str:
    """``published``, ``as given``, the ablation's name, or ``no. 7``."""
    about = row.configuration
    return f"no. {about.number}" if about.origin in (SAMPLED, TRIED) else about.origin


def score_of(row: ConfigurationSummary) -> str:
    """``0.412 ± 0.013``: score and standard deviation between cells, if there are several; "" without a score.

    One on rows that the start of a stage has seen has a mark.
    """
    if row.scores is None:
        return ""
    return with_error(row.scores.score, spread(row.scores.best.cell_scores)) + seen_mark(row)
