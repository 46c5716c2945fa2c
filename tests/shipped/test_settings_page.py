"""docs/settings.md has a row for every key of a recipe, and says its range and default as the recipe's model does."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from tune_polar.spec.draft import known_keys
from tune_polar.spec.recipe import Recipe

PAGE = Path(__file__).resolve().parents[2] / "docs/settings.md"
ROW = re.compile(r"^\| `([^`]+)` \| (.*) \|$", flags=re.MULTILINE)
COLUMNS = ("meaning", "unit", "range", "default", "in the papers")


def keys(path: tuple[str, ...] = ()) -> list[tuple[str, ...]]:
    """Every value of a recipe, as its model has them."""
    names = known_keys(path)
    return [path] if not names else [key for name in names for key in keys((*path, name))]


def rows() -> dict[str, dict[str, str]]:
    found = {}
    for key, cells in ROW.findall(PAGE.read_text(encoding="utf-8")):
        assert key not in found, f"{key} has two rows"
        found[key] = dict(zip(COLUMNS, (cell.strip() for cell in cells.split(" | ")), strict=True))
    return found


def schema_of(path: tuple[str, ...]) -> tuple[dict[str, Any], bool]:
    """JSON Schema of the value at ``path``, and whether the key must be given."""
    schema = Recipe.model_json_schema()
    definitions, at = schema["$defs"], schema
    for part in path:
        for each in (at, *at.get("anyOf", ()), *at.get("allOf", ())):
            if "$ref" in each:
                at = definitions[each["$ref"].rpartition("/")[2]]
        required, at = part in at.get("required", ()), at["properties"][part]
    return at, required


def range_of(schema: dict[str, Any]) -> str:
    """``0 < x ≤ 10``, ``a, b or null``, ``text``."""
    if "anyOf" in schema:
        return " or ".join("null" if each.get("type") == "null" else range_of(each) for each in schema["anyOf"])
    if "enum" in schema:
        return ", ".join(schema["enum"])
    if schema.get("type") == "array":
        return "list of texts"
    if schema.get("type") == "object":
        return f"each label: {range_of(schema['additionalProperties'])}"
    if schema.get("type") == "string":
        return "text"
    low = f"{schema['exclusiveMinimum']:g} <" if "exclusiveMinimum" in schema else f"{schema['minimum']:g} ≤"
    bound = f"< {schema['exclusiveMaximum']:g}" if "exclusiveMaximum" in schema else f"≤ {_whole(schema['maximum'])}"
    step = f", multiples of {schema['multipleOf']}" if "multipleOf" in schema else ""
    return f"{low} {'n' if schema['type'] == 'integer' else 'x'} {bound}{step}"


def _whole(number: float) -> str:
    return f"{number:,}" if isinstance(number, int) else f"{number:g}"


def default_of(schema: dict[str, Any], required: bool) -> str:
    if required:
        return "—"
    value = schema.get("default")
    if value in (None, "", []):
        return {"None": "null", "": "empty", "[]": "empty"}[str(value)]
    return str(value)


def test_every_key_has_a_row_and_every_row_is_a_key() -> None:
    named = {".".join(path) for path in keys()}
    assert len(named) > 40
    assert set(rows()) == named


@pytest.mark.parametrize("path", keys(), ids=".".join)
def test_a_row_says_the_range_and_default_of_the_model(path: tuple[str, ...]) -> None:
    row = rows()[".".join(path)]
    schema, required = schema_of(path)
    assert row["range"] == range_of(schema)
    assert row["default"] == default_of(schema, required)
    assert len(row["meaning"]) > 10
    assert row["unit"]


def test_symbols_of_the_papers_stand_beside_their_keys() -> None:
    symbols = {"detector.xi": "ξ", "detector.la": "λ", "detector.gamma": "γ", "detector.margin": "δ"}
    symbols |= {"classifier.gamma_negative": "γ−", "classifier.clip": "m", "decision.tau": "τ", "decision.k": "k"}
    for key, symbol in symbols.items():
        assert symbol in rows()[key]["in the papers"], key
