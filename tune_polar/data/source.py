"""Where a search's texts come from, as a person names it and as a manifest keeps it."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from tune_polar.data.layout import SPLIT_MARK
from tune_polar.data.readers import Place
from tune_polar.data.readers.folders import split_files
from tune_polar.data.readers.places import UnreadableError
from tune_polar.data.readers.polar import is_polar_folder
from tune_polar.data.table import DEV, TEST, TRAIN, SplitName
from tune_polar.errors import DataError

if TYPE_CHECKING:
    import pandas as pd

SAMPLE = "sample"
LEFT_OUT = "(left out)"  # of a manifest that was merged without names and places
FRAME = "DataFrame"  # stands for the path of data that lies in memory alone
DEFAULT_LANGUAGE = "zho"

_Files = Annotated[tuple[str, ...], Field(strict=False, min_length=1)]
_DATA_RULE = "--data must be `sample`, a folder, a file that exists or hf://datasets/OWNER/NAME/…"


class Source(BaseModel):
    """The generated sample, a folder in POLAR's layout, or the files of each split."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)
    kind: Literal["sample", "polar", "files"]
    path: str | None = None  # what --data named
    language: str | None = None  # of POLAR: one, several with commas between, or "all"
    seed: int = 0  # of the sample
    files: Mapping[SplitName, _Files] = {}  # addresses; several where a file was cut up
    columns: Mapping[str, str] = {}  # the recipe's name → the file's column
    frames: Annotated[Mapping[SplitName, Any], Field(exclude=True, repr=False)] = {}  # DataFrames; kept nowhere

    def places(self, split: SplitName) -> tuple[Place, ...]:
        """Where the rows of a split of one's own lie; nowhere, where there is no such split.

        Raises:
            DataError: they lay in a DataFrame, which is not there any more.
        """
        addresses = self.files.get(split, ())
        if addresses == (_frame_address(split),):
            if split not in self.frames:
                option = "data" if split == TRAIN else split
                raise DataError(
                    f"the rows of {split} were given as a DataFrame, which no record holds",
                    f"Give the same rows again with --{option}: a file, or from Python a {FRAME}.",
                )
            return (Place(addresses[0], self.frames[split]),)
        return tuple(map(Place, addresses))


def parse_source(
    data: str | pd.DataFrame,
    *,
    language: str | None = None,
    dev: str | pd.DataFrame | None = None,
    test: str | pd.DataFrame | None = None,
    columns: Mapping[str, str] | None = None,
) -> Source:
    """What ``--data`` and the options beside it mean.

    Args:
        data: ``sample``, a folder in POLAR's layout, a folder with train (and dev and test) files, a file, one of
            these on the hub, or a DataFrame.
        language: of a POLAR folder, zho unless given.
        dev: a file or DataFrame of rows that no fold trains on.
        test: one of rows that are decided at the end.
        columns: as ``--column NAME=COLUMN`` gives them; ``SPLIT.NAME`` where one split's file has another.

    Raises:
        DataError: ``data`` is none of these, or an option does not go with it.

    Example: ``parse_source("tweets.tsv.gz", columns={"text": "tweet"})``
    """
    columns = {} if columns is None else dict(columns)
    if not isinstance(data, str):
        _check_frame("--data", data)
        return _of_files(FRAME, {TRAIN: (_frame_address(TRAIN),)}, {TRAIN: data}, (language, dev, test), columns)
    if data == SAMPLE:
        if language not in (None, DEFAULT_LANGUAGE) or dev is not None or test is not None or _of_own_rows(columns):
            raise DataError(
                "--language, --dev, --test and --column must be left out with --data sample, which is Chinese and "
                "generated",
                "Give a folder or file with --data to use them.",
            )
        return Source(kind="sample", columns=columns)
    place = _existing(data)
    try:
        is_folder = place.is_folder()
        is_polar = is_folder and is_polar_folder(place)
        files: dict[SplitName, tuple[str, ...]] = (
            split_files(place) if is_folder and not is_polar else {TRAIN: (str(place),)}
        )
    except UnreadableError as error:
        raise DataError(f"{_DATA_RULE}; {place} {error.message}", _remedy(data)) from error
    if is_polar:
        if dev is not None or test is not None or _of_own_rows(columns):
            raise DataError(
                f"--dev, --test and --column must be left out where --data is a POLAR folder, got {data!r}",
                "Give a file with --data to name columns.",
            )
        return Source(kind="polar", path=str(place), language=language or DEFAULT_LANGUAGE, columns=columns)
    return _of_files(str(place), files, {}, (language, dev, test), columns)


def _of_files(
    path: str,
    files: dict[SplitName, tuple[str, ...]],
    frames: dict[SplitName, object],
    beside: tuple[str | None, str | pd.DataFrame | None, str | pd.DataFrame | None],  # language, dev, test
    columns: Mapping[str, str],
) -> Source:
    language, dev, test = beside
    if language is not None:
        raise DataError(
            f"--language must be left out where --data is no POLAR folder, got {language!r}", "Leave it out."
        )
    further: tuple[tuple[SplitName, str | pd.DataFrame | None], ...] = ((DEV, dev), (TEST, test))
    for split, given in further:
        if given is None:
            continue
        if split in files:
            got = repr(given) if isinstance(given, str) else f"a {FRAME}"
            raise DataError(
                f"--{split} must be left out where the folder has a {split} file, got {got} beside "
                f"{', '.join(files[split])}",
                "Leave it out, or name the train file itself with --data.",
            )
        if isinstance(given, str):
            files[split] = (str(absolute(given)),)
        else:
            _check_frame(f"--{split}", given)
            files[split], frames[split] = (_frame_address(split),), given
    return Source.model_validate({"kind": "files", "path": path, "files": files, "frames": frames, "columns": columns})


def _frame_address(split: SplitName) -> str:
    """Where the records say that the rows of a DataFrame lay; no path of a file is called so, for they are whole."""
    return f"{FRAME} {split}"


def _check_frame(option: str, given: object) -> None:
    import pandas as pd  # loaded by now, where there is a DataFrame to be given

    if not isinstance(given, pd.DataFrame):
        raise DataError(
            f"{option} must be a path, an address or a pandas DataFrame, got a {type(given).__name__}",
            "Make a DataFrame of it, or write it to a file.",
        )


def taken_up(
    was: Source,
    *,
    data: str | pd.DataFrame | None = None,
    language: str | None = None,
    dev: str | pd.DataFrame | None = None,
    test: str | pd.DataFrame | None = None,
    columns: Mapping[str, str] | None = None,
) -> Source:
    """The source of a recorded search, where its data lies now.

    What is not said is as it was: language, columns, and the files of dev and test, which are looked for where they
    lay beside train, seen from where train lies now, and then where they lay.

    Args:
        was: as recorded.
        data, language, dev, test, columns: as ``parse_source`` takes them; None: as recorded.

    Raises:
        DataError: as ``parse_source``, or the store was merged without names and places and is not told them.

    Example: ``taken_up(parse_source("old/train.csv", dev="old/dev.csv"), data="new/train.csv")`` reads ``new/dev.csv``.
    """
    if was.path == LEFT_OUT and data is None:
        raise DataError(
            "a store must be told where its data lies, for it was merged with --anonymous",
            "Give the data with --data; other texts than those of the search are refused.",
        )
    named = {**was.columns, **(columns or {})}
    if data is None and was.path == FRAME:  # whoever reads it says that it is not there any more
        return was.model_copy(update={"columns": named})
    given = data if data is not None else was.path or SAMPLE
    found = parse_source(given)
    if found.kind != was.kind:
        return parse_source(given, language=language, dev=dev, test=test, columns=columns)
    if was.kind == "polar":
        language = language or was.language
    _check_told(was, found, {DEV: dev, TEST: test})
    remembered = {
        split: now_at(was, found, paths[0])
        for split, paths in was.files.items()
        if split not in found.files and paths not in ((_frame_address(split),), (LEFT_OUT,))
    }
    dev = remembered.get(DEV) if dev is None else dev
    test = remembered.get(TEST) if test is None else test
    return parse_source(given, language=language, dev=dev, test=test, columns=named)


def _check_told(was: Source, now: Source, told: Mapping[SplitName, object]) -> None:
    """Refuse a store without places where one of its splits is not told anew.

    Raises:
        DataError: it is not.
    """
    for split, given in told.items():
        if was.files.get(split) == (LEFT_OUT,) and split not in now.files and given is None:
            raise DataError(
                f"a store must be told where its rows of {split} lie, for it was merged with --anonymous",
                f"Give them with --{split}; other texts than those of the search are refused.",
            )


def now_at(was: Source, now: Source, address: str) -> str:
    """Where a file of a recorded search lies: beside the data as it lay beside it then, if it is there; else there."""
    then, here = (str(Path(each.files[TRAIN][0]).parent) if each.files else each.path for each in (was, now))
    if then is None or here is None or "://" in then + here + address or FRAME in (was.path, now.path):
        return address
    beside = Path(os.path.normpath(Path(here, os.path.relpath(address, then))))
    return str(beside) if beside.exists() else address


def source_from_json(kept: object) -> Source:
    """What a manifest keeps.

    Raises:
        DataError: it is something else.
    """
    try:
        found = Source.model_validate(kept)
        if found.frames:
            raise ValueError("no record holds a DataFrame")
        return found
    except ValueError:  # pydantic's among them
        raise DataError(
            f"a manifest's data source must name kind and path, got {kept!r}", "Give the data anew with --data."
        ) from None


def absolute(address: str) -> Place:
    """The place that ``address`` names, whatever the working folder is later."""
    return Place(address) if "://" in address else Place(os.path.realpath(address))


def _of_own_rows(columns: Mapping[str, str]) -> bool:
    """Whether columns are named of other files than those of extra rows and evaluation sets."""
    return any(SPLIT_MARK not in name for name in columns)


def _existing(data: str) -> Place:
    try:
        place = absolute(data) if data else Place(data)
        exists = bool(data) and place.exists()
    except (OSError, ValueError):  # a name too long; a NUL character in it
        exists = False
    except UnreadableError as error:
        raise DataError(f"{_DATA_RULE}; {data} {error.message}", _remedy(data)) from error
    if not exists:
        raise DataError(f"{_DATA_RULE}, got {data!r}", _remedy(data))
    return place


def _remedy(data: str) -> str:
    if data.startswith("hf://"):
        from huggingface_hub.constants import is_offline_mode  # loaded by now, and only for such an address

        if is_offline_mode():
            return "HF_HUB_OFFLINE or TRANSFORMERS_OFFLINE is set: unset it, or give a folder on this machine."
        return (
            "Check owner, name and access (`hf auth whoami`); or download with `hf download --repo-type dataset` "
            "and give the folder."
        )
    return f"Check the path, or fetch POLAR with `tune-polar data fetch polar --language {DEFAULT_LANGUAGE}`."
