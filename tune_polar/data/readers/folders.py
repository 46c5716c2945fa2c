"""Which files of a folder are which split: ``train.csv``, ``dev.tsv``, ``validation.jsonl``, ``test.parquet`` …"""

from __future__ import annotations

import re
from collections.abc import Mapping

from tune_polar.data.readers import READERS
from tune_polar.data.readers.places import GZIP_SUFFIX, Place
from tune_polar.data.table import DEV, TEST, TRAIN, SplitName
from tune_polar.errors import DataError

# What people and the hub call them.
SPLIT_OF_STEM: Mapping[str, SplitName] = {
    "train": TRAIN,
    "training": TRAIN,
    "dev": DEV,
    "development": DEV,
    "val": DEV,
    "valid": DEV,
    "validation": DEV,
    "test": TEST,
}
INNER_FOLDER = "data"  # where the hub keeps them

_SHARD = re.compile(r"(?P<stem>.+)-\d{5}-of-(?P<count>\d{5})")


def split_files(folder: Place) -> dict[SplitName, tuple[str, ...]]:
    """The addresses of the files of each split, train first; several where a file was cut into shards.

    Looked at are ``folder`` and, where it has no train file, its folder ``data``. Other files are left alone.

    Raises:
        DataError: there is no train file, several files of one split, or a shard is missing.
    """
    entries = folder.entries()
    found = _files_of(folder, entries)
    if TRAIN not in found and INNER_FOLDER in entries:
        inner = folder.child(INNER_FOLDER)
        found = _files_of(inner, inner.entries() if inner.is_folder() else [])
    if TRAIN not in found:
        raise DataError(
            f"a folder must have a train file (train.csv, .tsv, .jsonl or .parquet) or, as POLAR has, "
            f"train/<language>.csv; got {entries[:12]} in {folder}",
            "Name the file itself with --data, or name the files train, dev and test.",
        )
    order: tuple[SplitName, ...] = (TRAIN, DEV, TEST)
    return {split: found[split] for split in order if split in found}


def is_of_test(word: str) -> bool:
    """Whether a word that a column says of a row is one that test is called by."""
    return SPLIT_OF_STEM.get(word.strip().lower()) == TEST


def is_data_file(name: str) -> bool:
    """Whether a file is called as one that is read."""
    return Place(name).suffix in READERS


def _files_of(folder: Place, entries: list[str]) -> dict[SplitName, tuple[str, ...]]:
    whole: dict[SplitName, list[str]] = {}
    shards: dict[SplitName, list[str]] = {}
    for name in entries:
        if not is_data_file(name):
            continue
        stem = Place(name).stem.lower()
        shard = _SHARD.fullmatch(stem)
        split = SPLIT_OF_STEM.get(stem if shard is None else shard["stem"])
        if split is not None:
            (whole if shard is None else shards).setdefault(split, []).append(name)
    for split, names in whole.items():
        if len(names) > 1 or split in shards:
            raise DataError(
                f"a folder must have one file of each split, got {names + shards.get(split, [])} in {folder}",
                f"Move away those that are not the {split} file, or name files with --data, --dev and --test.",
            )
    for split, names in shards.items():
        counts = {int(_SHARD.fullmatch(Place(name).stem.lower())["count"]) for name in names}  # type: ignore[index]
        if counts != {len(names)}:
            raise DataError(
                f"all shards of a split must be there, got {len(names)} of {max(counts)} of {split} in {folder}",
                f"Put the missing files there (they may end in {GZIP_SUFFIX}).",
            )
    both = {split: sorted(names) for split, names in (whole | shards).items()}
    return {split: tuple(str(folder.child(name)) for name in names) for split, names in both.items()}
