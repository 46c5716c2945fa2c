"""`tune-polar predict`: what the best configuration of a search says of new texts."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated

import typer

from tune_polar.api.count_checks import positive
from tune_polar.cli import options
from tune_polar.cli.model_place import Device, ModelGroup
from tune_polar.cli.option_groups import with_groups
from tune_polar.cli.output import is_same_file, say, waiting
from tune_polar.errors import SpecError
from tune_polar.report.numbers import count


@dataclass(frozen=True)
class NewTextsGroup:
    """Which columns of the new texts mean what."""

    text: options.NewText = None
    id_: options.NewId = None
    column: options.GroupColumn = None
    language: Annotated[
        str | None,
        typer.Option(
            "--language", metavar="WORD", help="The language, where decisions go by it, of texts that lack the column."
        ),
    ] = None


@with_groups
def predict(
    *,
    model: Annotated[str, typer.Argument(help="The store of a search, or a folder that `export --model` wrote.")],
    files: Annotated[
        list[str],
        typer.Argument(
            metavar="FILE...",
            help="CSV, TSV, JSON lines or Parquet (plain or .gz), .txt with a text a line, hf://datasets/…, or - for "
            "lines of standard input.",
        ),
    ],
    output: Annotated[
        str,
        typer.Option(
            "-o", "--output", metavar="FILE", help="A .csv, .tsv, .jsonl or .parquet file; -: standard output."
        ),
    ] = "-",
    new: NewTextsGroup,
    of_search: ModelGroup,
    device: Device = "auto",
    batch_rows: Annotated[
        int | None,
        typer.Option(
            "--batch-rows",
            parser=options.whole_number,
            metavar="N",
            help="Texts of one forward pass.  [default: 128, fewer where memory ends]",
        ),
    ] = None,
    quiet: options.Quiet = False,
) -> None:
    """Predict new texts: probabilities, decisions, and how far the models of the folds agree.

    Examples:

      tune-polar predict searches/st3-20261122-101500 new.csv -o predictions.csv

      echo "a text" | tune-polar predict searches/st3-20261122-101500 -
    """
    named_model = of_search.words(model)
    positive(batch_rows, "--batch-rows")
    _check_places(files, output)
    named = options.columns(new.column)
    # Imported here: --help and a mistyped option need not wait for torch.
    from tune_polar.api.predicting import text_columns
    from tune_polar.data.new_texts import check_begin, new_texts
    from tune_polar.serve.predict import predict_all
    from tune_polar.serve.writers import predictions_at

    chosen = named_model.chosen(device)
    columns = text_columns(chosen.composition, new.text, new.id_, named, new.language)
    check_begin(files, columns)

    def tell(sentence: str) -> None:
        if not quiet:
            say(sentence, to_error=True)

    with predictions_at(output, tell) as writer:
        opened = chosen.open(batch_rows)
        if (note := opened.prepare()) is not None:
            tell(note)
        parts, counted = new_texts(files, columns, opened.rows_a_part), _Counted(quiet)
        for done in predict_all(opened, parts, writer, tell, with_file=len(files) > 1):
            counted.tell(done)
    counted.end(output)


class _Counted:
    """Rows done, told now and then."""

    def __init__(self, quiet: bool) -> None:
        self._quiet = quiet
        self._told = waiting()
        self._began = time.monotonic()
        self._done = 0

    def tell(self, done: int) -> None:
        self._done = done
        if not self._quiet:
            self._told(f"{self._said()} …")

    def end(self, output: str) -> None:
        if not self._quiet:
            say(f"{self._said()}{'' if output == '-' else f' → {output}'}", to_error=True)

    def _said(self) -> str:
        seconds = time.monotonic() - self._began
        return f"{count(self._done, 'text')} in {seconds:.1f} s ({self._done / max(seconds, 1e-9):,.0f} a second)"


def _check_places(files: Sequence[str], output: str) -> None:
    if list(files).count("-") > 1:
        raise SpecError("standard input must be read once, got - more than once", "Give it once.")
    for file in files:
        if output != "-" and file != "-" and is_same_file(file, output):
            raise SpecError(f"-o must be another file than those that are read, got {output!r}", "Give a new name.")
