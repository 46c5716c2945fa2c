"""A search's records without what they tell of people and machines, for a store that is shared.

Left out: command lines; where data, encoders and further files lie; host names and process numbers; what errors said.
Kept: ids, gold, groups, names of columns, predictions, weights, settings, GPUs, versions and times.

A path in a recipe is a setting: where a word takes its place, configuration and records have another id.
"""

from __future__ import annotations

import copy
import os
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from typing import Any

from tune_polar.data.source import LEFT_OUT
from tune_polar.recipe.configuration import Configuration, canonical_json
from tune_polar.recipe.sections import TINY
from tune_polar.store.abandonment import Abandonment
from tune_polar.store.codec import decode_arrays, decode_json, decode_text, encode_arrays, encode_json
from tune_polar.store.failures import FailureRecord
from tune_polar.store.records import FoldRecord, StageRecord
from tune_polar.store.training_facts import Provenance

NOBODY = "anonymous"
_OF_HUB = re.compile(r"[\w-][\w.-]*(/[\w.-]+)?")
_ENDING = re.compile(r"(\.(csv|tsv|txt|jsonl|ndjson|json|parquet))?(\.(gz|zip))?$", re.IGNORECASE)


class Anonymous:
    """Takes the manifest of a search and its records, and gives them without names and places.

    Example:
        >>> without = Anonymous(store.manifest())
        >>> without.record("folds/0123456789ab-f0-s42.json", content)
    """

    def __init__(self, manifest: Mapping[str, Any]) -> None:
        self._words: dict[str, str] = {}  # what stands for each path
        self._ids: dict[str, str] = {}  # of configurations, by those that they had
        self._folders = frozenset(_folders(manifest))
        self._manifest = copy.deepcopy(dict(manifest))
        self._settings(self._manifest["recipe"])
        for _, recipe in self._manifest["variants"]:
            self._settings(recipe)
        for parameter in (self._manifest["space"] or {"parameters": ()})["parameters"]:
            if parameter["key"].endswith("encoder.name"):
                parameter["choices"] = [self._encoder(each) for each in parameter["choices"]]
        for part in (self._manifest, *self._manifest.get("merged", ())):
            part["command"] = LEFT_OUT
            _leave_places_out(part["data"])
            for point in part.get("tried", ()):
                self._point(point)

    def manifest(self) -> dict[str, Any]:
        """The manifest; whoever resumes has to say where the data lies."""
        return self._manifest

    def record(self, name: str, content: bytes) -> tuple[str, bytes]:
        """Name and bytes of a record that ``Store.fault_of`` has nothing against; configurations come before the rest.

        Raises:
            KeyError, TypeError, ValueError: it is no record after all.
        """
        return _RECORDS[name.partition("/")[0]](self, name, content)

    def configuration(self, name: str, content: bytes) -> tuple[str, bytes]:
        """Of a configuration, whose id may change."""
        told = decode_json(content)
        self._settings(told["settings"])
        self._point(told["point"])
        made = Configuration.from_text(canonical_json(told))
        self._ids[name.partition("/")[2].removesuffix(".json")] = made.id
        return f"configurations/{made.id}.json", encode_json(made.to_json())

    def fold(self, _: str, content: bytes) -> tuple[str, bytes]:
        """Of a finished fold trial."""
        told = FoldRecord.from_text(decode_text(content))
        made = replace(told, configuration_id=self._id(told.configuration_id), provenance=_nobody(told.provenance))
        return f"folds/{made.id}.json", encode_json(made.to_json())

    def failure(self, _: str, content: bytes) -> tuple[str, bytes]:
        """Of a failed fold trial: the class of its error is all that is kept of it."""
        told = FailureRecord.from_json(decode_json(content))
        made = replace(
            told,
            configuration_id=self._id(told.configuration_id),
            message=LEFT_OUT,
            traceback=LEFT_OUT,
            provenance=_nobody(told.provenance),
        )
        return f"failures/{made.id}.json", encode_json(made.to_json())

    def abandonment(self, _: str, content: bytes) -> tuple[str, bytes]:
        """Of a configuration that was given up."""
        told = Abandonment.from_json(decode_json(content))
        made = replace(told, configuration_id=self._id(told.configuration_id), incumbent=self._id(told.incumbent))
        return f"abandoned/{made.configuration_id}.json", encode_json(made.to_json())

    def stage(self, name: str, content: bytes) -> tuple[str, bytes]:
        """Of a trained stage, whose key says nothing of names and places."""
        return name, anonymous_stage(content)

    def floor(self, name: str, content: bytes) -> tuple[str, bytes]:
        """Of a floor, which says nothing of names and places."""
        return name, content

    def _id(self, was: str) -> str:
        return self._ids.get(was, was)

    def _settings(self, recipe: dict[str, Any]) -> None:
        """Words in the place of the paths of a recipe."""
        for encoder in (recipe["encoder"], *(stage["encoder"] for stage in recipe["stages"].values())):
            encoder["name"] = self._encoder(encoder["name"])
        for loss in (loss for stage in recipe["stages"].values() for loss in stage["losses"].values()):
            if loss.get("encoder") is not None:
                loss["encoder"] = self._encoder(loss["encoder"])
        data = recipe["data"]
        if data["extra"] is not None:
            data["extra"]["file"] = self._file(data["extra"]["file"])
        for each in data["evaluate"].values():
            each["path"] = self._file(each["path"])

    def _point(self, point: dict[str, Any]) -> None:
        """Words in the place of the paths of a point of the space."""
        for key, value in point.items():
            if key.endswith("encoder.name"):
                point[key] = self._encoder(value)

    def _encoder(self, name: str) -> str:
        is_hub = _OF_HUB.fullmatch(name) and name not in self._folders and not os.path.isdir(name)
        return name if name == TINY or is_hub else self._word(name, "encoder", "")

    def _file(self, name: str) -> str:
        ending = _ENDING.search(name)
        return self._word(name, "file", "" if ending is None else ending[0])

    def _word(self, name: str, kind: str, ending: str) -> str:
        if re.fullmatch(rf"\./{kind}-[0-9]+{re.escape(ending)}", name):  # of an earlier anonymous merge
            return name
        number = 1 + sum(each.startswith(f"./{kind}-") for each in self._words.values())
        return self._words.setdefault(name, f"./{kind}-{number}{ending}")


def anonymous_stage(content: bytes) -> bytes:
    """The record of a trained stage without its machine."""
    told = StageRecord.from_parts(*decode_arrays(content))
    made = replace(told, provenance=_nobody(told.provenance))
    return encode_arrays(made.header(), made.arrays)


_RECORDS: Mapping[str, Callable[[Anonymous, str, bytes], tuple[str, bytes]]] = {
    "configurations": Anonymous.configuration,
    "folds": Anonymous.fold,
    "failures": Anonymous.failure,
    "abandoned": Anonymous.abandonment,
    "stages": Anonymous.stage,
    "floors": Anonymous.floor,
}


def _folders(manifest: Mapping[str, Any]) -> Iterator[str]:
    """Encoders that were read from a folder, by their identity, though their names might be those of the hub."""
    recipes = [(manifest["recipe"], manifest["inputs"])]
    recipes += [(recipe, manifest.get("variant_inputs", {}).get(origin, {})) for origin, recipe in manifest["variants"]]
    for recipe, inputs in recipes:
        for name, stage in recipe["stages"].items():
            if str(inputs.get(name, {}).get("encoder", "")).startswith("sha256:"):
                yield stage["encoder"]["name"]


def _leave_places_out(data: dict[str, Any]) -> None:
    """Of a manifest's ``data``."""
    data["files"] = {}  # that the recipe names
    source = data["source"]
    if source["kind"] == "sample":
        return
    data["name"] = "data"
    source["path"] = LEFT_OUT
    source["files"] = {split: [LEFT_OUT] for split in source.get("files") or {}}


def _nobody(provenance: Provenance) -> Provenance:
    return replace(provenance, host=NOBODY, pid=0)
