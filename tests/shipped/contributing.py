"""The lines of code on the page for those who add something."""

from __future__ import annotations

import re
from pathlib import Path

PAGE = Path(__file__).resolve().parents[2] / "CONTRIBUTING.md"
BLOCK = re.compile(r"```python\n(.*?)```", flags=re.DOTALL)


def blocks_of(heading: str) -> list[str]:
    """The blocks of Python under one heading."""
    text = PAGE.read_text(encoding="utf-8")
    section = text[text.index(f"{heading}\n") :]
    return BLOCK.findall(section[: section.index("\n## ", 1)])
