"""Reads of a store what its page needs: scores of every configuration, predictions of the best ones alone.

Scoring a configuration from its predictions takes a tenth of a second or two. A search keeps the scores it has
computed, so that a page of a thousand configurations reads predictions only of those it shows in detail.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from tune_polar.data.table import TRAIN
from tune_polar.errors import DecisionError
from tune_polar.evaluate.configuration_predictions import PredictionsReader
from tune_polar.evaluate.outcome import outcome_of
from tune_polar.evaluate.search_ensembles import MOST, furthest
from tune_polar.evaluate.summary import ConfigurationSummary, SearchSummary, summarise
from tune_polar.store.store import Store

READ_IN_FULL = 24  # the best so many, and the reference: one number, so that page, terminal and JSON say the same
FEWEST_IN_FULL = 4
MOST_VALUES = 20_000_000  # predictions of all that are read in full: with what is derived some two gigabytes
IN_TABLES = 200  # whose curves and predictions tables hold


def summary_for_page(
    store: Store,
    read_in_full: int | None = None,
    *,
    next_rows: int | None = None,
    told: Callable[[str], None] = lambda _: None,
) -> SearchSummary:
    """The summary of ``store`` with predictions and outcome of the best configurations and the reference.

    Of those without a score it has the predictions of some: of the ones that racing gave up twice as many, no more
    than an ensemble takes, the furthest first, and of others ``read_in_full``.

    Args:
        store: of the search.
        read_in_full: the best so many; None: ``READ_IN_FULL``, fewer where each has very many predictions.
        next_rows: size of the set of texts to come, whose score is foretold; None: as many as the largest labelled
            split beside train.
        told: hears which configuration is looked at.

    Raises:
        StoreError: there is no readable manifest or gold in it.
    """
    summary = summarise(store, "scores", told)
    wanted = told_in_full(summary, most_in_full(summary) if read_in_full is None else read_in_full)
    reader, rows, read = PredictionsReader(store, summary.gold, summary.cells), [], 0
    for row in summary.configurations:
        if row.configuration.id in wanted and row.folds:
            read += 1
            told(f"reading predictions of configuration {read} of {len(wanted)} …")
            rows.append(_in_full(row, reader, summary))
        else:
            rows.append(row)
    return replace(summary, next_rows=next_rows, configurations=tuple(rows))


def most_in_full(summary: SearchSummary) -> int:
    """How many of the best are read in full: ``READ_IN_FULL``, or as many as ``MOST_VALUES`` leaves room for."""
    splits, seeds = summary.gold.splits, len({cell.seed for cell in summary.cells})
    # Each fold predicts every row of the other splits, and its own rows of train.
    rows = sum(len(split) * (seeds if name == TRAIN else len(summary.cells)) for name, split in splits.items())
    width = sum(len(each.names) if each.kind == "class" else 1 for each in splits[TRAIN].columns.values())
    return max(FEWEST_IN_FULL, min(READ_IN_FULL, MOST_VALUES // max(1, rows * width)))


def told_in_full(summary: SearchSummary, number: int) -> set[str]:
    """Ids of the configurations that ``summary_for_page`` reads."""
    wanted = [*summary.finished[:number], *filter(None, [summary.reference])]
    wanted += furthest([row for row, _ in summary.abandoned if row.folds])[: min(MOST, MOST * number // READ_IN_FULL)]
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
