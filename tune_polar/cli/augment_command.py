"""`tune-polar data augment`: a further column with each text in other words, made once and on this machine."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from tune_polar.api.count_checks import check_seed
from tune_polar.cli import options
from tune_polar.cli.output import say
from tune_polar.data.augment import augment_file, in_other_words
from tune_polar.data.readers import Place
from tune_polar.data.wordnet import FOLDER, WordNet
from tune_polar.errors import SpecError
from tune_polar.report.numbers import count


def augment(
    file: Annotated[str, typer.Argument(help="A CSV, TSV, JSON lines or Parquet file.")],
    out: Annotated[Path, typer.Option("-o", "--out", help="The CSV file to write.")],
    text: Annotated[str, typer.Option("--text", metavar="COLUMN", help="Column with the texts.")] = "text",
    name: Annotated[str, typer.Option("--name", metavar="COLUMN", help="Name of the further column.")] = "augmented",
    wordnet: Annotated[Path, typer.Option("--wordnet", help="Folder with WordNet's files.")] = FOLDER,
    share: Annotated[float, typer.Option("--share", help="Share of a text's words that give way, at most ten.")] = 0.3,
    seed: Annotated[
        int, typer.Option("--seed", parser=options.whole_number, metavar="N", help="Another seed takes other words.")
    ] = 0,
) -> None:
    """Write a table with a further column: each text with some words in place of others that mean the same (WordNet).

    English alone; nothing leaves this machine. Where a text has no word that may give way the column stays empty.

    Example:

      tune-polar data augment posts.csv --text post -o posts-augmented.csv
    """
    check_seed(seed)
    if not 0 < share <= 1:
        raise SpecError(f"--share must be above 0 and at most 1, got {share:g}", "For example --share 0.3.")
    synonyms = WordNet(wordnet).synonyms
    written = augment_file(
        Place(file), text, out, name, partial(in_other_words, synonyms=synonyms, seed=seed, share=share)
    )
    mean = written.words / written.changed if written.changed else 0.0
    say(
        f"{out}: {count(written.rows, 'row')}, {written.changed:,} with another text in {name!r} ({mean:.1f} words of "
        f"each changed), {written.rows - written.changed:,} empty, for none of their words has a synonym"
    )
