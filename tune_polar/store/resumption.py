"""The record of what a search was told anew when it was taken up: it holds for every later resume."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Annotated, Any

from pydantic import Field, TypeAdapter

from tune_polar.store.records import SAFE_NAME

Above = Annotated[float, Field(gt=0, allow_inf_nan=False)]


@dataclass(frozen=True)
class MachineFacts:
    """How a search was told to use its machines; None: not told."""

    slots: Annotated[int, Field(ge=1)] | None = None
    slot_gb: Annotated[float, Field(ge=1, allow_inf_nan=False)] | None = None
    checkpoint_seconds: Annotated[float, Field(ge=0, allow_inf_nan=False)] | None = None
    threads: Annotated[int, Field(ge=1)] | None = None  # of one slot without a GPU
    keep_weights: Annotated[int, Field(ge=0)] | None = None
    disk_gb: Above | None = None  # None: a third of what is free


@dataclass(frozen=True)
class Resumption:
    """What the manifest says of these, said anew. The one with the highest number counts."""

    number: Annotated[int, Field(ge=1, le=10**18)]
    trials: Annotated[int, Field(ge=1)]  # all in all
    racing: str
    machines: MachineFacts

    @property
    def id(self) -> str:
        """Its name among the records."""
        return f"{self.number:06d}"

    def to_json(self) -> dict[str, object]:
        """Plain data."""
        return asdict(self)

    def over(self, manifest: Mapping[str, Any]) -> dict[str, Any]:
        """``manifest`` with this in its place."""
        return {**manifest, "trials": self.trials, "racing": self.racing, "machines": asdict(self.machines)}

    @staticmethod
    def from_json(data: Mapping[str, Any]) -> Resumption:
        """The record that ``to_json`` wrote.

        Raises:
            ValueError: it is something else.
        """
        record = _RESUMPTION.validate_json(json.dumps(data), strict=True)
        if not SAFE_NAME.fullmatch(record.racing):
            raise ValueError(f"names must be letters, digits, - and _, got {record.racing!r}")
        return record


_RESUMPTION = TypeAdapter(Resumption)  # may come from a stranger's machine: every value is checked for its type
