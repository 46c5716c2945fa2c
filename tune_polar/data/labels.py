"""Names and order of POLAR's label columns, and the proxy class that stratifies and balances ST1."""

from __future__ import annotations

from collections.abc import Mapping

POLARIZATION = "polarization"

TYPES = ("political", "racial/ethnic", "religious", "gender/sexual", "other")

MANIFESTATIONS = (
    "stereotype",
    "vilification",
    "dehumanization",
    "extreme_language",
    "lack_of_empathy",
    "invalidation",
)

# AlphaLyrae, section on ST1: a polarized text with several types counts as the first of these it has.
PROXY_PRIORITY = ("gender/sexual", "religious", "racial/ethnic", "political", "other")

# Only rows that are polarized have a type or a manifestation.
CONDITIONS: Mapping[str, Mapping[str, int | str]] = {name: {POLARIZATION: 1} for name in (*TYPES, *MANIFESTATIONS)}
