"""Options that several commands have together: said once, and read once."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields, is_dataclass, replace
from typing import Annotated, Any, get_type_hints

import typer

from tune_polar.api.data_words import DataWords
from tune_polar.api.machines import Machines, machines_as_begun, machines_of
from tune_polar.api.search_request import RecipeWords
from tune_polar.cli import options
from tune_polar.trial.gpus import DEFAULT_SLOT_GB


def with_groups(command: Callable[..., None]) -> Callable[..., None]:
    """``command`` as typer reads it: in the place of each parameter that is a group stand the group's own options.

    Example:
        >>> @with_groups
        ... def look(place: str, data: DataGroup) -> None: ...
        >>> list(inspect.signature(look).parameters)[:3]
        ['place', 'data', 'text']
    """
    kinds = get_type_hints(command, include_extras=True)
    groups: dict[str, Any] = {name: kind for name, kind in kinds.items() if is_dataclass(kind)}
    parameters: list[inspect.Parameter] = []
    for each in inspect.signature(command).parameters.values():
        if each.name not in groups:
            parameters.append(each.replace(kind=inspect.Parameter.KEYWORD_ONLY, annotation=kinds[each.name]))
            continue
        of_fields = get_type_hints(groups[each.name], include_extras=True)
        parameters += [
            inspect.Parameter(
                field.name, inspect.Parameter.KEYWORD_ONLY, default=field.default, annotation=of_fields[field.name]
            )
            for field in fields(groups[each.name])
        ]

    @functools.wraps(command)
    def run(**given: Any) -> None:
        made = {name: kind(**_taken(given, kind)) for name, kind in groups.items()}
        command(**given, **made)

    run.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    run.__annotations__ = {each.name: each.annotation for each in parameters}
    return run


def _taken(given: dict[str, Any], kind: Any) -> Mapping[str, Any]:
    """The values of a group's fields, out of all that were given."""
    return {field.name: given.pop(field.name) for field in fields(kind)}


@dataclass(frozen=True)
class _Files:
    text: options.Text = None
    id_: options.Id = None
    column: options.Column = None
    dev: options.Dev = None
    test: options.Test = None

    def _words(self, data: str | None, language: str | None) -> DataWords:
        named = options.columns(self.column)
        return DataWords(data, language, self.dev, self.test, self.text, self.id_, named)


@dataclass(frozen=True)
class TableGroup(_Files):
    """Which columns of the data mean what, and what lies beside them."""

    target: options.Target = None
    language: options.Language = None

    def words_of(self, data: str) -> DataWords:
        """With where the rows are, as the commands' common part takes them.

        Raises:
            SpecError: --column is not NAME=COLUMN.
        """
        return replace(self._words(data, self.language), targets=self.target or ())


@dataclass(frozen=True)
class ColumnsGroup(TableGroup):
    """The same where folds are made of the rows."""

    group: options.Group = None

    def words_of(self, data: str) -> DataWords:
        """The words of a table, with the columns of groups."""
        return replace(super().words_of(data), groups=self.group or ())


@dataclass(frozen=True)
class _Rows:
    data: options.Data = "sample"


@dataclass(frozen=True)
class DataGroup(ColumnsGroup, _Rows):
    """Which rows, and which of their columns."""

    def words(self) -> DataWords:
        """All that was said of the data."""
        return self.words_of(self.data)


@dataclass(frozen=True)
class MovedDataGroup(_Files):
    """Where the rows of a recorded search lie now, where that has changed."""

    text: options.MovedText = None
    id_: options.MovedId = None
    data: Annotated[str | None, typer.Option("--data", help="Where the data lies now, if it has moved.")] = None
    language: Annotated[str | None, typer.Option("--language", help="Language of --data.")] = None

    def words(self) -> DataWords:
        """As the commands' common part takes them.

        Raises:
            SpecError: --column is not NAME=COLUMN.
        """
        return self._words(self.data, self.language)


@dataclass(frozen=True)
class RecipeGroup:
    """What of a recipe is said on the command line."""

    encoder: options.Encoder = None
    profile: options.Profile = None
    set_: options.Set = None
    folds: options.Folds = None
    seeds: options.Seeds = None

    def words(self, recipe: str) -> RecipeWords:
        """Of the recipe called ``recipe``, or at that path.

        Raises:
            SpecError: --set is not KEY=VALUE.
        """
        changes = options.assignments(self.set_)
        return RecipeWords(recipe, self.encoder, self.profile, changes, self.folds, self.seeds)


@dataclass(frozen=True)
class MachinesGroup:
    """Where a new search runs, and what it leaves of checkpoints and weights."""

    slots: options.Slots = None
    slot_gb: options.SlotGb = DEFAULT_SLOT_GB
    address: options.Address = None
    checkpoint_every: options.CheckpointEvery = 60
    keep_weights: options.KeepWeights = 1
    disk_gb: options.DiskGb = None

    def machines(self) -> Machines:
        """Checked.

        Raises:
            TunePolarError: as ``machines_of``.
        """
        return machines_of(
            *(self.slots, self.slot_gb, self.address, self.checkpoint_every, self.keep_weights, self.disk_gb)
        )


@dataclass(frozen=True)
class ToldMachinesGroup:
    """The same of a search that goes on: what is not said is as it was told last."""

    slots: Annotated[
        int | None,
        typer.Option(
            "--slots", parser=options.whole_number, metavar="N", help="Fold trials at once.  [default: as told last]"
        ),
    ] = None
    slot_gb: Annotated[
        float | None, typer.Option("--slot-gb", metavar="GB", help="GPU memory of one.  [default: as told last]")
    ] = None
    address: options.Address = None
    checkpoint_every: Annotated[
        int | None,
        typer.Option(
            "--checkpoint-every",
            parser=options.whole_number,
            metavar="SECONDS",
            help="Seconds between two checkpoints of a running stage; 0: none.  [default: as told last]",
        ),
    ] = None
    keep_weights: Annotated[
        int | None,
        typer.Option(
            "--keep-weights",
            parser=options.whole_number,
            metavar="N",
            help="Keep the weights of the best N configurations.  [default: as told last]",
        ),
    ] = None
    disk_gb: Annotated[
        float | None,
        typer.Option("--disk-gb", metavar="GB", help="For weights and checkpoints together.  [default: as told last]"),
    ] = None

    def machines(self, store: str) -> Machines:
        """Of the search recorded at ``store``, checked.

        Raises:
            TunePolarError: as ``machines_as_begun``.
        """
        return machines_as_begun(
            *(store, self.slots, self.slot_gb, self.address),
            *(self.checkpoint_every, self.keep_weights, self.disk_gb),
        )


@dataclass(frozen=True)
class ShownGroup:
    """How a run is shown, and who else is told."""

    track: options.Track = None
    json: options.Json = False
    quiet: options.Quiet = False
    verbose: options.Verbose = False
