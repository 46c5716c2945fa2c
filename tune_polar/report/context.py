"""Everything the page says, derived from records alone; templates only lay it out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from tune_polar import __version__
from tune_polar.report.configuration_index import ConfigurationIndex, configuration_index
from tune_polar.report.configuration_scores import ConfigurationSection, configuration_section
from tune_polar.report.cost import CostSection, cost_section
from tune_polar.report.examples import ExampleRow, example_rows
from tune_polar.report.honesty import HonestySection, honesty_section
from tune_polar.report.importance_section import ImportanceSection, importance_section, measured_importances
from tune_polar.report.overview import Overview, overview
from tune_polar.report.pipeline import PipelineSection, pipeline_section
from tune_polar.report.provenance import ProvenanceSection, provenance_section
from tune_polar.report.record_paths import RecordPaths, record_paths
from tune_polar.report.searched import searched_parameters
from tune_polar.report.sensitivity import SensitivitySection, sensitivity_section
from tune_polar.report.setting_meanings import Meaning, setting_meanings
from tune_polar.report.threshold_comparison import ThresholdSection, threshold_section
from tune_polar.report.threshold_curves import ThresholdCurves, threshold_curves
from tune_polar.report.told_apart import ToldApartSection, told_apart
from tune_polar.report.votes_map import VotesMap, votes_map
from tune_polar.store.correction import corrected_best
from tune_polar.store.summary import SearchSummary


@dataclass(frozen=True)
class PageOptions:
    """What a page may be told beside the records."""

    store_address: str | None = None  # of the store's folder as seen from the page's
    texts: Mapping[str, str] | None = None  # by row id: shows example rows
    reload_seconds: int | None = None  # the page reads itself anew, while a search runs


@dataclass(frozen=True)
class PageContext:
    """One attribute a part of the page, in its order."""

    title: str
    kind: str  # "search", "ablation"
    index: ConfigurationIndex
    overview: Overview  # 1
    honesty: HonestySection
    configurations: ConfigurationSection  # 2
    told_apart: ToldApartSection
    importance: ImportanceSection  # 3
    sensitivity: SensitivitySection  # 4
    votes: VotesMap
    meanings: tuple[Meaning, ...]
    thresholds: ThresholdSection  # 5
    curves: ThresholdCurves
    pipeline: PipelineSection  # 6
    cost: CostSection  # 7
    provenance: ProvenanceSection  # 8
    records: RecordPaths
    examples: tuple[ExampleRow, ...] | None  # None: not asked for
    reload_seconds: int | None
    version: str


def page_context(summary: SearchSummary, options: PageOptions | None = None) -> PageContext:
    """The context of a search's page.

    Raises:
        StoreError: the manifest does not describe a search.
    """
    options = options or PageOptions()
    facts, best = summary.facts, summary.best
    planned_folds = summary.gold.detector_plan.count
    index, searched = configuration_index(summary), searched_parameters(facts)
    corrected = corrected_best(summary)
    found = measured_importances(summary, searched)
    return PageContext(
        title=f"{facts.recipe.recipe} on {facts.data_name}",
        kind=facts.kind,
        index=index,
        overview=overview(summary, facts, planned_folds, corrected),
        honesty=honesty_section(summary, corrected),
        configurations=configuration_section(summary, planned_folds, index),
        told_apart=told_apart(summary, index, planned_folds),
        importance=importance_section(found),
        sensitivity=sensitivity_section(summary, searched, found, index),
        votes=votes_map(best),
        meanings=setting_meanings(summary, searched, index),
        thresholds=threshold_section(summary),
        curves=threshold_curves(best),
        pipeline=pipeline_section(best),
        cost=cost_section(summary, index, planned_folds),
        provenance=provenance_section(summary, facts),
        records=record_paths(summary, index, options.store_address),
        examples=None if options.texts is None else example_rows(best, options.texts),
        reload_seconds=options.reload_seconds,
        version=__version__,
    )
