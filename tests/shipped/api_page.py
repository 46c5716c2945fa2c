"""Writes docs/api.md from the package's docstrings: `python -m tests.shipped.api_page > docs/api.md`."""

from __future__ import annotations

import inspect
import re
import sys
from collections.abc import Iterator

import tune_polar

HEAD = """\
# Python

What `import tune_polar` has, by its docstrings: `python -m tests.shipped.api_page > docs/api.md` writes this page, and
a test compares. [From Python](python.md) shows how they are used together.
"""
SECTION = re.compile(r"^(Args|Returns|Raises|Example|Examples|Attributes):$", re.MULTILINE)
NAMED = ("**Args**", "**Raises**", "**Attributes**")  # sections whose lines begin with a name


def api_page() -> str:
    """Every public name, and the public members of classes."""
    lines = [HEAD.rstrip()]
    for name in sorted(tune_polar.__all__, key=lambda each: (each != each.lower(), each)):
        found = getattr(tune_polar, name)
        lines += ["", f"## {name}", "", *_described(f"tune_polar.{name}", found)]
        if inspect.isclass(found):
            for member, value in vars(found).items():
                if (
                    not member.startswith("_")
                    and inspect.getdoc(value)
                    and (callable(value) or isinstance(value, property))
                ):
                    lines += ["", f"### {name}.{member}", "", *_described(member, value)]
    return "\n".join(lines) + "\n"


def _described(name: str, found: object) -> Iterator[str]:
    if callable(found):
        signature = re.sub(r"(: |-> )'([^']+)'", r"\1\2", str(inspect.signature(found)))
        signature = signature.replace("self, ", "").replace("(self)", "()")
        yield f"`{name}{signature}`"
        yield ""
    text = SECTION.sub(r"**\1**\n", inspect.getdoc(found) or "")
    section = ""
    for line in text.splitlines():
        section = line if line.startswith("**") else section
        setting = re.match(r"^    ([\w*, ]+): (.*)$", line) if section in NAMED else None
        prose = line.strip() if section == "**Returns**" else line  # and no block of code
        yield f"- `{setting[1]}`: {setting[2]}" if setting else prose


if __name__ == "__main__":
    sys.stdout.write(api_page())
