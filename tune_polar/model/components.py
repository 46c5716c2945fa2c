"""Parts of a model by the names that recipes give them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Generic, TypeVar

from tune_polar.errors import ModelError

P = TypeVar("P")


class Components(Generic[P]):
    """The classes of one kind of part; each takes its settings as keyword arguments of its ``__init__``.

    Example:
        >>> @LOSSES.register("hinge")
        ... class Hinge(Loss): ...
    """

    def __init__(self, word: str) -> None:
        """``word`` is what a person calls one."""
        self.word = word
        self._classes: dict[str, type[P]] = {}

    def register(self, name: str) -> Callable[[type[P]], type[P]]:
        """A decorator: this class is the component ``name``.

        Raises:
            ValueError: there is one of that name already.
        """

        def add(part: type[P]) -> type[P]:
            if name in self._classes:
                raise ValueError(f"{self.word} {name!r} must be registered once")
            self._classes[name] = part
            return part

        return add

    def __getitem__(self, name: str) -> type[P]:
        """The class called ``name``.

        Raises:
            ModelError: there is none.
        """
        if name not in self._classes:
            raise ModelError(
                f"the {self.word} must be one of {', '.join(self._classes)}, got {name!r}", "Choose one of these names."
            )
        return self._classes[name]

    def __contains__(self, name: object) -> bool:
        return name in self._classes

    def __iter__(self) -> Iterator[str]:
        return iter(self._classes)
