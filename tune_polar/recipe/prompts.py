"""What a language model is asked for rows to train on: templates of a file that a user edits, checked key by key."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from string import Template
from typing import Annotated, Literal, Self, get_args

import regex
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from tune_polar.errors import Fault, spec_error
from tune_polar.recipe.broken_rules import Breach, RuleBrokenError, broken_rules, no_suggestion
from tune_polar.recipe.configuration import digest
from tune_polar.recipe.strict_yaml import read_yaml

Strategy = Literal["direct", "paraphrase", "contrastive"]
Question = Strategy | Literal["judge"]
STRATEGIES: tuple[Strategy, ...] = get_args(Strategy)
QUALITIES = ("realistic", "label_correct", "clear", "grammatical")  # that a judge is asked of
_ALWAYS = frozenset({"language", "topic", "least_words", "most_words"})
FILLED_IN: Mapping[Question, frozenset[str]] = {
    "direct": _ALWAYS | {"label", "meaning"},
    "paraphrase": frozenset({"language", "label", "meaning", "text"}),
    "contrastive": _ALWAYS | {"first", "first_meaning", "second", "second_meaning"},
    "judge": frozenset({"language", "label", "meaning", "text"}),
}
NEEDED: Mapping[Question, frozenset[str]] = {
    "direct": frozenset({"language"}),
    "paraphrase": frozenset({"language", "text"}),
    "contrastive": frozenset({"language"}),
    "judge": frozenset({"text"}),
}

_Words = Annotated[str, Field(min_length=1, max_length=20_000)]
_Patterns = Annotated[tuple[Annotated[str, Field(min_length=1, max_length=500)], ...], Field(strict=False)]


class _Model(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


class Asking(_Model):
    """How one strategy asks."""

    temperature: Annotated[float, Field(ge=0, le=2, allow_inf_nan=False)]
    prompt: _Words


class Judging(Asking):
    """How a text that was written is judged."""

    system: _Words


class Prompts(_Model):
    """A file of prompts. See the shipped one for what each key does."""

    system: _Words
    meanings: Mapping[str, Mapping[str, _Words]] = {}
    languages: Mapping[str, _Words] = {}
    topics: Annotated[tuple[_Words, ...], Field(strict=False, min_length=1)]
    least_words: Annotated[int, Field(ge=1, le=1000)] = 8
    most_words: Annotated[int, Field(ge=1, le=1000)] = 60
    direct: Asking
    paraphrase: Asking
    contrastive: Asking
    judge: Judging
    leaks: _Patterns = ()
    refusals: _Patterns = ()

    def asking(self, question: Question) -> Asking:
        """How a strategy or the judge asks."""
        found: Asking = getattr(self, question)
        return found

    def meaning(self, target: str, label: str) -> str:
        """What ``label`` of the column ``target`` means, in words."""
        return self.meanings.get(target, {}).get(label, f"{target} is {label}")

    @property
    def hash(self) -> str:
        """Of everything it says, 16 hexadecimal digits."""
        return digest(self.model_dump(mode="json"), 16)

    @model_validator(mode="after")
    def _can_be_filled_in(self) -> Self:
        breaches = [*self._templates(), *self._patterns()]
        if self.least_words > self.most_words:
            breaches.append(Breach(("least_words",), "must be at most most_words", self.least_words))
        if breaches:
            raise RuleBrokenError(*breaches)
        return self

    def _templates(self) -> Iterator[Breach]:
        for strategy in FILLED_IN:
            template, key = Template(self.asking(strategy).prompt), (strategy, "prompt")
            if not template.is_valid():
                yield Breach(key, "must write a dollar sign that stands for itself as $$")
                continue
            names = set(template.get_identifiers())
            for name in sorted(names - FILLED_IN[strategy]):
                known = ", ".join(f"${each}" for each in sorted(FILLED_IN[strategy]))
                yield Breach(key, f"must name only what is filled in ({known})", f"${name}")
            for name in sorted(NEEDED[strategy] - names):
                yield Breach(key, f"must name ${name}, without which it asks for something else")

    def _patterns(self) -> Iterator[Breach]:
        for key in ("leaks", "refusals"):
            for place, pattern in enumerate(getattr(self, key)):
                try:
                    regex.compile(pattern)
                except (regex.error, OverflowError, RecursionError) as error:
                    yield Breach((key, place), f"must be a regular expression ({error})", pattern)


def read_prompts(path: Path) -> Prompts:
    """The prompts of a file.

    Raises:
        SpecError: it cannot be read or breaks rules; all are named at once.
    """
    file = read_yaml(path)
    try:
        return Prompts.model_validate(file.content)
    except ValidationError as error:
        faults = [
            Fault(broken.rule, path, file.line_of(broken.key), ".".join(map(str, broken.key)))
            for broken in broken_rules(error, no_suggestion)
        ]
        raise spec_error(faults, "Mend the named keys; the shipped file shows what each may say.") from None
