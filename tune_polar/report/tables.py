"""A search as tidy tables: configurations, folds, curves, and predictions that `read_predictions` reads back."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Literal

import numpy as np
import pandas as pd

from tune_polar.decide.ensemble import weighted_mean
from tune_polar.decide.prediction_columns import FOLD, GOLD, ID, PROBABILITY, SPLIT
from tune_polar.decide.predictions import OOF
from tune_polar.decide.vote_sweep import vote_counts
from tune_polar.errors import StoreError
from tune_polar.store.outcome import rounded_tau
from tune_polar.store.predictions_of import ConfigurationPredictions
from tune_polar.store.record import Array, StageRecord
from tune_polar.store.store import Store
from tune_polar.store.summary import ConfigurationSummary, SearchSummary

Kind = Literal["csv", "parquet"]

# A spreadsheet takes a cell that begins so for a formula and runs it.
_FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r")


def write_tables(store: Store, summary: SearchSummary, folder: Path, kind: Kind) -> list[Path]:
    """Write all tables of ``summary``, which must hold predictions, into ``folder``; a table without rows is left out.

    In CSV, text cells that begin with = + - or @ get an apostrophe in front.

    Raises:
        StoreError: the folder cannot be written.
    """
    tables: dict[str, Callable[[], pd.DataFrame]] = {
        "configurations": lambda: configurations_table(summary),
        "folds": lambda: folds_table(summary),
        "curves": lambda: curves_table(store, summary),
        "predictions": lambda: predictions_table(summary),
        "detector_predictions": lambda: detector_predictions_table(summary),
    }
    written = []
    for name, make in tables.items():
        frame = make()
        if not frame.empty:
            written.append(_write(frame, folder / f"{name}.{kind}", kind))
    return written


def configurations_table(summary: SearchSummary) -> pd.DataFrame:
    """A row a configuration: its state, its point of the space, and what it scored."""
    return pd.DataFrame([_configuration_row(row) for row in summary.configurations])


def _configuration_row(row: ConfigurationSummary) -> dict[str, object]:
    configuration, scores = row.configuration, row.scores
    best = None if scores is None else scores.best
    return {
        "configuration": configuration.id,
        "number": configuration.number,
        "origin": configuration.origin,
        "state": row.state,
        "folds": len(row.folds),
        "seconds": row.seconds,
        "score": None if best is None else best.score,
        "threshold_rule": None if best is None else best.rule,
        "k": None if best is None else best.k,
        "tau": None if best is None else rounded_tau(best.votes.tau),
        "detector": None if scores is None else scores.detector,
        "gold_gated": None if scores is None else scores.gold_gated,
        "failure": row.failures[-1].first_line if row.failures else None,
        **{f"point/{key}": value for key, value in configuration.point.items()},
    }


def folds_table(summary: SearchSummary) -> pd.DataFrame:
    """A row a finished fold: where and when it was run, which stages it names."""
    return pd.DataFrame(
        [
            {
                "configuration": fold.configuration_id,
                "number": row.configuration.number,
                "fold": fold.fold,
                "seed": fold.seed,
                "seconds": fold.seconds,
                "host": fold.provenance.host,
                "device": fold.provenance.device,
                "started": fold.provenance.started,
                "reused": " ".join(fold.reused),
                "detector_key": fold.detector_key,
                "classifier_key": fold.classifier_key,
                **{f"scores/{name}": value for name, value in fold.scores.items()},
            }
            for row in summary.configurations
            for fold in row.folds
        ]
    )


def curves_table(store: Store, summary: SearchSummary) -> pd.DataFrame:
    """A row an evaluation within a stage."""
    return pd.DataFrame(
        [
            {
                "configuration": row.configuration.id,
                "number": row.configuration.number,
                "fold": stage.fold,
                "stage": stage.stage,
                "step": point.step,
                "training_loss": point.training_loss,
                "value": point.value,
            }
            for row, stage in stages_of(store, summary)
            for point in stage.curve
        ]
    )


def stages_of(store: Store, summary: SearchSummary) -> Iterator[tuple[ConfigurationSummary, StageRecord]]:
    """Every stage that a configuration's finished folds name."""
    for row in summary.configurations:
        keys = [key for fold in row.folds for key in (fold.detector_key, fold.classifier_key) if key is not None]
        for stage in store.stages(list(dict.fromkeys(keys))).values():
            yield row, stage


def predictions_table(summary: SearchSummary) -> pd.DataFrame:
    """The classifiers' probabilities: out of fold, and on dev the mean of a configuration's fold models."""
    found = [row.predictions for row in summary.configurations if row.predictions is not None]
    return _joined([_classifier_frame(predictions) for predictions in found])


def detector_predictions_table(summary: SearchSummary) -> pd.DataFrame:
    """The detectors' share of polarized neighbours at the chosen k (the recipe's where none is chosen yet)."""
    frames = []
    for row in summary.configurations:
        if row.predictions is not None and row.predictions.folds:
            k = row.configuration.recipe.decision.k if row.outcome is None else row.outcome.detector.chosen.k
            frames.append(_detector_frame(row.predictions, k))
    return _joined(frames)


def _classifier_frame(predictions: ConfigurationPredictions) -> pd.DataFrame:
    labels = predictions.configuration.recipe.task.labels
    if not labels or not any(fold.classifier is not None for fold in predictions.folds):
        return pd.DataFrame()
    fold, row, probability = predictions.classifier_rows()
    train, dev = predictions.gold.train, predictions.gold.dev
    ids = [train.ids[index] for index in row]
    frame = _frame(predictions, OOF, ids, labels, train.matrix(labels)[row], probability, fold)
    parts = [] if predictions.missing_folds else predictions.dev("dev_probability")
    if dev is None or not parts or not set(labels) <= set(dev.labels):
        return frame
    return _joined([frame, _frame(predictions, "dev", dev.ids, labels, dev.matrix(labels), weighted_mean(parts))])


def _detector_frame(predictions: ConfigurationPredictions, k: int) -> pd.DataFrame:
    target = predictions.configuration.recipe.task.target
    tables, gold = predictions.detector_tables()
    k = min(k, tables[0].shape[1])
    parts = [(f.record.fold, f.detector.arrays["validation_rows"]) for f in predictions.folds]
    rows = np.concatenate([own for _, own in parts])
    fold = np.concatenate([np.full(len(own), number) for number, own in parts])
    share = np.concatenate([vote_counts(table, k) for table in tables]) / k
    ids = [predictions.gold.train.ids[row] for row in rows]
    return _frame(predictions, OOF, ids, (target,), np.concatenate(gold)[:, None], share[:, None], fold)


def _frame(
    predictions: ConfigurationPredictions,
    split: str,
    ids: list[str] | tuple[str, ...],
    labels: tuple[str, ...],
    gold: Array,
    probability: Array,
    fold: Array | None = None,
) -> pd.DataFrame:
    number = pd.array(fold, dtype="Int64") if fold is not None else pd.array([None] * len(ids), dtype="Int64")
    columns = {"configuration": predictions.configuration.id, SPLIT: split, FOLD: number, ID: list(ids)}
    columns |= {GOLD + label: gold[:, place].astype(np.int8) for place, label in enumerate(labels)}
    columns |= {PROBABILITY + label: probability[:, place] for place, label in enumerate(labels)}
    return pd.DataFrame(columns)


def _joined(frames: list[pd.DataFrame]) -> pd.DataFrame:
    filled = [frame for frame in frames if not frame.empty]
    return pd.concat(filled, ignore_index=True) if filled else pd.DataFrame()


def _write(frame: pd.DataFrame, path: Path, kind: Kind) -> Path:
    temporary = path.with_name(f".{path.name}.new")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        if kind == "csv":
            _defused(frame).to_csv(temporary, index=False)
        else:
            _one_type_a_column(frame).to_parquet(temporary, index=False)
        temporary.replace(path)
    except OSError as error:
        raise StoreError(
            f"{path} must be written, but: {error.strerror or error}", "Free space or mend permissions there."
        ) from error
    return path


def _defused(frame: pd.DataFrame) -> pd.DataFrame:
    def defuse(cell: object) -> object:
        return f"'{cell}" if isinstance(cell, str) and cell.startswith(_FORMULA_STARTS) else cell

    texts = [name for name in frame.columns if not pd.api.types.is_numeric_dtype(frame[name])]
    return frame.assign(**{name: frame[name].astype(object).map(defuse) for name in texts})


def _one_type_a_column(frame: pd.DataFrame) -> pd.DataFrame:
    """Parquet knows no column of several types: a point's values that are words and numbers become words."""
    mixed = [
        name
        for name in frame.columns
        if frame[name].dtype == object and len({type(cell) for cell in frame[name].dropna()} - {int, float}) > 0
    ]
    return frame.assign(**{name: frame[name].map(lambda cell: None if cell is None else str(cell)) for name in mixed})
