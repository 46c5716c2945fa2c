"""The commands by name. Each is imported when it is asked for: `status` need not wait for what `search` loads."""

from __future__ import annotations

from collections.abc import Iterator, MutableMapping
from importlib import import_module
from typing import TYPE_CHECKING, Any

import typer
from typer.core import TyperGroup

from tune_polar.garbage import without_collection

if TYPE_CHECKING:
    from typer._click import Command

# In the order in which help lists them: module of this package, and the function or group of commands in it.
COMMANDS = {
    "search": ("search_command", "search"),
    "ablate": ("ablate_command", "ablate"),
    "resume": ("resume_command", "resume"),
    "status": ("status_command", "status"),
    "report": ("report_command", "report"),
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
        """As typer makes it, but for what belongs to the group."""
        super().__init__(**attributes)
        self.commands = _LoadedWhenAsked()


class _LoadedWhenAsked(MutableMapping[str, "Command"]):
    """Names are known from the start, for help and for suggestions; a command is loaded by its name."""

    def __init__(self) -> None:
        self._loaded: dict[str, Command] = {}

    def __getitem__(self, name: str) -> Command:
        if name not in self._loaded:
            module, attribute = COMMANDS[name]
            with without_collection():
                found = getattr(import_module(f"tune_polar.cli.{module}"), attribute)
            self._loaded[name] = _command(name, found)
        return self._loaded[name]

    def __iter__(self) -> Iterator[str]:
        return iter(COMMANDS)

    def __len__(self) -> int:
        return len(COMMANDS)

    def __setitem__(self, name: str, command: Command) -> None:
        self._loaded[name] = command

    def __delitem__(self, name: str) -> None:
        del self._loaded[name]


def _command(name: str, found: Any) -> Command:
    """As typer would have made it, had it been registered with the others."""
    if isinstance(found, typer.Typer):
        return typer.main.get_command(found)
    alone = typer.Typer(rich_markup_mode=None, pretty_exceptions_enable=False, add_completion=False)
    alone.command(name)(found)
    return typer.main.get_command(alone)
