"""Where a search's fold trials were run and when, from their records; who drove it, from its leases."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass

from tune_polar.evaluate.summary import SearchSummary
from tune_polar.store.lease import Driver, drivers
from tune_polar.store.records import FoldRecord
from tune_polar.store.store import Store

DRIVERS_SHOWN = 3


@dataclass(frozen=True)
class HostShare:
    """What one machine has done."""

    host: str
    fold_trials: int
    seconds: float  # of them, added up
    first: str  # ISO 8601, UTC: when the first began
    last: str

    def __str__(self) -> str:
        when = (
            f"on {self.first[:10]}" if self.first[:10] == self.last[:10] else f"{self.first[:10]} to {self.last[:10]}"
        )
        many = "s" if self.fold_trials != 1 else ""
        return f"{self.host}: {self.fold_trials} fold trial{many} {when}, {self.seconds / 60:.1f} min"


def shares_of_hosts(summary: SearchSummary) -> tuple[HostShare, ...]:
    """Each machine's share, the one that began first leading."""
    folds: dict[str, list[FoldRecord]] = defaultdict(list)
    for row in summary.configurations:
        for fold in row.folds:
            folds[fold.provenance.host].append(fold)
    shares = []
    for host, records in folds.items():
        started = sorted(record.provenance.started for record in records)
        seconds = sum(record.seconds for record in records)
        shares.append(HostShare(host, len(records), seconds, started[0], started[-1]))
    return tuple(sorted(shares, key=lambda share: (share.first, share.host)))


def provenance_lines(store: Store, summary: SearchSummary) -> list[str]:
    """For people: fold trials a machine, merged searches, replicates, and who drives."""
    lines = [f"run on    {share}" for share in shares_of_hosts(summary)]
    if summary.weights:
        lines.append(f"weights   {summary.weights_words}")
    lines += [
        f"merged    search begun {part.created} with {part.trials} trials, seed {part.seed}: {part.command}"
        for part in summary.facts.merged
    ]
    replicates = sum(len(store.files.names(f"replicates/{folder}")) for folder in ("folds", "stages"))
    if replicates:
        lines.append(f"          {replicates} replicates of folds and stages are kept beside the ones counted here")
    lines += [_driver_line(driver) for driver in drivers(store.files)[-DRIVERS_SHOWN:]]
    return lines


def _driver_line(driver: Driver) -> str:
    ended = "ended" if driver.released else "is driving it, or has stopped without a word"
    return f"driver    {driver.holder}: {ended}"
