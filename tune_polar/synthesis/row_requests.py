"""What is asked for: a request for each row to be, the same ones for the same seed, so that a stopped run goes on."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from string import Template

import numpy as np

from tune_polar.errors import DataError
from tune_polar.recipe.prompts import STRATEGIES, Prompts, Question, Strategy
from tune_polar.synthesis.languages import written_out

TEXTS_OF: Mapping[Strategy, int] = {"direct": 1, "paraphrase": 1, "contrastive": 2}  # texts that one answer holds
TOKENS_OF_A_TEXT = 250
MOST_ROWS = 200_000  # of all languages: every question is held in memory, with its text


@dataclass(frozen=True)
class OwnRows:
    """The rows that synthetic ones stand beside.

    Args:
        ids, texts, labels, languages: of each row; a language is a group's name.
        known: all labels there are.
        target: what the column of labels is called.
    """

    ids: Sequence[str]
    texts: Sequence[str]
    labels: Sequence[str]
    languages: Sequence[str]
    known: Sequence[str]
    target: str


@dataclass(frozen=True)
class Ask:
    """One request.

    ``labels`` are those of the texts that its answer should hold, in their order; ``sent`` is the row whose text it
    holds, with ``source_id`` its id.
    """

    number: int
    strategy: Question
    language: str
    labels: tuple[str, ...]
    source_id: str
    topic: str
    system: str
    prompt: str
    temperature: float
    tokens: int  # that its answer may have

    def id_for(self, model: str) -> str:
        """Equal for equal questions of one model, whenever they are asked."""
        said = (model, self.system, self.prompt, f"{self.temperature:g}", str(self.tokens), str(self.number))
        return hashlib.sha256("\x1f".join(said).encode()).hexdigest()[:32]


def asks_for(
    rows: OwnRows, prompts: Prompts, *, number: int, shares: Mapping[Strategy, float], seed: int
) -> Iterator[Ask]:
    """Requests for ``number`` rows of each language, labels in equal parts, sources and topics drawn.

    More rows of the same seed begin with the same requests, but for one of each language where shares do not come out
    even.

    Args:
        rows: of the data.
        prompts: what is asked.
        number: rows a language.
        shares: of them, by strategy.
        seed: of what is drawn.

    Raises:
        DataError: a language has no row of a label, of which a paraphrase is asked; so many rows are asked for that
            memory would not hold the questions.
    """
    languages = list(dict.fromkeys(rows.languages))
    if number * len(languages) > MOST_ROWS:
        raise DataError(
            f"--rows must be at most {MOST_ROWS // len(languages):,}, {MOST_ROWS:,} over all languages "
            f"together, got {number:,}",
            "Ask for fewer, or for several files with --into, each with a --seed of its own.",
        )
    numbers = _requests(number, shares)
    for language in languages:
        for place, strategy in enumerate(STRATEGIES):
            entropy = int.from_bytes(hashlib.sha256(language.encode()).digest()[:4], "little")
            rng = np.random.default_rng((seed, entropy, place))
            drawn = _Drawing(rows, prompts, language, rng)
            for each in range(numbers[strategy]):
                yield drawn.ask(strategy, each)


def _requests(number: int, shares: Mapping[Strategy, float]) -> Mapping[Strategy, int]:
    """How often each strategy is asked, so that answers hold ``number`` texts, one more where all stand in pairs."""
    direct, paraphrase, contrastive = (shares.get(strategy, 0.0) for strategy in STRATEGIES)
    if not direct + paraphrase:
        return {"direct": 0, "paraphrase": 0, "contrastive": -(-number // 2)}
    pairs = min(round(number * contrastive / 2), number // 2)
    single = number - 2 * pairs
    first = round(single * direct / (direct + paraphrase))
    return {"direct": first, "paraphrase": single - first, "contrastive": pairs}


class _Drawing:
    def __init__(self, rows: OwnRows, prompts: Prompts, language: str, rng: np.random.Generator) -> None:
        self._rows, self._prompts, self._language, self._rng = rows, prompts, language, rng
        self._of_label: dict[str, list[int]] = {label: [] for label in rows.known}
        for row, (label, its) in enumerate(zip(rows.labels, rows.languages, strict=True)):
            if its == language:
                self._of_label[label].append(row)

    def ask(self, strategy: Strategy, number: int) -> Ask:
        known, prompts = self._rows.known, self._prompts
        label = known[number % len(known)]
        topic = prompts.topics[int(self._rng.integers(len(prompts.topics)))]
        words = {
            "language": written_out(self._language, prompts.languages),
            "topic": topic,
            "least_words": str(prompts.least_words),
            "most_words": str(prompts.most_words),
        }
        labels: tuple[str, ...] = (label,)
        source_id = ""
        if strategy == "contrastive":
            other = known[(number + 1 + number // len(known) % (len(known) - 1)) % len(known)]
            labels = (label, other)
            words |= {"first": label, "first_meaning": self._meaning(label)}
            words |= {"second": other, "second_meaning": self._meaning(other)}
        else:
            words |= {"label": label, "meaning": self._meaning(label)}
        if strategy == "paraphrase":
            row = self._source(label)
            source_id = self._rows.ids[row]
            words["text"] = self._rows.texts[row]
        asking = prompts.asking(strategy)
        return Ask(
            number=number,
            strategy=strategy,
            language=self._language,
            labels=labels,
            source_id=source_id,
            topic="" if strategy == "paraphrase" else topic,
            system=prompts.system,
            prompt=Template(asking.prompt).substitute(words),
            temperature=asking.temperature,
            tokens=TOKENS_OF_A_TEXT * TEXTS_OF[strategy],
        )

    def _meaning(self, label: str) -> str:
        return self._prompts.meaning(self._rows.target, label)

    def _source(self, label: str) -> int:
        rows = self._of_label[label]
        if not rows:
            raise DataError(
                f"a paraphrase must have a row to be made from, got none of {self._rows.target} {label!r} in "
                f"{self._language!r}",
                "Leave paraphrases out with --strategy direct=1, or add rows.",
            )
        return rows[int(self._rng.integers(len(rows)))]
