"""Records that are plain data alone. One may come from a stranger's machine: every value is checked for its type."""

from __future__ import annotations

import functools
import json
import re
from collections.abc import Mapping
from dataclasses import asdict
from typing import Annotated, Any, Self

from pydantic import AfterValidator, TypeAdapter

SAFE_NAME = re.compile(r"[0-9A-Za-z_-]{1,100}")  # of records: each becomes the name of a file


def _safe(name: str) -> str:
    if not SAFE_NAME.fullmatch(name):
        raise ValueError(f"names must be letters, digits, - and _, got {name!r}")
    return name


SafeName = Annotated[str, AfterValidator(_safe)]


class PlainRecord:
    """Of dataclasses whose fields are the record."""

    def to_json(self) -> dict[str, object]:
        """Plain data."""
        return asdict(self)  # type: ignore[call-overload, no-any-return]

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Self:
        """The record that ``to_json`` wrote.

        Raises:
            ValueError: it is something else.
        """
        return cls.from_text(json.dumps(data))

    @classmethod
    def from_text(cls, text: str | bytes) -> Self:
        """The same from JSON as text.

        Raises:
            ValueError: it is something else.
        """
        kind: Any = cls
        record: Self = _adapter(kind).validate_json(text, strict=True)
        return record


@functools.cache
def _adapter(kind: Any) -> TypeAdapter[Any]:
    return TypeAdapter(kind)
