"""docs/commands.md and docs/api.md are what the command line and the docstrings say."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

import tune_polar
from tests.shipped.api_page import api_page
from tests.shipped.commands_page import commands_page
from tune_polar.cli.commands import COMMANDS

DOCS = Path(__file__).resolve().parents[2] / "docs"


@pytest.mark.parametrize(("name", "page"), [("commands", commands_page), ("api", api_page)])
def test_the_page_is_as_the_code_says(name: str, page: Callable[[], str]) -> None:
    assert (DOCS / f"{name}.md").read_text(encoding="utf-8") == page(), (
        f"write it anew: python -m tests.shipped.{name}_page > docs/{name}.md"
    )


def test_every_command_and_every_public_name_has_a_part() -> None:
    commands, api = ((DOCS / f"{name}.md").read_text(encoding="utf-8") for name in ("commands", "api"))
    assert [name for name in COMMANDS if f"\n## `tune-polar {name}`\n" not in commands] == []
    assert [name for name in tune_polar.__all__ if f"\n## {name}\n" not in api] == []
