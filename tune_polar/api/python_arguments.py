"""What ``search`` and ``resume`` share: arguments as the words that the command line has, and how a run ends."""

from __future__ import annotations

import contextlib
import os
import signal
import threading
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_args

from tune_polar.api.begin import go_on_with
from tune_polar.api.data_words import DataWords
from tune_polar.api.display import Progress, Shown
from tune_polar.api.fitting import Told, fit_model, noted_signals, steps_told
from tune_polar.api.machines import Machines
from tune_polar.api.model_words import ModelWords
from tune_polar.api.python_words import columns_of, needed_text, text_of, texts_of
from tune_polar.api.search_request import RecipeWords
from tune_polar.api.stopping_words import Extent
from tune_polar.errors import SpecError
from tune_polar.recipe.recipe import Recipe
from tune_polar.recipe.recorded import recipe_to_json
from tune_polar.recipe.strict_yaml import Written, as_file

if TYPE_CHECKING:
    import pandas as pd

    from tune_polar.api.run_search import Ended

ARGUMENTS = {
    "columns",
    *("data", "text", "target", "id", "group", "dev", "test", "language", "encoder", "profile", "space", "set"),
    *(
        "trials",
        "time",
        "until",
        "racing",
        "folds",
        "seeds",
        "seed",
        "tries",
        "floors",
        "slots",
        "slot_gb",
        "address",
        "store",
    ),
    *("checkpoint_every", "keep_weights", "disk_gb", "track", "examples"),
}


@contextlib.contextmanager
def alone() -> Iterator[None]:
    """One search at a time in a process, whatever Ray runs in it unharmed; see ``sole_ray``.

    Raises:
        SearchError: another search runs in this process, or a Ray.
    """
    # Imported here: with it comes the environment that Ray reads, which whoever only looks at a search need not have.
    from tune_polar.search.ray.sole_ray import sole_ray

    with sole_ray():
        yield


def resumed(
    place: str,
    data: str | Path | pd.DataFrame | None,
    beside: Mapping[str, Any],
    extent: Extent,
    machines: Machines,
    shown: Shown,
    before: object | None,
) -> None:
    """Go on with the search recorded at ``place``; see ``Search.resume``. ``before``: the data as last given."""
    with silent(shown):
        ended = go_on_with(place, words_now(data, beside, before), extent, machines, shown)
    come_to(ended)


def fitted(
    model: ModelWords,
    data: str | Path | pd.DataFrame | None,
    beside: Mapping[str, Any],
    device: str,
    checkpoint_seconds: float,
    shown: Shown,
    before: object | None,
) -> None:
    """Make a model complete; see ``Search.fit``."""
    words = words_now(data, beside, before)
    with noted_signals() as ended:
        told = Told(shown.say, steps_told(shown.say), ended)
        composition = fit_model(model, words, device, checkpoint_seconds, told)
    if composition is None:
        raise KeyboardInterrupt("what is trained is recorded: the same call goes on")


def words_now(data: object, beside: Mapping[str, Any], before: object | None) -> DataWords:
    """The data as given now, else DataFrames as last given; what neither says is as recorded."""
    if data is None and isinstance(before, DataWords) and _is_frame(before):
        return before
    return data_words(data, beside)


def come_to(ended: Ended) -> Ended:
    """What a run has come to, unless a signal has ended it: that is passed on, now that everything is in order."""
    if ended.ended_by == signal.SIGINT:
        raise KeyboardInterrupt(
            f"every finished fold is recorded: tune_polar.open({ended.store.url!r}).resume() goes on"
        )
    if ended.ended_by is not None:
        raise SystemExit(128 + ended.ended_by)
    return ended


def data_words(
    data: object, beside: Mapping[str, Any], targets: tuple[str, ...] = (), groups: tuple[str, ...] = ()
) -> DataWords:
    """What is said of the data.

    Raises:
        SpecError: an argument is not of its type.
    """
    columns = columns_of(beside["columns"])
    text, id_, language = (text_of(name, beside[name]) for name in ("text", "id", "language"))
    rows: Any = (_rows_of(name, each) for name, each in (("data", data), *((n, beside[n]) for n in ("dev", "test"))))
    train, dev, test = rows
    return DataWords(train, language, dev, test, text, id_, columns, targets, groups)


def _is_frame(words: DataWords) -> bool:
    return any(not isinstance(each, str | None) for each in (words.data, words.dev, words.test))


def _rows_of(name: str, given: object) -> object:
    return text_of(name, given) if isinstance(given, str | Path) else given


def written_of(name: str, given: object) -> Written:
    """A recipe or space: a name, a path or what a file would hold.

    Raises:
        SpecError: it is none of these.
    """
    return given if isinstance(given, Mapping) else needed_text(name, given, "Give a name, a path or a mapping.")


def recipe_words(
    recipe: str | Path | Mapping[str, object] | Recipe,
    encoder: object,
    profile: object,
    changes: Mapping[str, object] | None,
    folds: int | None,
    seeds: int | Sequence[int] | None,
) -> RecipeWords:
    """What is said of the recipe.

    Raises:
        SpecError: an argument is not of its type.
    """
    if not isinstance(changes, Mapping | None):
        raise SpecError(
            f"set must map keys of the recipe to values, got {changes!r:.80}",
            "For example set={'model.optimizer.lr': 3e-5}.",
        )
    return RecipeWords(
        recipe_to_json(recipe) if isinstance(recipe, Recipe) else written_of("recipe", recipe),
        text_of("encoder", encoder),
        text_of("profile", profile),
        as_file(changes or {}, "set").content,
        folds,
        _seeds(seeds),
    )


def _seeds(given: int | Sequence[int] | None) -> str | None:
    """Seeds as the command line has them.

    Raises:
        SpecError: they are no numbers.
    """
    if given is None:
        return None
    if not isinstance(given, int | list | tuple | range) or isinstance(given, bool):
        raise SpecError(f"seeds must be a number of seeds or a list of them, got {given!r:.80}", "For example seeds=3.")
    return str(given) if isinstance(given, int) else ",".join(map(str, given)) + ","


def shown_as(progress: Progress, track: str | Sequence[str] = ()) -> Shown:
    """How a run is shown; where Ray cannot end in order, the process of whoever called is not ended.

    Raises:
        SpecError: there is no such way.
    """
    if progress not in get_args(Progress):
        raise SpecError(
            f"progress must be one of {', '.join(get_args(Progress))}, got {progress!r}", "Leave it out for auto."
        )
    return Shown(progress, track=texts_of("track", track))


@contextlib.contextmanager
def silent(shown: Shown) -> Iterator[None]:
    """Ray tells on standard output of each worker that is lost. Others print there too, meanwhile, beside a thread."""
    if shown.progress != "none" or threading.current_thread() is not threading.main_thread():
        yield
        return
    with Path(os.devnull).open("w", encoding="utf-8") as nowhere, contextlib.redirect_stdout(nowhere):
        yield
