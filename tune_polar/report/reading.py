"""Reads of a store what its page needs: scores of every configuration, predictions of the best ones alone.

Scoring a configuration from its predictions takes a tenth of a second or two. A search keeps the scores it has
computed, so that a page of a thousand configurations reads predictions only of those it shows in detail.
"""

from __future__ import annotations

from dataclasses import replace

from tune_polar.errors import DecisionError
from tune_polar.store.outcome import outcome_of
from tune_polar.store.predictions_of import PredictionsReader
from tune_polar.store.store import Store
from tune_polar.store.summary import ConfigurationSummary, SearchSummary, summarise

READ_IN_FULL = 24  # the best so many, and the published one


def summary_for_page(store: Store, read_in_full: int = READ_IN_FULL) -> SearchSummary:
    """The summary of ``store`` with predictions and outcome of the best configurations and the published one.

    Raises:
        StoreError: there is no readable manifest or gold in it.
    """
    summary = summarise(store, "scores")
    wanted = {row.configuration.id for row in summary.finished[:read_in_full]}
    if summary.published is not None:
        wanted.add(summary.published.configuration.id)
    # All folds recorded and yet no score: the page says which stage is missing.
    wanted |= {row.configuration.id for row in summary.configurations if row.scores is None and row.folds}
    reader = PredictionsReader(store, summary.gold)
    return replace(
        summary,
        configurations=tuple(
            _in_full(row, reader, summary.rules) if row.configuration.id in wanted and row.folds else row
            for row in summary.configurations
        ),
    )


def _in_full(row: ConfigurationSummary, reader: PredictionsReader, rules: tuple[str, ...]) -> ConfigurationSummary:
    predictions = reader.read(row.configuration, row.folds)
    if predictions.missing_folds:
        return replace(row, predictions=predictions)
    try:
        return replace(row, predictions=predictions, outcome=outcome_of(predictions, rules))
    except DecisionError:  # its state says so already
        return replace(row, predictions=predictions)
