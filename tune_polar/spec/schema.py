"""JSON Schemas of the two kinds of file, derived from the very models that check them; for editors.

They say what one file may hold. Rules over several fields, and over several files, only loading can check.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from pydantic import BaseModel

from tune_polar.spec.draft import known_keys
from tune_polar.spec.recipe import Recipe
from tune_polar.spec.recipe_file import FileKeys
from tune_polar.spec.space import Space
from tune_polar.spec.space_rules import FIXED_KEYS, FIXED_SECTIONS, VECTOR_KEY
from tune_polar.spec.strict_yaml import KeyPath

DIALECT = "https://json-schema.org/draft/2020-12/schema"
Schema = dict[str, Any]


def recipe_schema() -> Schema:
    """Of a recipe file: one with all settings, or one that extends another and lists changes."""
    recipe, definitions = _parts(Recipe)
    keys, more = _parts(FileKeys)
    definitions |= more | {"Changes": _changes()}
    own = keys["properties"]
    for holder in (own, definitions["Profile"]["properties"], definitions["Ablation"]["properties"]):
        if "changes" in holder:
            holder["changes"] = {"$ref": "#/$defs/Changes"}
    words = {key: recipe["properties"][key] for key in ("recipe", "description")}
    whole = {
        **recipe,
        "title": "Recipe",
        "properties": recipe["properties"] | {key: own[key] for key in ("profiles", "ablations")},
    }
    variant = {
        "title": "Variant of a recipe",
        "type": "object",
        "properties": words | own | {"extends": {"type": "string", "minLength": 1}},
        "required": ["extends"],
        "additionalProperties": False,
    }
    # `if` rather than `oneOf`: a validator then names the broken key instead of both alternatives.
    return {
        "$schema": DIALECT,
        "title": "tune-polar recipe",
        "type": "object",
        "if": {"required": ["extends"]},
        "then": variant,
        "else": whole,
        "$defs": definitions,
    }


def space_schema() -> Schema:
    """Of a search space file, with the keys that may vary."""
    space, definitions = _parts(Space)
    varied = {
        "enum": [
            key
            for path in _leaves(())
            if path[0] not in FIXED_SECTIONS and (key := ".".join(map(str, path))) not in FIXED_KEYS
        ]
    }
    names = {"anyOf": [varied, {"pattern": _label_pattern()}]}
    for holder in (space["properties"], definitions["SpaceProfile"]["properties"]):
        holder["parameters"]["propertyNames"] = names
    return {"$schema": DIALECT, **space, "title": "tune-polar search space", "$defs": definitions}


def _parts(model: type[BaseModel]) -> tuple[Schema, Schema]:
    """The model's schema without its definitions, and the definitions."""
    schema = model.model_json_schema()
    return schema, schema.pop("$defs", {})


def _changes() -> Schema:
    """Dotted keys with the rules of what they change."""
    return {
        "type": "object",
        "properties": {".".join(map(str, path)): _rule_at(path) for path in _keys(())},
        "patternProperties": {_label_pattern(): _rule_at(("classifier", "gamma_negative"))["additionalProperties"]},
        "additionalProperties": False,
    }


def _rule_at(path: KeyPath) -> Schema:
    """The schema of the value at ``path`` of a recipe; it refers to the same definitions as the recipe's own."""
    model: type[BaseModel] = Recipe
    schema, definitions = _parts(model)
    for part in path[:-1]:
        schema = _resolved(schema["properties"][str(part)], definitions)
    rule: Schema = schema["properties"][str(path[-1])]
    return rule


def _resolved(schema: Schema, definitions: Schema) -> Schema:
    """The object that a section's schema refers to, past ``anyOf`` with null."""
    for each in (schema, *schema.get("anyOf", ())):
        if "$ref" in each:
            found: Schema = definitions[each["$ref"].rpartition("/")[2]]
            return found
    return schema


def _keys(path: KeyPath) -> Iterator[KeyPath]:
    """Every section and value below ``path``."""
    for name in known_keys(path):
        yield (*path, name)
        yield from _keys((*path, name))


def _leaves(path: KeyPath) -> Iterator[KeyPath]:
    return (key for key in _keys(path) if not known_keys(key))


def _label_pattern() -> str:
    return "^" + VECTOR_KEY.replace(".", r"\.") + r"\..+$"
