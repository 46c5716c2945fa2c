"""What is to be known of extra rows before a search begins: that there are some, and how many of them may train."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

import numpy as np

from tune_polar.data.findings import Finding
from tune_polar.data.plans.extra_rows import ExtraTies, made_so
from tune_polar.data.plans.fold_plan import FoldPlan
from tune_polar.data.table import Corpus
from tune_polar.recipe.loaded_space import LoadedSpace
from tune_polar.recipe.recipe import Recipe
from tune_polar.recipe.space import CategoricalParameter

ONLY = "data.extra.only"


def extra_warnings(recipe: Recipe, corpus: Corpus, plans: Mapping[str, FoldPlan]) -> Iterator[Finding]:
    """What is doubtful in the extra rows of ``corpus``."""
    extra = recipe.data.extra
    if extra is None:
        return
    where = extra.file or "extra rows"
    if not len(corpus.sources):
        said = (
            "the recipe trains on extra rows and there are none, so that their share changes nothing: name a file with "
            "--set data.extra.file=FILE (`tune-polar data synthesize` writes one)"
        )
        yield Finding("warning", "no-extra-rows", where, None, None, said)
        return
    plan = next(iter(plans.values()))
    trains = plan.training[:, corpus.own_rows :]
    nowhere = int(np.count_nonzero(~trains.any(axis=0)))
    if nowhere:
        said = (
            f"{nowhere:,} of {len(corpus.sources):,} extra rows train in no fold: they say, or nearly, what rows that "
            "are validated or held out say, or come from such rows"
        )
        yield Finding("warning", "extra-rows-unused", where, None, None, said)
    held_out = recipe.folds.group_column
    if held_out is not None:
        yield from _of_no_group(corpus, held_out[1], where)
    if not ExtraTies.of(corpus).is_complete:
        said = "extra rows near to a validated text were not all looked for: there are too many rows, or too few words"
        yield Finding("warning", "near-texts-unseen", where, None, None, said)


def _of_no_group(corpus: Corpus, column: str, where: str) -> Iterator[Finding]:
    """That extra rows of which nobody knows the group train where their group may be held out."""
    unknown = (corpus.train.values(column)[corpus.own_rows :] < 0) & (corpus.sources < 0)
    if unknown.any():
        said = (
            f"every extra row should have a {column} or a source_id where folds hold out a {column} whole, got "
            f"{int(np.count_nonzero(unknown)):,} of {len(unknown):,} with neither: they train in every fold, also in "
            "that which holds out theirs"
        )
        yield Finding("warning", "extra-rows-without-group", where, None, column, said)


def check_extra(recipes: Iterable[Recipe], space: LoadedSpace | None, corpus: Corpus) -> None:
    """Refuse a way of making extra rows by which none was made.

    Raises:
        DataError: a recipe or the space names one.
    """
    if not len(corpus.sources):
        return
    for recipe in recipes:
        extra = recipe.data.extra
        if extra is None:
            continue
        parameter = None if space is None else space.parameters.get(ONLY)
        choices = parameter.choices if isinstance(parameter, CategoricalParameter) else ()
        for only in dict.fromkeys((extra.only, *choices)):
            made_so(corpus, extra.by, None if only is None else str(only))
