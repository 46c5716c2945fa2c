"""Asks a model for rows, several questions at once, until all are answered, a budget is used up or nothing answers."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from tune_polar.recipe.prompts import Prompts
from tune_polar.synthesis.answers import NotATextError, texts_of
from tune_polar.synthesis.client import Client, Endpoint, GivenUpError, StopError
from tune_polar.synthesis.filters import Meaning, Written, sieve
from tune_polar.synthesis.journal import Entry, Journal
from tune_polar.synthesis.patterns import Patterns
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
    refused: tuple[str, ...] = ()  # parameters that the model did not take
    given_up: Mapping[str, int] = field(default_factory=dict)  # questions by why; the first reason first

    def to_json(self) -> dict[str, object]:
        """Plain data."""
        return {
            "requests": dict(self.asked),
            "texts": dict(self.texts),
            "tokens": self.tokens,
            "stopped": self.stopped or None,
            "parameters_not_taken": list(self.refused),
            "given_up": dict(self.given_up),
        }

    def with_judged(self, judged: Counts) -> Counts:
        """Those of the questions that a judge was asked added; texts and tokens are what ``judged`` says."""
        asked = {name: number + judged.asked[name] for name, number in self.asked.items()}
        given_up = Counter(self.given_up) + Counter(judged.given_up)
        refused = tuple(dict.fromkeys((*self.refused, *judged.refused)))
        stopped = self.stopped or judged.stopped
        return replace(judged, asked=asked, stopped=stopped, given_up=given_up, refused=refused)


@dataclass(frozen=True)
class Job:
    """What is to be asked of whom."""

    asks: Sequence[Ask]
    endpoint: Endpoint
    prompts: Prompts
    most_tokens: int | None = None  # of questions and answers, those of earlier runs among them
    parallel: int = 4
    spent: int = 0  # of these tokens, by another job


def unanswered(job: Job, entries: Mapping[str, Entry]) -> list[tuple[Ask, str]]:
    """Questions with ids that ``entries`` do not answer, or cut off within fewer tokens than an answer may have."""
    endpoint, found = job.endpoint, []
    for ask in job.asks:
        its = ask.id_for(endpoint.model)
        entry = entries.get(its)
        most = ask.tokens + (endpoint.thinking_tokens or 0)
        if entry is None or (entry.finish == "length" and entry.most_tokens < most):
            found.append((ask, its))
    return found


def collect(job: Job, journal: Journal, report: Callable[[int, int], None]) -> tuple[list[Entry], Counts]:
    """Ask what the journal does not answer yet.

    Args:
        job: what is asked.
        journal: open.
        report: hears after each question how many are done, of how many.

    Returns:
        The answers in the order of the questions, and what became of these; of texts nothing is said yet.
    """
    ids = [ask.id_for(job.endpoint.model) for ask in job.asks]
    todo = unanswered(job, journal.entries)
    asking = _Asking(job, journal, report, todo)
    asking.asked["answered before"] = len(job.asks) - len(todo)
    asking.tokens = job.spent + sum(journal.spent[its] for its in ids)
    asking.run()
    if asking.failure is not None:
        raise asking.failure
    asking.asked["not asked"] = len(todo) - asking.asked["answered now"] - asking.asked["given up"]
    answers = [journal.entries[its] for its in ids if its in journal.entries]
    asked = {name: asking.asked[name] for name in OUTCOMES}
    return answers, Counts(asked, {}, asking.tokens, asking.reason, asking.refused, asking.given_up)


class _Asking:
    """Threads that ask, and what they share: changed under a lock."""

    def __init__(
        self, job: Job, journal: Journal, report: Callable[[int, int], None], todo: Sequence[tuple[Ask, str]]
    ) -> None:
        self._job, self._journal, self._report = job, journal, report
        self._left, self._threads = iter(todo), min(job.parallel, len(todo))
        self._lock, self._stop = threading.Lock(), threading.Event()
        self._is_left = False  # nobody waits any more: the journal is closed
        self._unanswered = 0  # in a row
        self._client = Client(job.endpoint, self._stop)
        self.reason = ""
        self.failure: BaseException | None = None  # of a thread
        self.given_up: Counter[str] = Counter()
        self.asked: Counter[str] = Counter()
        self.tokens = 0

    def run(self) -> None:
        """Until all is asked or nothing more shall be."""
        # Those of an executor are waited for when Python ends, however long a server is silent.
        threads = [threading.Thread(target=self._work, daemon=True) for _ in range(self._threads)]
        try:
            for thread in threads:
                thread.start()
            _wait(threads)
        except BaseException:
            self._end("ended")
            try:
                _wait(threads, GRACE_SECONDS)
            finally:
                with self._lock:
                    self._is_left = True
            raise
        self._client.close()

    @property
    def refused(self) -> tuple[str, ...]:
        """Parameters that the model did not take."""
        return tuple(sorted(self._client.refused))

    def _end(self, reason: str) -> None:
        """Ask nothing more; the first reason holds."""
        self.reason = self.reason or reason
        self._stop.set()

    def _work(self) -> None:
        try:
            while (each := self._following()) is not None:
                self._ask(*each)
        except BaseException as error:  # noqa: BLE001 (raised again where the command waits)
            self.failure = self.failure or error
            self._end("ended")

    def _following(self) -> tuple[Ask, str] | None:
        with self._lock:
            each = None if self._stop.is_set() else next(self._left, None)
            most = self._job.most_tokens
            if each is not None and most is not None and self.tokens >= most:
                self._end(f"the budget of {most:,} tokens is used up")
                return None
            return each

    def _ask(self, ask: Ask, its: str) -> None:
        try:
            reply = self._client.ask(ask)
        except StopError as error:
            with self._lock:
                self._end(str(error))
            return
        except GivenUpError as error:
            with self._lock:
                self.asked["given up"] += 1
                self.given_up[str(error)] += 1
                self._unanswered += 1
                if self._unanswered >= DEAD_AFTER:
                    self._end(f"{DEAD_AFTER} questions in a row were not answered; the last: {error}")
            return
        entry = Entry(
            id=its,
            model=self._job.endpoint.model,
            strategy=ask.strategy,
            language=ask.language,
            labels=ask.labels,
            source_id=ask.source_id,
            topic=ask.topic,
            prompt=self._job.prompts.hash,
            content=reply.content,
            finish=reply.finish,
            prompt_tokens=reply.prompt_tokens,
            answer_tokens=reply.answer_tokens,
            most_tokens=reply.most_tokens,
        )
        with self._lock:
            if self._is_left:
                return
            self._journal.add(entry)
            self._unanswered = 0
            self.asked["answered now"] += 1
            self.tokens += reply.prompt_tokens + reply.answer_tokens
            self._report(self.asked["answered before"] + self.asked["answered now"], len(self._job.asks))


def _wait(threads: Sequence[threading.Thread], seconds: float = float("inf")) -> None:
    """Until all have ended, or for so long; by short turns, between which a signal is heeded."""
    end = time.monotonic() + seconds
    for thread in threads:
        while thread.ident is not None and thread.is_alive() and time.monotonic() < end:
            thread.join(0.1)


def rows_of(
    answers: Sequence[Entry],
    own: OwnRows,
    prompts: Prompts,
    *,
    others: Sequence[str] = (),
    meaning: Meaning | None = None,
) -> tuple[list[Row], dict[str, int]]:
    """The rows that answers hold, and what became of every text.

    Args:
        answers: in the order of the questions.
        own: rows of the data.
        prompts: whose patterns say what is no text, or says its label.
        others: texts of other splits.
        meaning: by which texts near to others in meaning are left out too.
    """
    counts: Counter[str] = Counter()
    refusals, leaks = Patterns("refusals", prompts.refusals), Patterns("leaks", prompts.leaks)
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
    reasons = sieve(written, own, leaks, others=others, meaning=meaning)
    for one, (entry, place), reason in zip(written, made, reasons, strict=True):
        counts[reason or "kept"] += 1
        if reason is None:
            its = f"synthetic-{entry.id[:16]}" + ("" if len(entry.labels) == 1 else f"-{place + 1}")
            rows.append(
                Row(its, entry.source_id, one.text, one.label, one.language, entry.strategy, entry.model, entry.prompt)
            )
    return rows, dict(counts)
