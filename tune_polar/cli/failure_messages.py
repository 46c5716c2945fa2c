"""What has failed in a search, and what had to be made to fit into memory, in lines for the terminal."""

from __future__ import annotations

from tune_polar.evaluate.summary import SearchSummary
from tune_polar.recipe.cells import Cell
from tune_polar.report.numbers import count
from tune_polar.report.words import CellWords
from tune_polar.store.failures import FailureRecord


def failure_notice(summary: SearchSummary) -> list[str]:
    """Why nothing works, with a remedy; empty where a fold has finished or nothing has failed for good."""
    failed = [row for row in summary.configurations if row.state == "infeasible" and row.failures]
    if not failed or any(row.folds for row in summary.configurations):
        return []
    first = failed[0].failures[0]
    remedy = (
        "Look for the end of memory or time on the machine; try fewer --slots or smaller batches.size, then resume."
        if first.is_infrastructure
        else "Mend what the error names (a value of the recipe, the data, the encoder) and begin a new search; "
        "`resume` tries further configurations of this one."
    )
    return [
        f"{count(len(failed), 'configuration')} failed and no fold has ever finished. The first, "
        f"{first.configuration_id} on {_cell(first, summary)}, said:",
        *(f"  {line}" for line in f"{first.kind}: {first.message.strip()}".splitlines()),
        f"  Remedy: {remedy}",
    ]


def failure_lines(summary: SearchSummary) -> list[str]:
    """One line a failed fold trial: which, and the error's first line."""
    return [
        f"  {failure.configuration_id} {_cell(failure, summary)}: {failure.first_line}"
        for row in summary.configurations
        for failure in row.failures
    ]


def memory_lines(summary: SearchSummary) -> list[str]:
    """One line a configuration's stage that was made to fit into memory: how, and how often."""
    words = CellWords(summary.cells)
    return [
        f"  {row.configuration.id} {stage}: {how} ({number} of {words.count(len(row.folds))}), to fit into memory"
        for row in summary.configurations
        for (stage, how), number in row.memory.items()
    ]


def _cell(failure: FailureRecord, summary: SearchSummary) -> str:
    return CellWords(summary.cells).name(Cell(failure.fold, failure.seed))
