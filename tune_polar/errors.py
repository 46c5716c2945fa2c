"""The errors a user can cause, each with its remedy as the last sentence.

Every leaf is also the builtin a Python caller would expect. Only ``tune_polar.cli`` turns them into exit codes.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


class TunePolarError(Exception):
    """Something the user can mend. ``str()`` gives the rule, the values, then the remedy."""

    def __init__(self, problem: str, remedy: str) -> None:
        super().__init__(problem, remedy)
        self.problem = problem
        self.remedy = remedy

    def __str__(self) -> str:
        return f"{self.problem}\n  Remedy: {self.remedy}"


class SpecError(TunePolarError, ValueError):
    """A recipe, search space or setting breaks a rule. Mend the named key in the named file."""


class DataError(TunePolarError, ValueError):
    """A data file or corpus breaks a rule. Run `tune-polar data check` to see every finding."""


class FoldPlanError(TunePolarError, ValueError):
    """The rows cannot be split as asked. Use fewer folds or merge the rare label."""


class DecisionError(TunePolarError, ValueError):
    """Predictions or decision settings cannot be scored as given."""


class ModelError(TunePolarError, ValueError):
    """An encoder or model part cannot be built as asked."""


class StoreError(TunePolarError, OSError):
    """A store cannot be read or written. The records in it are left as they are."""

    def __str__(self) -> str:  # OSError's own __str__ would format the two arguments as errno and text
        return TunePolarError.__str__(self)


class SearchError(TunePolarError, RuntimeError):
    """A search cannot start or go on."""


@dataclass(frozen=True)
class Fault:
    """One broken rule in one place of a file; faults are collected so that all are reported at once."""

    rule: str  # "must be at least 1, got 0"
    path: Path | None = None
    line: int | None = None
    key: str | None = None

    def __str__(self) -> str:
        place = "" if self.path is None else str(self.path)
        if self.line is not None:
            place += f":{self.line}"
        parts = [part for part in (place, self.key) if part]
        return ": ".join([*parts, self.rule])


def spec_error(faults: list[Fault], remedy: str) -> SpecError:
    """Join all ``faults`` of one file into one error, a line each."""
    return SpecError("\n".join(str(fault) for fault in faults), remedy)
