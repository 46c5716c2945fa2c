"""Everything that is wrong or doubtful in a data set, and whether a search would take it."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from tune_polar.data.column_request import DataRequest
from tune_polar.data.findings import Finding, errors_in
from tune_polar.data.load import Scanned, scan_source
from tune_polar.data.source import Source
from tune_polar.data.table import Corpus
from tune_polar.errors import TunePolarError


def check_data(
    source: Source, request: DataRequest, *, take: Callable[[Corpus], Sequence[Finding]] | None = None
) -> list[Finding]:
    """Every finding about a data set, in the order of files and rows: those that a search refuses or warns of.

    Args:
        source: what is checked.
        request: what a recipe reads of it.
        take: what a search does with the corpus before it begins, such as making its folds, and what it finds doubtful
            in them; what it refuses is a finding, so that no data passes here that a search would not take.

    Raises:
        DataError: there is nothing to check, or an option names what is not there to be named.
    """
    scanned = scan_source(source, request)
    findings = list(scanned.findings)
    if take is not None and not errors_in(findings):
        findings += _taken(scanned, take)
    return findings


def _taken(scanned: Scanned, take: Callable[[Corpus], Sequence[Finding]]) -> list[Finding]:
    try:
        return list(take(scanned.to_corpus()))
    except TunePolarError as error:
        train = scanned.splits[0].files[0].place
        return [Finding("error", "not-searchable", str(train), None, None, f"{error.problem}. {error.remedy}")]
