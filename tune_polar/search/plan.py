"""Everything about a search that is settled before its first fold: checked, resolved, and written to the manifest."""

from __future__ import annotations

import datetime
import json
import platform
from collections.abc import Mapping
from dataclasses import dataclass, replace
from importlib.metadata import version
from typing import Any

from tune_polar import __version__
from tune_polar.data.corpus import Corpus
from tune_polar.data.fold_plan import FoldPlan
from tune_polar.errors import FoldPlanError, SearchError, SpecError, StoreError, TunePolarError
from tune_polar.model.source import encoder_identity
from tune_polar.search.racing.rules import rule_named
from tune_polar.spec.data_source import DataSource, data_source_from_json
from tune_polar.spec.fold_plans import fold_plans
from tune_polar.spec.fold_trial import Inputs
from tune_polar.spec.recipe import TINY, Recipe
from tune_polar.spec.space import IntParameter, Space
from tune_polar.spec.space_file import LoadedSpace
from tune_polar.spec.space_rules import problems_of_parameter
from tune_polar.store.gold import Gold

K = "decision.k"
NO_RACING = "none"


@dataclass(frozen=True, eq=False)
class SearchPlan:
    """A search of a space, or of a fixed list of recipes (ablations)."""

    recipe: Recipe
    profile: str
    space: LoadedSpace | None  # None: ``variants`` are run and nothing else
    variants: tuple[tuple[str, Recipe], ...]  # origin and recipe
    source: DataSource
    corpus: Corpus
    detector_plan: FoldPlan
    classifier_plan: FoldPlan
    inputs: Inputs
    trials: int
    seed: int
    racing: str = NO_RACING

    @property
    def kind(self) -> str:
        """``search`` or ``ablation``."""
        return "ablation" if self.space is None else "search"

    @property
    def folds(self) -> int:
        """Folds of each configuration."""
        return self.detector_plan.count

    def manifest(self, command: str) -> dict[str, object]:
        """What the store's manifest says."""
        return {
            "kind": self.kind,
            "recipe": self.recipe.model_dump(mode="json"),
            "profile": self.profile,
            # JSON here has sorted keys, but values are proposed, and conditions looked at, in the file's own order.
            "space": None if self.space is None else {**self.space.to_json(), "order": list(self.space.parameters)},
            "variants": [[origin, recipe.model_dump(mode="json")] for origin, recipe in self.variants],
            "data": {
                "source": self.source.model_dump(mode="json"),
                "name": self.corpus.name,
                "fingerprint": self.corpus.fingerprint,
                "rows": {name: len(split) for name, split in self.corpus.splits.items()},
            },
            "inputs": self.inputs.__dict__,
            "folds": self.folds,
            "trials": self.trials,
            "seed": self.seed,
            "racing": self.racing,
            "command": command,
            "created": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
            "versions": {
                "tune-polar": __version__,
                "python": platform.python_version(),
                **{p: version(p) for p in ("ray", "optuna", "torch", "transformers")},
            },
        }


def make_plan(
    recipe: Recipe,
    profile: str,
    source: DataSource,
    *,
    space: LoadedSpace | None = None,
    variants: tuple[tuple[str, Recipe], ...] = (),
    trials: int,
    seed: int,
    racing: str = NO_RACING,
    recorded: Gold | None = None,
) -> SearchPlan:
    """Read the data, make the folds, find the encoder; everything that can be wrong is found here.

    ``recorded``: of a search that goes on; its folds are taken as they are, so that a later version of the libraries
    that make folds changes nothing.

    Raises:
        TunePolarError: data, folds, encoder or settings break a rule.
    """
    if trials < 1:
        raise SearchError(f"--trials must be at least 1, got {trials}", "Give the number of configurations to train.")
    corpus = source.load(recipe)
    detector_plan, classifier_plan = _folds(recipe, corpus, recorded)
    space = _within_folds(space, detector_plan)
    _check_k(recipe, space, detector_plan)
    _check_validation(recipe, corpus, classifier_plan)
    name = recipe.encoder.name
    identity = TINY if name == TINY else encoder_identity(name, recipe.encoder.revision)
    inputs = Inputs(corpus.fingerprint, detector_plan.hash, classifier_plan.hash, identity)
    return SearchPlan(
        recipe, profile, space, variants, source, corpus, detector_plan, classifier_plan, inputs, trials, seed, racing
    )


def plan_from_manifest(
    manifest: Mapping[str, Any],
    source: DataSource | None,
    trials: int | None,
    racing: str | None = None,
    gold: Gold | None = None,
) -> SearchPlan:
    """The plan of a recorded search, with its data read again and checked to be the same.

    Args:
        manifest: of the store.
        source: where the data lies now; None: where it lay then.
        trials: a new total; None: as recorded.
        racing: the rule from now on; None: as recorded, none in searches older than racing.
        gold: of the store, with the recorded folds; None: they are made anew.

    Raises:
        StoreError: the manifest does not describe a search.
        SearchError: data, folds or encoder are not what they were.
    """
    try:
        recipe = _recipe(manifest["recipe"])
        space = _space(manifest, recipe)
        variants = tuple((str(origin), _recipe(settings)) for origin, settings in manifest["variants"])
        recorded = Inputs(**{key: str(value) for key, value in manifest["inputs"].items()})
        was = data_source_from_json(manifest["data"]["source"])
        profile, seed = str(manifest["profile"]), int(manifest["seed"])
        race = racing if racing is not None else str(manifest.get("racing", NO_RACING))
        rule_named(race)
        total = trials if trials is not None else int(manifest["trials"])
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        if isinstance(error, TunePolarError):
            raise
        raise StoreError(
            f"manifest.json must describe a search, but: {type(error).__name__} {error}",
            "Give the folder or URL that `tune-polar search` printed as its records.",
        ) from None
    plan = make_plan(
        recipe,
        profile,
        source or was,
        space=space,
        variants=variants,
        trials=total,
        seed=seed,
        racing=race,
        recorded=gold,
    )
    for what, then, now in (
        ("data", recorded.data, plan.inputs.data),
        ("detector folds", recorded.detector_plan, plan.inputs.detector_plan),
        ("classifier folds", recorded.classifier_plan, plan.inputs.classifier_plan),
        ("encoder", recorded.encoder, plan.inputs.encoder),
    ):
        if then != now:
            raise SearchError(
                f"{what} must be the same as when the search began ({then[:12]}), got {now[:12]}",
                "Restore the original files and give them with --data, or start a new search.",
            )
    return plan


def recorded_space(manifest: Mapping[str, Any]) -> LoadedSpace | None:
    """The space of a recorded search; None for an ablation.

    Raises:
        StoreError: the manifest does not describe a search.
    """
    try:
        return _space(manifest, _recipe(manifest["recipe"]))
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise StoreError(
            f"manifest.json must describe a search, but: {type(error).__name__} {error}",
            "Give the folder or URL that `tune-polar search` printed as its records.",
        ) from None


def _recipe(settings: object) -> Recipe:
    return Recipe.model_validate_json(json.dumps(settings))


def _space(manifest: Mapping[str, Any], recipe: Recipe) -> LoadedSpace | None:
    about = manifest["space"]
    if about is None:
        return None
    if sorted(about["order"]) != sorted(about["parameters"]):
        raise ValueError("space.order must name each of space.parameters once")
    parameters = {key: about["parameters"][key] for key in about["order"]}
    space = Space.model_validate_json(
        json.dumps({"space": about["name"], "recipe": recipe.recipe, "parameters": parameters})
    )
    for key, parameter in space.parameters.items():
        for problem in problems_of_parameter(key, parameter, recipe, list(space.parameters)):
            raise ValueError(f"{key} {problem}")
    return LoadedSpace(space.space, space.parameters, recipe)


def _folds(recipe: Recipe, corpus: Corpus, recorded: Gold | None) -> tuple[FoldPlan, FoldPlan]:
    """The recorded folds where they are of these settings and rows; what else differs, their hashes tell."""
    if recorded is not None and len(recorded.train.ids) == len(corpus.train):
        plans = recorded.detector_plan, recorded.classifier_plan
        if all((plan.count, plan.seed) == (recipe.folds.count, recipe.folds.seed) for plan in plans):
            return plans
    return fold_plans(recipe, corpus)


def _check_validation(recipe: Recipe, corpus: Corpus, plan: FoldPlan) -> None:
    positive = corpus.train.labels[recipe.task.target] == 1
    empty = [fold for fold in range(plan.count) if not positive[plan.validation_rows(fold)].any()]
    if recipe.classifier is not None and empty:
        raise FoldPlanError(
            f"every fold must validate at least one row with {recipe.task.target} = 1, got none in folds {empty}",
            "Use fewer folds or more rows.",
        )


def _within_folds(space: LoadedSpace | None, plan: FoldPlan) -> LoadedSpace | None:
    """The space with its range of k ended where the smallest fold's training rows end."""
    parameter = None if space is None else space.parameters.get(K)
    smallest = min(len(plan.training_rows(fold)) for fold in range(plan.count))
    if space is None or not isinstance(parameter, IntParameter) or not parameter.low <= smallest < parameter.high:
        return space
    high = parameter.low + (smallest - parameter.low) // parameter.step * parameter.step
    return replace(space, parameters={**space.parameters, K: parameter.model_copy(update={"high": high})})


def _check_k(recipe: Recipe, space: LoadedSpace | None, plan: FoldPlan) -> None:
    smallest = min(len(plan.training_rows(fold)) for fold in range(plan.count))
    if recipe.decision.k > smallest:
        raise SpecError(
            f"decision.k must be at most the training rows of the smallest fold ({smallest}), got {recipe.decision.k}",
            "Lower it with --set decision.k=…, or use more rows.",
        )
    parameter = None if space is None else space.parameters.get(K)
    highest = 0 if parameter is None else max(value for value in parameter.extremes() if isinstance(value, int))
    if highest > smallest:
        raise SpecError(
            f"decision.k must be at most the training rows of the smallest fold ({smallest}), "
            f"got up to {highest} in the search space",
            "Lower decision.k in the space, or use more rows.",
        )
