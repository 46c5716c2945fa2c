"""What trackers have written, read by the formats' own definitions."""

from __future__ import annotations

import json
import struct
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tensorboardX.proto.event_pb2 import Event, SessionLog
from wandb.proto import wandb_internal_pb2

BLOCK, HEADER = 32768, 7  # of W&B's log: blocks of records, each after checksum (4), length (2) and kind (1)
WHOLE, FIRST, MIDDLE, LAST = 1, 2, 3, 4
Points = dict[str, list[tuple[int, float]]]  # by curve, step and value in the order in which they were written


def events_of(folder: Path) -> list[Event]:
    """All events of a TensorBoard folder, file by file."""
    found = []
    for path in sorted(folder.glob("events.out.tfevents.*"), key=lambda path: path.stat().st_mtime_ns):
        content, at = path.read_bytes(), 0
        while at < len(content):
            (length,) = struct.unpack_from("<Q", content, at)
            event = Event()
            event.ParseFromString(content[at + 12 : at + 12 + length])  # 8 of length, 4 of its checksum
            found.append(event)
            at += 12 + length + 4
    return found


def curves_in(folder: Path) -> Points:
    """As TensorBoard shows them: what a session that begins at a step finds from there on is passed over."""
    found: Points = defaultdict(list)
    for event in events_of(folder):
        if event.session_log.status == SessionLog.START and event.step:
            found = defaultdict(
                list, {name: [p for p in points if p[0] < event.step] for name, points in found.items()}
            )
        for value in event.summary.value:
            if value.WhichOneof("value") == "simple_value":
                found[value.tag].append((event.step, value.simple_value))
    return dict(found)


def wandb_records(path: Path) -> Iterator[Any]:
    """Records of an offline run's file."""
    content, at, parts = path.read_bytes(), HEADER, b""
    while at + HEADER <= len(content):
        if BLOCK - at % BLOCK < HEADER:  # no header fits into what is left of the block
            at += BLOCK - at % BLOCK
            continue
        _, length, kind = struct.unpack_from("<IHB", content, at)
        parts += content[at + HEADER : at + HEADER + length]
        at += HEADER + length
        assert kind in (WHOLE, FIRST, MIDDLE, LAST)
        if kind in (WHOLE, LAST):
            record = wandb_internal_pb2.Record()
            record.ParseFromString(parts)
            parts = b""
            yield record


def _items(items: Any) -> dict[str, Any]:
    return {item.key or "/".join(item.nested_key): json.loads(item.value_json) for item in items}


class OfflineRun:
    """One run of W&B, of all its offline sessions."""

    def __init__(self) -> None:
        self.sessions = 0
        self.name = self.group = self.kind = ""
        self.config: dict[str, Any] = {}
        self.summary: dict[str, Any] = {}
        self.points: Points = defaultdict(list)
        self.exit_codes: list[int] = []

    def read(self, path: Path) -> None:
        self.sessions += 1
        for record in wandb_records(path):
            kind = record.WhichOneof("record_type")
            if kind == "run":
                self.name, self.group = record.run.display_name, record.run.run_group
                self.kind = record.run.job_type
                self.config |= _items(record.run.config.update)
            elif kind == "history":
                row = _items(record.history.item)
                for name, value in row.items():
                    stage, _, curve = name.rpartition("/")
                    if stage and curve != "step":
                        self.points[name].append((row[f"{stage}/step"], value))
            elif kind == "summary":
                self.summary |= _items(record.summary.update)
            elif kind == "exit":
                self.exit_codes.append(record.exit.exit_code)


def offline_runs(folder: Path) -> dict[str, OfflineRun]:
    """By id."""
    found: dict[str, OfflineRun] = defaultdict(OfflineRun)
    for path in sorted(folder.glob("wandb/offline-run-*/run-*.wandb"), key=lambda path: path.stat().st_ctime_ns):
        found[path.stem.removeprefix("run-")].read(path)
    return dict(found)
