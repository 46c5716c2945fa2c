"""Names and order of POLAR's label columns, and the proxy class that stratifies and balances ST1."""

from __future__ import annotations

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
