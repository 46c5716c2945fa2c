"""Recorded tables of configurations × folds, from three kinds of files, for ``race.py``.

- a Parquet file as ``benchmarks/tables/`` holds them: a row a configuration and fold, with curves and seconds
- ``alphalyrae``: the published runs' curves, a table a subtask; its final score is the mean of the folds' best values
- ``smash``: logits of nine models, a table a language; scores are computed here from logits and gold
"""

from __future__ import annotations

import gzip
import json
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from tune_polar.decide.confusion_scores import binary_macro_f1, label_macro_f1
from tune_polar.decide.decision_engine import judge
from tune_polar.decide.graph import Graph
from tune_polar.decide.rows import Gold, Rows
from tune_polar.decide.tables import Table

Numbers = NDArray[np.float64]
Curve = list[tuple[float, float]]  # share of steps, best value so far


@dataclass(frozen=True, eq=False)
class FoldTable:
    """What every configuration did on every fold, and what it scored in the end."""

    name: str
    scores: Numbers  # (configurations, folds) what is raced on
    finals: Numbers  # (configurations,)
    detector_seconds: Numbers  # (configurations, folds); of the one stage where there is only one
    classifier_seconds: Numbers  # (configurations, folds); 0 where there is none
    detector_keys: list[list[str]]  # equal where a stage is shared
    curves: list[list[Curve]] = field(repr=False)  # of the last stage; empty where none was recorded
    points: list[Numbers] | None = field(default=None, repr=False)  # in the unit cube of what was drawn

    @property
    def folds(self) -> int:
        """Folds of each configuration."""
        return int(self.scores.shape[1])

    def part(self, rows: list[int], name: str) -> FoldTable:
        """Some of the configurations."""
        return FoldTable(
            name,
            self.scores[rows],
            self.finals[rows],
            self.detector_seconds[rows],
            self.classifier_seconds[rows],
            [self.detector_keys[row] for row in rows],
            [self.curves[row] for row in rows],
            None if self.points is None else [self.points[row] for row in rows],
        )


def load_tables(place: Path, score: str | None = None) -> list[FoldTable]:
    """The tables of a Parquet file, of a folder of curves (alphalyrae), or of a folder of logits (smash).

    ``score`` names the column of a Parquet file that is raced on.
    """
    if place.suffix == ".parquet":
        return [recorded_table(place, score)]
    if (place / "alphalyrae_curves.csv.gz").exists():
        return [table for subtask in ("st1", "st2", "st3") for table in [alphalyrae_table(place, subtask)] if table]
    found = sorted(place.rglob("*.csv.gz"))
    if not found:
        raise SystemExit(f"--table must be a Parquet file or a folder with recorded runs, got {place}")
    return [smash_table(path) for path in found]


# Which column is raced on where nothing is said, by what the classifier's presence tells of the table.
RACED = {"st1": "score_half", "st3": "score_tuned"}


def recorded_table(path: Path, score: str | None = None) -> FoldTable:
    """A Parquet file; configurations without all their folds are left out."""
    frame = pd.read_parquet(path).sort_values(["number", "configuration", "fold"])
    folds = int(frame["fold"].max()) + 1
    raced = score or RACED.get(str(frame["table"].iloc[0]), "score")
    rows = [own for _, own in frame.groupby(["number", "configuration"]) if len(own) == folds]
    rows = [own for own in rows if np.isfinite(own["final"].iloc[0]) and np.isfinite(own[raced]).all()]
    has_classifier = frame["classifier_seconds"].notna().any()
    stage = "classifier" if has_classifier else "detector"
    return FoldTable(
        name=path.stem,
        scores=np.array([own[raced].to_numpy(dtype=np.float64) for own in rows]),
        finals=np.array([float(own["final"].iloc[0]) for own in rows]),
        detector_seconds=np.array([own["detector_seconds"].to_numpy(dtype=np.float64) for own in rows]),
        classifier_seconds=np.array([own["classifier_seconds"].fillna(0).to_numpy(dtype=np.float64) for own in rows]),
        detector_keys=[own["detector_key"].astype(str).tolist() for own in rows],
        curves=[
            [
                _curve(json.loads(points), int(total))
                for points, total in zip(own[f"{stage}_curve"], own[f"{stage}_total_steps"], strict=True)
            ]
            for own in rows
        ],
        points=_ranks([json.loads(own["point"].iloc[0]) for own in rows]),
    )


def _ranks(points: list[dict[str, object]]) -> list[Numbers]:
    """Points drawn at random as rows in [0, 1]: each number by its rank, each choice a direction of its own.

    Decision values are left out, as in a search: every configuration is scored with the best of them.
    """
    frame = pd.DataFrame([{name: "none" if value is None else value for name, value in row.items()} for row in points])
    frame = frame[[name for name in frame.columns if not name.startswith("decide.")]]
    numbers = frame.select_dtypes("number").rank(pct=True).fillna(0.5)
    words = frame.select_dtypes(exclude="number")
    choices = [pd.get_dummies(words[name].astype(str)).astype(float) for name in words.columns]
    return list(pd.concat([numbers, *choices], axis=1).to_numpy(dtype=np.float64))


def _curve(points: list[list[float]], total: int) -> Curve:
    best, found = -np.inf, []
    for step, _, value in points:
        best = max(best, value)
        found.append((min(1.0, step / total), best))
    return found


def alphalyrae_table(folder: Path, subtask: str) -> FoldTable | None:
    """One subtask's recorded runs: configurations that were evaluated by its usual metric."""
    metric = "precision_at_1" if subtask == "st1" else "f1_macro"
    curves = pd.read_csv(folder / "alphalyrae_curves.csv.gz")
    curves = curves[(curves["subtask"] == subtask) & (curves["metric"] == metric)]
    about = pd.read_csv(folder / "alphalyrae_folds.csv")
    about = about[about["subtask"] == subtask]
    names = sorted(set(curves["configuration"]) & set(about["configuration"]))
    scores, seconds, found = [], [], []
    for name in names:
        own = curves[curves["configuration"] == name]
        runs = [own[own["fold"] == fold].sort_values("step") for fold in sorted(own["fold"].unique())]
        steps = about[about["configuration"] == name].sort_values("fold")
        scores.append([float(run["value"].max()) for run in runs])
        seconds.append(steps["elapsed_seconds"].tolist())
        totals = steps["max_steps"].tolist()
        found.append(
            [
                _curve([[s, 0.0, v] for s, v in zip(run["step"], run["value"], strict=True)], int(total))
                for run, total in zip(runs, totals, strict=True)
            ]
        )
    if len(names) < 4:
        return None
    raced = np.array(scores)
    keys = [[f"{name}-{fold}" for fold in range(raced.shape[1])] for name in names]
    zero = np.zeros_like(raced)
    return FoldTable(f"alphalyrae {subtask}", raced, raced.mean(axis=1), np.array(seconds, float), zero, keys, found)


def smash_table(path: Path) -> FoldTable:
    """One language: nine models (three encoders × three seeds), out-of-fold logits."""
    with gzip.open(path, "rt", encoding="utf-8") as opened:
        frame = pd.read_csv(opened).query("split == 'oof'")
    labels = [c.removeprefix("gold/") for c in frame.columns if c.startswith("gold/") and frame[c].notna().all()]
    scores, finals = [], []
    for _, own in frame.groupby(["model", "seed"]):
        fold = own["fold"].to_numpy(dtype=np.int64)
        gold = own[[f"gold/{label}" for label in labels]].to_numpy() == 1
        logit = own[[f"logit/{label}" for label in labels]].to_numpy(dtype=np.float64)
        probability = 1 / (1 + np.exp(-logit))
        each = np.unique(fold)
        if len(labels) == 1:
            positive = probability[:, 0] >= 0.5
            scores.append([binary_macro_f1(gold[fold == f, 0], positive[fold == f]) for f in each])
            finals.append(binary_macro_f1(gold[:, 0], positive))
        else:
            scores.append([label_macro_f1(gold[fold == f], probability[fold == f] >= 0.5) for f in each])
            finals.append(_cross_fitted(labels, gold, probability, fold))
    raced = np.array(scores)
    shape = raced.shape
    keys = [[f"{row}-{f}" for f in range(shape[1])] for row in range(shape[0])]
    nothing: list[list[Curve]] = [[[] for _ in range(shape[1])] for _ in range(shape[0])]
    name = f"smash {path.parent.name} {path.name.split('.')[0]}"
    return FoldTable(name, raced, np.array(finals), np.ones(shape), np.zeros(shape), keys, nothing)


def _cross_fitted(labels: list[str], gold: np.ndarray, probability: np.ndarray, fold: np.ndarray) -> float:
    """Macro-F1 of thresholds chosen on the other folds."""
    graph = Graph.of({"labels": {"type": "threshold", "of": "model"}}, score="labels", stages=("model",))
    rows = Rows.of(Gold("labels", gold.astype(np.int64), tuple(labels)), part=fold)
    tables = {"model": Table.joined("probability", [probability])}
    return judge(graph, tables, {"model": rows}, "macro_f1").score
