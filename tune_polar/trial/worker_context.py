"""What fold trials of one search share in a worker: texts, plans, encoders, the store, a device."""

from __future__ import annotations

import gc
from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol, TypeVar

import torch

from tune_polar.data.batching import TokenRows
from tune_polar.data.plans.extra_rows import RowsOfFolds
from tune_polar.data.table import Corpus
from tune_polar.recipe.recipe import Recipe
from tune_polar.recipe.sections import Encoder
from tune_polar.store.records import Array, StageRecord
from tune_polar.trial.checkpoints import CheckpointCache
from tune_polar.trial.encoder_identities import encoders_read
from tune_polar.trial.encoder_parts import EncoderParts
from tune_polar.trial.encoder_source import EncoderSource
from tune_polar.trial.host_memory import give_back_freed
from tune_polar.trial.memory_fit import Compared, StageNeeds, longest_of, longest_rows
from tune_polar.trial.slot_memory import SlotMemory
from tune_polar.trial.stage_rows import Rows, rows_with_extra

T = TypeVar("T")


class PairTokens(Protocol):
    """Texts that pass through an encoder beside the rows; a ``PairRows`` is one."""

    @property
    def tokens(self) -> TokenRows:
        """Of all texts."""

    def lengths(self, rows: Rows) -> Rows:
        """Tokens of each row and its positive together."""


class StageCache(CheckpointCache, Protocol):
    """Where trained stages and running ones are looked up and left; a ``Store`` is one."""

    def stage(self, key: str) -> StageRecord | None:
        """A trained stage by its key, or None."""

    def has_weights(self, key: str) -> bool:
        """Whether a stage's weights are there."""

    def weights(self, key: str) -> Mapping[str, Array] | None:
        """A stage's weights, or None."""

    def put_weights(self, key: str, weights: Mapping[str, Array]) -> None:
        """Leave a stage's weights."""

    def put_stage(self, record: StageRecord, weights: Mapping[str, Array] | None = None) -> None:
        """Leave a trained stage, which ends its checkpoint."""


@dataclass(frozen=True, eq=False)
class TrialContext:
    """Made once a worker and read by every fold trial in it."""

    corpus: Corpus
    plans: Mapping[str, RowsOfFolds]  # by stage
    stages: StageCache
    device: torch.device
    checkpoint_seconds: float = 60.0  # between two checkpoints of a running stage; 0: none
    memory: SlotMemory = field(default_factory=SlotMemory)
    _sources: dict[str, EncoderSource] = field(default_factory=dict)
    _parts: EncoderParts = field(default_factory=EncoderParts)  # that sources share
    _clusters: dict[Hashable, Any] = field(default_factory=dict)

    def rows_of(self, stage: str, recipe: Recipe) -> RowsOfFolds:
        """The folds of a stage, with the extra rows that a configuration trains on.

        Args:
            stage: its name.
            recipe: of the configuration.

        Raises:
            DataError: it asks for rows made in a way that none is.
        """
        return rows_with_extra(self.plans[stage], self.corpus, recipe, stage)

    def encoder_source(self, settings: Encoder) -> EncoderSource:
        """Tokenised texts and starting weights for ``settings``, kept until a trial names another encoder."""
        key = _source_key(settings)
        if key not in self._sources:
            self._sources[key] = EncoderSource(settings, self.corpus, self._parts)
        return self._sources[key]

    def keep_encoders(self, recipe: Recipe) -> None:
        """Let go of encoders that earlier trials named and ``recipe`` does not: each may take gigabytes."""
        named = [encoder for stage in recipe.stages.values() for encoder in encoders_read(stage)]
        for key in self._sources.keys() - set(map(_source_key, named)):
            del self._sources[key]
        if self._parts.keep(named):
            self.release()

    def other_encoders_bytes(self, settings: Encoder) -> int:
        """That pretrained weights take which are here beside those of ``settings``."""
        return self._parts.bytes_beside(settings)

    def clusters(self, key: Hashable, make: Callable[[], T]) -> T:
        """What ``make`` gives, made once for each ``key``: configurations of the same rows share their clusters."""
        if key not in self._clusters:
            self._clusters[key] = make()
        found: T = self._clusters[key]
        return found

    def release(self) -> None:
        """Give back what the stage before has held, its model, its moments and its blocks of the device."""
        self.memory.in_force = None
        gc.collect()  # what a cycle of a library's or of an error's frames holds would stay until Python looks for it
        give_back_freed()
        if self.device.type == "cuda":
            torch.cuda.empty_cache()  # the next stage may have other shapes; a neighbour's slot must not pay for ours

    def needs(
        self, settings: Encoder, rows: Rows, batch_rows: int, compared: Compared, pairs: PairTokens | None = None
    ) -> StageNeeds:
        """What memory a stage on the training rows ``rows`` depends on; ``pairs``: the texts that pass with them."""
        source = self.encoder_source(settings)
        lengths = source.train_tokens.lengths[rows] if pairs is None else pairs.lengths(rows)
        further = [] if pairs is None else [pairs.tokens]
        return StageNeeds(
            slot=self.memory,
            encoder=settings.name,
            longest_rows=longest_rows(rows, lengths, batch_rows),
            longest_tokens=longest_of([*source.tokens.values(), *further]),
            compared=compared,
            texts_a_row=1 if pairs is None else 2,
            adapter=settings.adapter,
        )


def _source_key(settings: Encoder) -> str:
    key = settings.model_dump_json(exclude={"frozen_layers", "adapter"})  # which make no other source,
    return key + str(settings.adapter is None)  # but for the precision of weights that are never trained
