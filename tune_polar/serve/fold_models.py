"""Models of several folds as one: what they say of new texts, what is decided of them, and how far they agree."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch

from tune_polar.data.batching import TokenRows
from tune_polar.decide.decision_engine import decide_rows
from tune_polar.decide.evidence import Evidence
from tune_polar.decide.rows import Rows
from tune_polar.decide.tables import Table
from tune_polar.errors import DataError
from tune_polar.model.tokens import Tokenizer
from tune_polar.serve.composition import CellModels, Composition, gold_of
from tune_polar.serve.residence import Residence, told_in_words
from tune_polar.store.training_facts import Array
from tune_polar.trial.inference import BatchSize, TrainedStage
from tune_polar.trial.stage_shape import StageShape

Load = Callable[[CellModels, str], TrainedStage]  # a stage of a cell, on the CPU
ROWS_A_PART = 4096  # where models stay in memory
ROWS_A_LOAD = 1 << 16  # where each is loaded again for every part


@dataclass(frozen=True, eq=False)
class Predicted:
    """What a model says of some texts.

    Args:
        tables: by stage, the answers of all models.
        decided: by decision, (rows, columns): of yes-or-no questions and labels booleans, of a class its code, of a
            number its value.
        agreement: (rows,): the share of models that alone decide the score's decision as all together; of numbers the
            models' standard deviation. In an ensemble a model counts as its member does. None of one model.
    """

    tables: Mapping[str, Table]
    decided: Mapping[str, Array]
    agreement: Array | None


class Model:
    """A configuration's or an ensemble's models on one device.

    Example:
        >>> model = Model(composition, store_models(store, found, composition), torch.device("cpu"))
        >>> model.predict(["a text", "another one"]).decided["kinds"]
    """

    def __init__(
        self,
        composition: Composition,
        load: Load,
        device: torch.device,
        batch_rows: int | None = None,
        *,
        falls_back: bool = False,
    ) -> None:
        """Read no weights yet.

        Args:
            composition: what it is made of.
            load: a stage's weights.
            device: that computes.
            batch_rows: of one forward pass; None: what is usual, and less where memory ends.
            falls_back: whether the CPU computes where the device has no room for one model.
        """
        self.composition = composition
        self._batch = BatchSize() if batch_rows is None else BatchSize(batch_rows)
        places = composition.places
        self._models = Residence(lambda key: load(*places[key]), list(places), device, falls_back=falls_back)

    @property
    def rows_a_part(self) -> int:
        """How many rows to predict at once, so that no model is loaded more often than need be."""
        return ROWS_A_PART if self._models.stay else ROWS_A_LOAD

    def prepare(self) -> str | None:
        """Load what stays in memory.

        Returns:
            A sentence where the models are not all in memory at once, for whoever waits; else None.

        Raises:
            ModelError, StoreError: a stage's weights are gone, damaged, or do not fit.
        """
        return self._models.prepare()

    def predict(self, texts: Sequence[str], groups: Mapping[str, Sequence[str]] | None = None) -> Predicted:
        """What the models say of ``texts``.

        Args:
            texts: at least one.
            groups: by column of ``composition.groups`` a name a text; one that was not there when decisions were set
                is decided by what was chosen for all groups together.

        Raises:
            DataError: there are no texts, or a column of groups is missing.
            ModelError: the device has no room for a model and one text.
        """
        if not texts:
            raise DataError("there must be at least one text to predict, got none", "Give some.")
        about = self.composition
        for name in about.groups:
            if groups is None or len(groups.get(name, ())) != len(texts):
                raise DataError(
                    f"decisions are set for each {name}: every text must come with its {name}",
                    f"Give the column {name} too.",
                )
        read: dict[tuple[Tokenizer, int], TokenRows] = {}
        answers: dict[str, Array] = {}
        for key in about.places:
            stage = self._models.get(key)
            reads = stage.tokenizer, stage.shape.max_length_tokens
            if reads not in read:
                read[reads] = stage.tokens(texts)
            with told_in_words(stage.device):
                answers[key] = stage.table(read[reads], self._batch)
        found = {name: [answers[cell.stages[name]] for cell in about.cells] for name in about.stages}
        return self._decided(found, len(texts), groups or {})

    def _decided(self, found: Mapping[str, list[Array]], rows: int, groups: Mapping[str, Sequence[str]]) -> Predicted:
        about, chosen = self.composition, self.composition.chosen
        columns = {name: np.array(groups[name], dtype=object).astype(str) for name in about.groups}
        about_rows = {name: _rows(about.shapes[name], rows, columns) for name in about.stages}

        def evidence(models: Mapping[str, list[Array]], cells: Sequence[CellModels]) -> Evidence:
            return Evidence(about.tables(models, cells), about_rows)

        whole = evidence(found, about.cells)
        decided = {node.name: decide_rows(about.graph, node.name, chosen, whole) for node in about.graph.scored.below}
        agreement = None
        if len(about.cells) > 1:
            alone = [
                decide_rows(
                    about.graph,
                    about.score,
                    chosen,
                    evidence({name: [each[place]] for name, each in found.items()}, [cell]),
                )
                for place, cell in enumerate(about.cells)
            ]
            agreement = _agreement(decided[about.score], alone, about.shares, self.is_number)
        return Predicted(whole.tables, decided, agreement)

    @cached_property
    def is_number(self) -> bool:
        """Whether the score's decision is a number."""
        return gold_of(self.composition, self.composition.score).gold == "number"


def _rows(shape: StageShape, count: int, groups: Mapping[str, Array]) -> Rows:
    return Rows.unlabelled(shape.gold, shape.columns, count, groups)


def _agreement(whole: Array, alone: Sequence[Array], shares: Array, is_number: bool) -> Array:
    if is_number:
        every = np.stack(alone)  # (models, rows, columns)
        squares = (every - np.tensordot(shares, every, axes=1)) ** 2
        variance = np.tensordot(shares, squares, axes=1) / (1 - (shares**2).sum())  # of equal shares: n - 1
        spread: Array = np.sqrt(variance).mean(axis=1)
        return spread
    share: Array = shares @ np.stack([(each == whole).all(axis=1) for each in alone])
    return share.round(12)  # a sum of fifths that is 1
