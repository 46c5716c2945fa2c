"""A line for each answer, written before anything is done with it: what was paid for once is not asked again."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
from collections import Counter
from pathlib import Path
from types import TracebackType
from typing import IO, Annotated, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from tune_polar.errors import DataError
from tune_polar.recipe.prompts import Question

Count = Annotated[int, Field(ge=0, le=10**9)]


class Entry(BaseModel):
    """One question that was answered, or that the server refused."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)
    id: str
    model: str
    strategy: Question
    language: str
    labels: Annotated[tuple[str, ...], Field(strict=False)]
    source_id: str
    topic: str
    prompt: str  # hash of the prompts' file
    content: str
    finish: str
    prompt_tokens: Count
    answer_tokens: Count
    most_tokens: Count  # that the answer could have had

    @model_validator(mode="after")
    def _labels_are_of_its_texts(self) -> Self:
        if len(self.labels) != (2 if self.strategy == "contrastive" else 1):
            raise ValueError("labels must be two where it is contrastive, else one")
        return self


class Journal:
    """Lines of JSON, for one process at a time.

    Args:
        path: of the file.
        writes: whether lines are to be added; else it is only read, if it is there.
    """

    def __init__(self, path: Path, *, writes: bool = True) -> None:
        self.path, self._writes = path, writes
        self.entries: dict[str, Entry] = {}
        self.spent: Counter[str] = Counter()  # tokens by question, of every answer to it
        self._file: IO[bytes] | None = None

    def __enter__(self) -> Self:
        """Open it, and read what is there; a line that a kill has cut off is taken away.

        Raises:
            DataError: it cannot be opened, another process has it open, or it is something else.
        """
        content = b""
        try:
            if self._writes:
                self._file = self.path.open("ab+", buffering=0)
                content = self._locked(self._file)
            elif self.path.exists():
                content = self.path.read_bytes()
        except OSError as error:
            raise DataError(
                f"the journal {self.path} must be readable and writable, got {error}", "Choose another --into."
            ) from None
        whole = content.rfind(b"\n") + 1
        for number, line in enumerate(_lines(content, whole), 1):
            try:
                entry = Entry.model_validate_json(line)
            except ValidationError as error:
                said = error.errors()[0]["msg"]
                self.__exit__(None, None, None)
                raise DataError(
                    f"{self.path}, row {number}: a line of the journal must be as it was written, got {said}",
                    "Mend or remove the line: what it answered is asked again.",
                ) from None
            self._keep(entry)
        if self._file is not None and whole < len(content):
            os.ftruncate(self._file.fileno(), whole)
        return self

    def _locked(self, file: IO[bytes]) -> bytes:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            file.close()
            raise DataError(
                f"the journal {self.path} must be written by one command at a time, and another has it open",
                "Wait until that is done, or choose another --into.",
            ) from None
        file.seek(0)
        return file.read()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close it."""
        if self._file is not None:
            self._file.close()

    def add(self, entry: Entry) -> None:
        """Leave one; it is on the disk when this returns.

        Raises:
            DataError: it cannot be written; the file is as it was before.
        """
        if self._file is None:
            raise ValueError("a journal is written while it is open")
        line = json.dumps(entry.model_dump(mode="json"), ensure_ascii=False) + "\n"
        left, before = line.encode("utf-8", "replace"), os.fstat(self._file.fileno()).st_size
        try:
            while left:
                left = left[self._file.write(left) :]
            os.fsync(self._file.fileno())
        except OSError as error:
            with contextlib.suppress(OSError):  # half a line would make the next one unreadable
                os.ftruncate(self._file.fileno(), before)
            raise DataError(
                f"the journal {self.path} must be writable, got {error.strerror or error}",
                "Free space there; the same command goes on where it was stopped.",
            ) from None
        self._keep(entry)

    def _keep(self, entry: Entry) -> None:
        """The last answer stands: one that was cut off may have been asked for again."""
        self.entries[entry.id] = entry
        self.spent[entry.id] += entry.prompt_tokens + entry.answer_tokens


def _lines(content: bytes, whole: int) -> list[bytes]:
    """Its whole lines; the rest as well where a kill of ours cannot have left it: it is somebody's own."""
    begin, rest = b'{"id": "', content[whole:]
    is_ours = not rest.endswith(b"}") and (rest.startswith(begin) or begin.startswith(rest))
    return content[:whole].splitlines() if is_ours else content.splitlines()
