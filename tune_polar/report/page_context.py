"""What every section of a page reads: the records, and what is derived of them once for all."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from statistics import median

from tune_polar.decide.judgement import Judgement
from tune_polar.decide.metrics import Metric
from tune_polar.evaluate.coded_checks import Check, checks_of
from tune_polar.evaluate.configuration_scores import Scores
from tune_polar.evaluate.correction import corrected_best
from tune_polar.evaluate.expected_score import Ahead, ahead_of
from tune_polar.evaluate.outcome import Outcome
from tune_polar.evaluate.summary import ConfigurationSummary, SearchSummary
from tune_polar.recipe.recipe import Recipe
from tune_polar.recipe.reference import reference_origin
from tune_polar.report.difference import CellDifference, cell_difference
from tune_polar.report.importances import Learned, further_gain, learned, measured_importances, trained_parameters
from tune_polar.report.index import ConfigurationIndex, configuration_index
from tune_polar.report.numbers import decimals_for, fixed, spread
from tune_polar.report.searched import SearchedParameter, searched_parameters
from tune_polar.report.winner_attribution import way_to_winner
from tune_polar.report.words import CellWords, rows_judged, rows_words
from tune_polar.stats.attribution import Way
from tune_polar.stats.bbc_cv import BbcCv
from tune_polar.stats.gain_of_more import Further
from tune_polar.stats.importance import Importances


@dataclass(frozen=True)
class PageOptions:
    """What a page may be told beside the records."""

    store_address: str | None = None  # of the store's folder as seen from the page's
    texts: Mapping[str, str] | None = None  # by row id: shows example rows
    reload_seconds: int | None = None  # the page reads itself anew, while a search runs
    narrowed: str | None = None  # name of the space with narrower ranges beside the page; None: no page lies anywhere


@dataclass(frozen=True, eq=False)
class PageContext:
    """One search."""

    summary: SearchSummary
    options: PageOptions = field(default_factory=PageOptions)

    @property
    def recipe(self) -> Recipe:
        """That the search began with."""
        return self.summary.recipe

    @property
    def metric(self) -> Metric:
        """Of the score."""
        return self.summary.metric

    @property
    def best(self) -> ConfigurationSummary | None:
        """The winner, if anything has a score."""
        return self.summary.best

    @property
    def outcome(self) -> Outcome | None:
        """Decisions and scores of the winner; None without one."""
        return None if self.best is None else self.best.outcome

    @property
    def won(self) -> Outcome:
        """The winner's, for what is asked only where there is one.

        Raises:
            ValueError: there is none.
        """
        if self.outcome is None:
            raise ValueError("no configuration has a score")
        return self.outcome

    def decisions(self, kind: str) -> list[Judgement]:
        """The winner's decisions of one kind, as far as they can be judged."""
        return [each for each in self.won.decisions.values() if each.kind == kind]

    @cached_property
    def scored(self) -> tuple[tuple[ConfigurationSummary, Scores], ...]:
        """Finished configurations with their scores, best first."""
        return tuple((row, row.scores) for row in self.summary.finished if row.scores is not None)

    @property
    def in_full(self) -> list[ConfigurationSummary]:
        """Those whose predictions have been read, best first."""
        return [row for row, _ in self.scored if row.outcome is not None]

    @cached_property
    def noise(self) -> float | None:
        """Standard deviation between cells, in the middle of the finished configurations; None of one cell alone."""
        every = (spread(scores.best.cell_scores) for _, scores in self.scored)
        found = [each for each in every if each is not None]
        return median(found) if found else None

    @property
    def reference(self) -> ConfigurationSummary | None:
        """The configuration that others are compared with, where it has a score."""
        found = self.summary.reference
        return None if found is None or found.scores is None else found

    def difference(self, row: ConfigurationSummary) -> CellDifference | None:
        """To the reference, cell by cell; None of the reference itself, and where it cannot be told."""
        reference = self.reference
        if reference is None or row is reference or row.scores is None or reference.scores is None:
            return None
        return cell_difference(row.scores, reference.scores, self.cells, self.metric)

    def mark(self, row: ConfigurationSummary) -> tuple[str, str]:
        """Shape and style of its point: the winner's diamond, the reference's square, else a dot."""
        if row is self.best:
            return "diamond", "pt win"
        return ("square", "pt pub") if row is self.reference else ("dot", "pt")

    @cached_property
    def reference_word(self) -> str:
        """``published`` or ``as given``."""
        found = self.summary.reference
        return reference_origin(self.recipe) if found is None else found.configuration.origin

    @cached_property
    def cells(self) -> CellWords:
        """Of every configuration."""
        return CellWords(self.summary.cells, self.summary.gold.held_out)

    @cached_property
    def searched(self) -> tuple[SearchedParameter, ...]:
        """What varied."""
        return searched_parameters(self.summary.facts.searched)

    @cached_property
    def index(self) -> ConfigurationIndex:
        """Names and numbers of configurations."""
        return configuration_index(self.summary, self.searched)

    @cached_property
    def corrected(self) -> BbcCv | str:
        """The best score without the luck of choosing it, or why it cannot be had."""
        return corrected_best(self.summary)

    @property
    def ahead(self) -> Ahead | str:
        """What the winner will score on new rows, or why that cannot be said."""
        return ahead_of(self.summary)

    @cached_property
    def checks(self) -> tuple[Check, ...]:
        """Every coded check."""
        return tuple(checks_of(self.summary))

    @cached_property
    def importances(self) -> Importances | str:
        """Of every parameter that costs a training, or why there are none."""
        return measured_importances(self.learned, self.trained)

    @cached_property
    def further(self) -> Further | str:
        """What going on would gain over the winner, or why that cannot be told."""
        return further_gain(self.learned, self.trained, self.best, self.metric)

    @cached_property
    def trained(self) -> tuple[SearchedParameter, ...]:
        """What varied and costs a training."""
        return trained_parameters(self.searched)

    @cached_property
    def learned(self) -> Learned:
        """What surrogates learn from."""
        return learned(self.scored, self.summary.abandoned, self.trained, self.cells)

    @cached_property
    def way(self) -> Way | str:
        """From the reference to the winner by setting, or why that cannot be told."""
        return way_to_winner(self.learned, self.trained, self.best, self.summary.reference, self.metric)

    @cached_property
    def decimals(self) -> int:
        """Digits that the winner's noise between cells allows a score."""
        best = self.best
        return decimals_for(None if best is None or best.scores is None else spread(best.scores.best.cell_scores))

    def shown(self, score: float) -> str:
        """A score with these digits."""
        return fixed(score, self.decimals)

    def rows_of(self, decision: str) -> str:
        """What a decision is judged on: ``all rows``, ``rows with gold polarization = 1``."""
        return rows_words(rows_judged(self.recipe, decision))
