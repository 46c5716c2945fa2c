"""`tune-polar submit`: a competition's file, checked against the ids that it wants."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from tune_polar.cli import options
from tune_polar.cli.model_place import Device, ModelGroup
from tune_polar.cli.option_groups import with_groups
from tune_polar.cli.output import is_same_file, say
from tune_polar.errors import SpecError
from tune_polar.recipe.recipe_file import load_recipe
from tune_polar.recipe.submission_columns import submission_of
from tune_polar.report.numbers import count

if TYPE_CHECKING:
    from tune_polar.recipe.submission import Submission


@with_groups
def submit(
    *,
    model: Annotated[str, typer.Argument(help="The store of a search, or a folder that `export --model` wrote.")],
    files: Annotated[
        list[str], typer.Argument(metavar="FILE...", help="The competition's texts: CSV, TSV, JSON lines or Parquet.")
    ],
    output: Annotated[str, typer.Option("-o", "--output", metavar="FILE", help="The file to hand in.")],
    recipe: Annotated[
        str | None,
        typer.Option("--recipe", help="Recipe whose section `submission` is taken.  [default: the search's]"),
    ] = None,
    language: Annotated[
        str | None,
        typer.Option(
            "--language",
            metavar="WORD",
            help="What stands for the column in the files' names, and for decisions that go by it where the texts lack "
            "it.  [default: the texts' column, the search's language, or of several files their names]",
        ),
    ] = None,
    ids: Annotated[
        str | None,
        typer.Option("--ids", metavar="FILE", help="The ids that are wanted, such as a sample submission's."),
    ] = None,
    text: options.NewText = None,
    id_: options.SubmissionId = None,
    column: options.GroupColumn = None,
    of_search: ModelGroup,
    device: Device = "auto",
    quiet: options.Quiet = False,
) -> None:
    """Predict a competition's texts and write the file that it wants, as the recipe's section `submission` says.

    Examples:

      tune-polar submit searches/st3-20261122-101500 polar/test/zho.csv -o submission.zip

      tune-polar submit searches/st3-20261122-101500 test.csv -o submission.zip --recipe mine.yaml --ids sample.csv
    """
    named_model = of_search.words(model)
    if not output.strip():
        raise SpecError("-o must name a file, got nothing", "For example -o submission.zip.")
    _check_files(files, output)
    named = options.columns(column)
    # Imported here: --help and a mistyped option need not wait for torch.
    from tune_polar.api.predicting import check_named
    from tune_polar.data.new_texts import TextColumns, check_begin, new_texts
    from tune_polar.serve.submit import (
        answer,
        empty_file,
        expected_ids,
        grouping_of,
        have_column,
        required,
    )

    found, manifest = _asked(model, recipe)
    form = required(found, recipe or model)
    chosen = named_model.chosen(device)
    about = chosen.composition
    by = form.by
    check_named(named, dict.fromkeys((*about.groups, *filter(None, [by]))))
    grouping = grouping_of(
        form, files, manifest, has_column=by is not None and have_column(files, named.get(by, by)), word=language
    )
    handed_in = empty_file(form, about, grouping)
    groups = dict.fromkeys((*about.groups, *filter(None, [grouping.column])))
    usual = tuple(dict.fromkeys((about.text_column, "text")))
    columns = TextColumns(text, id_ or form.id, usual, groups={each: named.get(each, each) for each in groups})
    wanted = None if ids is None else list(expected_ids(ids, form.id))
    # A misspelt --column must not leave the decisions to the files' names.
    stands_for = [by] if by in about.groups and (language is not None or by not in named) else []
    of_files = {file: replace(columns, words=dict.fromkeys(stands_for, grouping.word_of(file))) for file in files}
    for file, its in of_files.items():
        check_begin([file], its)
    opened = chosen.open(None)

    def tell(sentence: str) -> None:
        if not quiet:
            say(sentence, to_error=True)

    if (note := opened.prepare()) is not None:
        tell(note)
    parts = chain.from_iterable(new_texts([file], of_files[file], opened.rows_a_part) for file in files)
    answer(opened, handed_in, parts, grouping, tell)
    for name, rows in handed_in.write(Path(output), wanted).items():
        say(f"{output}: {name}, {count(rows, 'row')}")


def _check_files(files: Sequence[str], output: str) -> None:
    for file in files:
        if file == "-" or file.lower().endswith((".txt", ".txt.gz")):
            raise SpecError(f"FILE must be a table with ids, got {file!r}", "Give CSV, TSV, JSON lines or Parquet.")
        if is_same_file(file, output):
            raise SpecError(f"-o must be another file than those that are read, got {output!r}", "Give a new name.")


def _asked(model: str, recipe: str | None) -> tuple[Submission | None, Mapping[str, Any] | None]:
    """The section that is taken, and the manifest of the search where there is one.

    Raises:
        SpecError: the recipe cannot be read.
        StoreError: there is no search.
    """
    from tune_polar.evaluate.manifest_facts import manifest_facts
    from tune_polar.serve.model_file import is_model_folder
    from tune_polar.store.store import open_store

    form = None if recipe is None else submission_of(load_recipe(recipe).recipe)
    if is_model_folder(Path(model)):  # which has no recipe
        return form, None
    store = open_store(model, to_look=True)
    if recipe is None:
        manifest = store.manifest()
        return submission_of(manifest_facts(manifest, store.url).recipe), manifest
    return form, store.manifest()
