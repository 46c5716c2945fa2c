"""The commands by name. Each is imported when it is asked for: `status` need not wait for what `search` loads."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from importlib import import_module
from typing import TYPE_CHECKING, Any

import typer
from typer.core import TyperCommand, TyperGroup

from tune_polar.python_gc import without_collection

if TYPE_CHECKING:
    from typer._click import Command, Context

# In the order in which help lists them: module of this package, and the function or group of commands in it.
COMMANDS = {
    "search": ("search_command", "search"),
    "ablate": ("ablate_command", "ablate"),
    "resume": ("resume_command", "resume"),
    "status": ("status_command", "status"),
    "report": ("report_command", "report"),
    "fit": ("fit_command", "fit"),
    "predict": ("predict_command", "predict"),
    "submit": ("submit_command", "submit"),
    "doctor": ("doctor_command", "doctor"),
    "decide": ("decide_command", "decide"),
    "merge": ("merge_command", "merge"),
    "export": ("export_command", "export"),
    "list": ("list_command", "list_shipped"),
    "validate": ("validate_command", "validate"),
    "schema": ("schema_command", "schema"),
    "data": ("data_command", "data_app"),
}


class Commands(TyperGroup):
    """The group of all commands."""

    def __init__(self, **attributes: Any) -> None:
        """As typer makes it."""
        super().__init__(**attributes)
        self.commands = {name: TyperCommand(name) for name in COMMANDS}  # for suggestions, which need names alone

    def list_commands(self, ctx: Context) -> list[str]:  # noqa: ARG002 (typer's interface)
        """Names, in the order of ``COMMANDS``: completing one loads only what it may become."""
        return list(COMMANDS)

    def get_command(self, ctx: Context, cmd_name: str) -> Command | None:  # noqa: ARG002 (typer's interface)
        """The command, loaded; None where there is none of that name."""
        return _loaded(cmd_name) if cmd_name in COMMANDS else None


def load(names: Sequence[str]) -> None:
    """Import what the commands ``names`` are made of; others are left for the parser to refuse."""
    for name in names:
        if name in COMMANDS:
            _loaded(name)


@cache
def _loaded(name: str) -> Command:
    """As typer would have made it, had it been registered with the others."""
    module, attribute = COMMANDS[name]
    with without_collection():
        found = getattr(import_module(f"tune_polar.cli.{module}"), attribute)
    if isinstance(found, typer.Typer):
        group = typer.main.get_command(found)
        group.name = name
        return group
    alone = typer.Typer(rich_markup_mode=None, pretty_exceptions_enable=False, add_completion=False)
    alone.command(name)(found)
    return typer.main.get_command(alone)
