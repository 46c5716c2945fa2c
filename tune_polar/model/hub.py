"""Encoders of the hub: which commit a name stands for, and a folder of the hub's cache that holds its files.

The hub's client asks up to six times, with pauses of 23 s in all, for every file that it does not find. Here one
question, asked once and answered within ``TIMEOUT_SECONDS`` or never, comes before all downloads: it tells whether
the hub can be reached, the commit, and the files there are.
"""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path

import httpx2
from huggingface_hub import HfApi, constants, hf_hub_download, try_to_load_from_cache
from huggingface_hub.errors import HFValidationError
from huggingface_hub.hf_api import ModelInfo

from tune_polar.errors import ModelError
from tune_polar.model.encoder_files import (
    CONFIG_FILE,
    DOWNLOAD_REMEDY,
    POOLING_FILE,
    TOKENIZER_FILES,
    shard_names,
    weight_file,
    weight_files,
)

TIMEOUT_SECONDS = 4.0
_COMMIT = re.compile(r"[0-9a-f]{40}")


def resolve_commit(hub_id: str, revision: str | None = None) -> str:
    """The commit that ``revision`` (a branch, tag or commit; None: main) of a hub repository stands for.

    A copy in the hub's cache decides without asking the network, so that a search keeps the weights it began
    with; only what is not cached is asked for.

    Raises:
        ModelError: the id or revision is unknown, or the hub cannot be reached.
    """
    if revision is not None and _COMMIT.fullmatch(revision):
        return revision
    cached = _cached_folder(hub_id, revision)
    if cached is not None:
        return cached.name  # .../snapshots/<commit>
    commit = _ask_hub(hub_id, revision).sha
    if commit is None:
        raise ModelError(f"the hub must name a commit, it names none for {hub_id!r}", DOWNLOAD_REMEDY)
    return commit


def hub_folder(hub_id: str, commit: str, *, with_pooling: bool = False) -> Path:
    """A folder of the hub's cache with configuration, tokenizer and weights; downloads what is not there yet.

    Pickled weights are downloaded only where the repository has no safetensors.

    Args:
        hub_id: of the repository.
        commit: of it.
        with_pooling: whether it matters how sentence-transformers pools its texts; see ``pooling_file``.

    Raises:
        ModelError: the hub cannot be reached or knows no such commit, or there are no weights.
    """
    cached = _cached_folder(hub_id, commit)
    if cached is not None and _is_whole(cached):
        if with_pooling:
            pooling_file(hub_id, commit)
        return cached
    names = [sibling.rfilename for sibling in _ask_hub(hub_id, commit).siblings or []]
    weights = weight_file(names)
    if weights is None:
        raise ModelError(
            f"an encoder must come with its weights, {hub_id!r} at {commit} has neither safetensors nor "
            "pytorch_model.bin",
            "Choose another encoder or revision.",
        )
    # The weights come last: a cached folder that has them has all the rest
    folder = Path(_download(hub_id, commit, CONFIG_FILE)).parent
    for name in [*(name for name in (POOLING_FILE, *TOKENIZER_FILES) if name in names), weights]:
        _download(hub_id, commit, name)
    if weights.endswith(".index.json"):
        for name in shard_names(folder / weights):
            _download(hub_id, commit, name)
    return folder


@cache  # asked once a process, whether or not somebody answers
def pooling_file(hub_id: str, commit: str) -> Path | None:
    """The file that says how sentence-transformers pools an encoder's texts; None: it has none, or nobody answers.

    A cache that another program has filled holds all but that. An answer that there is none is kept there as well.

    Raises:
        ModelError: nobody answers, and the encoder is not here without it either.
    """
    known = try_to_load_from_cache(hub_id, POOLING_FILE, revision=commit)
    if known is None and not constants.HF_HUB_OFFLINE:
        problem = ""
        try:
            _ask_hub(hub_id, commit)  # whose silence is short
            hf_hub_download(hub_id, POOLING_FILE, revision=commit)  # or a mark in the cache that there is none
        except Exception as error:  # noqa: BLE001 (of whatever the client is made of: that there is none is one, too)
            problem = str(error)
        known, cached = try_to_load_from_cache(hub_id, POOLING_FILE, revision=commit), _cached_folder(hub_id, commit)
        if known is None and not (cached is not None and _is_whole(cached)):
            raise ModelError(f"{POOLING_FILE} of {hub_id!r} must be had from the hub: {problem}", DOWNLOAD_REMEDY)
    return Path(known) if isinstance(known, str) else None


def hub_problem(timeout_seconds: float) -> str | None:
    """Why nothing can be had from the hub; None: it answers."""
    if constants.HF_HUB_OFFLINE:
        return "HF_HUB_OFFLINE keeps everything off the network"
    try:
        httpx2.head(constants.ENDPOINT, timeout=timeout_seconds)
    except (httpx2.HTTPError, OSError, ValueError) as error:
        return f"{constants.ENDPOINT} does not answer: {error}"
    return None


def cached_encoder(hub_id: str, revision: str | None) -> tuple[Path | None, bool]:
    """The folder of the hub's cache with an encoder's config.json, if there is one, and whether all else is there."""
    folder = _cached_folder(hub_id, revision)
    return folder, folder is not None and _is_whole(folder)


def _cached_folder(hub_id: str, revision: str | None) -> Path | None:
    try:
        config = try_to_load_from_cache(hub_id, CONFIG_FILE, revision=revision)
    except HFValidationError as error:
        raise _not_found(hub_id, revision, error) from error
    return Path(config).parent if isinstance(config, str) else None


def _is_whole(folder: Path) -> bool:
    try:
        weight_files(folder)
    except ModelError:
        return False
    return any((folder / name).is_file() for name in TOKENIZER_FILES)


def _ask_hub(hub_id: str, revision: str | None) -> ModelInfo:
    try:
        return HfApi().model_info(hub_id, revision=revision, timeout=TIMEOUT_SECONDS)
    except (httpx2.HTTPError, OSError, ValueError) as error:
        raise _not_found(hub_id, revision, error) from error


def _download(hub_id: str, commit: str, name: str) -> str:
    try:
        return hf_hub_download(hub_id, name, revision=commit)
    except (httpx2.HTTPError, OSError, ValueError) as error:
        raise ModelError(f"{name} of {hub_id!r} must be had from the hub: {error}", DOWNLOAD_REMEDY) from error


def _not_found(hub_id: str, revision: str | None, error: Exception) -> ModelError:
    return ModelError(
        f"an encoder must be a folder, whole in the hub's cache or be had from the hub, {hub_id!r} at "
        f"{revision or 'main'} is neither: {error}",
        "Check the name and revision. " + DOWNLOAD_REMEDY,
    )
