"""The file of a model's folder that says what the model is made of."""

from __future__ import annotations

import json
from contextlib import suppress
from pathlib import Path

from tune_polar.errors import StoreError
from tune_polar.serve.composition import Composition
from tune_polar.store.filesystem import MOST_RECORD_BYTES

MODEL_FILE = "model.json"
WHOLE_FOLDER = "Give the folder that `tune-polar export STORE --model DIR` wrote, whole; or export it anew."


def is_model_folder(folder: Path) -> bool:
    """Whether it has a ``model.json``."""
    with suppress(OSError, ValueError):
        return (folder / MODEL_FILE).is_file()
    return False


def read_model_folder(folder: Path) -> Composition:
    """What a folder's model is made of.

    Raises:
        StoreError: it is no such folder.
    """
    path = folder / MODEL_FILE
    try:
        data = json.loads(small_text(path))
    except (OSError, ValueError, RecursionError) as error:
        raise StoreError(f"{path} must be readable JSON, but: {error}", WHOLE_FOLDER) from None
    return Composition.from_json(data.get("composition") if isinstance(data, dict) else data, str(path))


def small_text(path: Path) -> str:
    """A small file whole; neither what is no file nor what is large is opened.

    Raises:
        OSError: it is such a one, or cannot be read.
    """
    if not path.is_file() or path.stat().st_size > MOST_RECORD_BYTES:
        raise OSError(f"it must be a file of at most {MOST_RECORD_BYTES:,} bytes")
    return path.read_text(encoding="utf-8")
