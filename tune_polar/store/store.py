"""A search's records in one place. They are the only truth: study, tables, page and winner are derived from them.

Layout::

    manifest.json                     what the search is: recipe, space, data, seeds, versions
    gold.safetensors                  ids, gold, groups and fold plans; no texts
    configurations/<id>.json          written before the configuration's first cell is handed out
    folds/<id>-f<fold>-s<seed>.json   a finished fold trial
    failures/<id>-….json              a fold trial that failed, with its error
    abandoned/<id>.json               a configuration given up before all its cells, and why
    resumes/<number>.json             what a resume was told anew; the last one counts
    stages/<key>.safetensors          a trained stage: curve and predictions
    floors/<name>.safetensors         what a linear model without fine-tuning predicts for the rows held out
    weights/<key>.safetensors         a stage's weights, for stages that start from them
    checkpoints/<key>.safetensors     a running stage, to go on from; gone when the stage is recorded
    models/<id>-<rows>.json           what a fitted model is made of; its weights stay
    derived/<id>-….json               scores kept to save time; can be deleted
    lease/…                           who drives the search, and who did
    probes/…                          by which workers of a cluster tell whether they see this very folder
    replicates/…                      records of merged searches that share a name with another one
    damaged/…                         files whose hash did not fit, or that say what no record may; kept
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from shlex import quote
from typing import Any, TypeVar

from tune_polar.errors import StoreError
from tune_polar.recipe.configuration import Configuration
from tune_polar.recipe.floor_names import FLOORS, Floor
from tune_polar.recipe.recipe import Recipe
from tune_polar.store import record_gate
from tune_polar.store.abandonment import Abandonment
from tune_polar.store.checkpoint import Checkpoint
from tune_polar.store.codec import (
    DamagedRecordError,
    OtherFormatError,
    array_parts,
    decode_arrays,
    decode_json,
    encode_arrays,
    encode_json,
)
from tune_polar.store.failures import FailureRecord
from tune_polar.store.filesystem import Filesystem
from tune_polar.store.floor import FloorRecord
from tune_polar.store.gold import Gold
from tune_polar.store.open_files import files_at
from tune_polar.store.plain_record import SAFE_NAME
from tune_polar.store.records import Array, FoldRecord, StageRecord
from tune_polar.store.resume_options import Resumption
from tune_polar.store.stored_arrays import StoredArrays

log = logging.getLogger(__name__)

MANIFEST = "manifest.json"
GOLD = "gold.safetensors"
PROBES = "probes"
T = TypeVar("T")
R = TypeVar("R", bytes, int)  # a content, or the descriptor of an open file


class Store:
    """Reads and writes records; safe for many processes at once because every file is written once."""

    def __init__(self, filesystem: Filesystem, *, to_look: bool = False) -> None:
        """``to_look``: damaged records are left out and stay where they are."""
        self._files = filesystem
        self._to_look = to_look
        self._gold: Gold | None = None

    @property
    def url(self) -> str:
        """Where the store is, as a user would type it."""
        return self._files.url

    @property
    def files(self) -> Filesystem:
        """The files the records lie in."""
        return self._files

    # -- the manifest ------------------------------------------------------------------------------------------

    def create(self, manifest: Mapping[str, object], gold: Gold) -> None:
        """Write gold and manifest of a new search; the manifest last, since it marks the store as made.

        Raises:
            StoreError: there is one already, or the place cannot be written.
        """
        if not self._files.exists(MANIFEST):
            content = encode_arrays(*gold.to_parts())
            # Left by a start that was killed before its manifest, or by another start at this very moment.
            if not self._files.put_if_absent(GOLD, content) and self._files.read(GOLD) != content:
                raise StoreError(
                    f"store {self.url}: must be new, but it holds {GOLD} of other data or folds",
                    f"Give another folder, or remove that {GOLD} where no search uses it.",
                )
        if not self._files.put_if_absent(MANIFEST, encode_json(manifest, indented=True)):
            raise StoreError(
                f"store {self.url}: must be new, but it holds a search already",
                f"Go on with it by `tune-polar resume {quote(self.url)}`, or give another folder with --store.",
            )

    def manifest(self) -> dict[str, Any]:
        """What the search is.

        Raises:
            StoreError: no manifest, a damaged one, or one of another version's format.
        """
        content = self._files.read(MANIFEST)
        if content is None:
            folder = self._files.folder
            found = "there is no such folder" if folder is not None and not folder.is_dir() else "there is none"
            raise StoreError(
                f"store {self.url}: must hold {MANIFEST}, but {found}",
                "Give the folder or URL that `tune-polar search` printed as its records.",
            )
        try:
            return decode_json(content)
        except OtherFormatError as error:
            raise StoreError(f"store {self.url}: {MANIFEST}: {error}", error.remedy) from None
        except DamagedRecordError as error:
            raise StoreError(
                f"store {self.url}: {MANIFEST} must be what was written, but {error}",
                "Restore that one file from a copy; all other records are still good.",
            ) from None

    def manifest_as_told(self) -> dict[str, Any]:
        """The manifest, with what the last resume was told in the place of what it says of that.

        Raises:
            StoreError: as ``manifest``.
        """
        manifest, last = self.manifest(), self._last_resumption()
        return manifest if last is None else last.over(manifest)

    def put_resumption(self, told: Resumption) -> None:
        """Record what a resume is told, where it differs from what is recorded; its number follows the others'."""
        if told.over(self.manifest()) == self.manifest_as_told():
            return
        last = self._last_resumption()
        told = replace(told, number=1 if last is None else last.number + 1)
        while not self._files.put_if_absent(f"resumes/{told.id}.json", encode_json(told.to_json())):
            told = replace(told, number=told.number + 1)  # one that is damaged has this name

    def _last_resumption(self) -> Resumption | None:
        found = self._read_all("resumes", record_gate.resumption_named)
        return max(found, key=lambda each: each.number, default=None)

    def gold(self) -> Gold:
        """Ids, gold, groups and fold plans.

        Raises:
            StoreError: they are missing or damaged.
        """
        gold = self._read_one(GOLD, lambda content: Gold.from_parts(*decode_arrays(content)))
        if gold is None:
            raise StoreError(
                f"store {self.url}: must hold an undamaged {GOLD}, but there is none",
                "Restore that one file from a copy; all other records are still good.",
            )
        return gold

    # -- configurations and folds ------------------------------------------------------------------------------

    def put_configuration(self, configuration: Configuration) -> bool:
        """Record a configuration; False where it was recorded before."""
        name = f"configurations/{_safe(configuration.id)}.json"
        return self._files.put_if_absent(name, encode_json(configuration.to_json()))

    def configurations(self) -> list[Configuration]:
        """All recorded configurations in the order they were proposed."""
        found = self._read_all("configurations", record_gate.configuration_named)
        return sorted(found, key=lambda configuration: (configuration.number, configuration.id))

    def count_configurations(self) -> int:
        """How many configurations are recorded; none of them is read."""
        return sum(name.endswith(".json") for name in self._files.names("configurations"))

    def put_fold(self, record: FoldRecord) -> bool:
        """Record a finished fold trial; False where it was recorded before."""
        return self._files.put_if_absent(_fold(record), encode_json(record.to_json()))

    def folds(self) -> list[FoldRecord]:
        """All finished fold trials."""
        return list(self._read_all("folds", record_gate.fold_named))

    def refuse_fold(self, record: FoldRecord, reason: str) -> None:
        """Set a fold trial's record aside that turned out to be of other stages than its own."""
        self._refuse(_fold(record), reason)

    def put_failure(self, record: FailureRecord) -> bool:
        """Record a fold trial that failed, an attempt a file."""
        return self._files.put_if_absent(f"failures/{_safe(record.id)}.json", encode_json(record.to_json()))

    def failures(self) -> list[FailureRecord]:
        """All recorded failures."""
        return list(self._read_all("failures", record_gate.failure_named))

    def put_abandonment(self, record: Abandonment) -> bool:
        """Record that a configuration is given up; False where that was recorded before."""
        name = f"abandoned/{_safe(record.configuration_id)}.json"
        return self._files.put_if_absent(name, encode_json(record.to_json()))

    def is_abandoned(self, configuration_id: str) -> bool:
        """Whether a configuration has been given up."""
        return self._files.exists(f"abandoned/{_safe(configuration_id)}.json")

    def abandonments(self) -> list[Abandonment]:
        """All configurations given up, ordered by id."""
        found = self._read_all("abandoned", record_gate.abandonment_named)
        return sorted(found, key=lambda record: record.configuration_id)

    # -- stages ------------------------------------------------------------------------------------------------

    def put_stage(self, record: StageRecord, weights: Mapping[str, Array] | None = None) -> None:
        """Record a trained stage. Its weights go first: the record is what marks the stage as finished.

        Args:
            record: of the stage; one that was recorded before stays.
            weights: what a later start or a prediction needs; each array is asked for twice and not kept.
        """
        if weights is not None:
            self.put_weights(record.key, weights)
        self._files.put_if_absent(_stage(record.key), encode_arrays(record.header(), record.arrays))
        self._files.remove(_checkpoint(record.key))

    def stage(self, key: str) -> StageRecord | None:
        """A trained stage by its key, or None where there is none that fits the store's gold."""
        return self.stages([key]).get(key)

    def stages(self, keys: Sequence[str], recipe: Recipe | None = None) -> dict[str, StageRecord]:
        """Those of the trained stages that are there and undamaged, read side by side where the place gains by it.

        Args:
            keys: of the stages.
            recipe: of a configuration that they belong to; with it they must predict what it says.
        """
        names = {_stage(key): key for key in keys}
        found = {}
        for name, content in self._files.read_many(names):
            if content is not None:
                record = self._parsed(name, content, record_gate.stage_named(names[name], self._known_gold(), recipe))
                if record is not None:
                    found[names[name]] = record
        return found

    # -- floors ------------------------------------------------------------------------------------------------

    def put_floor(self, record: FloorRecord) -> bool:
        """Record a floor; False where it was recorded before."""
        return self._files.put_if_absent(_floor(record.floor), encode_arrays(record.header(), record.arrays))

    def floors(self, recipe: Recipe) -> dict[Floor, FloorRecord]:
        """Those that are there, undamaged and of what ``recipe`` predicts, by name."""
        found: dict[Floor, FloorRecord] = {}
        for floor in FLOORS:
            parse = record_gate.floor_named(floor, self._known_gold(), recipe)
            record = self._read_one(_floor(floor), parse)
            if record is not None:
                found[floor] = record
        return found

    # -- weights of stages ---------------------------------------------------------------------------------------

    def put_weights(self, key: str, weights: Mapping[str, Array]) -> None:
        """Leave a stage's weights; those that are there stay. Each array is asked for twice and not kept."""
        if not self.has_weights(key):  # else gigabytes would be hashed for nothing
            self._files.put_if_absent(_weights(key), array_parts({"key": key}, weights))

    def weights(self, key: str) -> StoredArrays | None:
        """A stage's weights, each read as it is asked for, or None where there are none or they are damaged."""
        return self._parsed(_weights(key), self._files.opened(_weights(key)), record_gate.weights_named(key))

    def has_weights(self, key: str) -> bool:
        """Whether a stage's weights are there; they are not looked into."""
        return self._files.exists(_weights(key))

    def weights_bytes(self) -> dict[str, int]:
        """Bytes of the weights that are there, by the key of their stage."""
        return _by_key(self._files.sizes("weights"))

    def fitted_keys(self) -> frozenset[str]:
        """Stages of the models that somebody had made complete: their weights stay."""
        return frozenset().union(*self.fitted().values())

    def fitted(self) -> dict[str, frozenset[str]]:
        """Models that somebody had made complete: by the name of the record the stages that they consist of."""
        found: dict[str, frozenset[str]] = {}
        names = [name for name in self._files.names("models") if name.endswith(".json")]
        for name, content in self._files.read_many(names):
            if content is None:
                continue
            try:
                cells = decode_json(content)["composition"]["cells"]
                keys = frozenset(str(key) for cell in cells for key in cell["stages"].values())
            except (OtherFormatError, DamagedRecordError, AttributeError, KeyError, TypeError) as error:
                log.warning("%s/%s is no model (%s) and is passed over", self.url, name, error)
                continue
            if all(SAFE_NAME.fullmatch(each) for each in (*keys, name.removeprefix("models/").removesuffix(".json"))):
                found[name] = keys
        return found

    def remove_weights(self, key: str) -> None:
        """Of a stage whose weights nobody needs, or that are trained again where they are; its record stays."""
        self._files.remove(_weights(key))

    # -- checkpoints of running stages -------------------------------------------------------------------------

    def put_checkpoint(self, checkpoint: Checkpoint) -> None:
        """Leave the state of a running stage in the place of an earlier one."""
        self._files.replace(_checkpoint(checkpoint.key), array_parts(checkpoint.header(), checkpoint.arrays))

    def checkpoint(self, key: str) -> Checkpoint | None:
        """The state in which a running stage was last seen, its arrays read as they are asked for, or None."""
        return self._parsed(_checkpoint(key), self._files.opened(_checkpoint(key)), record_gate.checkpoint_named(key))

    def checkpoint_bytes(self) -> dict[str, int]:
        """Bytes of the checkpoints that are there, by the key of their stage."""
        return _by_key(self._files.sizes("checkpoints"))

    def remove_checkpoint(self, key: str) -> None:
        """Of a stage that nobody will go on with."""
        self._files.remove(_checkpoint(key))

    def tidy(self) -> None:
        """Remove what killed processes have left; only the one driver of a store may.

        These are checkpoints of stages that are recorded, probes for workers, and files half written.
        """
        for name in self._files.names(PROBES):
            self._files.remove(name)
        for name in self._files.names("checkpoints"):
            if self._files.exists(f"stages/{name.removeprefix('checkpoints/')}"):
                self._files.remove(name)
        self._files.remove_half_written()

    # -- reading -----------------------------------------------------------------------------------------------

    def fault_of(self, name: str, content: bytes) -> str | None:
        """Why ``content`` may not stand under ``name`` in this store, or None; nothing is moved.

        Weights are not looked into: whoever starts from them does.

        Raises:
            StoreError: it is of another version's format.
        """
        folder, _, file = name.rpartition("/")
        stem = file.rpartition(".")[0]
        try:
            if folder == "stages":
                record_gate.stage_named(stem, self._known_gold())(content)
            elif folder == "floors":
                record_gate.floor_named(stem, self._known_gold())(content)
            elif folder in _GATES:
                _GATES[folder](stem)(content)
        except OtherFormatError as error:
            raise StoreError(f"store {self.url}: {name}: {error}", error.remedy) from None
        except (DamagedRecordError, KeyError, TypeError, ValueError) as error:
            return str(error)
        return None

    def _known_gold(self) -> Gold | None:
        """The gold, read once; None where there is none yet."""
        if self._gold is None and self._files.exists(GOLD):
            self._gold = self.gold()
        return self._gold

    def _read_all(self, folder: str, gate_of: Callable[[str], record_gate.Parse[T]]) -> Iterator[T]:
        # Others: not ours, but an editor's or a file manager's.
        names = [name for name in self._files.names(folder) if name.endswith(".json")]
        for name, content in self._files.read_many(names):
            stem = name.removeprefix(f"{folder}/").removesuffix(".json")
            record = self._parsed(name, content, gate_of(stem))
            if record is not None:
                yield record

    def _read_one(self, name: str, parse: record_gate.Parse[T]) -> T | None:
        return self._parsed(name, self._files.read(name), parse)

    def _parsed(self, name: str, content: R | None, parse: Callable[[R], T]) -> T | None:
        if content is None:
            return None
        try:
            return parse(content)
        except OtherFormatError as error:
            raise StoreError(f"store {self.url}: {name}: {error}", error.remedy) from None
        except (DamagedRecordError, KeyError, TypeError, ValueError) as error:
            self._refuse(name, str(error))
            return None

    def _refuse(self, name: str, reason: str) -> None:
        if self._to_look:
            # A search that has ended trains no weights again.
            again = "`tune-polar fit` trains them" if name.startswith("weights/") else "`resume` does its work"
            log.warning("%s/%s is damaged (%s): left out; %s again", self.url, name, reason, again)
            return
        log.warning("%s/%s is damaged (%s): set aside, its work will be done again", self.url, name, reason)
        try:
            self._files.set_aside(name, reason)
        except StoreError as error:  # a store on a read-only medium can still be reported
            log.warning("%s/%s stays where it is: %s", self.url, name, error.problem)


_GATES: Mapping[str, Callable[[str], record_gate.Parse[object]]] = {
    "configurations": record_gate.configuration_named,
    "folds": record_gate.fold_named,
    "failures": record_gate.failure_named,
    "abandoned": record_gate.abandonment_named,
    "resumes": record_gate.resumption_named,
}


def open_store(place: str | Path, *, to_look: bool = False) -> Store:
    """The store at a path, at ``s3://bucket/prefix`` or at ``gs://bucket/prefix``.

    ``to_look``: nothing in it is moved; records that are damaged are left out and stay.

    Raises:
        StoreError: the path is a file, the bucket cannot be reached, or this kind of place is not known.

    Example: ``open_store("runs/st1").configurations()``
    """
    return Store(files_at(place), to_look=to_look)


def _fold(record: FoldRecord) -> str:
    return f"folds/{_safe(record.id)}.json"


def _stage(key: str) -> str:
    return f"stages/{_safe(key)}.safetensors"


def _floor(name: str) -> str:
    return f"floors/{_safe(name)}.safetensors"


def _weights(key: str) -> str:
    return f"weights/{_safe(key)}.safetensors"


def _checkpoint(key: str) -> str:
    return f"checkpoints/{_safe(key)}.safetensors"


def _by_key(sizes: Mapping[str, int]) -> dict[str, int]:
    """Bytes by the key in a file's name; what is named otherwise is not ours."""
    found = {name.rpartition("/")[2].rpartition("."): size for name, size in sizes.items()}
    return {key: size for (key, _, kind), size in found.items() if kind == "safetensors" and SAFE_NAME.fullmatch(key)}


def _safe(name: str) -> str:
    if not SAFE_NAME.fullmatch(name):
        raise StoreError(
            f"a record's name must be letters, digits, - and _, got {name!r}",
            "This record was not written by tune-polar; remove it.",
        )
    return name
