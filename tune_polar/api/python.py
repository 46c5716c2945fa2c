"""``tune_polar.search`` and ``tune_polar.open``: what the command line does, from Python."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from tune_polar.api.begin import Origin, begin_search
from tune_polar.api.count_checks import plain, positive
from tune_polar.api.display import Progress
from tune_polar.api.machines import machines_of
from tune_polar.api.python_arguments import (
    ARGUMENTS,
    alone,
    come_to,
    data_words,
    recipe_words,
    shown_as,
    silent,
    written_of,
)
from tune_polar.api.python_words import call_of, needed_text, text_of, texts_of, told_in_python
from tune_polar.api.search_object import Search, opened
from tune_polar.api.stopping_words import Extent
from tune_polar.api.utf8_words import check_working_folder
from tune_polar.recipe.floor_names import DEFAULT_FLOORS
from tune_polar.recipe.recipe import Recipe
from tune_polar.trial.gpus import DEFAULT_SLOT_GB

if TYPE_CHECKING:
    import pandas as pd


def search(
    recipe: str | Path | Mapping[str, object] | Recipe,
    data: str | Path | pd.DataFrame = "sample",
    *,
    text: str | None = None,
    target: str | Sequence[str] | None = None,
    id: str | None = None,
    group: str | Sequence[str] | None = None,
    columns: Mapping[str, str] | None = None,
    dev: str | Path | pd.DataFrame | None = None,
    test: str | Path | pd.DataFrame | None = None,
    language: str | None = None,
    encoder: str | Path | None = None,
    profile: str | None = None,
    space: str | Path | Mapping[str, object] | None = None,
    set: Mapping[str, object] | None = None,
    trials: int | None = None,
    time: str | float | None = None,
    until: Literal["converged"] | None = None,
    racing: str = "model",
    folds: int | None = None,
    seeds: int | Sequence[int] | None = None,
    seed: int = 0,
    tries: str | Sequence[str] = (),
    floors: str = DEFAULT_FLOORS,
    slots: int | None = None,
    slot_gb: float = DEFAULT_SLOT_GB,
    address: str | None = None,
    checkpoint_every: int = 60,
    keep_weights: int = 1,
    disk_gb: float | None = None,
    track: str | Sequence[str] = (),
    store: str | Path | None = None,
    progress: Progress = "auto",
) -> Search:
    """Search the settings of a recipe by cross-validation, as `tune-polar search` does.

    Args:
        recipe: name of a shipped one, the path of a recipe file, what such a file would hold, or ``best.recipe``.
        data: ``sample``, a folder, a file, an address on the hub, or a DataFrame. Of a DataFrame no text is recorded:
            another process that resumes the search has to be given the same rows again.
        text: column with the texts; None: ``text``.
        target: column to predict, or several of 0 and 1, with a recipe of one stage.
        id: column with the rows' ids; None: ``id``, or row numbers where there is none.
        group: rows that share a value of this column stay in one fold.
        columns: the recipe's name of a column → the data's.
        dev, test: rows on which no fold trains; a file or a DataFrame.
        language: of a POLAR folder.
        encoder: ``tiny``, a hub id or a folder; None: tiny, or a recipe file's own.
        profile: values of the recipe for a kind of encoder; None: the encoder's.
        space: name of a search space, a path, or what such a file would hold; None: the recipe's.
        set: values of the recipe by dotted key.
        trials: configurations to train, the first is the recipe as given; None: 8, or as many as the time allows.
        time: begin no fold after this long (``2h``, ``30m``, or seconds).
        until: ``converged``: propose nothing more once the gain still possible is below the score's own error.
        racing: none, forgiving, aggressive, doubling, wilcoxon or model.
        folds: number of folds; None: the recipe's.
        seeds: train every fold with so many seeds, or with these; None: the recipe's.
        seed: of the search; recipe and folds have seeds of their own.
        tries: files with ``points``, and records of earlier searches, whose points come first.
        floors: linear models without fine-tuning on the same folds, at the end: ``all``, ``tfidf`` or ``none``.
        slots: fold trials at once; None: what GPUs hold, or cores.
        slot_gb: GPU memory of one fold trial.
        address: HOST:PORT of a running Ray cluster, or auto; None: this machine alone.
        checkpoint_every: seconds between two checkpoints of a running stage; 0: none.
        keep_weights: keep the weights of the best so many configurations, all folds and stages; an ensemble has up to
            about 9.
        disk_gb: for weights and checkpoints together; None: a third of what is free.
        track: ``tensorboard``, ``mlflow`` or ``wandb``, or several: told of the search while it runs.
        store: folder or URL of the records; None: ``searches/RECIPE-DATE``.
        progress: ``auto`` (a table in a terminal, lines elsewhere), ``lines`` or ``none``.

    Returns:
        The search, whatever has come of it: ``best`` is None where nothing has a score.

    Raises:
        TunePolarError: something breaks a rule, or another search or a Ray runs in this process; with the remedy.
        KeyboardInterrupt: it was interrupted. Every finished fold is recorded, page and winner are written and Ray is
            shut down; ``tune_polar.open(STORE).resume()`` goes on.

    Example:
        >>> found = tune_polar.search("classifier", tweets, text="tweet", target="label", trials=2)
        >>> found.status.is_complete, found.best is None
        (True, False)
    """
    given = {name: value for name, value in locals().items() if value is not None}
    defaults = search.__kwdefaults__ or {}
    check_working_folder()
    with told_in_python(ARGUMENTS), alone():
        words = recipe_words(recipe, encoder, profile, set, plain(folds), plain(seeds))
        beside = {"text": text, "id": id, "columns": columns, "dev": dev, "test": test, "language": language}
        about = data_words(data, beside, texts_of("target", target), texts_of("group", group))
        extent = Extent(plain(trials), plain(time), until, racing)
        weights = plain(keep_weights), plain(disk_gb)
        machines = machines_of(plain(slots), plain(slot_gb), address, plain(checkpoint_every), *weights)
        call = call_of("search", {name: value for name, value in given.items() if value is not defaults.get(name)})
        origin, shown = Origin(text_of("store", store), call), shown_as(progress, track)
        with silent(shown):
            ended = begin_search(
                words,
                about,
                extent,
                machines,
                origin,
                shown,
                space=None if space is None else written_of("space", space),
                seed=plain(seed),
                tries=texts_of("tries", tries),
                floors=text_of("floors", floors) or DEFAULT_FLOORS,
            )
    return opened(come_to(ended).store.url, about)


def open(store: str | Path, *, new_rows: int | None = None) -> Search:
    """A recorded search, to look at or to go on with; loads neither Ray nor torch.

    Args:
        store: the folder, s3:// or gs:// URL with its records.
        new_rows: size of the set of texts to come, for ``best.prediction``; None: as many as the
            largest labelled split beside train has.

    Raises:
        StoreError: there is none, or it cannot be read.
        SpecError: fewer new rows than one.

    Example:
        >>> page = tune_polar.open("searches/st3-20261122-101500").report()
    """
    with told_in_python({"new_rows"}):
        positive(new_rows, "--new-rows")
    return opened(needed_text("store", store, "Give the folder or URL of a search."), new_rows=plain(new_rows))
