"""What a store's manifest says of its search, checked once and typed."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError

from tune_polar.errors import StoreError
from tune_polar.spec.recipe import Recipe


@dataclass(frozen=True, eq=False)
class ManifestFacts:
    """The manifest's words about a search."""

    kind: str  # "search", "ablation"
    recipe: Recipe
    profile: str
    parameters: Mapping[str, Mapping[str, Any]]  # of the space; empty for an ablation
    space: str | None
    data_name: str
    data_path: str | None  # None: generated
    rows: Mapping[str, int]  # by split
    data_fingerprint: str
    detector_plan: str
    classifier_plan: str
    encoder_identity: str
    trials: int
    seed: int
    command: str
    created: str
    versions: Mapping[str, str]
    racing: str = "none"  # also of searches older than racing


def manifest_facts(manifest: Mapping[str, Any], place: str) -> ManifestFacts:
    """The facts of ``manifest``.

    Raises:
        StoreError: it does not describe a search.
    """
    try:
        space = manifest["space"] or {"name": None, "parameters": {}}
        data, inputs = manifest["data"], manifest["inputs"]
        return ManifestFacts(
            kind=str(manifest["kind"]),
            recipe=Recipe.model_validate_json(json.dumps(manifest["recipe"])),
            profile=str(manifest["profile"]),
            parameters={str(key): dict(about) for key, about in space["parameters"].items()},
            space=space["name"],
            data_name=str(data["name"]),
            data_path=data["source"].get("path"),
            rows={str(name): int(rows) for name, rows in data["rows"].items()},
            data_fingerprint=str(data["fingerprint"]),
            detector_plan=str(inputs["detector_plan"]),
            classifier_plan=str(inputs["classifier_plan"]),
            encoder_identity=str(inputs["encoder"]),
            trials=int(manifest["trials"]),
            seed=int(manifest["seed"]),
            command=str(manifest["command"]),
            created=str(manifest["created"]),
            racing=str(manifest.get("racing", "none")),
            versions={str(name): str(number) for name, number in manifest["versions"].items()},
        )
    except (KeyError, TypeError, ValueError, AttributeError, ValidationError) as error:
        raise StoreError(
            f"store {place}: manifest.json must describe a search, but: {type(error).__name__} {error}",
            "Give the folder or URL that `tune-polar search` printed as its records.",
        ) from None
