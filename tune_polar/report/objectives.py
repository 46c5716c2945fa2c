"""What a search maximises, and how a configuration is called, in words for the page."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from tune_polar.store.summary import ConfigurationSummary

OBJECTIVES: Mapping[str, str] = MappingProxyType(
    {
        "detector": "macro-F1 of the detector",
        "gold_gated": "macro-F1 of the labels on gold-polarized rows",
        "end_to_end": "macro-F1 of the labels on all rows; rows the detector rejects get no label",
    }
)


def name_of(configuration: ConfigurationSummary) -> str:
    """``published``, the ablation's name, or ``no. 7``."""
    about = configuration.configuration
    if about.origin == "sampled":
        return f"no. {about.number}"
    return about.origin.removeprefix("ablation:")
