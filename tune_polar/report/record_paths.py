"""Question 8, last part: under which path each record lies, as a link where the page can reach it."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from tune_polar.report.configuration_index import ConfigurationIndex
from tune_polar.store.summary import SearchSummary


@dataclass(frozen=True)
class Link:
    """A record; ``address`` is "" where a page cannot link there, as into a bucket."""

    text: str
    path: str  # within the store
    address: str


@dataclass(frozen=True)
class RecordRow:
    """One configuration's records."""

    place: int
    name: str
    configuration: Link
    folds: tuple[Link, ...]


@dataclass(frozen=True)
class RecordPaths:
    """Every record, the winner's stages among them."""

    rows: tuple[RecordRow, ...]
    stages: tuple[Link, ...]


def store_address(url: str, page: Path | None) -> str | None:
    """The store's folder as seen from the page's; None where there is no way, as into a bucket."""
    if page is None or "://" in url:
        return None
    try:
        return quote(os.path.relpath(Path(url).resolve(), page.resolve().parent).replace(os.sep, "/"))
    except (OSError, ValueError):  # another drive
        return None


def record_paths(summary: SearchSummary, index: ConfigurationIndex, address: str | None) -> RecordPaths:
    """Paths of all records."""

    def link(text: str, path: str) -> Link:
        return Link(text, path, "" if address is None else f"{address}/{quote(path)}")

    rows = tuple(
        RecordRow(
            index.place(row),
            index.name(row),
            link(row.configuration.id, f"configurations/{row.configuration.id}.json"),
            tuple(link(str(record.fold), f"folds/{record.id}.json") for record in row.folds),
        )
        for row in summary.configurations
    )
    stages = []
    for record in () if summary.best is None else summary.best.folds:
        stages.append(link(f"fold {record.fold}, detector", f"stages/{record.detector_key}.safetensors"))
        if record.classifier_key is not None:
            stages.append(link(f"fold {record.fold}, classifier", f"stages/{record.classifier_key}.safetensors"))
    return RecordPaths(rows, tuple(stages))
