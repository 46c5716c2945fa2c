"""What a recipe reads: its data set, and the folds of each of its stages."""

from __future__ import annotations

from collections.abc import Mapping

from tune_polar.data.column_request import TEXT, DataRequest, EvaluationFile, ExtraRequest, column_specs
from tune_polar.data.findings import Finding
from tune_polar.data.layout import WORD_MARK
from tune_polar.data.load import load_corpus
from tune_polar.data.plans import FoldPlan, PlanRequest, alike_classes, corpus_for, make_plans, rare_labels
from tune_polar.data.readers import Place
from tune_polar.data.source import Source, absolute
from tune_polar.data.table import Corpus
from tune_polar.recipe.recipe import Recipe
from tune_polar.recipe.sections import EvaluationSet
from tune_polar.search.extra_rows_check import extra_warnings

Files = Mapping[str, str]  # what a recipe calls a file → its whole address


def further_files(recipe: Recipe) -> dict[str, str]:
    """The files that ``recipe`` names itself, from the working folder on."""
    extra = None if recipe.data.extra is None else recipe.data.extra.file
    named = (() if extra is None else (extra,), (each.path for each in recipe.data.evaluate.values()))
    return {file: str(absolute(file)) for files in named for file in files}


def data_request(recipe: Recipe, files: Files | None = None) -> DataRequest:
    """The columns and files that ``recipe`` wants to read.

    Args:
        recipe: the recipe.
        files: where the files that it names lay when a search began; they are looked for there first.

    Raises:
        DataError: a column is declared twice.

    Example:
        >>> load_corpus(parse_source("tweets.csv"), data_request(recipe))
    """
    data, folds, found = recipe.data, _fold_settings(recipe), _found(recipe, files or {})
    given_by = next(iter(_names(folds.get("column"))), None)
    specs = column_specs(
        labels=data.labels,
        classes=data.classes,
        numbers=data.numbers,
        groups=data.groups,
        texts={name: text.model_dump() for name, text in data.texts.items()},
        strata=data.strata,
        told_apart_by=[name for key in ("by", "together") for name in _names(folds.get(key))],
        given_by=given_by,
    )
    under = {name: stage.rows for stage in recipe.stages.values() if stage.rows for name in stage.columns}
    extra = None
    if data.extra is not None:
        extra = ExtraRequest(None if data.extra.file is None else found[data.extra.file], data.extra.by)
    evaluate = {name: _evaluation_file(recipe, each, found) for name, each in data.evaluate.items()}
    return DataRequest(
        specs,
        order=recipe.folds.order,
        extra=extra,
        evaluate=evaluate,
        given_by=given_by,
        copies=recipe.folds.copies,
        under=under,
        sample=recipe.sample,
    )


def _evaluation_file(recipe: Recipe, about: EvaluationSet, found: Files) -> EvaluationFile:
    columns = {} if about.text is None else {TEXT: about.text}
    if about.column is not None:
        word = "" if about.positive is None else f"{WORD_MARK}{about.positive}"
        columns |= dict.fromkeys(recipe.targets, f"{about.column}{word}")  # a rule says that there is one alone
    return EvaluationFile(found[about.path], recipe.targets, columns)


def read_corpus(recipe: Recipe, source: Source, files: Files | None = None) -> Corpus:
    """The data set of ``recipe``, its rows where its fold plan needs them.

    Raises:
        DataError: a file cannot be read, lacks a column or breaks a rule.
        FoldPlanError: given folds have neither a column nor a dev split.
    """
    corpus = load_corpus(source, data_request(recipe, files))
    return corpus_for(recipe.folds.name, corpus, **_fold_settings(recipe))


def fold_plans(recipe: Recipe, corpus: Corpus) -> dict[str, FoldPlan]:
    """The fold plan of each stage.

    Raises:
        FoldPlanError: the rows cannot be split so, or a stage would have nothing to validate.
        DataError: a column is missing.
    """
    return make_plans(
        recipe.folds.name,
        corpus,
        stages=_rows_of(recipe),
        targets=_targets_of(recipe),
        strata=recipe.data.strata,
        **_fold_settings(recipe),
    )


def fold_warnings(recipe: Recipe, corpus: Corpus, plans: Mapping[str, FoldPlan]) -> list[Finding]:
    """What is doubtful in ``plans``, though a search can be made of them."""
    targets = _targets_of(recipe)
    alike = alike_classes(corpus, (column for columns in targets.values() for column in columns))
    rare = rare_labels(plans, PlanRequest(corpus, _rows_of(recipe), targets))
    return [*alike, *rare, *extra_warnings(recipe, corpus, plans)]


def _rows_of(recipe: Recipe) -> dict[str, dict[str, int | str]]:
    return {name: dict(stage.rows) for name, stage in recipe.stages.items()}


def _targets_of(recipe: Recipe) -> dict[str, tuple[str, ...]]:
    return {name: stage.columns for name, stage in recipe.stages.items()}


def _found(recipe: Recipe, files: Files) -> dict[str, str]:
    here = further_files(recipe)
    return {file: files[file] if file in files and Place(files[file]).exists() else here[file] for file in here}


def _fold_settings(recipe: Recipe) -> dict[str, object]:
    """Of the plan itself; the rows' order is the reader's."""
    return recipe.folds.model_dump(exclude={"order"})


def _names(value: object) -> list[str]:
    """Columns that a setting of the folds names: one, several or none."""
    if isinstance(value, str):
        return [value]
    return list(map(str, value)) if isinstance(value, tuple) else []
