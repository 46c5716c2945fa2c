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
    for line in text.splitlines():
        setting = re.match(r"^    (\S[^:]*): (.*)$", line)
        yield f"- `{setting[1]}`: {setting[2]}" if setting else line


if __name__ == "__main__":
    sys.stdout.write(api_page())
