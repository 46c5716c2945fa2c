"""Components of a recipe by name: which there are, how one is written, and which settings it has.

A component's settings live here, torch-free; what is built of them lives in the floor that implements it, under the
same name. Registering a class is all that grammar, search spaces, `list`, `schema` and suggestions need to know of it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Generic, TypeVar, get_args

from pydantic import GetCoreSchemaHandler, GetJsonSchemaHandler, ValidationError
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, InitErrorDetails, PydanticCustomError, core_schema
from pydantic_core.core_schema import ErrorType, SerializationInfo

from tune_polar.recipe.message_words import did_you_mean
from tune_polar.recipe.settings import Settings

S = TypeVar("S", bound="Component")


class Component(Settings):
    """Settings of one kind of loss, head, plan, decision …"""

    name: ClassVar[str]  # as a recipe writes it
    version: ClassVar[int] = 1  # raised whenever a change of its code changes what it computes


class Registry(Generic[S]):
    """The components of one kind.

    Example:
        >>> LOSSES = Registry("loss")
        >>> @LOSSES.register("huber")
        ... class Huber(Loss):
        ...     delta: Rate = Field(1.0, description="Errors beyond it count linearly")
    """

    def __init__(self, word: str, tag: str = "type", lasting: tuple[str, ...] = ()) -> None:
        """``word`` is what a person calls one; ``tag`` the key that says which one a section describes.

        ``lasting``: settings that stay where another component takes the place of one that has them.
        """
        self.word, self.tag, self.lasting = word, tag, lasting
        self._classes: dict[str, type[S]] = {}

    def register(self, name: str) -> Callable[[type[S]], type[S]]:
        """A decorator: these settings are the component ``name``.

        Raises:
            ValueError: there is one of that name already, or its settings have a key named like the tag.
        """

        def add(settings: type[S]) -> type[S]:
            if name in self._classes:
                raise ValueError(f"the {self.word} {name!r} must be registered once")
            if self.tag in settings.model_fields:
                raise ValueError(f"the {self.word} {name!r} must have no setting named {self.tag!r}, which names it")
            settings.name = name
            self._classes[name] = settings
            return settings

        return add

    def unregister(self, name: str) -> None:
        """Forget ``name``; for tests that register a component of their own."""
        del self._classes[name]

    def __getitem__(self, name: str) -> type[S]:
        """The settings class of ``name``.

        Raises:
            KeyError: there is none.
        """
        return self._classes[name]

    def __contains__(self, name: object) -> bool:
        return self.find(name) is not None

    def find(self, name: object) -> type[S] | None:
        """The settings class of ``name``, which may be anything; None: there is none."""
        return self._classes.get(name) if isinstance(name, str) else None

    def __iter__(self) -> Iterator[str]:
        return iter(self._classes)

    def one(self, default: str | None = None, *, optional: bool = False) -> OneOf:
        """Note of an ``Annotated`` field that holds one component: a section with its ``tag``.

        The tag may be left out where there is a ``default``; an ``optional`` field may also be null.
        """
        return OneOf(self, default, optional)

    def several(self) -> SeveralOf:
        """Note of an ``Annotated`` field that holds components by their names: ``{name: settings, …}``."""
        return SeveralOf(self)

    def unknown(self, name: object) -> PydanticCustomError:
        """The broken rule of a name that is not registered."""
        known = list(self)
        hint = did_you_mean(str(name), known)
        return PydanticCustomError("rule", f"must be one of {known}, got {name!r}{hint}")


# A fault of the kind "rule" is said as it stands; to all others the value that broke it is added.
_NO_SECTION = PydanticCustomError("section", "must be a section of keys and values")
_STANDARD = frozenset(get_args(ErrorType))


@dataclass(frozen=True)
class OneOf:
    """A field with one component of ``registry``, looked up when a value is checked: one registered later works too.

    Faults inside the component keep their place.
    """

    registry: Registry[Any]
    default: str | None = None
    optional: bool = False

    def validated(self, value: object) -> Component | None:
        """``value`` as a component.

        Raises:
            PydanticCustomError, ValidationError: it is none.
        """
        if value is None and self.optional:
            return None
        if isinstance(value, Component) and value.name in self.registry:
            return value
        if not isinstance(value, Mapping):
            raise _NO_SECTION
        chosen = value.get(self.registry.tag, self.default)
        if chosen is None:
            raise PydanticCustomError("rule", f"must have a {self.registry.tag}, one of {list(self.registry)}")
        if chosen not in self.registry:
            raise _at((self.registry.tag,), self.registry.unknown(chosen), chosen)
        settings = {key: each for key, each in value.items() if key != self.registry.tag}
        component: Component = self.registry[chosen].model_validate(settings)
        return component

    def dumped(self, value: Component | None, info: SerializationInfo) -> dict[str, Any] | None:
        """As a file would have it."""
        return None if value is None else {self.registry.tag: value.name, **value.model_dump(mode=info.mode)}

    def __get_pydantic_core_schema__(self, source: object, handler: GetCoreSchemaHandler) -> CoreSchema:
        return _plain(self.validated, self.dumped)

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        return {"type": "object"}


def names_in(word: str) -> tuple[str, ...]:
    """Names of the components that one word stands for.

    Example:
        >>> names_in("epm + language_contrast")
        ('epm', 'language_contrast')
    """
    return tuple(name.strip() for name in word.split("+"))


def word_for(names: Iterable[str]) -> str:
    """The one word that stands for components of these names, whatever their order."""
    return " + ".join(sorted(names))


@dataclass(frozen=True)
class SeveralOf:
    """A field with components of ``registry`` by name, kept in order of their names: what is computed of them does not
    depend on how a file lists them.
    """

    registry: Registry[Any]

    def validated(self, value: object) -> dict[str, Component]:
        """``value`` as components by name.

        Raises:
            PydanticCustomError, ValidationError: it is none.
        """
        if not isinstance(value, Mapping):
            raise _NO_SECTION
        if not value:
            raise PydanticCustomError("rule", f"must name at least one {self.registry.word} of {list(self.registry)}")
        found: dict[str, Component] = {}
        faults: list[InitErrorDetails] = []
        for name in sorted(value, key=str):
            if name not in self.registry:
                faults.append(_detail((name,), self.registry.unknown(name), name))
                continue
            try:
                found[name] = self.registry[name].model_validate(value[name])
            except ValidationError as error:
                faults.extend(_below(name, error))
        if faults:
            raise ValidationError.from_exception_data(self.registry.word, faults)
        return found

    def dumped(self, value: Mapping[str, Component], info: SerializationInfo) -> dict[str, Any]:
        """As a file would have it."""
        return {name: each.model_dump(mode=info.mode) for name, each in value.items()}

    def __get_pydantic_core_schema__(self, source: object, handler: GetCoreSchemaHandler) -> CoreSchema:
        return _plain(self.validated, self.dumped)

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        return {"type": "object"}


def _plain(validated: Callable[[object], Any], dumped: Callable[..., Any]) -> CoreSchema:
    shown = core_schema.plain_serializer_function_ser_schema(dumped, info_arg=True)
    return core_schema.no_info_plain_validator_function(validated, serialization=shown)


def _detail(place: tuple[str | int, ...], rule: PydanticCustomError, value: object) -> InitErrorDetails:
    return InitErrorDetails(type=rule, loc=place, input=value)


def _at(place: tuple[str | int, ...], rule: PydanticCustomError, value: object) -> ValidationError:
    return ValidationError.from_exception_data("component", [_detail(place, rule, value)])


def _below(name: str, error: ValidationError) -> Iterator[InitErrorDetails]:
    """The faults of ``error``, one step further down."""
    for fault in error.errors(include_url=False):
        context = fault.get("ctx", {})
        kind: str | PydanticCustomError = fault["type"]
        if fault["type"] not in _STANDARD:
            kind, context = PydanticCustomError(fault["type"], fault["msg"]), {}
        yield InitErrorDetails(type=kind, loc=(name, *fault["loc"]), input=fault["input"], ctx=context)
