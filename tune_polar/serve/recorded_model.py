"""What a search's records say of a model: which configuration, which stages, what its decisions are set to."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from shlex import quote
from statistics import median
from typing import Any

from tune_polar.decide.deployed import settings_to_json
from tune_polar.errors import StoreError
from tune_polar.evaluate.configuration_predictions import CellPredictions, PredictionsReader
from tune_polar.evaluate.manifest_facts import ManifestFacts
from tune_polar.evaluate.named_configuration import WINNER, named_configuration
from tune_polar.evaluate.outcome import Outcome, outcome_of
from tune_polar.evaluate.summary import ConfigurationSummary, SearchSummary, summarise
from tune_polar.recipe.configuration import Configuration
from tune_polar.recipe.recipe import Recipe
from tune_polar.serve.composition import CellModels, Composition
from tune_polar.serve.protocol import scores_of_outcome
from tune_polar.store.store import Store
from tune_polar.trial.all_rows_trial import StepsFound, all_rows_keys, all_rows_trial
from tune_polar.trial.columns_read import columns_read
from tune_polar.trial.encoder_identities import recorded_for
from tune_polar.trial.fold_trial import Inputs
from tune_polar.trial.stage_shape import StageShape


@dataclass(frozen=True, eq=False)
class Recorded:
    """A finished configuration of a search, with its predictions; ``asked``: the words that name it to a command."""

    summary: SearchSummary
    row: ConfigurationSummary
    cells: tuple[CellPredictions, ...]
    outcome: Outcome
    asked: str = ""

    @property
    def words(self) -> str:
        """In a sentence."""
        return f"configuration {self.id}"

    def alone(self) -> Recorded:
        """The one configuration: itself."""
        return self

    def recipe_of(self, cell: CellModels) -> Recipe:  # noqa: ARG002 - the same of all
        """The recipe of a cell."""
        return self.recipe

    def encoder_of(self, cell: CellModels, stage: str) -> str | None:  # noqa: ARG002 - the same of all
        """What the manifest has recorded of a stage's encoders; None: nothing."""
        return recorded_encoder(self.summary.facts, self.row.configuration, stage)

    def scores(self) -> list[dict[str, object]]:
        """Every score with its protocol."""
        return scores_of_outcome(self.outcome)

    @property
    def recipe(self) -> Recipe:
        """With every value of the configuration."""
        return self.row.configuration.recipe

    @property
    def id(self) -> str:
        """Of the configuration, by which records name it."""
        return self.row.configuration.id

    def folds(self) -> Composition:
        """Its models of the folds, which vote together."""
        models = [
            CellModels(cell.fold, cell.seed, {name: stage.key for name, stage in cell.stages.items()})
            for cell in self.cells
        ]
        return self._composed(tuple(models), "folds")

    def all_rows(self, keys: Mapping[str, str]) -> Composition:
        """The model of all rows, whose stages have ``keys``."""
        seed = self.cells[0].seed
        return self._composed((CellModels(None, seed, dict(keys)),), "all")

    def all_rows_keys(self) -> dict[str, str] | None:
        """Of its model of all rows, as this version trains it; None where no manifest says what stages read."""
        facts = self.summary.facts
        read = {}
        for name, stage in self.recipe.stages.items():
            encoder, own = recorded_encoder(facts, self.row.configuration, name), facts.recipe.stages.get(name)
            columns = None if own is None else columns_read(facts.recipe.data, own)
            if encoder is None or columns != columns_read(self.recipe.data, stage):
                return None
            read[name] = replace(facts.inputs[name], encoder=encoder)
        return all_rows_keys(all_rows_trial(self.recipe, self.cells[0].seed, Inputs(read), self.steps()))

    def steps(self) -> dict[str, StepsFound]:
        """How long a model of all rows is trained, by stage: medians over the cells."""
        found = {}
        for name in self.recipe.stages:
            records = [cell.stages[name] for cell in self.cells]
            last = max(1, round(median(record.best_step for record in records)))
            found[name] = StepsFound(last, max(last, round(median(record.total_steps for record in records))))
        return found

    def _composed(self, cells: tuple[CellModels, ...], rows: Any) -> Composition:
        outcome, recipe = self.outcome, self.recipe
        best = outcome.best
        graph = outcome.graph.changed(best.changes) if best.changes else outcome.graph
        names = {name: column.names for name, column in self.summary.gold.train.columns.items()}
        return Composition(
            configuration=self.id,
            rows=rows,
            shapes={name: StageShape.of(recipe, name) for name in recipe.stages},
            cells=cells,
            steps={name: dict(step) for name, step in graph.steps.items()},
            score=graph.score,
            metric=outcome.metric.name,
            settings=settings_to_json(graph, best.deployed, names),
            text_column=self.summary.facts.text_column,
            id_column=self.summary.facts.id_column,
        )


def recorded_encoder(facts: ManifestFacts, configuration: Configuration, stage: str) -> str | None:
    """What a manifest says of the encoders of a stage of a configuration; None: nothing."""
    variant = facts.variant_inputs.get(configuration.origin, {}).get(stage)
    if variant is not None:
        return variant.encoder
    own = facts.recipe.stages.get(stage)
    encoder = configuration.recipe.stages[stage].encoder
    return None if own is None else recorded_for(facts.inputs[stage].encoder, own.encoder, encoder)


def recorded(store: Store, wanted: str = WINNER) -> Recorded:
    """A finished configuration.

    Args:
        store: of the search.
        wanted: as ``named_configuration`` takes it.

    Raises:
        SpecError: there is none such.
        StoreError: it has not finished all its cells.

    Example:
        >>> recorded(open_store("searches/st3-20261122-101500")).folds()
    """
    summary = summarise(store, "scores")
    row = _row(summary, store, wanted)
    read = PredictionsReader(store, summary.gold, summary.cells).read(row.configuration, row.folds)
    if read.missing_cells:
        raise _unfinished(store, f"configuration {row.configuration.id}")
    outcome = outcome_of(row.configuration.recipe, summary.gold.splits, read.cells, summary.alternatives)
    asked = "" if wanted == WINNER else f" --configuration {quote(wanted)}"
    return Recorded(summary, row, read.cells, outcome, asked)


def _row(summary: SearchSummary, store: Store, wanted: str) -> ConfigurationSummary:
    found = named_configuration(summary, wanted)
    if found is None:
        raise _unfinished(store, "a configuration")
    if found.scores is None:
        raise _unfinished(store, f"configuration {found.configuration.id}")
    return found


def _unfinished(store: Store, what: str) -> StoreError:
    return StoreError(
        f"store {store.url}: {what} must have finished all its folds, but none has"
        if what == "a configuration"
        else f"store {store.url}: {what} must have finished all its folds, but it has not",
        f"Finish it first: `tune-polar resume {quote(store.url)}`.",
    )
