"""The texts that an answer holds, or why it holds none."""

from __future__ import annotations

import json
import re
from typing import Literal

from tune_polar.synthesis.journal import Entry
from tune_polar.synthesis.patterns import Patterns

NotATextReason = Literal["refused", "cut off", "no JSON"]
_FENCE = "```"  # around a text, with the name of a form after the first
_HALVES = re.compile("[\ud800-\udfff]")
_QUOTES = (('"', '"'), ("“", "”"), ("„", "“"), ("«", "»"), ("'", "'"), ("「", "」"))


def whole_characters(text: str) -> str:
    """Without halves of surrogates, which JSON can say and no file can hold."""
    return _HALVES.sub("\ufffd", text)


def without_thoughts(content: str) -> str:
    """What follows a model's thoughts, which some servers leave in the answer."""
    return content.rpartition("</think>")[2]


class NotATextError(Exception):
    """An answer without texts; ``reason`` says why."""

    def __init__(self, reason: NotATextReason) -> None:
        super().__init__(reason)
        self.reason = reason


def texts_of(entry: Entry, refusals: Patterns) -> tuple[str, ...]:
    """A text for each of the labels that were asked for, in their order.

    Raises:
        NotATextError: there are none.
    """
    content = _unfenced(without_thoughts(entry.content).strip())
    if entry.finish == "content_filter" or refusals.match(content):
        raise NotATextError("refused")
    if entry.finish == "length":
        raise NotATextError("cut off")
    if entry.strategy != "contrastive":
        return (_bare(content),)
    try:
        found = json.loads(content[content.find("{") : content.rfind("}") + 1])
        texts = (found["first"], found["second"])
    except (ValueError, KeyError, TypeError, RecursionError):
        raise NotATextError("no JSON") from None
    if not all(isinstance(text, str) for text in texts):
        raise NotATextError("no JSON")
    return tuple(_bare(text) for text in texts)


def _unfenced(content: str) -> str:
    """Without the fence of Markdown around all of it."""
    first, _, rest = content.partition("\n")
    form = first.removeprefix(_FENCE).rstrip()
    if first.startswith(_FENCE) and rest.endswith(_FENCE) and (not form or (form.isascii() and form.isalpha())):
        return rest.removesuffix(_FENCE).strip()
    return content


def _bare(text: str) -> str:
    """Without white space and quotation marks around all of it."""
    text = whole_characters(text).strip()
    for first, last in _QUOTES:
        if len(text) > 1 and text.startswith(first) and text.endswith(last) and first not in text[1:-1]:
            return text[1:-1].strip()
    return text
