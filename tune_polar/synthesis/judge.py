"""A model that is asked of each text that is left whether it is of use."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from string import Template
from typing import Literal

from tune_polar.recipe.prompts import QUALITIES, Prompts
from tune_polar.synthesis.answers import without_thoughts
from tune_polar.synthesis.generate import Row
from tune_polar.synthesis.journal import Entry
from tune_polar.synthesis.languages import written_out
from tune_polar.synthesis.row_requests import Ask

TOKENS_OF_A_VERDICT = 60
Verdict = Literal["kept", "judged unfit", "not judged"]


def judge_asks(rows: Sequence[Row], prompts: Prompts, target: str) -> list[Ask]:
    """A question for each row, in their order."""
    found = []
    for row in rows:
        words = {
            "language": written_out(row.language, prompts.languages),
            "label": row.label,
            "meaning": prompts.meaning(target, row.label),
            "text": row.text,
        }
        ask = Ask(
            number=0,
            strategy="judge",
            language=row.language,
            labels=(row.label,),
            source_id=row.id,
            topic="",
            system=prompts.judge.system,
            prompt=Template(prompts.judge.prompt).substitute(words),
            temperature=prompts.judge.temperature,
            tokens=TOKENS_OF_A_VERDICT,
        )
        found.append(ask)
    return found


def judged(rows: Sequence[Row], answers: Sequence[Entry]) -> tuple[list[Row], dict[str, int]]:
    """The rows that a judge lets pass, and how many do not; those it was not asked of wait for the next run."""
    by_row: Mapping[str, Entry] = {entry.source_id: entry for entry in answers}
    verdicts = [_verdict(by_row.get(row.id)) for row in rows]
    kept = [row for row, verdict in zip(rows, verdicts, strict=True) if verdict == "kept"]
    return kept, dict(Counter(verdicts))


def _verdict(entry: Entry | None) -> Verdict:
    """An answer of another form speaks against no text."""
    if entry is None:
        return "not judged"
    content = without_thoughts(entry.content)
    try:
        found = json.loads(content[content.find("{") : content.rfind("}") + 1])
        is_unfit = any(str(found[quality]).lower() in ("false", "no") for quality in QUALITIES)
    except (ValueError, KeyError, TypeError, RecursionError):
        return "kept"
    return "judged unfit" if is_unfit else "kept"
