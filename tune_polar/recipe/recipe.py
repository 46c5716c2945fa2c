"""What a recipe says: every setting of one system, with its rule. Frozen, and equal when they say the same."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Annotated, Self

from pydantic import Field, field_validator, model_validator

from tune_polar.recipe.broken_rules import Breach, RuleBrokenError
from tune_polar.recipe.components import DECISIONS, PLANS, Decision, Plan
from tune_polar.recipe.components.samples import POLAR, SAMPLES
from tune_polar.recipe.decision_rules import decision_breaches, fold_breaches, group_breaches, score_breaches
from tune_polar.recipe.graph import DecisionGraph, deciding_order, training_order
from tune_polar.recipe.message_words import did_you_mean
from tune_polar.recipe.sections import Data, Encoder, Report, Score, Stage
from tune_polar.recipe.settings import Known, Name, Names, Seed, Settings
from tune_polar.recipe.stage_rules import NAME, stage_breaches
from tune_polar.recipe.submission import Submission, submission_breaches

_FOLDER_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]*")
CHOSEN_ON = "chosen_on"
# Keys of a recipe file that are no settings of the recipe.
FILE_KEYS = ("extends", "changes", "profiles", "ablations", "published")
# Words about a recipe and its values, what it is tried on, how often it is repeated, shown and handed in: no part of a
# configuration.
NOT_SETTINGS = frozenset({"recipe", "description", "sample", "seeds", "report", "submission", CHOSEN_ON})
SPLITS = ("train", "dev", "test", "validation", "extra")
NEVER_CHOSEN_ON = ("train", "validation", "extra")  # values are meant to be chosen on validation rows


class Recipe(Settings):
    """Everything the fold trials of one system do.

    ``stages`` are in the order in which they are trained and ``decide`` in the order in which it is decided, however a
    file lists them.
    """

    recipe: Name = Field(description="Name of the recipe: of the store's folder, the page and the tables")
    description: str = Field(default="", description="One sentence for `tune-polar list`")
    sample: Annotated[Name, Known(lambda: SAMPLES)] = Field(
        default=POLAR, description="The embedded data set that it is tried on: what `--data sample` reads"
    )
    data: Data = Data()
    folds: Annotated[Plan, PLANS.one("stratified")]
    seeds: Annotated[tuple[Seed, ...], Field(strict=False, min_length=1)] = Field(
        default=(42,),
        description="Of weights, batches and dropout: every fold is trained once with each; splits have their own",
    )
    encoder: Encoder = Encoder()
    stages: Annotated[Mapping[Name, Stage], Field(min_length=1)] = Field(description="What is trained, by name")
    decide: Mapping[Name, Annotated[Decision, DECISIONS.one()]] = Field(
        default={}, description="How tables become labels and values, by name; costs no training"
    )
    score: Score
    report: Report = Report()
    submission: Submission | None = Field(
        default=None, description="The file that `tune-polar submit` writes for a competition; null: there is none"
    )
    chosen_on: Mapping[Name, Names] = Field(
        default={},
        description="By `dev`, `test` or another data set: the keys whose values were chosen by scores on it, by "
        "whoever published them; forgotten of a key that gets another value",
    )

    @property
    def targets(self) -> tuple[str, ...]:
        """Every column that a stage predicts."""
        return tuple(dict.fromkeys(name for stage in self.stages.values() for name in stage.columns))

    @field_validator("recipe")
    @classmethod
    def _names_a_folder(cls, name: str) -> str:
        # It becomes part of the name of a search's folder.
        if not _FOLDER_NAME.fullmatch(name):
            raise ValueError("must be letters, digits, dots, - and _")
        return name

    @model_validator(mode="after")
    def _parts_fit(self) -> Self:
        breaches = list(_breaches(self))
        if breaches:
            raise RuleBrokenError(*breaches)
        graph = DecisionGraph(self.stages, self.decide)
        # The one change ever made to it, before anybody has it: records come back with their keys sorted.
        self.__dict__["stages"] = {name: self.stages[name] for name in training_order(graph, self.score.of)}
        self.__dict__["decide"] = {name: self.decide[name] for name in deciding_order(graph, self.score.of)}
        return self


def section_names() -> tuple[str, ...]:
    """Names of a recipe file's sections, which no stage may have."""
    return (*Recipe.model_fields, *FILE_KEYS)


def _breaches(recipe: Recipe) -> Iterator[Breach]:
    if len(set(recipe.seeds)) < len(recipe.seeds):
        yield Breach(("seeds",), "must name each seed once", list(recipe.seeds))
    if recipe.sample not in SAMPLES:
        rule = f"must be one of {list(SAMPLES)}"
        yield Breach(("sample",), rule, recipe.sample, did_you_mean(recipe.sample, SAMPLES))
    for name in (*recipe.data.evaluate, *recipe.data.texts):
        key = "evaluate" if name in recipe.data.evaluate else "texts"
        if not NAME.fullmatch(name) or name in SPLITS:
            rule = f"must have a name of letters, digits, - and _ that is none of {list(SPLITS)}"
            yield Breach(("data", key, name), rule, name)
    yield from _evaluation_breaches(recipe)
    for name, keys in recipe.chosen_on.items():
        if not NAME.fullmatch(name) or name in NEVER_CHOSEN_ON:
            rule = f"must have a name of letters, digits, - and _ that is none of {list(NEVER_CHOSEN_ON)}"
            yield Breach((CHOSEN_ON, name), rule, name)
        if len(set(keys)) < max(1, len(keys)):
            yield Breach((CHOSEN_ON, name), "must name at least one key, each once", list(keys))
    yield from stage_breaches(recipe.stages, recipe.data, section_names())
    graph = DecisionGraph(recipe.stages, recipe.decide)
    yield from decision_breaches(graph, recipe.data)
    yield from score_breaches(recipe.score, graph, recipe.data)
    yield from fold_breaches(recipe.folds, graph, recipe.data)
    if recipe.report.by is not None:
        yield from group_breaches(("by", recipe.report.by), ("report",), recipe.data)
    yield from submission_breaches(recipe.submission, recipe.score.of, graph)


def _evaluation_breaches(recipe: Recipe) -> Iterator[Breach]:
    """What a further set calls its gold is said of one column, and a word of a label."""
    for name, about in recipe.data.evaluate.items():
        at = ("data", "evaluate", name)
        if about.column is not None and len(recipe.targets) != 1:
            known = list(recipe.targets)
            rule = f"must be left out where several columns are predicted, {known}: use --column {name}.NAME=COLUMN"
            yield Breach((*at, "column"), rule, about.column)
        elif about.positive is not None and about.column is None:
            yield Breach((*at, "positive"), "must stand beside `column`, the column that has this word", about.positive)
        elif about.positive is not None and recipe.data.kinds.get(recipe.targets[0]) != "label":
            rule = f"must be left out where {recipe.targets[0]!r} is no label of 0 and 1"
            yield Breach((*at, "positive"), rule, about.positive)
