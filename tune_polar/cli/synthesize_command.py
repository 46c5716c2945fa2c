"""`tune-polar data synthesize`: rows to train on, written by a language model."""

from __future__ import annotations

import os
import shutil
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

import tune_polar
from tune_polar.api.search_request import RecipeWords, asked
from tune_polar.cli import options
from tune_polar.cli.exit_codes import NOTHING_FOUND
from tune_polar.cli.option_groups import TableGroup, with_groups
from tune_polar.cli.output import say, say_json
from tune_polar.cli.synthesize_options import EndpointGroup, MeaningGroup, QuestionsGroup
from tune_polar.data.load import load_corpus
from tune_polar.errors import SpecError
from tune_polar.recipe.prompts import read_prompts
from tune_polar.report.numbers import count
from tune_polar.search.recipe_data import data_request

if TYPE_CHECKING:
    from tune_polar.api.search_request import Asked
    from tune_polar.synthesis.generate import Counts, Job
    from tune_polar.synthesis.journal import Entry, Journal
    from tune_polar.synthesis.own_rows import Columns
    from tune_polar.synthesis.row_requests import OwnRows

PROMPTS = Path(tune_polar.__file__).parent / "synthesis" / "prompts.yaml"


@with_groups
def synthesize(
    *,
    data: Annotated[str, typer.Argument(help="The rows that new ones stand beside: as --data of a search.")] = "sample",
    into: Annotated[
        Path, typer.Option("--into", help="CSV file to write; every answer stands in FILE.jsonl beside it.")
    ] = Path("synthetic.csv"),
    recipe: Annotated[
        str | None,
        typer.Option("--recipe", help="Recipe that will learn.  [default: by --target; else psk-small]"),
    ] = None,
    endpoint: EndpointGroup,
    questions: QuestionsGroup,
    near: MeaningGroup,
    write_prompts: Annotated[
        Path | None, typer.Option("--write-prompts", metavar="FILE", help="Write the shipped prompts to edit, and end.")
    ] = None,
    yes: Annotated[bool, typer.Option("--yes", help="Send it: without, only what would be sent is told.")] = False,
    table: TableGroup,
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
    from tune_polar.synthesis.generate import Job, rows_of
    from tune_polar.synthesis.journal import Journal
    from tune_polar.synthesis.judge import judge_asks, judged
    from tune_polar.synthesis.row_requests import asks_for
    from tune_polar.synthesis.rows_file import journal_of, write_rows

    if write_prompts is not None:
        _write_prompts(write_prompts)
        return
    questions.check()
    journal_path = journal_of(into)
    endpoint.check()
    found = asked(RecipeWords(recipe or ("classifier" if table.target else "psk-small")), table.words_of(data))
    said = read_prompts(questions.prompts or PROMPTS)
    own, others, columns = _own_rows(found, questions, into)
    asks = list(asks_for(own, said, number=questions.rows, shares=questions.shares(), seed=questions.seed))
    job = Job(asks, endpoint.endpoint(endpoint.model), said, endpoint.most_tokens, endpoint.parallel)
    meaning = near.meaning()
    with Journal(journal_path, writes=yes) as journal:
        for line in _told(job, journal.entries, endpoint):
            say(line, to_error=json)
        if not yes:
            say("nothing was sent: add --yes to send it", to_error=json)
            return
        answers, counts = _collected(job, journal)
        made, texts = rows_of(answers, own, said, others=others, meaning=meaning)
        counts = replace(counts, texts=texts)
        if endpoint.judge is not None:
            asks = judge_asks(made, said, own.target)
            at_once = 0 if counts.stopped else job.parallel  # what was answered before still counts
            judge = endpoint.endpoint(endpoint.judge)
            job = replace(job, asks=asks, endpoint=judge, spent=counts.tokens, parallel=at_once)
            answers, of_judge = _collected(job, journal)
            made, verdicts = judged(made, answers)
            counts = counts.with_judged(replace(of_judge, texts={**texts, "kept": 0, **verdicts}))
    if made:
        write_rows(into, made, columns)
    if json:
        say_json({"file": str(into) if made else None, **counts.to_json()})
    else:
        for line in _summary(into, counts):
            say(line)
    if not made or counts.stopped:
        raise typer.Exit(NOTHING_FOUND)


def _own_rows(found: Asked, questions: QuestionsGroup, into: Path) -> tuple[OwnRows, list[str], Columns]:
    """The rows of the data, texts of other splits, and the columns that the file ``into`` will have."""
    from tune_polar.synthesis.own_rows import columns_for, own_rows
    from tune_polar.synthesis.rows_file import check_place

    request = replace(data_request(found.loaded.recipe), extra=None)
    corpus = load_corpus(found.source, request)
    columns = columns_for(found.loaded.recipe, found.source, questions.by)
    files = [address for split in found.source.files.values() for address in split]
    check_place(into, columns, [*files, *(each.path for each in request.evaluate.values())])
    return *own_rows(corpus, columns, questions.written_in), columns


def _collected(job: Job, journal: Journal) -> tuple[list[Entry], Counts]:
    """Answers, and what became of every question."""
    from tune_polar.synthesis.generate import collect

    try:
        return collect(job, journal, _progress)
    except (KeyboardInterrupt, SystemExit):
        say(f"ended: every answer stands in {journal.path}, and the same command goes on", to_error=True)
        raise


def _write_prompts(path: Path) -> None:
    if os.path.lexists(path):
        raise SpecError(f"--write-prompts must name a file that is not there yet, got {path}", "Choose another name.")
    try:
        shutil.copyfile(PROMPTS, path)
    except OSError as error:
        raise SpecError(f"the file {path} must be writable, got {error}", "Choose another place.") from None
    say(f"{path}: change it, and give it with --prompts {path}")


def _told(job: Job, answered: Mapping[str, Entry], group: EndpointGroup) -> Iterator[str]:
    """What would be sent."""
    from tune_polar.synthesis.generate import unanswered

    endpoint = job.endpoint
    todo = [ask for ask, _ in unanswered(job, answered)]
    kinds = Counter(ask.strategy for ask in todo)
    parts = ", ".join(f"{number:,} {name}" for name, number in kinds.items()) or "none"
    yield f"{count(len(todo), 'question')} for {endpoint.model} at {endpoint.base_url} ({parts})"
    if len(todo) < len(job.asks):
        yield f"{count(len(job.asks) - len(todo), 'question')} answered before: not asked again"
    sources = {ask.source_id for ask in todo if ask.source_id}
    characters = sum(len(ask.prompt) + len(ask.system) for ask in todo)
    yield f"{count(len(sources), 'text')} of the data would leave this machine, within {characters:,} characters in all"
    budget = "" if job.most_tokens is None else f", and no question once {job.most_tokens:,} tokens are used up"
    most = sum(ask.tokens + (endpoint.thinking_tokens or 0) for ask in todo)
    thoughts = "" if group.thinking_tokens is not None else ", beside thoughts of a model that thinks before it answers"
    yield f"answers of at most {most:,} tokens in all{thoughts}{budget}"
    if group.judge is not None:
        yield f"then {group.judge} is asked of each text that is left whether it is of use: one more question a text"
    yield f"key: {f'of {group.key_env}' if endpoint.key else f'none, for {group.key_env} is not set'}"


def _progress(done: int, whole: int) -> None:
    step = max(1, whole // 20)
    if done % step == 0 or done == whole:
        say(f"{done:,}/{whole:,} questions answered", to_error=True)


def _summary(into: Path, counts: Counts) -> Iterator[str]:
    """What became of every question and every text."""
    yield "questions: " + ", ".join(f"{number:,} {name}" for name, number in counts.asked.items() if number)
    yield "texts: " + (", ".join(f"{number:,} {name}" for name, number in counts.texts.items()) or "none")
    yield f"tokens: {counts.tokens:,}"
    if counts.refused:
        yield f"left out, for the model does not take it: {', '.join(counts.refused)}"
    if counts.texts.get("cut off"):
        yield "texts that were cut off are asked for again with more room: --thinking-tokens N"
    for reason, number in list(counts.given_up.items())[:1]:
        others = sum(counts.given_up.values()) - number
        yield f"given up: {number:,} because of {reason}" + (f"; {others:,} for other reasons" if others else "")
    if counts.stopped:
        yield f"stopped: {counts.stopped}. The same command goes on where it was stopped."
    if kept := counts.texts.get("kept", 0):
        yield f"{into}: {count(kept, 'row')}; train on them with --set data.extra.file={into}"
    else:
        yield f"no row was kept: {into} is not written"
