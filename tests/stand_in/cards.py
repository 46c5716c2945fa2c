"""Cards as a test describes them, and which of them a process sees."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from types import SimpleNamespace

GB = 2**30


@dataclass(frozen=True)
class Card:
    """One card of the machine."""

    name: str = "NVIDIA GeForce RTX 4060 Laptop GPU"
    total_gb: float = 8.0
    capability: tuple[int, int] = (8, 9)
    used_gb: float = 0.0  # by other programs
    context_gb: float = 0.25  # of a process, from when it first touches the card
    workspace_mb: float = 8.125  # of cuBLAS, from the first product
    uuid: str = ""  # GPU-… or MIG-…; "": one by its place
    processors: int = 24


def properties(card: Card) -> SimpleNamespace:
    """What ``torch.cuda.get_device_properties`` tells."""
    return SimpleNamespace(
        name=card.name,
        major=card.capability[0],
        minor=card.capability[1],
        total_memory=round(card.total_gb * GB),
        multi_processor_count=card.processors,
        uuid=card.uuid.removeprefix("GPU-"),
        gcnArchName=card.name,
        warp_size=32,
        max_threads_per_multi_processor=1536,
        is_integrated=0,
        is_multi_gpu_board=0,
    )


def visible(cards: Sequence[Card], names: str | None) -> list[Card]:
    """The cards that CUDA_VISIBLE_DEVICES names, as CUDA reads it.

    The first name that names nothing ends the list, one that comes twice empties it, and of MIG instances a process
    sees one.
    """
    named = [
        card if card.uuid else replace(card, uuid=f"GPU-{place:08x}-0000-0000-0000-000000000000")
        for place, card in enumerate(cards)
    ]
    if names is None:
        return named
    found: list[Card] = []
    for name in names.split(","):
        card = _named(named, name.strip())
        if card is None:
            break
        if card in found:
            return []
        found.append(card)
        if card.uuid.startswith("MIG-"):
            break
    return found


def _named(cards: Sequence[Card], name: str) -> Card | None:
    if name.startswith(("GPU-", "MIG-")):
        matching = [card for card in cards if card.uuid.startswith(name)]
        return matching[0] if len(matching) == 1 else None
    number = re.match(r"\+?\d+", name)  # like strtoul: "1gpu2" is 1
    place = int(number[0]) if number else len(cards)
    return cards[place] if place < len(cards) else None
