"""The record of what a search was told anew when it was taken up: it holds for every later resume."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Annotated, Any

from pydantic import Field

from tune_polar.store.plain_record import PlainRecord, SafeName

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
class Resumption(PlainRecord):
    """What the manifest says of these, said anew. The one with the highest number counts."""

    number: Annotated[int, Field(ge=1, le=10**18)]
    trials: Annotated[int, Field(ge=1)]  # all in all
    racing: SafeName
    machines: MachineFacts

    @property
    def id(self) -> str:
        """Its name among the records."""
        return f"{self.number:06d}"

    def over(self, manifest: Mapping[str, Any]) -> dict[str, Any]:
        """``manifest`` with this in its place."""
        return {**manifest, "trials": self.trials, "racing": self.racing, "machines": asdict(self.machines)}
