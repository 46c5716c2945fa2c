"""Small corpora and recipes' stages for tests of fold plans."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence

import numpy as np
from hypothesis import strategies as st

from tune_polar.data.columns import Column, label_column
from tune_polar.data.labels import MANIFESTATIONS, POLARIZATION, PROXY_PRIORITY, TYPES
from tune_polar.data.plans import FoldPlan, make_plans
from tune_polar.data.table import Corpus, Split

SUBTASKS: Mapping[str, Sequence[str]] = {"st1": (), "st2": TYPES, "st3": MANIFESTATIONS}


def corpus_of(columns: Mapping[str, Column | Sequence[int]], texts: Sequence[str] | None = None) -> Corpus:
    """Lists of integers are labels; without ``texts`` every row says its number."""
    made = {name: each if isinstance(each, Column) else label_column(each) for name, each in columns.items()}
    ids = tuple(str(row) for row in range(len(next(iter(made.values())))))
    return Corpus("made", {"train": Split("train", ids, ids if texts is None else tuple(texts), made)})


def subtask_plans(kind: str, corpus: Corpus, subtask: str = "st3", **settings: object) -> dict[str, FoldPlan]:
    """The plans of AlphaLyrae's recipes."""
    stages: dict[str, dict[str, int | str]] = {"detector": {}}
    targets: dict[str, Sequence[str]] = {"detector": (POLARIZATION,)}
    if SUBTASKS[subtask]:
        stages["classifier"], targets["classifier"] = {POLARIZATION: 1}, SUBTASKS[subtask]
    return make_plans(kind, corpus, stages=stages, targets=targets, strata=PROXY_PRIORITY, **settings)


def one_stage(kind: str, corpus: Corpus, *targets: str, **settings: object) -> FoldPlan:
    """The plan of a recipe with one stage on all rows."""
    return make_plans(kind, corpus, stages={"model": {}}, targets={"model": targets}, **settings)["model"]  # type: ignore[arg-type]


def rows_digest(plan: FoldPlan) -> str:
    """Sixteen characters that stand for the row numbers of every fold."""
    digest = hashlib.sha256()
    for fold in range(plan.count):
        training, validation = (rows.astype("<i8") for rows in (plan.training_rows(fold), plan.validation_rows(fold)))
        digest.update(training.tobytes() + b"|" + validation.tobytes() + b"/")
    return digest.hexdigest()[:16]


def folds_of(plan: FoldPlan) -> np.ndarray:
    """(rows,): where each row is validated; −1: nowhere."""
    found = np.full(plan.validation.shape[1], -1)
    for fold in range(plan.count):
        found[plan.validation[fold]] = fold
    return found


@st.composite
def polar_corpora(draw: st.DrawFn) -> Corpus:
    """POLAR-shaped labels of 8 to 80 rows, often with rare labels, rows without a type, and repeated texts."""
    rows = draw(st.integers(8, 80))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    polarized = rng.random(rows) < 0.5
    columns = {POLARIZATION: polarized.astype(int).tolist()}
    for name in (*TYPES, *MANIFESTATIONS):
        columns[name] = (polarized & (rng.random(rows) < rng.uniform(0.05, 0.8))).astype(int).tolist()
    different = draw(st.integers(2, 2 * rows))
    return corpus_of(columns, [f"text {number}" for number in rng.integers(different, size=rows)])
