"""Which models of a store are whole: of the folds or of all rows, of a configuration or an ensemble."""

from __future__ import annotations

from collections.abc import Mapping
from shlex import quote

from tune_polar.errors import StoreError
from tune_polar.serve.composition import CellModels, Composition
from tune_polar.serve.recorded_ensemble import RecordedEnsemble
from tune_polar.serve.recorded_model import Recorded
from tune_polar.store.codec import DamagedRecordError, OtherFormatError, decode_json, encode_json
from tune_polar.store.store import Store


def lacking_weights(store: Store, composition: Composition) -> list[tuple[CellModels, tuple[str, ...]]]:
    """Cells some of whose stages have no weights, with these stages."""
    found = []
    for cell in composition.cells:
        gone = tuple(name for name in composition.stages if not store.has_weights(cell.stages[name]))
        if gone:
            found.append((cell, gone))
    return found


def fit_command(store: Store, asked: str, *, all_rows: bool) -> str:
    """What a person types to have trained what a model lacks; ``asked``: the options that name the model."""
    return f"tune-polar fit {quote(store.url)}{asked}{' --all-rows' if all_rows else ''}"


def stored_composition(store: Store, found: Recorded | RecordedEnsemble, *, all_rows: bool) -> Composition:
    """The model of a configuration or an ensemble, whose weights are all there.

    Args:
        store: of the search.
        found: of which.
        all_rows: the one model of all rows; else those of the folds.

    Raises:
        StoreError: weights are gone, or there is no model of all rows.
    """
    fit = fit_command(store, found.asked, all_rows=all_rows)
    if all_rows:
        found = found.alone()
        keys = _all_rows_keys(store, found)
        if keys is None:
            raise StoreError(
                f"store {store.url}: configuration {found.id} must have a model of all rows, but none was trained",
                f"Train it first: `{fit}`.",
            )
        composition = found.all_rows(keys)
    else:
        composition = found.folds()
    gone = lacking_weights(store, composition)
    if gone:
        cells = ", ".join(cell.name for cell, _ in gone[:8]) + (" …" if len(gone) > 8 else "")
        raise StoreError(
            f"store {store.url}: weights of {found.words} must be there, but those of {cells} are not",
            f"Have them trained again: `{fit}`.",
        )
    return composition


def put_composition(store: Store, composition: Composition, about: Mapping[str, object]) -> str:
    """Record what a model is made of; the name of the file."""
    name = _name(composition.configuration, composition.rows)
    store.files.replace(name, encode_json({"composition": composition.to_json(), **about}, indented=True))
    return name


def _all_rows_keys(store: Store, found: Recorded) -> Mapping[str, str] | None:
    """Keys of the stages of the model of all rows; None where there is none of this very configuration."""
    content = store.files.read(_name(found.id, "all"))
    if content is None:
        return None
    try:
        about = Composition.from_json(decode_json(content).get("composition"), _name(found.id, "all"))
    except (DamagedRecordError, OtherFormatError, StoreError):
        return None
    keys = about.cells[0].stages
    if (about.configuration, about.rows, len(about.cells)) != (found.id, "all", 1) or set(keys) != set(
        found.recipe.stages
    ):
        return None
    expected = found.all_rows_keys()
    return keys if expected is None or expected == keys else None


def _name(configuration: str, rows: str) -> str:
    return f"models/{configuration}-{rows}.json"
