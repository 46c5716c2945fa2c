"""A fold trial and the keys of its stages: frozen, JSON-able, everything a worker is told. Torch-free."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, replace
from functools import cached_property
from typing import Any

from tune_polar.recipe.cells import Cell
from tune_polar.recipe.configuration import configuration_id, digest
from tune_polar.recipe.recipe import Recipe
from tune_polar.recipe.recorded import recipe_from_json, recipe_to_json
from tune_polar.recipe.sections import TINY, Encoder, Start
from tune_polar.store.stage_inputs import StageInputs
from tune_polar.trial.columns_read import columns_read

# Raised whenever a change of what is no component, such as the training loop, changes what every stage computes:
# stored stages of older code are not reused.
TRIAL_CODE_VERSION = 5
KEY_DIGITS = 32
# Of an encoder's settings: its identity says more than its name.
_NAMED: frozenset[str] = frozenset({"name", "revision"})


@dataclass(frozen=True)
class Inputs:
    """What all fold trials of one recipe share, by fingerprint."""

    stages: Mapping[str, StageInputs]


@dataclass(frozen=True)
class FoldTrial:
    """One configuration on one cell: the unit that Ray Tune schedules.

    Example:
        >>> trial = FoldTrial(recipe, Cell(fold=0, seed=42), inputs_of(recipe, corpus, plans, encoder_identity_of))
        >>> FoldTrial.from_json(trial.to_json()) == trial
        True
    """

    recipe: Recipe
    cell: Cell
    inputs: Inputs

    @cached_property
    def configuration_id(self) -> str:
        """Id of the configuration this is a cell of."""
        return configuration_id(self.recipe)

    @property
    def id(self) -> str:
        """Configuration, fold and seed in one word."""
        return f"{self.configuration_id}-{self.cell}"

    def on(self, fold: int) -> FoldTrial:
        """The same configuration and seed on another fold."""
        return replace(self, cell=Cell(fold, self.cell.seed))

    def stage_key(self, name: str, start: str | None) -> str:
        """Hash of exactly what a stage of this cell depends on.

        That is its name, from which its seed follows; its own settings, every default filled in; the version of each
        component it names; the columns and rows it reads; the encoder; the cell; the stage it starts from. Another
        stage, a decision, the recipe's name or a further column change no key.

        Args:
            name: of the stage.
            start: key of the stage that it begins from; None: the encoder as it was pretrained.
        """
        stage, inputs = self.recipe.stages[name], self.inputs.stages[name]
        extra = self.recipe.data.extra if inputs.extra else None
        taken: dict[str, object] = {} if extra is None else {"extra": [extra.share, extra.only]}
        # Of stages that an older code trained otherwise, so that theirs are not reused.
        if extra is not None and extra.share is not None and stage.rows:
            taken["share"] = "of the rows that the stage learns from"
        if getattr(stage.batches, "by", None) in self.recipe.data.groups:
            taken["groups"] = "in turn"
        return digest(
            {
                "stage": name,
                "code": TRIAL_CODE_VERSION,
                "settings": stage.model_dump(mode="json", exclude={"encoder", "start"}),
                "versions": [[component.name, component.version] for component in stage.components],
                "columns": list(columns_read(self.recipe.data, stage)),
                "rows": inputs.rows,
                "splits": inputs.splits,
                "encoder": [inputs.encoder, _encoder_settings(stage.encoder)],
                "fold": [self.cell.fold, inputs.folds[self.cell.fold]],
                "seed": self.cell.seed,
                "start": start,
                **taken,
            },
            KEY_DIGITS,
        )

    @property
    def stage_keys(self) -> tuple[str, ...]:
        """All keys that its stages may have: which fold's stage is the best to start from is not known here."""
        return tuple(dict.fromkeys(key for name in self.recipe.stages for key in self._possible_keys(name)))

    @property
    def start_keys(self) -> tuple[str, ...]:
        """Keys of all stages that its own may start from, those of other folds among them."""
        starts = [stage.start for stage in self.recipe.stages.values() if stage.start is not None]
        found = (key for start in starts for fold in self._folds_of(start) for key in self._keys_on(fold, start.stage))
        return tuple(dict.fromkeys(found))

    def _folds_of(self, start: Start) -> Iterable[int]:
        return [self.cell.fold] if start.fold == "same" else range(len(self.inputs.stages[start.stage].folds))

    def _keys_on(self, fold: int, stage: str) -> list[str]:
        return self.on(fold)._possible_keys(stage)

    def _possible_keys(self, name: str) -> list[str]:
        start = self.recipe.stages[name].start
        if start is None:
            return [self.stage_key(name, None)]
        origins = (key for fold in self._folds_of(start) for key in self._keys_on(fold, start.stage))
        return [self.stage_key(name, origin) for origin in dict.fromkeys(origins)]

    def to_json(self) -> dict[str, object]:
        """Plain data; ``from_json`` gives an equal fold trial."""
        return {
            "recipe": recipe_to_json(self.recipe),
            "cell": asdict(self.cell),
            "inputs": {name: asdict(stage) for name, stage in self.inputs.stages.items()},
        }

    @staticmethod
    def from_json(data: Mapping[str, Any]) -> FoldTrial:
        """The fold trial that ``to_json`` wrote.

        Raises:
            KeyError, TypeError, ValueError: it is something else.
        """
        stages = {
            name: StageInputs(**{**stage, "folds": tuple(stage["folds"])}) for name, stage in data["inputs"].items()
        }
        return FoldTrial(recipe_from_json(data["recipe"]), Cell(**data["cell"]), Inputs(stages))


def _encoder_settings(encoder: Encoder) -> dict[str, Any]:
    unread = _NAMED if encoder.name == TINY else _NAMED | {"tiny"}
    return encoder.model_dump(mode="json", exclude=set(unread))
