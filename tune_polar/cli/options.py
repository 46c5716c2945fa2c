"""Options that several commands share, so that they read the same everywhere."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any

import typer

from tune_polar.errors import SpecError
from tune_polar.recipe.recipe_file import parse_assignment


def whole_number(text: str) -> int:
    """A whole number as typed; typer's own message would leave out what was typed."""
    try:
        return int(text)
    except ValueError:
        raise typer.BadParameter(f"must be a whole number, got {text!r}") from None


Recipe = Annotated[
    str, typer.Argument(help="A shipped recipe (st1, classifier, regressor, …) or the path of a recipe file.")
]
Data = Annotated[
    str,
    typer.Option(
        "--data",
        help="`sample`, a folder with train, dev and test files, a POLAR folder, a file (CSV, TSV, JSON lines or "
        "Parquet, plain or .gz), or hf://datasets/OWNER/NAME/….",
    ),
]
Language = Annotated[
    str | None, typer.Option("--language", help="Language of a POLAR folder: zho, zho,eng or all.  [default: zho]")
]
Dev = Annotated[
    str | None,
    typer.Option("--dev", help="File of dev rows, on which no fold trains, beside a file given with --data."),
]
Test = Annotated[
    str | None, typer.Option("--test", help="File of test rows, decided at the end, beside the file of --data.")
]


def _text(default: str) -> Any:
    return typer.Option("--text", metavar="COLUMN", help=f"Column with the texts.  [default: {default}]")


def _id(default: str) -> Any:
    return typer.Option("--id", metavar="COLUMN", help=f"Column with the rows' ids.  [default: {default}]")


AS_TOLD = "as told last"  # in a search that goes on
Text = Annotated[str | None, _text("text")]
MovedText = Annotated[str | None, _text(AS_TOLD)]
NewId = Annotated[str | None, _id("as in the search, or id; without one, row numbers")]
NewText = Annotated[str | None, _text("as in the search, or text")]
Id = Annotated[str | None, _id("id; without one, row numbers")]
MovedId = Annotated[str | None, _id(AS_TOLD)]
SubmissionId = Annotated[str | None, _id("the recipe's submission.id")]
GroupColumn = Annotated[
    list[str] | None,
    typer.Option("--column", metavar="NAME=COLUMN", help="What the files call a column of groups. Repeatable."),
]
Target = Annotated[
    list[str] | None,
    typer.Option(
        "--target",
        metavar="COLUMN",
        help="Column to predict, with a recipe of one stage: two values, several classes or numbers. Repeatable for "
        "several columns of 0 and 1.",
    ),
]
Group = Annotated[
    list[str] | None,
    typer.Option(
        "--group",
        metavar="COLUMN",
        help="Rows with one value of this column (an author, a thread) stay in one fold. Repeatable.",
    ),
]
Column = Annotated[
    list[str] | None,
    typer.Option(
        "--column",
        metavar="NAME=COLUMN",
        help="Where a file keeps one of the recipe's columns; NAME=COLUMN=WORD: rows that say WORD are 1. Repeatable.",
    ),
]
Encoder = Annotated[
    str | None,
    typer.Option("--encoder", help="`tiny`, a hub id or a folder.  [default: tiny, or a recipe file's own]"),
]
Profile = Annotated[
    str | None, typer.Option("--profile", help="Values of the recipe for a kind of encoder.  [default: the encoder's]")
]
Set = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="KEY=VALUE", help="Change one value of the recipe. Repeatable; a later one holds."),
]
Try = Annotated[
    list[str] | None,
    typer.Option(
        "--try",
        metavar="PLACE",
        help="Points tried right after the recipe: a file `points: [{KEY: VALUE, …}]`, or an earlier search's records, "
        "of which the best three are tried here. Repeatable.",
    ),
]
Floors = Annotated[
    str,
    typer.Option(
        "--floors",
        metavar="WHICH",
        help="Computed at the end, in seconds, on the same folds, to see whether fine-tuning is worth its hours: all, "
        "tfidf (n-grams of characters alone) or none.",
    ),
]
Folds = Annotated[
    int | None,
    typer.Option(
        "--folds", parser=whole_number, metavar="N", help="Number of cross-validation folds.  [default: the recipe's]"
    ),
]
Seeds = Annotated[
    str | None,
    typer.Option(
        "--seeds",
        metavar="N|LIST",
        help="Train every fold with N seeds, or with the seeds of a list such as 0,1,2.  [default: the recipe's]",
    ),
]
Seed = Annotated[
    int,
    typer.Option(
        "--seed", parser=whole_number, metavar="N", help="Seed of the search; recipe and folds have seeds of their own."
    ),
]
Slots = Annotated[
    int | None,
    typer.Option(
        "--slots",
        parser=whole_number,
        metavar="N",
        help="Fold trials at once.  [default: what GPUs hold, or cores]",
    ),
]
SlotGb = Annotated[
    float,
    typer.Option(
        "--slot-gb",
        metavar="GB",
        help="GPU memory of one fold trial: with 8 a card of 24 GB trains three at once, and none may take more.",
    ),
]
Address = Annotated[
    str | None,
    typer.Option("--address", help="HOST:PORT of a running Ray cluster, or auto.  [default: this machine alone]"),
]
CheckpointEvery = Annotated[
    int,
    typer.Option(
        "--checkpoint-every",
        parser=whole_number,
        metavar="SECONDS",
        help="Seconds between two checkpoints of a running stage; 0: none.",
    ),
]
KeepWeights = Annotated[
    int,
    typer.Option(
        "--keep-weights",
        parser=whole_number,
        metavar="N",
        help="Keep the weights of the best N configurations, all folds and stages; an ensemble has up to about 9.",
    ),
]
DiskGb = Annotated[
    float | None,
    typer.Option(
        "--disk-gb",
        metavar="GB",
        help="For weights and checkpoints together.  [default: a third of what is free; without end in a bucket]",
    ),
]
Time = Annotated[
    str | None,
    typer.Option(
        "--time",
        metavar="DURATION",
        help="Begin no fold after this long (2h, 30m, 1h30m); those running finish. Without --trials, no other limit.",
    ),
]
Until = Annotated[
    str | None,
    typer.Option(
        "--until",
        metavar="converged",
        help="`converged`: propose nothing more once the gain still possible is below the best score's own error.",
    ),
]
Racing = Annotated[
    str | None,
    typer.Option(
        "--racing",
        metavar="RULE",
        help="Give up configurations that will not win: none, forgiving, aggressive, doubling, wilcoxon or model.",
    ),
]
Track = Annotated[
    list[str] | None,
    typer.Option(
        "--track",
        metavar="TRACKER",
        help="Also tell wandb, mlflow or tensorboard while it runs (docs/trackers.md). Repeatable.",
    ),
]
StorePath = Annotated[
    str | None,
    typer.Option("--store", help="Folder, s3:// or gs:// URL of the records.  [default: searches/RECIPE-DATE]"),
]
Json = Annotated[bool, typer.Option("--json", help="Print the result as JSON on standard output.")]
Quiet = Annotated[bool, typer.Option("-q", "--quiet", help="No progress, only the result.")]
Verbose = Annotated[bool, typer.Option("-v", "--verbose", help="Also say what each fold trial does.")]


def assignments(values: Sequence[str] | None) -> dict[str, object]:
    """``--set`` options as dotted changes; of two of one key the later holds."""
    return dict(parse_assignment(value) for value in values or ())


def columns(values: Sequence[str] | None) -> dict[str, str]:
    """``--column`` options as the recipe's name → the file's column.

    Raises:
        SpecError: one is not NAME=COLUMN.
    """
    found = {}
    for value in values or ():
        name, equals, column = value.partition("=")
        if not (equals and name and column):
            raise SpecError(f"--column must look like NAME=COLUMN, got {value!r}", "For example --column text=tweet.")
        found[name] = column
    return found
