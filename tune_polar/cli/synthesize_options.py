"""What `tune-polar data synthesize` is told of the model that writes, and of what it shall write."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from tune_polar.api.count_checks import check_seed, positive
from tune_polar.cli import options
from tune_polar.errors import SpecError
from tune_polar.recipe.prompts import STRATEGIES, Strategy

if TYPE_CHECKING:
    from tune_polar.synthesis.client import Endpoint
    from tune_polar.synthesis.filters import Meaning

SHARES: Mapping[Strategy, float] = {"direct": 0.5, "paraphrase": 0.3, "contrastive": 0.2}
MOST_AT_ONCE = 100  # connections that the client holds
MOST_THOUGHTS = 100_000


@dataclass(frozen=True)
class EndpointGroup:
    """Who is asked, and how much of it is used up."""

    base_url: Annotated[str, typer.Option("--base-url", help="OpenAI-compatible endpoint, up to `/v1`.")] = (
        "http://localhost:8000/v1"
    )
    model: Annotated[str, typer.Option("--model", help="What the endpoint calls the model.")] = ""
    key_env: Annotated[
        str, typer.Option("--key-env", metavar="NAME", help="Environment variable that holds the key.")
    ] = "OPENAI_API_KEY"
    most_tokens: Annotated[
        int | None,
        typer.Option(
            "--most-tokens", parser=options.whole_number, metavar="N", help="Stop once so many tokens are used up."
        ),
    ] = None
    thinking_tokens: Annotated[
        int | None,
        typer.Option(
            "--thinking-tokens",
            parser=options.whole_number,
            metavar="N",
            help="Room in each answer for a model's thoughts before its text.  "
            "[default: 4000 of a model that takes max_completion_tokens alone, else 0]",
        ),
    ] = None
    judge: Annotated[
        str | None,
        typer.Option(
            "--judge",
            metavar="MODEL",
            help="Model of the endpoint that is asked of each text whether it is of use; it may be the same.",
        ),
    ] = None
    parallel: Annotated[
        int, typer.Option("--parallel", parser=options.whole_number, metavar="N", help="Questions at once.")
    ] = 4

    def check(self) -> None:
        """Refuse what asks nobody, or too much at once.

        Raises:
            SpecError: a value is out of range, or no model is named.
        """
        positive(self.parallel, "--parallel")
        if self.parallel > MOST_AT_ONCE:
            raise SpecError(f"--parallel must be at most {MOST_AT_ONCE}, got {self.parallel}", "Give a smaller number.")
        positive(self.most_tokens, "--most-tokens")
        if self.thinking_tokens is not None and not 0 <= self.thinking_tokens <= MOST_THOUGHTS:
            raise SpecError(
                f"--thinking-tokens must be from 0 to {MOST_THOUGHTS:,}, got {self.thinking_tokens:,}",
                "For example --thinking-tokens 4000.",
            )
        if not self.model:
            raise SpecError("--model must be given, got nothing", "Name a model as the endpoint calls it.")
        if self.judge == "":
            raise SpecError("--judge must name a model, got nothing", "Name one, or leave --judge out.")

    def endpoint(self, model: str) -> Endpoint:
        """With the key of the environment."""
        from tune_polar.synthesis.client import Endpoint  # which loads a client that only this command needs

        key = os.environ.get(self.key_env) or None
        return Endpoint(self.base_url, model, key, thinking_tokens=self.thinking_tokens)


@dataclass(frozen=True)
class MeaningGroup:
    """What is too near in meaning."""

    near_encoder: Annotated[
        str | None,
        typer.Option(
            "--near-encoder",
            metavar="NAME",
            help="Encoder, a hub id or folder, by which texts near in meaning to others or to a row are left out.",
        ),
    ] = None
    near_cosine: Annotated[float, typer.Option("--near-cosine", metavar="C", help="Cosine from which they are.")] = 0.9

    def meaning(self) -> Meaning | None:
        """By the mean over the tokens of the encoder's last layer.

        Raises:
            ModelError: there is no such encoder.
            SpecError: the cosine is none.
        """
        if not 0 < self.near_cosine <= 1:
            raise SpecError(f"--near-cosine must be above 0 and at most 1, got {self.near_cosine:g}", "Try 0.9.")
        if self.near_encoder is None:
            return None
        from tune_polar.synthesis.filters import Meaning
        from tune_polar.trial.frozen_vectors import FrozenEncoder

        return Meaning(FrozenEncoder(self.near_encoder), self.near_cosine)


@dataclass(frozen=True)
class QuestionsGroup:
    """What is asked for."""

    rows: Annotated[
        int, typer.Option("--rows", parser=options.whole_number, metavar="N", help="Rows to ask for in each language.")
    ] = 200
    strategy: Annotated[
        list[str] | None,
        typer.Option(
            "--strategy",
            metavar="NAME=SHARE",
            help="direct, paraphrase or contrastive, and its share of the rows. Repeatable.  [default: 0.5, 0.3, 0.2]",
        ),
    ] = None
    prompts: Annotated[
        Path | None, typer.Option("--prompts", help="File with what is asked.  [default: the shipped one]")
    ] = None
    by: Annotated[str | None, typer.Option("--by", metavar="COLUMN", help="Group that says a row's language.")] = None
    written_in: Annotated[
        str | None, typer.Option("--written-in", metavar="LANGUAGE", help="Language of all texts, for example English.")
    ] = None
    seed: Annotated[
        int, typer.Option("--seed", parser=options.whole_number, metavar="N", help="Of sources and topics.")
    ] = 0

    def check(self) -> None:
        """Refuse numbers that ask for nothing.

        Raises:
            SpecError: one is out of range.
        """
        check_seed(self.seed)
        positive(self.rows, "--rows")

    def shares(self) -> Mapping[Strategy, float]:
        """What ``--strategy`` says.

        Raises:
            SpecError: it is no share of a strategy.
        """
        return shares_of(self.strategy) if self.strategy else SHARES


def shares_of(strategy: Sequence[str]) -> Mapping[Strategy, float]:
    """Each strategy's share of the rows, of options ``NAME=SHARE``.

    Raises:
        SpecError: one is no share of a strategy, or they do not sum to 1.
    """
    found: dict[Strategy, float] = {}
    for said in strategy:
        name, _, number = said.partition("=")
        try:
            share = float(number)
        except ValueError:
            share = -1.0
        known = next((each for each in STRATEGIES if each == name), None)
        if known is None or known in found or not 0 <= share <= 1:
            raise SpecError(
                f"--strategy must be NAME=SHARE with a name of {', '.join(STRATEGIES)}, each once, and a share from 0 "
                f"to 1, got {said!r}",
                "For example --strategy direct=0.5 --strategy paraphrase=0.5.",
            )
        found[known] = share
    if abs(sum(found.values()) - 1) > 0.001:
        raise SpecError(f"the shares of --strategy must sum to 1, got {sum(found.values()):g}", "Change one of them.")
    return found
