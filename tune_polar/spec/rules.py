"""How a broken rule travels from a pydantic model to a line of the user's file."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from tune_polar.errors import Fault
from tune_polar.spec.strict_yaml import KeyPath, YamlFile


@dataclass(frozen=True)
class Breach:
    """One rule over several fields that is broken at ``key`` (dotted, relative to the model that has the rule).

    Only the first two dots part keys: a label, which comes third, may itself hold dots.
    """

    key: str
    rule: str
    value: object

    def __str__(self) -> str:
        return f"{self.rule}, got {shown(self.value)}"


class RuleBrokenError(ValueError):
    """Rules over several fields of one model are broken."""

    def __init__(self, *breaches: Breach) -> None:
        super().__init__("; ".join(f"{breach.key}: {breach}" for breach in breaches))
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


def broken_rules(error: ValidationError, known_keys: Callable[[KeyPath], Iterable[str]]) -> list[BrokenRule]:
    """What ``error`` says, by key of the model; ``known_keys`` gives the keys below a key, to suggest one."""
    found: list[BrokenRule] = []
    for detail in error.errors(include_url=False):
        key: KeyPath = tuple(detail["loc"])
        cause = detail.get("ctx", {}).get("error")
        if isinstance(cause, RuleBrokenError):
            found.extend(BrokenRule((*key, *breach.key.split(".", 2)), str(breach)) for breach in cause.breaches)
        else:
            found.append(BrokenRule(key, _rule_of(detail, known_keys)))
    return found


def faults_of(
    error: ValidationError,
    file: YamlFile | None,
    place: Callable[[KeyPath], KeyPath] | None = None,
    known_keys: Callable[[KeyPath], Iterable[str]] | None = None,
) -> list[Fault]:
    """Faults of a model that was read from ``file``. ``place`` maps a model key to the key of the file."""
    faults = []
    for broken in broken_rules(error, known_keys or _no_keys):
        key = broken.key if place is None else place(broken.key)
        path, line = (None, None) if file is None else (file.path, file.line_of(key))
        faults.append(Fault(broken.rule, path, line, dotted(key)))
    return list(dict.fromkeys(faults))


def did_you_mean(word: str, known: Iterable[str], prefix: str = "") -> str:
    """``"; did you mean 'x'?"``, with ``prefix`` before x, or nothing."""
    close = difflib.get_close_matches(word, list(known), n=1)
    return f"; did you mean {prefix + close[0]!r}?" if close else ""


def dotted(path: KeyPath) -> str:
    """``("detector", "lr")`` → ``detector.lr``."""
    return ".".join(map(str, path))


def shown(value: object) -> str:
    """``value`` as a YAML file would have it, shortened."""
    word = {None: "null", True: "true", False: "false"}.get(value) if isinstance(value, bool | None) else None
    text = word or repr(value)
    return text if len(text) <= 80 else text[:77] + "..."


def _no_keys(key: KeyPath) -> Iterable[str]:  # noqa: ARG001 - one signature for all that suggest keys
    return ()


def _rule_of(detail: ErrorDetails, known_keys: Callable[[KeyPath], Iterable[str]]) -> str:
    kind, key = detail["type"], tuple(detail["loc"])
    if kind == "missing":
        return "must be given, got nothing"
    if kind == "extra_forbidden":
        return f"must be a known key{did_you_mean(str(key[-1]), known_keys(key[:-1]))}"
    if kind == "union_tag_not_found":
        return "must have a type, got nothing"
    if kind == "union_tag_invalid":
        return f"must have one of the types {detail['ctx']['expected_tags']}, got {detail['ctx']['tag']!r}"
    message = detail["msg"].removeprefix("Value error, ")
    message = message.replace("Input should be", "must be").replace("Input should have", "must have")
    return f"{_WORDS.get(kind, message[0].lower() + message[1:])}, got {shown(detail['input'])}"
