"""Where a page comes from: data, folds, versions, seeds, command and machines."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from tune_polar.report.numbers import duration
from tune_polar.store.manifest_facts import ManifestFacts
from tune_polar.store.record import FoldRecord
from tune_polar.store.summary import SearchSummary


@dataclass(frozen=True)
class Fact:
    """A term and its value; a ``code`` value is shown in the typewriter face."""

    term: str
    value: str
    is_code: bool = False


@dataclass(frozen=True)
class HostRow:
    """One machine's share."""

    host: str
    device: str
    folds: int
    time: str
    versions: str  # where they differ from the driver's; "" else


@dataclass(frozen=True)
class ProvenanceSection:
    """Facts and machines."""

    facts: tuple[Fact, ...]
    versions: tuple[tuple[str, str], ...]
    hosts: tuple[HostRow, ...]
    hosts_missing: str


def provenance_section(summary: SearchSummary, facts: ManifestFacts) -> ProvenanceSection:
    """What the records say about their own making."""
    folds = [record for row in summary.configurations for record in row.folds]
    hosts = _hosts(folds, facts.versions)
    return ProvenanceSection(
        facts=(
            Fact("Command", facts.command, True),
            Fact("Store", summary.url, True),
            Fact("Begun", facts.created),
            *_span(folds),
            Fact("Data", facts.data_path or f"{facts.data_name}, generated", True),
            Fact("Data fingerprint", facts.data_fingerprint, True),
            *_plans(facts),
            Fact("Encoder", ", ".join(dict.fromkeys((facts.recipe.encoder.name, facts.encoder_identity))), True),
            Fact("Seeds", f"search {facts.seed}, training {facts.recipe.seed}, folds {facts.recipe.folds.seed}"),
        ),
        versions=tuple(facts.versions.items()),
        hosts=hosts,
        hosts_missing="" if hosts else "Not enough data: no fold has finished, so no machine has left its name.",
    )


def _plans(facts: ManifestFacts) -> Iterable[Fact]:
    if facts.detector_plan == facts.classifier_plan:
        return (Fact("Fold plan", facts.detector_plan, True),)
    return (
        Fact("Fold plan, detector", facts.detector_plan, True),
        Fact("Fold plan, classifier", facts.classifier_plan, True),
    )


def _span(folds: list[FoldRecord]) -> Iterable[Fact]:
    if not folds:
        return ()
    started = sorted(record.provenance.started for record in folds)
    return (Fact("Fold trials started", f"first {started[0]}, last {started[-1]}"),)


def _hosts(folds: list[FoldRecord], driver: Mapping[str, str]) -> tuple[HostRow, ...]:
    groups: dict[tuple[str, str, str], list[FoldRecord]] = defaultdict(list)
    for record in folds:
        about = record.provenance
        groups[about.host, about.device, _unlike(about.versions, driver)].append(record)
    return tuple(
        HostRow(host, device, len(records), duration(sum(record.seconds for record in records)), versions)
        for (host, device, versions), records in sorted(groups.items())
    )


def _unlike(versions: Mapping[str, str], driver: Mapping[str, str]) -> str:
    unlike = [f"{name} {number}" for name, number in versions.items() if driver.get(name, number) != number]
    return ", ".join(unlike)
