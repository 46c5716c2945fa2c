"""YAML read the way people mean it: 1e-6 is a number, `no` is a word, a key stands once, every key has a line."""

from __future__ import annotations

import errno
import math
import os
import re
import select
import stat
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TypeAlias

import yaml
from yaml.composer import Composer
from yaml.constructor import SafeConstructor

from tune_polar.errors import Fault, SpecError, spec_error
from tune_polar.recipe.message_words import KeyPath

Written: TypeAlias = str | Mapping[str, object]  # the name of a shipped file, a path, or what a file would hold

_MAX_BYTES = 1_000_000  # a recipe is a page of text; anything larger is a wrong file
_MAX_DEPTH = 20
_PATIENCE_SECONDS = 10  # with a pipe


class _StrictNodes(Composer):
    """YAML 1.2's core schema, so that 1e-6 is a float and yes/no/on/off are strings; no anchors, aliases or tags."""

    yaml_implicit_resolvers: dict[str, list[tuple[str, re.Pattern[str]]]] = {}  # noqa: RUF012 (PyYAML's own)
    _depth = 0

    def compose_node(self, parent: yaml.Node | None, index: int) -> yaml.Node | None:
        """Refuse what makes a short file stand for a huge or foreign one."""
        event = self.peek_event()  # type: ignore[attr-defined]
        if isinstance(event, yaml.AliasEvent) or getattr(event, "anchor", None) is not None:
            raise yaml.MarkedYAMLError(
                problem="anchors (&name) and aliases (*name) must be written out", problem_mark=event.start_mark
            )
        if getattr(event, "tag", None) is not None:
            raise yaml.MarkedYAMLError(
                problem=f"a value must be plain, without the tag {event.tag!r}", problem_mark=event.start_mark
            )
        self._depth += 1
        if self._depth > _MAX_DEPTH:
            raise yaml.MarkedYAMLError(
                problem=f"values must nest at most {_MAX_DEPTH} deep", problem_mark=event.start_mark
            )
        node: yaml.Node | None = super().compose_node(parent, index)
        self._depth -= 1
        return node


class _StrictLoader(_StrictNodes, yaml.SafeLoader):
    """Parses in Python: slowly, and its words say which character or key is wrong."""

    def __init__(self, text: str) -> None:
        yaml.SafeLoader.__init__(self, text)


class _FastLoader(_StrictNodes, getattr(yaml, "CSafeLoader", yaml.SafeLoader)):  # type: ignore[misc]
    """Parses with libyaml, which is faster, where PyYAML was built with it."""

    def __init__(self, text: str) -> None:
        getattr(yaml, "CSafeLoader", yaml.SafeLoader).__init__(self, text)
        Composer.__init__(self)


def _decimal_int(loader: yaml.SafeLoader, node: yaml.ScalarNode) -> int:
    # PyYAML's own constructor would read 010 as octal; YAML 1.2 does not.
    return int(loader.construct_scalar(node))


for _loader in (_StrictLoader, _FastLoader):
    for _tag, _pattern, _first in (
        ("tag:yaml.org,2002:null", r"^(?:null|Null|NULL|~|)$", ["n", "N", "~", ""]),
        ("tag:yaml.org,2002:bool", r"^(?:true|True|TRUE|false|False|FALSE)$", list("tTfF")),
        ("tag:yaml.org,2002:int", r"^[-+]?[0-9]{1,1000}$", list("-+0123456789")),
        (
            "tag:yaml.org,2002:float",
            r"^[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?$",
            list("-+.0123456789"),
        ),
    ):
        _loader.add_implicit_resolver(_tag, re.compile(_pattern), _first)
    _loader.add_constructor("tag:yaml.org,2002:int", _decimal_int)


def _composed(text: str) -> tuple[SafeConstructor, yaml.Node | None]:
    """The one document of ``text``, with who knows its values.

    Raises:
        yaml.YAMLError: it is none.
    """
    try:
        fast = _FastLoader(text)
        return fast, fast.get_single_node()
    except (yaml.YAMLError, UnicodeEncodeError):
        slow = _StrictLoader(text)
        return slow, slow.get_single_node()


def _value_of(loader: SafeConstructor, node: yaml.Node | None) -> object:
    """What a composed document says; None of none. Parsing is slow: it is done once for nodes and values."""
    value: object = None if node is None else loader.construct_document(node)
    return value


class _Dumper(yaml.SafeDumper):
    """Quotes a word that either version of YAML would read as something else: `yes`, and an id as 75524930e87."""

    yaml_implicit_resolvers = {  # noqa: RUF012 (PyYAML's own class attribute)
        first: [
            *yaml.SafeDumper.yaml_implicit_resolvers.get(first, []),
            *_StrictLoader.yaml_implicit_resolvers.get(first, []),
        ]
        for first in {*yaml.SafeDumper.yaml_implicit_resolvers, *_StrictLoader.yaml_implicit_resolvers}
    }


def written_yaml(content: object, *, width: int = 80, flow: bool = False) -> str:
    """Plain data as YAML, from which ``read_yaml`` reads equal data.

    Args:
        content: mappings, lists, texts, numbers, truth values and nothing, in their order.
        width: of a line, where values can be broken.
        flow: in braces, on one line.

    Example: ``written_yaml({"configuration": "75524930e87"})`` gives ``configuration: '75524930e87'``.
    """
    text: str = yaml.dump(
        content, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=width, default_flow_style=flow
    )
    return text


@dataclass(frozen=True)
class YamlFile:
    """One file's content and the line on which each key stands; 0 where it was no file that was given."""

    path: Path
    content: dict[str, object]
    lines: dict[KeyPath, int]

    def line_of(self, key: KeyPath) -> int | None:
        """Line of ``key``, or of the nearest key above it that the file holds."""
        for length in range(len(key), 0, -1):
            if key[:length] in self.lines:
                return self.lines[key[:length]] or None
        return None


def read_yaml(path: Path) -> YamlFile:
    """Read a mapping from ``path``.

    Raises:
        SpecError: the file is missing, unreadable, not YAML, not a mapping, or has keys that are no words or stand
            twice.
    """
    text = _read_text(path)
    faults: list[Fault] = []
    lines: dict[KeyPath, int] = {}
    try:
        loader, node = _composed(text)
        if isinstance(node, yaml.MappingNode):
            lines = dict(_walk(node, (), path, faults))
        content = _value_of(loader, None if faults else node)
    except yaml.YAMLError as error:
        raise spec_error([Fault(*_problem_of(error, path))], "Mend the syntax at that place.") from None
    if faults:
        raise spec_error(faults, "Write each key as one word or quoted text, and once.")
    if not isinstance(content, dict):
        got = "nothing" if content is None else "a list" if isinstance(content, list) else "a single value"
        raise SpecError(
            f"{path}: must hold keys and values, got {got}",
            "Copy a shipped file (`tune-polar list --paths` shows where they lie) and edit it.",
        )
    return YamlFile(path, content, lines)


def as_file(content: Mapping[str, object], called: str) -> YamlFile:
    """``content`` as if a file had held it: faults in it are told by key, under the name ``called``.

    Raises:
        SpecError: a key is no text, or a value is nothing that a file could hold.

    Example:
        >>> as_file({"recipe": "mine", "stages": {"model": {}}}, "recipe").content["recipe"]
        'mine'
    """
    faults: list[Fault] = []
    lines: dict[KeyPath, int] = {}
    plain = _plain(content, (), Path(called), lines, faults)
    if not isinstance(plain, dict):
        faults.append(Fault(f"must hold keys and values, got a {type(content).__name__}", Path(called)))
    if faults or not isinstance(plain, dict):
        raise spec_error(faults, "Give what a YAML file could hold.")
    return YamlFile(Path(called), plain, lines)


def _plain(value: object, at: KeyPath, path: Path, lines: dict[KeyPath, int], faults: list[Fault]) -> object:
    """``value`` in the types that YAML is read into; the keys in it are noted in ``lines``."""
    if at:
        lines[at] = 0
    number = getattr(value, "item", None) if getattr(value, "shape", None) == () else None
    if number is not None:  # a scalar of numpy or torch
        value = number()
    key = ".".join(map(str, at)) or None
    if len(at) > _MAX_DEPTH:
        faults.append(Fault(f"values must nest at most {_MAX_DEPTH} deep", path, key=key))
    elif isinstance(value, Mapping):
        wrong = [name for name in value if not isinstance(name, str) or _is_half(name)]
        faults += [Fault(f"a key must be text, got {name!r}", path, key=key) for name in wrong]
        named = {name: each for name, each in value.items() if name not in wrong}
        return {name: _plain(each, (*at, name), path, lines, faults) for name, each in named.items()}
    elif isinstance(value, list | tuple):
        return [_plain(each, (*at, place), path, lines, faults) for place, each in enumerate(value)]
    elif value is not None and not isinstance(value, str | bool | int | float):
        rule = "must be text, a number, true, false, nothing, a list or a section"
        faults.append(Fault(f"{rule}, got a {type(value).__name__}", path, key=key))
    elif isinstance(value, float) and not math.isfinite(value):
        faults.append(Fault(f"a number must be finite, got {value}", path, key=key))
    elif isinstance(value, str) and _is_half(value):
        faults.append(Fault(f"a text must be whole characters, got {value!a:.80}", path, key=key))
    return value


def _is_half(text: str) -> bool:
    """Whether it has half a surrogate pair in it, which no record can hold."""
    return any("\ud800" <= letter <= "\udfff" for letter in text)


def parse_value(text: str, place: str) -> object:
    """One plain value as it would stand in a file.

    Raises:
        SpecError: ``text`` is not YAML; ``place`` says whose value it is.
    """
    faults: list[Fault] = []
    try:
        loader, node = _composed(text)
        if node is not None:
            list(_walk(node, (), None, faults))
        value = _value_of(loader, None if faults else node)
    except yaml.YAMLError as error:
        rule, _, _ = _problem_of(error, None)
        raise SpecError(f"{place}: {rule}", "Quote the value, for example --set 'description=\"a: b\"'.") from None
    if faults:
        raise SpecError("\n".join(f"{place}: {fault.key}: {fault.rule}" for fault in faults), "Keep one of them.")
    return value


def _problem_of(error: yaml.YAMLError, path: Path | None) -> tuple[str, Path | None, int | None]:
    """Rule, path and line of a syntax error."""
    mark = getattr(error, "problem_mark", None)
    problem = getattr(error, "problem", None) or str(error).splitlines()[0]
    if problem == "but found another document":
        problem = "one document, got another after `---`"
    return f"must be plain YAML: {problem}", path, None if mark is None else mark.line + 1


def _opened(path: Path) -> IO[bytes]:
    """Open it; a pipe, such as the shell's `<(…)`, is waited for, but not for ever.

    Raises:
        OSError: it cannot be opened, or nobody has written to it for a while.
    """
    handle = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    if stat.S_ISFIFO(os.fstat(handle).st_mode):
        readable, _, _ = select.select([handle], [], [], _PATIENCE_SECONDS)
        if not readable:
            os.close(handle)
            raise OSError(errno.ETIMEDOUT, f"nothing was written to this pipe in {_PATIENCE_SECONDS} seconds")
    os.set_blocking(handle, True)
    return os.fdopen(handle, "rb")


def _read_text(path: Path) -> str:
    try:
        with _opened(path) as file:
            content = file.read(_MAX_BYTES + 1)  # not the size first: a pipe or a device has none
    except (OSError, ValueError) as error:  # ValueError: a NUL character in the path
        reason = error.strerror if isinstance(error, OSError) else str(error)
        raise SpecError(f"{str(path)!r}: cannot be read: {reason}", "Check the path and its permissions.") from None
    if len(content) > _MAX_BYTES:
        raise SpecError(f"{path}: must be at most {_MAX_BYTES} bytes, got more", "Give a recipe or search space file.")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise SpecError(
            f"{path}: must be UTF-8 text, got byte {content[error.start]:#04x} at position {error.start}",
            "Save the file as UTF-8, or give the right file.",
        ) from None


def _walk(node: yaml.Node, path: KeyPath, file: Path | None, faults: list[Fault]) -> Iterator[tuple[KeyPath, int]]:
    if isinstance(node, yaml.MappingNode):
        seen: dict[str, int] = {}
        for key_node, value_node in node.value:
            line = key_node.start_mark.line + 1
            if not isinstance(key_node, yaml.ScalarNode) or key_node.tag != "tag:yaml.org,2002:str":
                got = repr(key_node.value) if isinstance(key_node, yaml.ScalarNode) else "a list or section"
                faults.append(Fault(f"a key must be text, got {got}", file, line, ".".join(map(str, path)) or None))
                continue
            key = str(key_node.value)
            if _is_half(key):
                faults.append(Fault(f"a key must be whole characters, got {key!a:.80}", file, line))
            if key in seen:
                dotted = ".".join(map(str, (*path, key)))
                faults.append(Fault(f"a key must stand once, also on line {seen[key]}", file, line, dotted))
            seen[key] = line
            yield (*path, key), line
            yield from _walk(value_node, (*path, key), file, faults)
    elif isinstance(node, yaml.SequenceNode):
        for index, item in enumerate(node.value):
            yield (*path, index), item.start_mark.line + 1
            yield from _walk(item, (*path, index), file, faults)
    elif isinstance(node, yaml.ScalarNode) and _is_half(node.value):
        rule = f"a text must be whole characters, got {node.value!a:.80}"
        faults.append(Fault(rule, file, node.start_mark.line + 1, ".".join(map(str, path)) or None))
