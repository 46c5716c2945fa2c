"""Something that a real run lacks."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Missing:
    """What it is, and what to do about it."""

    what: str  # "GPU: …", "encoder: …", "store: …", "memory: …"
    remedy: str
