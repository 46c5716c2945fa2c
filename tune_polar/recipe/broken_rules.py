"""How a broken rule travels from a pydantic model to a line of the user's file."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from tune_polar.recipe.message_words import KeyPath, shown

NOT_GIVEN = "must be given, got nothing"
_NOT_SAID = object()


@dataclass(frozen=True)
class Breach:
    """One rule over several fields that is broken at ``key``, a path from the model that has the rule."""

    key: KeyPath
    rule: str
    value: object = _NOT_SAID  # what broke it; left out where the rule says it
    hint: str = ""  # "; did you mean 'x'?"

    def __str__(self) -> str:
        got = "" if self.value is _NOT_SAID else f", got {shown(self.value)}"
        return f"{self.rule}{got}{self.hint}"


class RuleBrokenError(ValueError):
    """Rules over several fields of one model are broken."""

    def __init__(self, *breaches: Breach) -> None:
        super().__init__("; ".join(f"{'.'.join(map(str, breach.key))}: {breach}" for breach in breaches))
        self.breaches = breaches


@dataclass(frozen=True)
class BrokenRule:
    """A rule and the key of the model that breaks it."""

    key: KeyPath
    rule: str


# Pydantic's kinds of error in the words of a person who writes YAML.
_WORDS: Mapping[str, str] = MappingProxyType(
    {
        "model_type": "must be a section of keys and values",
        "model_attributes_type": "must be a section of keys and values",
        "dict_type": "must be a section of keys and values",
        "mapping_type": "must be a section of keys and values",
        "tuple_type": "must be a list",
        "string_type": "must be text",
        "string_too_short": "must not be empty",
        "too_short": "must not be empty",
        "int_type": "must be a whole number",
        "int_from_float": "must be a whole number",
        "float_type": "must be a number",
        "bool_type": "must be true or false",
        "finite_number": "must be a finite number",
    }
)
Suggest = Callable[[KeyPath, str], str]  # a section and a key it does not have → "; did you mean 'x'?"


def broken_rules(error: ValidationError, suggest: Suggest) -> list[BrokenRule]:
    """What ``error`` says, by key of the model."""
    found: list[BrokenRule] = []
    for detail in error.errors(include_url=False):
        key: KeyPath = tuple(detail["loc"])
        cause = detail.get("ctx", {}).get("error")
        if isinstance(cause, RuleBrokenError):
            found.extend(BrokenRule((*key, *breach.key), str(breach)) for breach in cause.breaches)
        else:
            found.append(BrokenRule(key, _rule_of(detail, suggest)))
    return list(dict.fromkeys(found))


def no_suggestion(section: KeyPath, word: str) -> str:  # noqa: ARG001 - one signature for all that suggest keys
    """Nothing is suggested."""
    return ""


def _rule_of(detail: ErrorDetails, suggest: Suggest) -> str:
    kind, key = detail["type"], tuple(detail["loc"])
    if kind == "missing":
        return NOT_GIVEN
    if kind == "extra_forbidden":
        return f"must be a known key{suggest(key[:-1], str(key[-1]))}"
    if kind == "union_tag_not_found":
        return "must have a type, got nothing"
    if kind == "union_tag_invalid":
        return f"must have one of the types {detail['ctx']['expected_tags']}, got {detail['ctx']['tag']!r}"
    if kind == "rule":
        return detail["msg"]
    message = detail["msg"].removeprefix("Value error, ")
    message = message.replace("Input should be", "must be").replace("Input should have", "must have")
    return f"{_WORDS.get(kind, message[0].lower() + message[1:])}, got {shown(detail['input'])}"
