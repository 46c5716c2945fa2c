"""What a store's manifest says of its search, checked once and typed."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Annotated, Any, Literal

from pydantic import Field, TypeAdapter, ValidationError

from tune_polar.errors import SpecError, StoreError
from tune_polar.recipe.cells import Cell
from tune_polar.recipe.configuration import digest
from tune_polar.recipe.floor_names import DEFAULT_FLOORS, FloorWord
from tune_polar.recipe.loaded_space import LoadedSpace, is_free
from tune_polar.recipe.recipe import Recipe
from tune_polar.recipe.recorded import recipe_from_json, space_from_json
from tune_polar.recipe.space import CategoricalParameter
from tune_polar.store.records import Number
from tune_polar.store.resume_options import MachineFacts
from tune_polar.store.stage_inputs import StageInputs

NO_RACING = "none"
Count = Annotated[int, Field(ge=1)]
ID_DIGITS = 16


def search_id(manifest: Mapping[str, Any]) -> str:
    """By which other tools know the search again, wherever its records have been copied to."""
    return digest(manifest, ID_DIGITS)


@dataclass(frozen=True)
class DataDoubt:
    """Something doubtful in the files of the data, of which a store keeps no text."""

    code: str  # of the finding
    column: str  # "": of whole rows or files
    count: Count


@dataclass(frozen=True)
class MergedSearch:
    """One of the searches that a merge has put together."""

    created: str
    trials: int
    seed: int
    command: str


@dataclass(frozen=True, eq=False)
class ManifestFacts:
    """The manifest's words about a search."""

    kind: Literal["search", "ablation"]
    recipe: Recipe
    profile: str
    searched: LoadedSpace | None  # None: of an ablation
    cells: tuple[Cell, ...]  # of every configuration
    data_name: str
    data_path: str | None  # None: generated
    text_column: str  # what its files call the column of texts
    id_column: str  # and that of the ids
    rows: Mapping[str, int]  # by split
    data_fingerprint: str
    inputs: Mapping[str, StageInputs]  # by stage, in the recipe's order
    variant_inputs: Mapping[str, Mapping[str, StageInputs]]  # by origin, of variants that read something else
    trials: int
    seed: int
    command: str
    created: str
    versions: Mapping[str, str]
    racing: str
    floors: FloorWord = DEFAULT_FLOORS
    machines: MachineFacts = field(default_factory=MachineFacts)
    merged: tuple[MergedSearch, ...] = ()
    doubts: tuple[DataDoubt, ...] = ()

    @property
    def space(self) -> str | None:
        """Name of the search space."""
        return None if self.searched is None else self.searched.name

    @cached_property
    def parameters(self) -> Mapping[str, Mapping[str, Any]]:
        """Of the space, by whole dotted key, as plain data; none of an ablation."""
        parameters = {} if self.searched is None else self.searched.parameters
        return {key: each.model_dump(mode="json") for key, each in parameters.items()}

    @cached_property
    def alternatives(self) -> Mapping[str, tuple[Any, ...]]:
        """Values that the space lists for settings that cost no training, by key: every configuration tries them all.

        Example:
            >>> facts.alternatives
            {'decide.kinds.rule': ('max_f1', 'prevalence_match', 'fixed')}
        """
        return {} if self.searched is None else alternatives_of(self.searched)

    @property
    def encoders(self) -> Mapping[str, str]:
        """Identity of each stage's encoder."""
        return {name: stage.encoder for name, stage in self.inputs.items()}


def alternatives_of(space: LoadedSpace) -> dict[str, tuple[Any, ...]]:
    """What ``outcome_of`` is to try for every configuration of ``space``; see ``ManifestFacts.alternatives``."""
    return {
        key: each.choices
        for key, each in space.parameters.items()
        if isinstance(each, CategoricalParameter) and is_free(key, space.recipe)
    }


def manifest_facts(manifest: Mapping[str, Any], place: str) -> ManifestFacts:
    """The facts of ``manifest``.

    Raises:
        StoreError: it does not describe a search.
    """
    try:
        recipe = recipe_from_json(manifest["recipe"])
        about = _MANIFEST.validate_json(json.dumps(manifest), strict=True)
        space = None if about.space is None else space_from_json(about.space, recipe)
        if set(about.inputs) != set(recipe.stages):
            raise ValueError(f"inputs must be of the stages {list(recipe.stages)}, got {list(about.inputs)}")
        if len(set(about.cells)) < len(about.cells):
            raise ValueError(f"each cell must be named once, got {list(about.cells)}")
    except (KeyError, TypeError, ValueError) as error:
        problem = error.problem if isinstance(error, SpecError) else _words(error)
        raise StoreError(
            f"store {place}: manifest.json must describe a search, but: {problem}",
            "Give the folder or URL that `tune-polar search` printed as its records.",
        ) from None
    return ManifestFacts(
        kind=about.kind,
        recipe=recipe,
        profile=about.profile,
        searched=space,
        cells=tuple(Cell(*each) for each in about.cells),
        data_name=about.data.name,
        data_path=about.data.source.path,
        text_column=about.data.source.columns.get("text", "text"),
        id_column=about.data.source.columns.get("id", "id"),
        rows=about.data.rows,
        data_fingerprint=about.data.fingerprint,
        inputs={name: about.inputs[name] for name in recipe.stages},
        variant_inputs=about.variant_inputs,
        trials=about.trials,
        seed=about.seed,
        command=about.command,
        created=about.created,
        versions=about.versions,
        racing=about.racing,
        floors=about.floors,
        machines=about.machines,
        merged=about.merged,
        doubts=about.data.doubts,
    )


@dataclass(frozen=True)
class _Source:
    path: str | None = None
    columns: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class _DataFacts:
    source: _Source
    name: str
    fingerprint: str
    rows: Mapping[str, Number]
    doubts: tuple[DataDoubt, ...] = ()


@dataclass(frozen=True)
class _Manifest:
    kind: Literal["search", "ablation"]
    profile: str
    space: Mapping[str, Any] | None
    data: _DataFacts
    inputs: Mapping[str, StageInputs]
    cells: Annotated[tuple[tuple[Number, Number], ...], Field(min_length=1)]  # fold and seed
    trials: Count
    seed: Number
    command: str
    created: str
    versions: Mapping[str, str]
    variants: tuple[tuple[str, Mapping[str, Any]], ...]  # origin and recipe
    variant_inputs: Mapping[str, Mapping[str, StageInputs]]
    racing: str = NO_RACING
    floors: FloorWord = DEFAULT_FLOORS
    machines: MachineFacts = field(default_factory=MachineFacts)
    merged: tuple[MergedSearch, ...] = ()


_MANIFEST = TypeAdapter(_Manifest)


def _words(error: Exception) -> str:
    if isinstance(error, ValidationError):
        first = error.errors(include_url=False)[0]
        return f"{'.'.join(map(str, first['loc']))}: {first['msg']}"
    return str(error) if type(error) is ValueError else f"{type(error).__name__} {error}"
