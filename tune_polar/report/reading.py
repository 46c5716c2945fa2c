"""Reads of a store what its page needs: scores of every configuration, predictions of the best ones alone.

Scoring a configuration from its predictions takes a tenth of a second or two. A search keeps the scores it has
computed, so that a page of a thousand configurations reads predictions only of those it shows in detail.
"""

from __future__ import annotations

from dataclasses import replace

from tune_polar.errors import DecisionError
from tune_polar.evaluate.outcome import outcome_of
from tune_polar.evaluate.predictions import PredictionsReader
from tune_polar.evaluate.summary import ConfigurationSummary, SearchSummary, summarise
from tune_polar.store.store import Store

READ_IN_FULL = 24  # the best so many, and the reference


def summary_for_page(store: Store, read_in_full: int = READ_IN_FULL) -> SearchSummary:
    """The summary of ``store`` with predictions and outcome of the best configurations and the reference.

    Raises:
        StoreError: there is no readable manifest or gold in it.
    """
    summary = summarise(store, "scores")
    wanted = {row.configuration.id for row in summary.finished[:read_in_full]}
    if summary.reference is not None:
        wanted.add(summary.reference.configuration.id)
    # All cells recorded and yet no score: the page says which stage is missing.
    wanted |= {row.configuration.id for row in summary.configurations if row.scores is None and row.folds}
    reader = PredictionsReader(store, summary.gold, summary.cells)
    return replace(
        summary,
        configurations=tuple(
            _in_full(row, reader, summary) if row.configuration.id in wanted and row.folds else row
            for row in summary.configurations
        ),
    )


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
