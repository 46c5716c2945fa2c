"""JSON Schemas of the two kinds of file, derived from the very models that check them; for editors.

They say what one file may hold. Rules over several fields, and over several files, only loading can check; nor do they
refuse keys under `changes` and `parameters`, which depend on the stages' names, but values there have their ranges.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from tune_polar.recipe.draft import LIKE
from tune_polar.recipe.keys import STAGES
from tune_polar.recipe.nodes import Node, root
from tune_polar.recipe.ranges import leaf_schema
from tune_polar.recipe.recipe_file import FileKeys
from tune_polar.recipe.space import Space
from tune_polar.recipe.space_rules import FIXED_SECTIONS, FREE

DIALECT = "https://json-schema.org/draft/2020-12/schema"
Schema = dict[str, Any]
DOT = r"\."
_NULL: Schema = {"type": "null"}


def recipe_schema() -> Schema:
    """Of a recipe file: one with all settings, or one that extends another and says what is different."""
    writer = _Writer()
    sections = {name: writer.schema(_below(root(), name)) for name in root().names()}
    keys = FileKeys.model_json_schema()
    writer.definitions |= keys.pop("$defs", {})
    own = keys["properties"]
    writer.definitions["Changes"] = {"type": "object", "patternProperties": dict(_changes(writer))}
    for holder in (own, writer.definitions["Profile"]["properties"], writer.definitions["Ablation"]["properties"]):
        if "changes" in holder:
            holder["changes"] = {"$ref": "#/$defs/Changes"}
    own["extends"] = {"type": "string", "minLength": 1}
    return {
        "$schema": DIALECT,
        "title": "tune-polar recipe",
        "type": "object",
        "properties": sections | own,
        "additionalProperties": False,
        # `if` rather than `oneOf`: a validator then names the broken key instead of both alternatives.
        "if": {"required": ["extends"]},
        "else": {"required": ["recipe", STAGES], "properties": {"changes": False}},
        "$defs": writer.definitions,
    }


def space_schema() -> Schema:
    """Of a search space file."""
    space = Space.model_json_schema()
    definitions = space.pop("$defs")
    single = {"required": ["type"], "properties": {"type": {"type": "string"}}}
    parameters = space["properties"]["parameters"]["additionalProperties"]
    # Parameters by dotted key, or nested as the recipe nests them.
    definitions["Parameters"] = {
        "type": "object",
        "additionalProperties": {"if": single, "then": parameters, "else": {"$ref": "#/$defs/Parameters"}},
        "minProperties": 1,
    }
    free = "|".join(re.escape(key) for key in FREE)
    fixed = {"not": {"pattern": rf"^(?!({free})$)({'|'.join(FIXED_SECTIONS)})(\.|$)"}}
    for holder in (space["properties"], definitions["SpaceProfile"]["properties"]):
        holder["parameters"] = {"$ref": "#/$defs/Parameters", "propertyNames": fixed}
    return {"$schema": DIALECT, **space, "title": "tune-polar search space", "$defs": definitions}


class _Writer:
    """Schemas of places, each section and component once."""

    def __init__(self) -> None:
        self.definitions: dict[str, Schema] = {}

    def schema(self, node: Node) -> Schema:
        """What may stand at ``node``."""
        found = self._described(self._bare(node), node)
        return {"anyOf": [found, _NULL]} if node.optional and "$ref" in found else found

    def _bare(self, node: Node) -> Schema:
        if node.section is not None:
            return self._defined(node.section.__name__, node)
        if node.several is not None:
            names = node.names()
            some = {name: {"anyOf": [self.schema(_below(node, name)), _NULL]} for name in names}
            one = f"({'|'.join(map(re.escape, names))})"
            word = {"anyOf": [{"enum": list(names)}, {"pattern": rf"^{one}( *\+ *{one})*$"}]}  # one, or several
            return _word_or(word, _section(some))
        if node.one is not None:
            return self._component(node)
        if node.items is not None:
            inner = {"anyOf": [self.schema(node.items), _NULL]}  # null takes away what an extended file says
            return {"type": "object", "additionalProperties": inner}
        return leaf_schema(node)

    def _defined(self, name: str, node: Node) -> Schema:
        if name not in self.definitions:
            self.definitions[name] = {}  # it is being written
            fields = {key: self.schema(_below(node, key)) for key in node.names()}
            if name == "Stage":
                fields[LIKE] = {"type": "string", "description": "Begin as a copy of this stage"}
            whole = _section(fields)
            self.definitions[name] = whole if node.word is None else _word_or({"type": "string"}, whole)
        return {"$ref": f"#/$defs/{name}"}

    def _component(self, node: Node) -> Schema:
        if node.one is None:
            return {}
        registry = node.one.registry
        kinds = []
        for name in registry:
            chosen = {registry.tag: name}
            key = f"{registry.word} {name}".replace(" ", "_")
            if key not in self.definitions:
                fields = {each: self.schema(_below(node, each, chosen)) for each in node.names(chosen)}
                described = registry[name].__doc__ or ""
                self.definitions[key] = {**_section(fields), "description": described.strip().split("\n")[0]}
            is_this = {"required": [registry.tag], "properties": {registry.tag: {"const": name}}}
            kinds.append({"if": is_this, "then": {"$ref": f"#/$defs/{key}"}})
        tag = {registry.tag: {"enum": list(registry)}}
        return _word_or({"enum": list(registry)}, {"type": "object", "properties": tag, "allOf": kinds})

    def _described(self, schema: Schema, node: Node) -> Schema:
        meaning = None if node.about is None else node.about.description
        return schema if meaning is None else {**schema, "description": meaning}


def _section(fields: dict[str, Schema]) -> Schema:
    return {"type": "object", "properties": fields, "additionalProperties": False}


def _word_or(word: Schema, section: Schema) -> Schema:
    return {"if": {"type": "string"}, "then": word, "else": section}


def _below(node: Node, key: str, value: object = None) -> Node:
    found = node.below(key, value)
    if found is None:
        raise KeyError(key)
    return found


def _changes(writer: _Writer) -> Iterator[tuple[str, Schema]]:
    """Patterns of whole dotted keys, with the rule of what stands there; a stage or decision has any name."""
    seen: dict[str, list[Schema]] = {}
    for path, node in _leaves(root(), ()):
        seen.setdefault(_pattern(path), []).append(writer.schema(node))
    for pattern, rules in seen.items():
        distinct = [rule for place, rule in enumerate(rules) if rule not in rules[:place]]
        yield pattern, distinct[0] if len(distinct) == 1 else {"anyOf": distinct}


def _pattern(path: tuple[str, ...]) -> str:
    parts = ["[^.]+" if part == "*" else ".+" if part == "**" else re.escape(part) for part in path]
    if path[0] == STAGES:
        parts = [rf"({STAGES}\.)?{parts[1]}", *parts[2:]]
    return f"^{DOT.join(parts)}$"


def _leaves(node: Node, path: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], Node]]:
    if node.is_leaf or node.each is not None:
        yield path, node
        if node.each is not None:
            yield (*path, "**"), _below(node, "x")
    elif node.items is not None:
        if not node.items.is_leaf:
            yield from _leaves(node.items, (*path, "*"))
    elif node.one is not None:
        for name in node.one.registry:
            chosen = {node.one.registry.tag: name}
            for key in node.names(chosen):
                yield from _leaves(_below(node, key, chosen), (*path, key))
    else:
        for key in node.names():
            yield from _leaves(_below(node, key), (*path, key))
