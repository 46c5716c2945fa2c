"""Files of the first grammar are told from mistyped ones, so that one sentence answers them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from tune_polar.errors import SpecError
from tune_polar.recipe.strict_yaml import YamlFile

# Sections that every recipe of the first grammar had, and the part of dotted keys that only it had.
_SECTIONS = ("task", "decision")
_PART = "decision."


def refuse_first_grammar(file: YamlFile) -> None:
    """Refuse a recipe or search space that was written for the first grammar.

    Raises:
        SpecError: it was.
    """
    content = file.content
    found = [key for key in _SECTIONS if key in content] if "stages" not in content else []
    found = found or [key for key in _dotted_keys(content) if key.startswith(_PART)]
    if found:
        named = ", ".join(f"`{key}`" for key in found[:3])
        raise SpecError(
            f"{file.path}: is written in the grammar of an earlier version ({named}), which nothing reads any more",
            "Copy a shipped file (`tune-polar list --paths` shows where they lie) and write your values into it.",
        )


def _dotted_keys(content: Mapping[str, object]) -> Iterator[str]:
    """Keys of changes and of a space's parameters."""
    for key in ("changes", "parameters"):
        yield from _keys(content.get(key))
    for section in ("profiles", "ablations"):
        below = content.get(section)
        for each in below.values() if isinstance(below, Mapping) else ():
            if isinstance(each, Mapping):
                yield from _keys(each.get("changes"))
                yield from _keys(each.get("parameters"))


def _keys(section: object) -> Iterator[str]:
    yield from (str(key) for key in section) if isinstance(section, Mapping) else ()
