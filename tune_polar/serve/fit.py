"""Makes a configuration's model complete: weights that are gone are trained again, or one model on all rows."""

from __future__ import annotations

import datetime
from collections.abc import Callable, Generator
from dataclasses import dataclass
from functools import partial

from tune_polar import __version__
from tune_polar.errors import SearchError, StoreError
from tune_polar.recipe.cells import Cell
from tune_polar.recipe.recipe import Recipe
from tune_polar.serve.composition import Composition
from tune_polar.serve.recorded_ensemble import RecordedEnsemble
from tune_polar.serve.recorded_model import Recorded
from tune_polar.serve.stored_composition import lacking_weights, put_composition, stored_composition
from tune_polar.store.store import Store
from tune_polar.trial.all_rows import all_rows_steps
from tune_polar.trial.all_rows_trial import all_rows_keys, all_rows_trial
from tune_polar.trial.error_verdict import verdict
from tune_polar.trial.fold_trial import FoldTrial, Inputs
from tune_polar.trial.progress import Progress
from tune_polar.trial.run_fold_trial import weights_steps
from tune_polar.trial.smaller_parts import in_smaller_parts
from tune_polar.trial.worker_context import TrialContext


def complete(store: Store, found: Recorded | RecordedEnsemble, *, all_rows: bool) -> Composition | None:
    """What a model is made of whose weights are all there, whole; None where something has to be trained."""
    try:
        composition = stored_composition(store, found, all_rows=all_rows)
    except StoreError:
        return None
    keys = {cell.stages[name] for cell in composition.cells for name in composition.stages}
    damaged = [key for key in keys if store.weights(key) is None]  # each is read, and set aside where it is damaged
    if damaged:
        return None
    _record(store, found, composition)
    return composition


def _record(store: Store, found: Recorded | RecordedEnsemble, composition: Composition) -> None:
    about = {
        "scores": found.scores(),
        "data": found.summary.facts.data_fingerprint,
        "fitted": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        "version": __version__,
    }
    put_composition(store, composition, about)


@dataclass(frozen=True, eq=False)
class Fitting:
    """A configuration or an ensemble that is to become a model.

    Args:
        store: of the search.
        found: of which.
        inputs_for: what a recipe's fold trials read, as the search's plan says.
    """

    store: Store
    found: Recorded | RecordedEnsemble
    inputs_for: Callable[[Recipe], Inputs]

    def training(self, *, all_rows: bool) -> list[str]:
        """What has to be trained, a line each, with the time that it took before."""
        if all_rows:
            found = self.found.alone()
            steps, seconds, keys = found.steps(), _seconds(found), all_rows_keys(self._all_rows(found))
            lacking = {name: each for name, each in steps.items() if not self.store.has_weights(keys[name])}
            return [f"{name}: all rows, {each.at} steps (folds took {seconds[name]})" for name, each in lacking.items()]
        lines, told = [], set[str]()
        for cell, names in lacking_weights(self.store, self.found.folds()):
            for name in names:
                took, key = self.store.stage(cell.stages[name]), cell.stages[name]
                before = (
                    "" if took is None else f": {took.steps} steps, {took.seconds:.0f} s on {took.provenance.device}"
                )
                lines += [f"{name} of {cell.name}{before}"] if key not in told else []
                told.add(key)
        return lines

    def steps(
        self, context: TrialContext, *, all_rows: bool, begins: Callable[[str], None] = lambda _: None
    ) -> Generator[Progress, None, Composition]:
        """Train what is not there, step by step; closing the generator between two steps leaves a checkpoint.

        Args:
            context: of the search's fold trials; its store is this one.
            all_rows: one model of all rows; else those of the folds.
            begins: told each cell before its first step.

        Returns:
            What the model is made of, which is recorded by then.

        Raises:
            TrainingDivergedError: a stage cannot be trained.
            SearchError: the stages were recorded by a version that trains others.
        """
        try:
            composition = yield from (self._all if all_rows else self._folds)(context, begins)
        except RuntimeError as error:
            if verdict(error) != "memory":
                raise
            raise SearchError(
                f"a stage must fit into the device's memory in its smallest parts, but: {str(error).splitlines()[0]}",
                "End other programs that hold it, or give --device cpu.",
            ) from error
        _record(self.store, self.found, composition)
        return composition

    def _folds(self, context: TrialContext, begins: Callable[[str], None]) -> Generator[Progress, None, Composition]:
        composition = self.found.folds()
        for cell, names in lacking_weights(self.store, composition):
            begins(cell.name)
            recipe = self.found.recipe_of(cell)
            trial = FoldTrial(recipe, Cell(cell.fold or 0, cell.seed), self.inputs_for(recipe))
            if not set(cell.stages.values()) <= set(trial.stage_keys):
                raise SearchError(
                    f"store {self.store.url}: the stages of {cell.name} must be those that this version would train, "
                    "but they were recorded by another one",
                    "Fit with the version that searched (`tune-polar status` names it), or search anew.",
                )
            yield from in_smaller_parts(context.memory, context.device, partial(weights_steps, trial, context, names))
        return composition

    def _all(self, context: TrialContext, begins: Callable[[str], None]) -> Generator[Progress, None, Composition]:
        found = self.found.alone()
        steps, trial = found.steps(), self._all_rows(found)
        begins(f"all-s{trial.cell.seed}")
        keys = yield from in_smaller_parts(
            context.memory, context.device, partial(all_rows_steps, trial, context, self.store, steps)
        )
        return found.all_rows(keys)

    def _all_rows(self, found: Recorded) -> FoldTrial:
        return all_rows_trial(found.recipe, found.cells[0].seed, self.inputs_for(found.recipe), found.steps())


def _seconds(found: Recorded) -> dict[str, str]:
    shown = {}
    for name in found.recipe.stages:
        took = sorted(cell.stages[name].seconds for cell in found.cells)
        shown[name] = f"{took[0]:.0f} to {took[-1]:.0f} s"
    return shown
