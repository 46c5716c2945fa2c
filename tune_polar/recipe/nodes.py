"""The schema of a recipe, one place at a time: what may stand there, and below it.

Derived from the settings classes and registries themselves, so that all that walks it (dotted keys, merging of files,
spaces, JSON Schema, documentation) knows a component as soon as it is registered.
"""

from __future__ import annotations

import types
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache, lru_cache
from itertools import chain
from typing import Annotated, Any, Union, get_args, get_origin

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from tune_polar.recipe.recipe import Recipe
from tune_polar.recipe.registry import Component, OneOf, SeveralOf
from tune_polar.recipe.settings import Settings
from tune_polar.recipe.value_per_column import Each


@dataclass(frozen=True)
class Node:
    """What may stand at one place. At most one of the kinds is set; none: a single value or a list."""

    section: type[Settings] | None = None  # fields by name
    one: OneOf | None = None  # a component with its tag
    several: SeveralOf | None = None  # components by name
    items: Node | None = None  # a mapping with names of the user's own
    each: Each | None = None  # a value, or one a column
    optional: bool = False  # null may stand there
    of_each: Each | None = None  # the value of one column
    names_one: OneOf | None = None  # the tag of such a component: one of its names
    about: FieldInfo | None = None  # meaning, range, default

    @property
    def word(self) -> str | None:
        """The key for which a single word may stand in the whole section's place."""
        if self.one is not None:
            return self.one.registry.tag
        return self.section.word if self.section is not None else None

    @property
    def is_leaf(self) -> bool:
        """Whether nothing with a name may stand below."""
        return not (self.section or self.one or self.several or self.items or self.each)

    def component(self, value: object) -> type[Component] | None:
        """The settings class that ``value``, a section as a file has it or a component, is of."""
        if self.one is None:
            return None
        if isinstance(value, Component):
            return type(value)
        named = value.get(self.one.registry.tag, self.one.default) if isinstance(value, Mapping) else self.one.default
        return self.one.registry.find(named)

    def names(self, value: object = None) -> tuple[str, ...]:
        """Keys that may stand below, of the component that ``value`` is, or of any; none where names are free."""
        if self.section is not None:
            return tuple(self.section.model_fields)
        if self.several is not None:
            return tuple(self.several.registry)
        if self.one is None:
            return ()
        chosen = self.component(value)
        classes = [self.one.registry[name] for name in self.one.registry] if chosen is None else [chosen]
        fields = dict.fromkeys(field for each in classes for field in each.model_fields)
        return (self.one.registry.tag, *fields)

    def below(self, key: str, value: object = None) -> Node | None:
        """What may stand at ``key``; None: nothing. Of a component that has no such key, what another one has there."""
        if self.section is not None:
            return field_node(self.section, key)
        if self.several is not None:
            return Node(section=self.several.registry[key]) if key in self.several.registry else None
        if self.items is not None:
            return self.items
        if self.each is not None:
            return Node(about=self.about, of_each=self.each)
        if self.one is None:
            return None
        registry = self.one.registry
        if key == registry.tag:
            return Node(names_one=self.one)
        chosen = self.component(value)
        first = [] if chosen is None else [chosen]
        classes: Iterable[type[BaseModel]] = chain(first, map(registry.__getitem__, registry))
        return next((field_node(each, key) for each in classes if key in each.model_fields), None)

    def components_with(self, key: str) -> tuple[str, ...]:
        """Names of the components that have ``key``."""
        if self.one is None:
            return ()
        registry = self.one.registry
        return tuple(name for name in registry if key == registry.tag or key in registry[name].model_fields)


@lru_cache(maxsize=10_000)  # asked for every parameter of every configuration; the names may be a user's
def field_node(settings: type[BaseModel], name: str) -> Node | None:
    """What may stand at one field of a settings class; None: it has no such field."""
    about = settings.model_fields.get(name)
    return None if about is None else _node(about.annotation, about.metadata, about)


@cache
def root() -> Node:
    """The whole recipe."""
    return Node(section=Recipe)


def _node(annotation: Any, notes: Iterable[object], about: FieldInfo | None) -> Node:
    if get_origin(annotation) is Annotated:
        inner, *more = get_args(annotation)
        return _node(inner, [*notes, *more], about)
    optional = False
    if get_origin(annotation) in (Union, types.UnionType):
        kinds = [each for each in get_args(annotation) if each is not type(None)]
        optional = len(kinds) < len(get_args(annotation))
        annotation = kinds[0] if len(kinds) == 1 else annotation
    for note in notes:
        if isinstance(note, OneOf):
            return Node(one=note, optional=note.optional, about=about)
        if isinstance(note, SeveralOf):
            return Node(several=note, about=about)
        if isinstance(note, Each):
            return Node(each=note, optional=optional, about=about)
    if get_origin(annotation) is Mapping or get_origin(annotation) is _MAPPING:
        return Node(items=_node(get_args(annotation)[1], (), None), optional=optional, about=about)
    if isinstance(annotation, type) and issubclass(annotation, Settings):
        return Node(section=annotation, optional=optional, about=about)
    return Node(optional=optional, about=about)


_MAPPING = get_origin(Mapping[str, str])
