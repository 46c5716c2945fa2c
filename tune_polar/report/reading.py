"""Reads of a store what its page needs: scores of every configuration, predictions of the best ones alone.

Scoring a configuration from its predictions takes a tenth of a second or two. A search keeps the scores it has
computed, so that a page of a thousand configurations reads predictions only of those it shows in detail.
"""

from __future__ import annotations

from dataclasses import replace

from tune_polar.errors import DecisionError
from tune_polar.evaluate.configuration_predictions import PredictionsReader
from tune_polar.evaluate.outcome import outcome_of
from tune_polar.evaluate.search_ensembles import MOST, furthest
from tune_polar.evaluate.summary import ConfigurationSummary, SearchSummary, summarise
from tune_polar.store.store import Store

READ_IN_FULL = 24  # the best so many, and the reference: one number, so that page, terminal and JSON say the same
IN_TABLES = 200  # whose curves and predictions tables hold


def summary_for_page(store: Store, read_in_full: int = READ_IN_FULL, *, next_rows: int | None = None) -> SearchSummary:
    """The summary of ``store`` with predictions and outcome of the best configurations and the reference.

    Of those without a score it has the predictions of some: of the ones that racing gave up as many as an ensemble
    takes, the furthest first, and of others ``read_in_full``. ``next_rows``: size of the set of texts to come, whose
    score is foretold; None: as many as the largest labelled split beside train.

    Raises:
        StoreError: there is no readable manifest or gold in it.
    """
    summary = summarise(store, "scores")
    wanted = told_in_full(summary, read_in_full)
    reader = PredictionsReader(store, summary.gold, summary.cells)
    return replace(
        summary,
        next_rows=next_rows,
        configurations=tuple(
            _in_full(row, reader, summary) if row.configuration.id in wanted and row.folds else row
            for row in summary.configurations
        ),
    )


def told_in_full(summary: SearchSummary, number: int) -> set[str]:
    """Ids of the configurations that ``summary_for_page`` reads."""
    wanted = [*summary.finished[:number], *filter(None, [summary.reference])]
    wanted += furthest([row for row, _ in summary.abandoned if row.folds])[:MOST]
    # All cells recorded and yet no score: the page says which stage is missing.
    others = [row for row in summary.configurations if row.scores is None and row.folds and row.abandonment is None]
    return {row.configuration.id for row in (*wanted, *furthest(others)[:number])}


def _in_full(row: ConfigurationSummary, reader: PredictionsReader, summary: SearchSummary) -> ConfigurationSummary:
    predictions = reader.read(row.configuration, row.folds)
    if predictions.missing_cells:
        return replace(row, predictions=predictions)
    try:
        recipe, splits = row.configuration.recipe, summary.gold.splits
        outcome = outcome_of(recipe, splits, predictions.cells, summary.alternatives)
    except DecisionError:  # its state says so already
        return replace(row, predictions=predictions)
    return replace(row, predictions=predictions, outcome=outcome)
