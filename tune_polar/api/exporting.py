"""Writes the model of a search as a folder that others open."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from tune_polar import __version__
from tune_polar.api.model_words import ModelWords
from tune_polar.evaluate.configuration_predictions import PredictionsReader
from tune_polar.evaluate.summary import ConfigurationSummary, SearchSummary
from tune_polar.recipe.sections import TINY
from tune_polar.report.ensemble_card import ensemble_card
from tune_polar.report.model_card import CardFacts, model_card
from tune_polar.serve.from_store import store_models
from tune_polar.serve.model_folder import public_name, write_card, write_model_folder
from tune_polar.serve.push import check_repository, push_folder
from tune_polar.serve.recorded_model import Recorded
from tune_polar.serve.stored_composition import stored_composition
from tune_polar.store.store import Store


def export_model(
    model: ModelWords, store: Store, summary: SearchSummary, folder: Path, push: str | None, say: Callable[[str], None]
) -> None:
    """Write a configuration's or an ensemble's model and its card, and upload them where ``push`` names a repository.

    Args:
        model: which of the search's.
        store: of the search.
        summary: with its outcomes, as the page has them.
        folder: a new one.
        push: OWNER/NAME on the hub; None: it stays here.
        say: told what was written.

    Raises:
        TunePolarError: nothing has a score, weights are gone, or the folder or repository cannot be written.
    """
    model.check()
    if push is not None:
        check_repository(push)
    found = model.found(store)
    composition = stored_composition(store, found, all_rows=model.all_rows)
    names = dict.fromkeys(
        found.recipe_of(cell).stages[stage].encoder.name for cell in composition.cells for stage in composition.stages
    )
    encoders = [public_name(name) for name in names]
    about = {
        "data": summary.facts.data_fingerprint,
        "encoders": encoders,
        "versions": dict(summary.facts.versions),
    }
    load = store_models(store, found, composition)
    written = write_model_folder(folder, composition, load, found.scores(), about)
    facts = CardFacts(
        models=len(composition.cells),
        all_rows=model.all_rows,
        opens_alone=written.opens_alone,
        others=written.others,
        encoders=encoders,
        embedded=TINY in names,
        version=__version__,
        members=len(composition.members),
    )
    if isinstance(found, Recorded):
        card = model_card(summary, _with_predictions(store, summary, found.row), found.outcome, facts)
    else:
        card = ensemble_card(summary, found.file, facts)
    write_card(folder, card)
    say(f"{folder}: {len(composition.cells)} model{'s' if len(composition.cells) > 1 else ''} of {found.words}")
    for place in written.others:
        where = folder if place == "." else folder / place
        say(f"  {where}: an encoder for AutoModel and its head in head.safetensors; transformers has none like it")
    if push is not None:
        say(push_folder(folder, push))


def _with_predictions(store: Store, summary: SearchSummary, row: ConfigurationSummary) -> ConfigurationSummary:
    """By which its card tells how far training runs differ."""
    reader = PredictionsReader(store, summary.gold, summary.cells)
    return replace(row, predictions=reader.read(row.configuration, row.folds))
