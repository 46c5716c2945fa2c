"""Where a pretrained encoder comes from, and the name that says exactly which weights it has."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

from tune_polar.errors import ModelError
from tune_polar.model.encoder_files import CONFIG_FILE, DOWNLOAD_REMEDY, POOLING_FILE, TOKENIZER_FILES, weight_files

OF_FOLDER, BY_POOLING = "sha256:", ",pooling:"  # in identities: of files in a folder; of what says how to pool
_CHUNK_BYTES = 1 << 20


def local_folder(name_or_path: str) -> Path | None:
    """The folder that ``name_or_path`` names, or None where it can only be an id of the hub.

    Raises:
        ModelError: it is written as a path and there is no folder, or the folder holds no encoder.
    """
    # os.path says no of a name that cannot be one: too long, of a user there is not.
    path = Path(os.path.expanduser(name_or_path))
    if os.path.isdir(path):
        if not (path / CONFIG_FILE).is_file():
            raise ModelError(
                f"an encoder's folder must hold config.json, {name_or_path!r} does not",
                "Give the folder that save_pretrained or `hf download` wrote, not the one above it.",
            )
        return path
    if os.path.exists(path) or path.is_absolute() or name_or_path.startswith((".", "~")) or name_or_path.count("/") > 1:
        raise ModelError(
            f"an encoder must be a folder, an id of the hub (owner/name) or `tiny`, got {name_or_path!r}, "
            "which is no folder",
            "Check the path; " + DOWNLOAD_REMEDY[0].lower() + DOWNLOAD_REMEDY[1:],
        )
    return None


def encoder_folder(name_or_path: str, revision: str | None = None, *, with_pooling: bool = False) -> Path:
    """The folder with an encoder's files, downloaded where ``name_or_path`` is an id of the hub.

    Args:
        name_or_path: a folder, or an id of the hub.
        revision: a branch, tag or commit of the hub repository; a folder has none.
        with_pooling: whether it matters how sentence-transformers pools its texts, see ``pooling_file``.

    Raises:
        ModelError: there is no such folder or repository, or the hub cannot be reached.
    """
    folder = local_folder(name_or_path)
    if folder is not None:
        return folder
    from tune_polar.model.hub import hub_folder, resolve_commit  # a third of a second to load, for the hub alone

    return hub_folder(name_or_path, resolve_commit(name_or_path, revision), with_pooling=with_pooling)


def encoder_commit(name_or_path: str, revision: str | None = None) -> str | None:
    """The commit that ``revision`` of an encoder of the hub stands for; None: it is a folder, which has none.

    Raises:
        ModelError: as ``encoder_folder``.
    """
    if local_folder(name_or_path) is not None:
        return None
    from tune_polar.model.hub import resolve_commit  # as above

    return resolve_commit(name_or_path, revision)


def encoder_identity(name_or_path: str, revision: str | None = None, *, with_pooling: bool = False) -> str:
    """A name that is equal exactly when configuration, weights and tokenizer are.

    Args:
        name_or_path, revision: as of ``encoder_folder``.
        with_pooling: the name is another one where texts are pooled otherwise, as by a cache from which the file that
            says it is missing.

    Returns:
        "sha256:<hex>" of the files that loading a folder reads, wherever it lies; "id@commit" of a hub repository.

    Raises:
        ModelError: there is no such folder or repository, or the folder has no weights.
    """
    folder = local_folder(name_or_path)
    if folder is None:
        from tune_polar.model.hub import pooling_file, resolve_commit  # as above

        commit = resolve_commit(name_or_path, revision)
        pooled = pooling_file(name_or_path, commit) if with_pooling else None
        by = "" if pooled is None else BY_POOLING + hashlib.sha256(pooled.read_bytes()).hexdigest()[:12]
        return f"{name_or_path}@{commit}{by}"
    named = {folder / name for name in (CONFIG_FILE, POOLING_FILE, *TOKENIZER_FILES)}
    digest = hashlib.sha256()
    for path in sorted(path for path in named.union(weight_files(folder)) if path.is_file()):
        digest.update(f"\x1e{path.name}\x1f{path.stat().st_size}\x1f".encode())
        with path.open("rb") as file:
            while chunk := file.read(_CHUNK_BYTES):
                digest.update(chunk)
    return OF_FOLDER + digest.hexdigest()
