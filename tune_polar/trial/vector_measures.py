"""How a stage's vectors lie: alignment and uniformity (Wang & Isola 2020, https://arxiv.org/abs/2005.10242), and maps.

f(x) is the vector of a text, of length 1:

- alignment of a class: E ‖f(x) − f(x′)‖² over pairs of its rows; small where a class lies close together;
- uniformity: log E e^{−2 ‖f(x) − f(x′)‖²} over all pairs, or over those of different classes alone; small where they
  spread over the sphere.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from tune_polar.data.table import TRAIN, Corpus
from tune_polar.recipe.sections import Stage
from tune_polar.store.records import EXTRA, VALIDATION
from tune_polar.store.training_facts import Array
from tune_polar.trial.stage_rows import Rows, StageRows
from tune_polar.trial.targets import Targets

ALIGNMENT, UNIFORMITY, PROJECTION, TSNE, NEAREST = "alignment", "uniformity", "projection", "tsne", "nearest"
PAIRED_AT_MOST = 5_000  # rows of a split whose pairs are looked at, evenly drawn
SHOWN_AT_MOST = 300  # points of a split on a map
COMPARED_AT_MOST = 5_000  # training rows that held-out rows are compared with, evenly drawn
NEAREST_KEPT = 3  # of each held-out row
PERPLEXITY = 30.0  # of t-SNE (van der Maaten & Hinton 2008), where there are enough points
_CHUNK = 1024


@dataclass(frozen=True, eq=False)
class MeasuredRows:
    """Rows of a split whose class is known."""

    rows: Rows  # numbers of the split's rows, ascending, (rows,)
    classes: Rows  # (rows,)


def measured_rows(stage: Stage, corpus: Corpus, rows: StageRows) -> dict[str, MeasuredRows]:
    """Rows of each predicted split that ``stage.measures`` are of; none where it asks for none.

    Of splits that have the stage's column, and rows that are like its training rows as far as the split can tell.
    """
    if not stage.measures:
        return {}
    found = {VALIDATION: MeasuredRows(rows.judged, Targets.of(stage.task, corpus.train).codes()[rows.judged])}
    for name, split in corpus.splits.items():
        if name == TRAIN or not set(stage.columns) <= set(split.columns):
            continue
        there = {column: value for column, value in stage.rows.items() if column in split.columns}
        own = np.flatnonzero(split.where(there)).astype(np.int64)
        found[name] = MeasuredRows(own, Targets.of(stage.task, split).codes()[own])
    return found


def alignment(vectors: Tensor, classes: Rows) -> list[float]:
    """Of each class with two rows or more, in order of the classes.

    Σ ‖f(x) − f(x′)‖² over the pairs of n vectors of length 1 is n² − ‖Σ f(x)‖².
    """
    codes = torch.from_numpy(classes).to(vectors.device)
    found = []
    for code in np.unique(classes).tolist():
        own = vectors[codes == code].double()
        count = len(own)
        if count > 1:
            total = float(own.square().sum()) * count - float(own.sum(dim=0).square().sum())
            found.append(max(0.0, 2 * total / (count * (count - 1))))
    return found


def uniformity(vectors: Tensor, classes: Rows) -> tuple[float, float] | None:
    """Of all pairs, and of those of different classes; None: there are not two classes."""
    if len(np.unique(classes)) < 2:
        return None
    codes = torch.from_numpy(classes).to(vectors.device)
    sums = np.zeros(2)
    for start in range(0, len(vectors), _CHUNK):
        part = vectors[start : start + _CHUNK].double()
        kernel = torch.exp(-2 * (2 - 2 * part @ vectors.double().T).clamp(min=0))
        apart = codes[start : start + _CHUNK, None] != codes
        sums += [float(kernel.sum()), float((kernel * apart).sum())]
    count = len(vectors)
    sums[0] -= count  # each row with itself: e^0
    sizes = np.unique(classes, return_counts=True)[1]
    pairs = np.array([count * (count - 1), count**2 - int((sizes**2).sum())], dtype=np.float64)
    whole, between = np.log(sums / pairs).tolist()
    return whole, between


class VectorMeasures:
    """Takes a stage's vectors split by split, and tells what its record keeps of them."""

    def __init__(self, measures: tuple[str, ...], rows: Mapping[str, MeasuredRows]) -> None:
        self._measures, self._rows = measures, rows
        self._found: dict[str, Array] = {}
        self._shown: dict[str, tuple[Rows, Array]] = {}
        self._beside: tuple[Rows, Tensor] | None = None

    def are_of(self, split: str) -> bool:
        """Whether vectors of ``split`` are asked for."""
        return split in self._rows and len(self._rows[split].rows) > 0

    def compared(self, training: Rows) -> Rows:
        """Those of the training rows whose vectors ``stand_beside`` is to have; none where nothing asks for them."""
        return training[_evenly(len(training), COMPARED_AT_MOST)] if NEAREST in self._measures else training[:0]

    def stand_beside(self, rows: Rows, vectors: Tensor) -> None:
        """``vectors`` (rows, size) of length 1 of the training rows ``rows``; before held-out rows are taken."""
        self._beside = rows, vectors

    def take(self, split: str, rows: Rows, vectors: Tensor) -> None:
        """``vectors`` (rows, size) of length 1, of the split's rows ``rows``, ascending."""
        asked = self._rows[split]
        own = vectors[torch.from_numpy(np.searchsorted(rows, asked.rows)).to(vectors.device)]
        if self._beside is not None and split == VALIDATION:
            self._look_around(asked.rows, own, *self._beside)
        if ALIGNMENT in self._measures:
            self._keep(ALIGNMENT, split, alignment(own, asked.classes))
        if UNIFORMITY in self._measures:
            few = _evenly(len(own), PAIRED_AT_MOST)
            self._keep(UNIFORMITY, split, uniformity(own[torch.from_numpy(few).to(own.device)], asked.classes[few]))
        if PROJECTION in self._measures or TSNE in self._measures:
            few = _evenly(len(own), SHOWN_AT_MOST)
            self._shown[split] = asked.rows[few], own[torch.from_numpy(few).to(own.device)].cpu().double().numpy()

    def arrays(self) -> dict[str, Array]:
        """``extra/alignment/SPLIT`` (classes,), ``extra/uniformity/SPLIT`` (2,): all pairs, pairs of different classes;
        ``extra/projection/SPLIT`` and ``extra/tsne/SPLIT`` (points, 2) of the rows ``extra/projected/SPLIT``.
        """
        found = dict(self._found)
        if VALIDATION not in self._shown:
            return found
        # The directions of the validation rows, so that every split lies on one map
        axes, centre = _directions(self._shown[VALIDATION][1])
        for split, (rows, vectors) in self._shown.items():
            found[f"{EXTRA}/projected/{split}"] = rows.astype(np.int32)
            if PROJECTION in self._measures:
                found[f"{EXTRA}/{PROJECTION}/{split}"] = ((vectors - centre) @ axes).astype(np.float32)
        if TSNE in self._measures:
            places = _neighbourhoods(np.concatenate([vectors for _, vectors in self._shown.values()]))
            ends = np.cumsum([len(rows) for rows, _ in self._shown.values()])[:-1]
            for split, part in zip(self._shown, np.split(places, ends), strict=True):
                found[f"{EXTRA}/{TSNE}/{split}"] = part
        return found

    def _look_around(self, rows: Rows, vectors: Tensor, others: Rows, beside: Tensor) -> None:
        """``extra/nearest/validation`` and ``extra/cosine/validation`` (rows, 3) of ``extra/asked/validation``."""
        count = min(NEAREST_KEPT, len(others))
        found = [torch.topk(part @ beside.T, count, dim=1) for part in torch.split(vectors, _CHUNK)]
        places = torch.cat([each.indices for each in found]).cpu().numpy()
        self._found[f"{EXTRA}/{NEAREST}/{VALIDATION}"] = others[places].astype(np.int32)
        self._found[f"{EXTRA}/cosine/{VALIDATION}"] = torch.cat([each.values for each in found]).float().cpu().numpy()
        self._found[f"{EXTRA}/asked/{VALIDATION}"] = rows.astype(np.int32)

    def _keep(self, measure: str, split: str, values: list[float] | tuple[float, float] | None) -> None:
        if values:
            self._found[f"{EXTRA}/{measure}/{split}"] = np.array(values, dtype=np.float32)


def _evenly(count: int, most: int) -> Rows:
    return np.unique(np.linspace(0, count - 1, min(count, most)).round().astype(np.int64))


def _directions(vectors: Array) -> tuple[Array, Array]:
    """The two in which ``vectors`` (rows, size) differ most, (size, 2), each pointing to where its largest entry is
    positive; and the mean, (size,).
    """
    centre = vectors.mean(axis=0)
    axes = np.linalg.svd(vectors - centre, full_matrices=False)[2][:2]
    axes = np.concatenate([axes, np.zeros((2 - len(axes), vectors.shape[1]))])
    largest = axes[np.arange(2), np.abs(axes).argmax(axis=1)]
    return (axes * np.where(largest < 0, -1.0, 1.0)[:, None]).T, centre


def _neighbourhoods(vectors: Array) -> Array:
    """t-SNE of ``vectors`` (points, size), of all splits together: (points, 2); all 0 of fewer than four."""
    if len(vectors) < 4:
        return np.zeros((len(vectors), 2), dtype=np.float32)
    # Imported here: only who asks for it waits for it.
    from sklearn import manifold

    drawn = manifold.TSNE(init="pca", perplexity=min(PERPLEXITY, (len(vectors) - 1) / 3), random_state=0)
    return np.asarray(drawn.fit_transform(vectors), dtype=np.float32)
