"""`tune-polar data synthesize`: rows to train on, written by a language model."""

from __future__ import annotations

import os
import shutil
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

import tune_polar
from tune_polar.api.count_checks import check_seed, positive
from tune_polar.api.data_words import DataWords
from tune_polar.api.search_request import RecipeWords, asked
from tune_polar.cli import options
from tune_polar.cli.output import say, say_json
from tune_polar.data.load import load_corpus
from tune_polar.errors import SpecError
from tune_polar.recipe.prompts import STRATEGIES, Strategy, read_prompts
from tune_polar.report.numbers import count
from tune_polar.search.recipe_data import data_request

if TYPE_CHECKING:
    from tune_polar.synthesis.generate import Counts, Job

SHARES: Mapping[Strategy, float] = {"direct": 0.5, "paraphrase": 0.3, "contrastive": 0.2}
PROMPTS = Path(tune_polar.__file__).parent / "synthesis" / "prompts.yaml"
NOTHING_KEPT = 1
MOST_AT_ONCE = 100  # connections that the client holds


def synthesize(
    data: Annotated[str, typer.Argument(help="The rows that new ones stand beside: as --data of a search.")] = "sample",
    base_url: Annotated[
        str, typer.Option("--base-url", help="OpenAI-compatible endpoint, up to `/v1`.")
    ] = "http://localhost:8000/v1",
    model: Annotated[str, typer.Option("--model", help="What the endpoint calls the model.")] = "",
    into: Annotated[
        Path, typer.Option("--into", help="CSV file to write; every answer stands in FILE.jsonl beside it.")
    ] = Path("synthetic.csv"),
    recipe: Annotated[
        str | None,
        typer.Option("--recipe", help="Recipe that will learn.  [default: by --target; else psk-small]"),
    ] = None,
    rows: Annotated[
        int, typer.Option("--rows", parser=options.whole_number, metavar="N", help="Rows to ask for in each language.")
    ] = 200,
    strategy: Annotated[
        list[str] | None,
        typer.Option(
            "--strategy",
            metavar="NAME=SHARE",
            help="direct, paraphrase or contrastive, and its share of the rows. Repeatable.  [default: 0.5, 0.3, 0.2]",
        ),
    ] = None,
    prompts: Annotated[
        Path | None, typer.Option("--prompts", help="File with what is asked.  [default: the shipped one]")
    ] = None,
    write_prompts: Annotated[
        Path | None, typer.Option("--write-prompts", metavar="FILE", help="Write the shipped prompts to edit, and end.")
    ] = None,
    by: Annotated[str | None, typer.Option("--by", metavar="COLUMN", help="Group that says a row's language.")] = None,
    written_in: Annotated[
        str | None, typer.Option("--written-in", metavar="LANGUAGE", help="Language of all texts, for example English.")
    ] = None,
    key_env: Annotated[
        str, typer.Option("--key-env", metavar="NAME", help="Environment variable that holds the key.")
    ] = "OPENAI_API_KEY",
    most_tokens: Annotated[
        int | None,
        typer.Option(
            "--most-tokens", parser=options.whole_number, metavar="N", help="Stop once so many tokens are used up."
        ),
    ] = None,
    parallel: Annotated[
        int, typer.Option("--parallel", parser=options.whole_number, metavar="N", help="Questions at once.")
    ] = 4,
    seed: Annotated[
        int, typer.Option("--seed", parser=options.whole_number, metavar="N", help="Of sources and topics.")
    ] = 0,
    yes: Annotated[bool, typer.Option("--yes", help="Send it: without, only what would be sent is told.")] = False,
    text: options.Text = None,
    target: options.Target = None,
    id_: options.Id = None,
    column: options.Column = None,
    dev: options.Dev = None,
    test: options.Test = None,
    language: options.Language = None,
    json: options.Json = False,
) -> None:
    """Ask a language model for rows to train on: new ones, paraphrases, and pairs that differ in their label.

    Nothing is sent without --yes. The same command goes on where it was stopped and asks nothing twice. Give the file
    to a search with --set data.extra.file=FILE: rows made from a row train only where that row trains.

    Examples:

      tune-polar data synthesize tweets.csv --text tweet --target label --written-in English --model gpt-4o-mini

      tune-polar data synthesize polar/ --language hin,swa --base-url https://api.openai.com/v1 --model gpt-4o --yes
    """
    # Imported here: only this command pays for a client.
    from tune_polar.synthesis.client import Endpoint
    from tune_polar.synthesis.generate import Job, collect, rows_of
    from tune_polar.synthesis.journal import Journal
    from tune_polar.synthesis.own_rows import columns_for, own_rows
    from tune_polar.synthesis.row_requests import asks_for
    from tune_polar.synthesis.rows_file import check_place, journal_of, write_rows

    if write_prompts is not None:
        _write_prompts(write_prompts)
        return
    check_seed(seed)
    positive(rows, "--rows")
    positive(parallel, "--parallel")
    if parallel > MOST_AT_ONCE:
        raise SpecError(f"--parallel must be at most {MOST_AT_ONCE}, got {parallel}", "Give a smaller number.")
    journal_path = journal_of(into)
    positive(most_tokens, "--most-tokens")
    if not model:
        raise SpecError("--model must be given, got nothing", "Name a model as the endpoint calls it.")
    words = DataWords(data, language, dev, test, text, id_, options.columns(column), target or ())
    found = asked(RecipeWords(recipe or ("classifier" if target else "psk-small")), words)
    request = replace(data_request(found.loaded.recipe), extra=None)
    corpus = load_corpus(found.source, request)
    columns = columns_for(found.loaded.recipe, found.source.columns, by)
    files = [address for split in found.source.files.values() for address in split]
    check_place(into, columns, [*files, *(each.path for each in request.evaluate.values())])
    own, others = own_rows(corpus, columns, written_in)
    said = read_prompts(prompts or PROMPTS)
    asks = list(asks_for(own, said, number=rows, shares=_shares(strategy), seed=seed))
    endpoint = Endpoint(base_url, model, os.environ.get(key_env) or None)
    job = Job(asks, endpoint, said, most_tokens, parallel)
    with Journal(journal_path, writes=yes) as journal:
        for line in _told(job, set(journal.entries), key_env):
            say(line, to_error=json)
        if not yes:
            say("nothing was sent: add --yes to send it", to_error=json)
            return
        try:
            answers, counts = collect(job, journal, _progress)
        except (KeyboardInterrupt, SystemExit):
            say(f"ended: every answer stands in {journal_path}, and the same command goes on", to_error=True)
            raise
    made, texts = rows_of(answers, own, said, others=others)
    if made:
        write_rows(into, made, columns)
    counts = replace(counts, texts=texts)
    if json:
        say_json({"file": str(into) if made else None, **counts.to_json()})
    else:
        for line in _summary(into, counts):
            say(line)
    if not made or counts.stopped:
        raise typer.Exit(NOTHING_KEPT)


def _write_prompts(path: Path) -> None:
    if os.path.lexists(path):
        raise SpecError(f"--write-prompts must name a file that is not there yet, got {path}", "Choose another name.")
    try:
        shutil.copyfile(PROMPTS, path)
    except OSError as error:
        raise SpecError(f"the file {path} must be writable, got {error}", "Choose another place.") from None
    say(f"{path}: change it, and give it with --prompts {path}")


def _shares(strategy: Sequence[str] | None) -> Mapping[Strategy, float]:
    """What ``--strategy`` says.

    Raises:
        SpecError: it is no share of a strategy.
    """
    if not strategy:
        return SHARES
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


def _told(job: Job, answered: AbstractSet[str], key_env: str) -> Iterator[str]:
    """What would be sent."""
    endpoint = job.endpoint
    todo = [ask for ask in job.asks if ask.id_for(endpoint.model) not in answered]
    kinds = Counter(ask.strategy for ask in todo)
    parts = ", ".join(f"{number:,} {name}" for name, number in kinds.items()) or "none"
    yield f"{count(len(todo), 'question')} for {endpoint.model} at {endpoint.base_url} ({parts})"
    if len(todo) < len(job.asks):
        yield f"{count(len(job.asks) - len(todo), 'question')} answered before: not asked again"
    sources = {ask.source_id for ask in todo if ask.source_id}
    characters = sum(len(ask.prompt) + len(ask.system) for ask in todo)
    yield f"{count(len(sources), 'text')} of the data would leave this machine, within {characters:,} characters in all"
    budget = "" if job.most_tokens is None else f", and no question once {job.most_tokens:,} tokens are used up"
    yield f"answers of at most {sum(ask.tokens for ask in todo):,} tokens in all{budget}"
    yield f"key: {f'of {key_env}' if endpoint.key else f'none, for {key_env} is not set'}"


def _progress(done: int, whole: int) -> None:
    step = max(1, whole // 20)
    if done % step == 0 or done == whole:
        say(f"{done:,}/{whole:,} questions answered", to_error=True)


def _summary(into: Path, counts: Counts) -> Iterator[str]:
    """What became of every question and every text."""
    yield "questions: " + ", ".join(f"{number:,} {name}" for name, number in counts.asked.items() if number)
    yield "texts: " + (", ".join(f"{number:,} {name}" for name, number in counts.texts.items()) or "none")
    yield f"tokens: {counts.tokens:,}"
    for reason, number in list(counts.given_up.items())[:1]:
        others = sum(counts.given_up.values()) - number
        yield f"given up: {number:,} because of {reason}" + (f"; {others:,} for other reasons" if others else "")
    if counts.stopped:
        yield f"stopped: {counts.stopped}. The same command goes on where it was stopped."
    if kept := counts.texts.get("kept", 0):
        yield f"{into}: {count(kept, 'row')}; train on them with --set data.extra.file={into}"
    else:
        yield f"no row was kept: {into} is not written"
