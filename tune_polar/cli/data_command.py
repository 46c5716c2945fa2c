"""`tune-polar data`: check and fetch data sets, and write the sample corpus."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from tune_polar.api.consoles import result_console
from tune_polar.api.count_checks import check_seed
from tune_polar.api.data_words import DataWords, told_as_labels
from tune_polar.api.search_request import RecipeWords, asked
from tune_polar.cli import options
from tune_polar.cli.augment_command import augment
from tune_polar.cli.data_shares import print_shares
from tune_polar.cli.exit_codes import NOTHING_FOUND
from tune_polar.cli.option_groups import ColumnsGroup, with_groups
from tune_polar.cli.output import say, say_json
from tune_polar.cli.synthesize_command import synthesize
from tune_polar.data.column_request import DataRequest
from tune_polar.data.corpus_checks import check_data
from tune_polar.data.fetch import fetch_polar
from tune_polar.data.findings import Finding, errors_in
from tune_polar.data.infer import infer_columns
from tune_polar.data.labels import CONDITIONS
from tune_polar.data.load import load_corpus
from tune_polar.data.plans import corpus_for
from tune_polar.data.polar_writer import write_polar
from tune_polar.data.sample_corpus import SAMPLE_LANGUAGE, sample_corpus
from tune_polar.data.source import Source
from tune_polar.data.table import Corpus
from tune_polar.data.unnamed_columns import constant_columns
from tune_polar.errors import DataError
from tune_polar.recipe.recipe import Recipe
from tune_polar.report.numbers import count
from tune_polar.search.recipe_data import data_request, fold_plans, fold_warnings

POLAR_RECIPE = "st1"  # one that reads every column of a POLAR folder

data_app = typer.Typer(
    help="Check, fetch and generate data.", no_args_is_help=True, rich_markup_mode=None, add_completion=False
)


@data_app.command("check")
@with_groups
def check(
    *,
    data: Annotated[
        str, typer.Argument(help="`sample`, a folder, a file, or hf://datasets/OWNER/NAME/…: as --data of a search.")
    ],
    recipe: Annotated[
        str | None, typer.Option("--recipe", help="Also look at every column that this recipe reads.")
    ] = None,
    of_data: ColumnsGroup,
    json: options.Json = False,
) -> None:
    """Name everything that is wrong or doubtful in a data set, with file and row; exit code 1 where something is wrong.

    Looked at are texts, ids and the columns that a recipe or --target names, and whether folds can be made of the rows.

    Examples:

      tune-polar data check tweets.csv --text tweet --target label

      tune-polar data check polar/ --language zho
    """
    source, found = _recipe_of(of_data.words_of(data), recipe)
    request = DataRequest(()) if found is None else data_request(found)
    under = _conditions(source, found)

    def take(corpus: Corpus) -> list[Finding]:
        if found is None:
            return []
        split = corpus_for(found.folds.name, corpus, **found.folds.model_dump(exclude={"order"}))
        return [*split.warnings[len(corpus.warnings) :], *fold_warnings(found, split, fold_plans(found, split))]

    findings = check_data(source, request, take=take)
    findings += constant_columns(source) if found is None and not errors_in(findings) else []
    errors = errors_in(findings)
    if json:
        rows = [asdict(finding) | {"path": str(finding.path)} for finding in findings]
        say_json(rows)
    else:
        console = result_console()
        for finding in findings:
            console.print(f"{finding.severity}: {finding} [{finding.code}]", soft_wrap=True)
        console.print(f"{count(len(errors), 'error')}, {count(len(findings) - len(errors), 'warning')}")
        if not errors:
            print_shares(console, load_corpus(source, request), under)
            if found is None:
                console.print("columns beside text and id: name them with --target, or a recipe with --recipe")
    if errors:
        raise typer.Exit(NOTHING_FOUND)


data_app.command("augment")(augment)


@data_app.command("fetch")
def fetch(
    name: Annotated[str, typer.Argument(help="`polar`: SemEval-2026 Task 9.")],
    language: Annotated[str, typer.Option("--language", help="Language code, such as zho or eng.")] = "zho",
    into: Annotated[Path, typer.Option("--into", help="Folder to write.")] = Path("polar"),
    mirror: Annotated[
        str | None, typer.Option("--mirror", help="Address of a copy that has SPLIT/LANGUAGE.csv.")
    ] = None,
) -> None:
    """Download train and dev of one language, checked against the sums kept with this package.

    Example:

      tune-polar data fetch polar --language zho --into polar/
    """
    if name != "polar":
        raise DataError(f"a data set to fetch must be `polar`, got {name!r}", "Write `tune-polar data fetch polar`.")
    for path in fetch_polar(into, language, mirror=mirror, report=say):
        say(str(path))


data_app.command("synthesize")(synthesize)


@data_app.command("sample")
def sample(
    into: Annotated[Path, typer.Argument(help="Folder to write.")],
    seed: Annotated[
        int, typer.Option("--seed", parser=options.whole_number, metavar="N", help="Another seed gives other texts.")
    ] = 0,
) -> None:
    """Write the generated sample corpus in POLAR's layout, to look at or to change.

    Example:

      tune-polar data sample sample/
    """
    check_seed(seed)
    write_polar(sample_corpus(seed), into, SAMPLE_LANGUAGE)
    say(f"{into}/{{train,dev,test}}/{SAMPLE_LANGUAGE}.csv")


def _recipe_of(words: DataWords, name: str | None) -> tuple[Source, Recipe | None]:
    """The source, and the recipe whose columns are looked at; None: nothing says which columns these are."""
    source = words.source()
    if name is None:
        if words.targets:
            are_labels = told_as_labels(source, words.targets) or not infer_columns(source, words.targets).numbers
            name = "classifier" if are_labels else "regressor"
        elif source.kind != "files":
            name = POLAR_RECIPE
        else:
            return source, None
    found = asked(RecipeWords(name), words)
    return found.source, found.loaded.recipe


def _conditions(source: Source, recipe: Recipe | None) -> Mapping[str, Mapping[str, int | str]]:
    """For each column that some rows alone have, which rows."""
    found = dict(CONDITIONS) if source.kind != "files" else {}
    for stage in () if recipe is None else recipe.stages.values():
        if stage.rows:
            found |= dict.fromkeys(stage.columns, stage.rows)
    return found
