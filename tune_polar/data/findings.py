"""What is wrong with a data file, one finding a broken rule and place."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from tune_polar.errors import DataError

Severity = Literal["error", "warning"]

FINDINGS_IN_AN_ERROR = 8  # an error is read in a terminal; `tune-polar data check` lists everything


@dataclass(frozen=True)
class Finding:
    """One broken rule in one place of a data file. ``row`` is the line of the file, counted from 1."""

    severity: Severity
    code: str  # "label-value": stable, for machines and tests
    path: Path
    row: int | None
    column: str | None
    message: str  # the rule, then the values

    def __str__(self) -> str:
        place = [str(self.path)]
        if self.row is not None:
            place.append(f"row {self.row}")
        if self.column is not None:
            place.append(f"column {self.column}")
        return f"{', '.join(place)}: {self.message}"


def errors_in(findings: Sequence[Finding]) -> list[Finding]:
    """The findings a loader cannot go on with."""
    return [finding for finding in findings if finding.severity == "error"]


def data_error(findings: Sequence[Finding], remedy: str) -> DataError:
    """Join findings, a line each, into the one error a loader raises."""
    lines = [str(finding) for finding in findings[:FINDINGS_IN_AN_ERROR]]
    if len(findings) > FINDINGS_IN_AN_ERROR:
        lines.append(f"and {len(findings) - FINDINGS_IN_AN_ERROR} more")
    return DataError("\n".join(lines), remedy)
