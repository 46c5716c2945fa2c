"""Searches that never met, put together: the set union of their records.

A record is its name and its bytes. Names that one search has are copied; where two have different bytes under one name,
the bytes with the smallest SHA-256 keep the name and the others are kept in ``replicates/``. So the outcome depends on
the set of records alone: not on the order in which the stores are given, nor on how often they are merged.

The manifest follows from the merged searches' own manifests in the same way (``merged_manifest``).
"""

from __future__ import annotations

import hashlib
import logging
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from tune_polar.errors import StoreError
from tune_polar.recipe.configuration import canonical_json, digest
from tune_polar.store.anonymous import Anonymous, anonymous_stage
from tune_polar.store.codec import DamagedRecordError
from tune_polar.store.gold import Gold, gold_difference, gold_digest
from tune_polar.store.store import Store

log = logging.getLogger(__name__)

# Stages before the folds that name them.
RECORD_FOLDERS = ("stages", "configurations", "folds", "failures", "abandoned", "floors")
_RECORD_NAME = re.compile(r"(?P<stem>[0-9A-Za-z_-]{1,100})(~[0-9a-f]{16})?\.(?P<kind>json|safetensors)")
# What must be equal in all manifests, and what it means to a reader.
_MUST_AGREE = ("kind", "recipe", "space", "variants", "cells", "inputs", "variant_inputs", "data.fingerprint")
# What each part says of itself, and of which kind it is.
_OWN: Mapping[str, type] = MappingProxyType(
    {
        "profile": str,
        "data": dict,
        "trials": int,
        "seed": int,
        "racing": str,
        "floors": str,
        "machines": dict,
        "command": str,
        "created": str,
        "versions": dict,
    }
)
_TRIED = "tried"  # what a part may leave out: the points that were to be tried first


@dataclass(frozen=True)
class Merged:
    """What a merge has done."""

    searches: int
    copied: int  # records that were not there
    replicates: int  # records kept beside another of their name, all in all
    damaged: int  # records left out: their hash does not fit, or they say what no record may


@dataclass(frozen=True)
class MergedModels:
    """What a merge has done with fitted models."""

    copied: int
    left_out: tuple[str, ...]  # as ``<configuration>-<rows>``: no search has all its weights, or they are of others


def merge(sources: Sequence[Store], target: Store, *, anonymous: bool = False) -> Merged:
    """Copy every record of ``sources`` into ``target``, which may hold an earlier merge of the same searches.

    The sources are only read. Weights are no records: ``merge_weights`` copies those that are wanted.
    ``anonymous``: without paths, command lines, host names and what errors said.

    Raises:
        StoreError: the searches differ in data, folds or settings (the message names the key), or ``target`` holds
            another search.
    """
    manifests = {store.url: store.manifest() for store in sources}
    whole = merged_manifest(manifests)
    golds = {store.url: store.gold() for store in sources}
    _check_gold(golds)
    without = Anonymous(whole) if anonymous else None
    whole = whole if without is None else without.manifest()
    is_new = not target.files.exists("manifest.json")
    if not is_new and canonical_json(target.manifest()) != canonical_json(whole):
        raise StoreError(
            f"store {target.url}: must be new or an earlier merge of the same searches, but it holds another search",
            "Give a new folder with -o; an earlier merge can be given among the searches to merge.",
        )
    if is_new and anonymous and any(target.files.names(folder) for folder in RECORD_FOLDERS):
        raise StoreError(
            f"store {target.url}: must be new for an anonymous merge, but it holds records without a manifest",
            "Give a new folder with -o, or remove what an interrupted merge has left there.",
        )
    copied = damaged = 0
    for folder in RECORD_FOLDERS:
        for source in sources:
            for name, content in _records(source, folder):
                problem = source.fault_of(name, content)
                if problem is None and without is not None:
                    try:
                        name, content = without.record(name, content)
                    except (DamagedRecordError, KeyError, TypeError, ValueError) as error:
                        problem = str(error)
                if problem is None:
                    copied += _put(target, name, content)
                else:
                    log.warning("%s/%s is left out: %s", source.url, name, problem)
                    damaged += 1
    if is_new:
        target.create(whole, golds[sources[0].url])
    replicates = sum(len(target.files.names(f"replicates/{folder}")) for folder in RECORD_FOLDERS)
    return Merged(len(whole["merged"]), copied, replicates, damaged)


def merge_weights(sources: Sequence[Store], target: Store, keys: Iterable[str], *, anonymous: bool = False) -> int:
    """Copy weights of some stages into ``target``, where it has none; how many were copied.

    Of a stage that several machines have trained, those weights are taken that belong to the record that has its name.
    ``anonymous``: as the records were merged.
    """
    copied = 0
    for key in keys:
        if target.has_weights(key):
            continue
        name = f"stages/{key}.safetensors"
        record = target.files.read(name)
        for source in sources:
            own = source.files.read(name)
            if own is None or source.fault_of(name, own) is not None:
                continue
            own = anonymous_stage(own) if anonymous else own
            if own == record and (weights := source.weights(key)) is not None:
                target.put_weights(key, weights)
                copied += 1
                break
    return copied


def merge_models(sources: Sequence[Store], target: Store) -> MergedModels:
    """Copy the records of fitted models that ``target`` has none of, with their weights.

    One whose weights are not all there and whole, or belong to another record than the one that has its name, is left
    out.
    """
    copied, wanted = 0, dict[str, None]()
    for source in sources:
        for name, keys in source.fitted().items():
            wanted[name] = None
            content = source.files.read(name)
            if content is None or target.files.exists(name) or not all(map(source.has_weights, keys)):
                continue
            merge_weights([source], target, sorted(keys))
            _copy_unrecorded(source, target, sorted(keys))
            if all(map(target.has_weights, keys)):
                copied += target.files.put_if_absent(name, content)
    left_out = [name for name in wanted if not target.files.exists(name)]
    return MergedModels(copied, tuple(name.removeprefix("models/").removesuffix(".json") for name in left_out))


def _copy_unrecorded(source: Store, target: Store, keys: Iterable[str]) -> None:
    """Copy weights of stages that have no record: those of a model of all rows."""
    for key in keys:
        name = f"stages/{key}.safetensors"
        if target.has_weights(key) or source.files.exists(name) or target.files.exists(name):
            continue
        if (weights := source.weights(key)) is not None:
            target.put_weights(key, weights)


def merged_manifest(manifests: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """The manifest of a merged search, from its parts' manifests by place.

    ``merged`` lists the searches (of a part that is itself a merge: its own), each once, in order of their beginning.
    Where each part was begun, by which command, with which seed, points to try and versions stands there. What need
    not agree is that of the search begun first, but for ``trials``, what the parts planned together: for searches of a
    space each part's configurations without the published one, which they share, plus that one; for ablations, whose
    lists are equal, the most.

    Raises:
        StoreError: they differ in what must agree.
    """
    for key in _MUST_AGREE:
        _check_agreement({place: _at(manifest, key) for place, manifest in manifests.items()}, key)
    first = next(iter(manifests.values()))
    parts = {digest(part): part for place, manifest in manifests.items() for part in _parts(manifest, place)}
    ordered = sorted(parts.values(), key=lambda part: (part["created"], digest(part)))
    trials = [int(part["trials"]) for part in ordered]
    total = sum(trials) - (len(trials) - 1) if first["kind"] == "search" else max(trials)
    begun_first = ordered[0]
    command = "; ".join(dict.fromkeys(part["command"] for part in ordered))
    return {
        **{key: first[key] for key in _MUST_AGREE if key in first},
        **begun_first,
        "trials": total,
        "command": command,
        "merged": ordered,
    }


def _parts(manifest: Mapping[str, Any], place: str) -> list[dict[str, Any]]:
    merged = manifest.get("merged", [manifest])
    parts = merged if isinstance(merged, list) else []
    for part in parts or [None]:
        found = part if isinstance(part, Mapping) else {}
        wrong = [key for key, kind in _OWN.items() if type(found.get(key)) is not kind]
        points = found.get(_TRIED, [])
        if type(points) is not list or not all(isinstance(point, dict) for point in points):
            wrong.append(_TRIED)
        if wrong:
            raise StoreError(
                f"store {place}: manifest.json must describe a search, but it says nothing of {', '.join(wrong)}",
                "Give the folder or URL that `tune-polar search` printed as its records.",
            )
    return [{key: part[key] for key in (*_OWN, _TRIED) if key in part} for part in parts]


def _records(store: Store, folder: str) -> Iterator[tuple[str, bytes]]:
    """Name and bytes of each record and replicate; what is not named like one is not ours."""
    for place in (folder, f"replicates/{folder}"):
        found = {}
        for name in store.files.names(place):
            matched = _RECORD_NAME.fullmatch(name.rpartition("/")[2])
            if matched is not None:
                found[name] = f"{folder}/{matched['stem']}.{matched['kind']}"
        for name, content in store.files.read_many(found):
            if content is not None:
                yield found[name], content


def _put(target: Store, name: str, content: bytes) -> bool:
    """Keep ``content`` under ``name`` or beside it; whether it is new."""
    files = target.files
    if files.put_if_absent(name, content):
        return True
    before = files.read(name)
    if before is None or before == content:
        return False
    if (fault := target.fault_of(name, before)) is not None:  # damaged since an earlier merge
        files.set_aside(name, fault)
        return files.put_if_absent(name, content)
    smaller, larger = sorted((before, content), key=lambda each: hashlib.sha256(each).hexdigest())
    stem, _, kind = name.rpartition(".")
    is_new = files.put_if_absent(f"replicates/{stem}~{hashlib.sha256(larger).hexdigest()[:16]}.{kind}", larger)
    if smaller is content:
        files.replace(name, content)  # what stood here lies in replicates/ by now
        return True
    return is_new


def _check_gold(golds: Mapping[str, Gold]) -> None:
    (first_place, first), *others = golds.items()
    digest_of_first = gold_digest(first)
    for place, gold in others:
        if gold_digest(gold) != digest_of_first:
            raise StoreError(
                f"searches to merge must agree in gold: {gold_difference(first, gold)}, {first_place} and {place}",
                "Merge only searches of one recipe and space on the same data and folds.",
            )


def _check_agreement(values: Mapping[str, object], key: str) -> None:
    """Refuse values, by place, that are not all the same."""
    (first_place, first), *others = values.items()
    for place, value in others:
        difference = _difference(first, value, key)
        if difference is not None:
            where, one, other = difference
            remedy = "Merge only searches of one recipe and space on the same data and folds."
            if where.endswith(".revision") and isinstance(one, str):  # what a search pins where the recipe names none
                remedy += f" To begin one that can be merged: --set {where.removeprefix('recipe.')}={one}."
            raise StoreError(
                f"searches to merge must agree in {where}, got {_short(one)} in {first_place} and "
                f"{_short(other)} in {place}",
                remedy,
            )


def _at(manifest: Mapping[str, Any], key: str) -> object:
    found: Any = manifest
    for part in key.split("."):
        found = found.get(part) if isinstance(found, Mapping) else None
    return found


def _difference(one: object, other: object, key: str) -> tuple[str, object, object] | None:
    """The first key at which two settings differ, with both values."""
    if isinstance(one, Mapping) and isinstance(other, Mapping):
        for name in sorted({*one, *other}):
            # A stage's keys begin with its name.
            at = name if key == "recipe.stages" else f"{key}.{name}"
            found = _difference(one.get(name), other.get(name), at)
            if found is not None:
                return found
        return None
    return None if canonical_json(one) == canonical_json(other) else (key, one, other)


def _short(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}…"
