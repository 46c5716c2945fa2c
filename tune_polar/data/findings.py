"""What is wrong with a data file: one finding for each broken rule and column, with its places and their number."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from tune_polar.errors import DataError

Severity = Literal["error", "warning"]

FINDINGS_IN_AN_ERROR = 8  # an error is read in a terminal; `tune-polar data check` lists everything
ROWS_IN_A_LINE = 5  # further rows that a finding names
VALUES_IN_A_LINE = 3  # further values
ROWS_KEPT = 1000  # of one finding: a wrong column of ten million cells is told by its number


@dataclass(frozen=True)
class Finding:
    """One broken rule in one column of a data file. ``row`` is the line of the file, counted from 1."""

    severity: Severity
    code: str  # "label-value": stable, for machines and tests
    path: Path | str
    row: int | None  # the first one
    column: str | None
    message: str  # the rule, then the values
    count: int = 1  # how often the rule is broken
    rows: tuple[int, ...] = ()  # where: the first ROWS_KEPT of them, the first one included

    def __str__(self) -> str:
        place = [str(self.path)]
        if self.row is not None:
            place.append(f"row {self.row}")
        if self.column is not None:
            place.append(f"column {self.column}")
        return f"{', '.join(place)}: {self.message}{self._others()}"

    def _others(self) -> str:
        if self.count < 2:
            return ""
        if not self.rows:
            return f" ({self.count:,} times)"
        named = [str(row) for row in self.rows[1 : ROWS_IN_A_LINE + 1]]
        more = ", …" if self.count - 1 > len(named) else ""
        return f" ({self.count:,} times, again in row{'s' if self.count > 2 else ''} {', '.join(named)}{more})"


def errors_in(findings: Sequence[Finding]) -> list[Finding]:
    """The findings a loader cannot go on with."""
    return [finding for finding in findings if finding.severity == "error"]


def data_error(findings: Sequence[Finding], remedy: str) -> DataError:
    """Join findings, a line each, into the one error a loader raises."""
    lines = [str(finding) for finding in findings[:FINDINGS_IN_AN_ERROR]]
    if len(findings) > FINDINGS_IN_AN_ERROR:
        lines.append(f"and {len(findings) - FINDINGS_IN_AN_ERROR} more")
    return DataError("\n".join(lines), remedy)


class Faults:
    """Collects the findings of one file; the same rule broken again in the same column adds to its finding."""

    def __init__(self, path: Path | str) -> None:
        self._path = path
        self._faults: dict[tuple[str, str | None, str], _Fault] = {}

    def add(
        self,
        code: str,
        row: int | None,
        column: str | None,
        rule: str,
        value: str | None = None,
        *,
        severity: Severity = "error",
    ) -> None:
        """One cell, row or file that breaks ``rule``; ``value`` is what it holds instead, as a person sees it."""
        fault = self._faults.setdefault((code, column, rule), _Fault(severity))
        fault.count += 1
        if row is not None and len(fault.rows) < ROWS_KEPT:
            fault.rows.append(int(row))
        if value is not None and len(fault.values) <= VALUES_IN_A_LINE:
            fault.values.setdefault(value)

    def findings(self) -> list[Finding]:
        """In the order in which each rule was first broken."""
        return [
            Finding(
                fault.severity,
                code,
                self._path,
                fault.rows[0] if fault.rows else None,
                column,
                rule + _got(list(fault.values)),
                fault.count,
                tuple(fault.rows),
            )
            for (code, column, rule), fault in self._faults.items()
        ]

    def has_errors(self) -> bool:
        """Whether a loader must stop."""
        return any(fault.severity == "error" for fault in self._faults.values())


class _Fault:
    def __init__(self, severity: Severity) -> None:
        self.severity: Severity = severity
        self.count = 0
        self.rows: list[int] = []
        self.values: dict[str, None] = {}


def _got(values: Sequence[str]) -> str:
    if not values:
        return ""
    others = f" (also {', '.join(values[1:])})" if len(values) > 1 else ""
    return f", got {values[0]}{others}"
