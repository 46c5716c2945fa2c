"""Words and sentence patterns of the sample corpus. Every group, place, club and code word here is invented.

They stand in ``sample_lexicon.json``. Patterns name slots in braces: ``{g}`` is the group spoken of, every other slot
is a key of ``SLOTS``.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

_READ = json.loads(Path(__file__).with_suffix(".json").read_text(encoding="utf-8"))


class Group(NamedTuple):
    """An invented group: its name, words that insiders say for it, and misspellings that sound alike."""

    name: str
    coded: Sequence[str]
    homophones: Sequence[str]


GROUPS: Mapping[str, Sequence[Group]] = {
    label: [Group(**each) for each in groups] for label, groups in _READ["groups"].items()
}
VAGUE: Sequence[str] = _READ["vague"]
SLOTS: Mapping[str, Sequence[str]] = _READ["slots"]
# One family of patterns for each manifestation; several share words on purpose, as the real labels do.
MANIFESTATION_PATTERNS: Mapping[str, Sequence[str]] = _READ["manifestation_patterns"]
# Said of groups with and without contempt: only the reader who knows the context can tell.
AMBIGUOUS_PATTERNS: Sequence[str] = _READ["ambiguous_patterns"]
NEUTRAL_PATTERNS: Sequence[str] = _READ["neutral_patterns"]
DAILY_PATTERNS: Sequence[str] = _READ["daily_patterns"]
# Hostile words aimed at things: words alone do not decide.
THING_PATTERNS: Sequence[str] = _READ["thing_patterns"]
# Around a hostile clause {c}: quoted and rejected, or quoted and endorsed, in much the same words.
REJECTING_FRAMES: Sequence[str] = _READ["rejecting_frames"]
ENDORSING_FRAMES: Sequence[str] = _READ["endorsing_frames"]
# Quoted without a word on what the writer thinks of it: said by both.
OPEN_FRAMES: Sequence[str] = _READ["open_frames"]
FILLERS: Sequence[str] = _READ["fillers"]
OPENERS: Sequence[str] = _READ["openers"]
CLOSERS: Sequence[str] = _READ["closers"]
EMOJI: Sequence[str] = _READ["emoji"]
MISTYPED: Mapping[str, str] = _READ["mistyped"]
