"""What must be known of a stage to predict with it, beside its weights."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from tune_polar.decide.rows import GoldKind
from tune_polar.recipe.recipe import Recipe
from tune_polar.recipe.sections import TINY
from tune_polar.store.records import TableKind
from tune_polar.trial.gpus import Setting


@dataclass(frozen=True)
class StageShape:
    """What must be known of a stage, beside its weights, to predict with it; plain data.

    Example:
        >>> StageShape.of(recipe, "classifier")
    """

    gold: GoldKind
    columns: tuple[str, ...]  # names of its outputs: labels, or of several classes the classes
    target: str  # of one class or number the column; of labels the first
    predicts: TableKind
    head: str
    head_settings: Mapping[str, Any]
    pooling: Literal["auto", "cls", "mean", "last_token"]
    max_length_tokens: int
    precision: Setting
    tiny: tuple[int, int] | None  # width and depth of the embedded encoder; None: it is another one
    adapter: str | None = None  # beside the encoder's own weights
    adapter_settings: Mapping[str, Any] = field(default_factory=dict)
    frozen_layers: int = 0  # the lowest, which have no adapter

    @staticmethod
    def of(recipe: Recipe, name: str) -> StageShape:
        """Of a stage of ``recipe``."""
        stage = recipe.stages[name]
        classes = recipe.data.classes[stage.columns[0]] if stage.task.gold == "class" else ()
        tiny, adapter = stage.encoder.tiny, stage.encoder.adapter
        return StageShape(
            gold=stage.task.gold,
            columns=tuple(classes or stage.columns),
            target=stage.columns[0],
            predicts=stage.predicts,
            head=stage.head.name,
            head_settings=stage.head.model_dump(mode="json"),
            pooling=stage.encoder.pooling,
            max_length_tokens=stage.encoder.max_length_tokens,
            precision=stage.precision,
            tiny=(tiny.hidden, tiny.layers) if stage.encoder.name == TINY else None,
            adapter=None if adapter is None else adapter.name,
            adapter_settings={} if adapter is None else adapter.model_dump(mode="json"),
            frozen_layers=0 if adapter is None else stage.encoder.frozen_layers,
        )

    @property
    def class_count(self) -> int:
        """Classes that a neighbour may have."""
        return len(self.columns) if self.gold == "class" else 2
