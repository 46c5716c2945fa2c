"""Asks a model for rows, several questions at once, until all are answered, a budget is used up or nothing answers."""

from __future__ import annotations

import re
import threading
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from tune_polar.recipe.prompts import Prompts
from tune_polar.synthesis.answers import NotATextError, texts_of
from tune_polar.synthesis.client import Client, Endpoint, GivenUpError, StopError
from tune_polar.synthesis.filters import Written, sieve
from tune_polar.synthesis.journal import Entry, Journal
from tune_polar.synthesis.row_requests import Ask, OwnRows

OUTCOMES = ("answered before", "answered now", "given up", "not asked")
DEAD_AFTER = 5  # questions in a row that nothing answered: the server is gone
GRACE_SECONDS = 0.2  # at an interrupt, for answers that are just arriving


@dataclass(frozen=True)
class Row:
    """A row to train on."""

    id: str
    source_id: str
    text: str
    label: str
    language: str
    strategy: str
    model: str
    prompt: str


@dataclass(frozen=True)
class Counts:
    """What became of every question and of every text."""

    asked: Mapping[str, int]  # by OUTCOMES
    texts: Mapping[str, int]  # by why they are left out; "kept"
    tokens: int
    stopped: str = ""  # why not everything was asked
    given_up: Mapping[str, int] = field(default_factory=dict)  # questions by why; the first reason first

    def to_json(self) -> dict[str, object]:
        """Plain data."""
        return {
            "requests": dict(self.asked),
            "texts": dict(self.texts),
            "tokens": self.tokens,
            "stopped": self.stopped or None,
            "given_up": dict(self.given_up),
        }


@dataclass
class _Shared:
    """What threads share; changed under ``lock``."""

    lock: threading.Lock = field(default_factory=threading.Lock)
    stop: threading.Event = field(default_factory=threading.Event)
    reason: str = ""
    failure: BaseException | None = None  # of a thread
    is_left: bool = False  # nobody waits any more: the journal is closed
    given_up: Counter[str] = field(default_factory=Counter)
    asked: Counter[str] = field(default_factory=Counter)
    tokens: int = 0
    unanswered: int = 0  # in a row

    def end(self, reason: str) -> None:
        """Ask nothing more; the first reason holds."""
        self.reason = self.reason or reason
        self.stop.set()


@dataclass(frozen=True)
class Job:
    """What is to be asked of whom."""

    asks: Sequence[Ask]
    endpoint: Endpoint
    prompts: Prompts
    most_tokens: int | None = None  # of questions and answers, those of earlier runs among them
    parallel: int = 4


def collect(job: Job, journal: Journal, report: Callable[[int, int], None]) -> tuple[list[Entry], Counts]:
    """Ask what the journal does not answer yet.

    Args:
        job: what is asked.
        journal: open.
        report: hears after each question how many are done, of how many.

    Returns:
        The answers in the order of the questions, and what became of these; of texts nothing is said yet.
    """
    shared = _Shared()
    ids = [ask.id_for(job.endpoint.model) for ask in job.asks]
    todo = [(ask, its) for ask, its in zip(job.asks, ids, strict=True) if its not in journal.entries]
    shared.asked["answered before"] = len(job.asks) - len(todo)
    found = [journal.entries[its] for its in ids if its in journal.entries]
    shared.tokens = sum(entry.prompt_tokens + entry.answer_tokens for entry in found)
    client = Client(job.endpoint, shared.stop)
    _all(job, client, journal, shared, todo, len(job.asks), report)
    client.close()
    if shared.failure is not None:
        raise shared.failure
    done = shared.asked["answered now"] + shared.asked["given up"]
    shared.asked["not asked"] = len(todo) - done
    answers = [journal.entries[its] for its in ids if its in journal.entries]
    asked = {name: shared.asked[name] for name in OUTCOMES}
    return answers, Counts(asked, {}, shared.tokens, shared.reason, shared.given_up)


def _all(
    job: Job,
    client: Client,
    journal: Journal,
    shared: _Shared,
    todo: Sequence[tuple[Ask, str]],
    whole: int,
    report: Callable[[int, int], None],
) -> None:
    left = iter(todo)

    def following() -> tuple[Ask, str] | None:
        with shared.lock:
            each = None if shared.stop.is_set() else next(left, None)
            if each is not None and job.most_tokens is not None and shared.tokens >= job.most_tokens:
                shared.end(f"the budget of {job.most_tokens:,} tokens is used up")
                return None
            return each

    def one(ask: Ask, its: str) -> None:
        try:
            reply = client.ask(ask)
        except StopError as error:
            with shared.lock:
                shared.end(str(error))
            return
        except GivenUpError as error:
            with shared.lock:
                shared.asked["given up"] += 1
                shared.given_up[str(error)] += 1
                shared.unanswered += 1
                if shared.unanswered >= DEAD_AFTER:
                    shared.end(f"{DEAD_AFTER} questions in a row were not answered; the last: {error}")
            return
        entry = Entry(
            id=its,
            model=job.endpoint.model,
            strategy=ask.strategy,
            language=ask.language,
            labels=ask.labels,
            source_id=ask.source_id,
            topic=ask.topic,
            prompt=job.prompts.hash,
            content=reply.content,
            finish=reply.finish,
            prompt_tokens=reply.prompt_tokens,
            answer_tokens=reply.answer_tokens,
        )
        with shared.lock:
            if shared.is_left:
                return
            journal.add(entry)
            shared.unanswered = 0
            shared.asked["answered now"] += 1
            shared.tokens += reply.prompt_tokens + reply.answer_tokens
            report(shared.asked["answered before"] + shared.asked["answered now"], whole)

    def work() -> None:
        try:
            while (each := following()) is not None:
                one(*each)
        except BaseException as error:  # noqa: BLE001 (raised again where the command waits)
            shared.failure = shared.failure or error
            shared.end("ended")

    # Those of an executor are waited for when Python ends, however long a server is silent.
    threads = [threading.Thread(target=work, daemon=True) for _ in range(min(job.parallel, len(todo)))]
    try:
        for thread in threads:
            thread.start()
        _wait(threads)
    except BaseException:
        shared.end("ended")
        try:
            _wait(threads, GRACE_SECONDS)
        finally:
            with shared.lock:
                shared.is_left = True
        raise


def _wait(threads: Sequence[threading.Thread], seconds: float = float("inf")) -> None:
    """Until all have ended, or for so long; by short turns, between which a signal is heeded."""
    end = time.monotonic() + seconds
    for thread in threads:
        while thread.ident is not None and thread.is_alive() and time.monotonic() < end:
            thread.join(0.1)


def rows_of(
    answers: Sequence[Entry], own: OwnRows, prompts: Prompts, *, others: Sequence[str] = ()
) -> tuple[list[Row], dict[str, int]]:
    """The rows that answers hold, and what became of every text.

    Args:
        answers: in the order of the questions.
        own: rows of the data.
        prompts: whose patterns say what is no text, or says its label.
        others: texts of other splits.
    """
    counts: Counter[str] = Counter()
    refusals, leaks = ([re.compile(each) for each in some] for some in (prompts.refusals, prompts.leaks))
    written: list[Written] = []
    made: list[tuple[Entry, int]] = []
    for entry in answers:
        try:
            texts = texts_of(entry, refusals)
        except NotATextError as error:
            counts[error.reason] += len(entry.labels)
            continue
        for place, (text, label) in enumerate(zip(texts, entry.labels, strict=True)):
            written.append(Written(text, label, entry.language))
            made.append((entry, place))
    rows = []
    for one, (entry, place), reason in zip(written, made, sieve(written, own, leaks, others=others), strict=True):
        counts[reason or "kept"] += 1
        if reason is None:
            its = f"synthetic-{entry.id[:16]}" + ("" if len(entry.labels) == 1 else f"-{place + 1}")
            rows.append(
                Row(its, entry.source_id, one.text, one.label, one.language, entry.strategy, entry.model, entry.prompt)
            )
    return rows, dict(counts)
