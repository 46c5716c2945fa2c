"""What may stand at one place of a recipe, in words and as JSON Schema, read off the very models that check it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import TypeAdapter
from pydantic.fields import FieldInfo

from tune_polar.recipe.nodes import Node
from tune_polar.recipe.settings import Settings

Schema = dict[str, Any]


def leaf_schema(node: Node) -> Schema:
    """JSON Schema of a single value or list, or of what all or each of the columns have."""
    if node.names_one is not None:
        return {"enum": list(node.names_one.registry)}
    if node.of_each is not None:
        return _schema_of(node.of_each.value)
    if node.each is not None:
        one = _schema_of(node.each.value)
        many = {"type": "object", "additionalProperties": one}
        return {"anyOf": [*one.get("anyOf", [one]), many, *([{"type": "null"}] if node.each.optional else [])]}
    return {} if node.about is None else _schema_of(_annotation(node.about))


def ends_of(node: Node) -> tuple[float | None, float | None]:
    """Lowest and highest number that may stand there, where these may be taken themselves; else None."""
    schema = leaf_schema(node)
    for each in (schema, *schema.get("anyOf", ())):
        if each.get("type") in ("number", "integer"):
            low, high = each.get("minimum"), each.get("maximum")
            return None if low is None else float(low), None if high is None else float(high)
    return None, None


def kind_words(node: Node) -> str:
    """``number``, ``whole number``, ``text``, ``list of texts``, ``section``."""
    if node.one is not None or node.section is not None:
        return "section"
    if node.several is not None:
        return "sections by name"
    if node.items is not None:
        return f"{kind_words(node.items)} by name" if not node.items.is_leaf else "values by name"
    schema = leaf_schema(node)
    if node.each is not None:
        return f"{_kind(schema['anyOf'][0])}, or one a column"
    return _kind(next(iter(_parts(schema)), {}))


def range_words(node: Node) -> str:
    """``0 < x ≤ 10``, ``a, b or null``, ``text``."""
    if node.one is not None:
        return ", ".join(node.one.registry)
    if node.several is not None:
        return ", ".join(node.several.registry)
    if node.items is not None or node.section is not None:
        return "—"
    schema = leaf_schema(node)
    if node.each is not None:
        schema = schema["anyOf"][0]
    words = " or ".join(map(_range, _parts(schema)))
    return f"{words} or null" if node.optional else words


def default_words(node: Node) -> str:
    """The value that is taken where none is given; ``—``: the recipe says it, or its task does."""
    about = node.about
    if about is None or about.is_required():
        return "—"
    value = about.default
    if value is None:
        return "null"
    if isinstance(value, Settings):
        return "—"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, tuple | Mapping) or value == "":
        return ", ".join(map(str, value)) if value else "empty"
    return f"{value:g}" if isinstance(value, float) else str(value)


def _annotation(about: FieldInfo) -> Any:
    return Annotated[about.annotation, *about.metadata] if about.metadata else about.annotation


def _schema_of(annotation: Any) -> Schema:
    is_model = isinstance(annotation, type) and issubclass(annotation, Settings)
    return TypeAdapter(annotation, config=None if is_model else Settings.model_config).json_schema()


def _parts(schema: Schema) -> list[Schema]:
    """The kinds a value may have, null left out."""
    return [each for each in schema.get("anyOf", [schema]) if each.get("type") != "null"]


def _kind(schema: Schema) -> str:
    if "enum" in schema or "const" in schema:
        return "word"
    kinds = {"number": "number", "integer": "whole number", "string": "text", "boolean": "true or false"}
    if len(schema.get("prefixItems", ())) == 2:
        return f"pair of {_several(_kind(schema['prefixItems'][0]))}"
    if schema.get("type") == "array":
        return f"list of {_several(_kind(schema.get('items', {})))}"
    return kinds.get(str(schema.get("type")), "value")


def _several(kind: str) -> str:
    """``numbers``, ``pairs of numbers``."""
    first, of, rest = kind.partition(" of ")
    return f"{first}s{of}{rest}"


def _range(schema: Schema) -> str:
    if "enum" in schema:
        return ", ".join(map(str, schema["enum"]))
    if "const" in schema:
        return str(schema["const"])
    kind = schema.get("type")
    if kind == "array":
        inner = _range(schema["items"]) if "items" in schema else ""
        return f"list of {inner}" if inner not in ("", "text") and not inner.startswith("pair ") else _kind(schema)
    if kind == "boolean":
        return "true, false"
    if kind not in ("number", "integer"):
        return "text" if kind == "string" else "—"
    letter = "n" if kind == "integer" else "x"
    low = _end(schema, "exclusiveMinimum", " <") or _end(schema, "minimum", " ≤")
    high = _end(schema, "exclusiveMaximum", "< ", after=True) or _end(schema, "maximum", "≤ ", after=True)
    step = f", multiples of {schema['multipleOf']}" if "multipleOf" in schema else ""
    return " ".join(filter(None, (low, letter, high))) + step if low or high else _kind(schema)


def _end(schema: Schema, key: str, sign: str, *, after: bool = False) -> str:
    if key not in schema:
        return ""
    number = schema[key]
    shown = f"{number:,}" if isinstance(number, int) else f"{number:g}"
    return f"{sign}{shown}" if after else f"{shown}{sign}"
