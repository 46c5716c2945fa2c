"""A model's folder to the hub."""

from __future__ import annotations

import re
from pathlib import Path

from tune_polar.errors import ModelError

_REPOSITORY = re.compile(r"[A-Za-z0-9][\w.-]{0,95}/[A-Za-z0-9][\w.-]{0,95}")


def check_repository(repository: str) -> None:
    """Refuse what cannot be a repository, before anything is written.

    Raises:
        ModelError: it is none, or the network is switched off.
    """
    from huggingface_hub import constants

    if not _REPOSITORY.fullmatch(repository):
        raise ModelError(
            f"--push must name a repository of the hub (OWNER/NAME), got {repository!r}",
            "For example --push me/my-model.",
        )
    if constants.is_offline_mode():
        raise ModelError(
            "--push must reach the hub, but HF_HUB_OFFLINE or TRANSFORMERS_OFFLINE keeps it off the network",
            "Unset it, or leave --push out and upload the folder later with `hf upload`.",
        )


def push_folder(folder: Path, repository: str) -> str:
    """Upload a model's folder into ``repository``, which is made, private, where there is none; its address.

    Raises:
        ModelError: the hub cannot be reached or refuses; the folder stays.
    """
    import httpx2
    from huggingface_hub import HfApi

    try:
        api = HfApi()
        made = api.create_repo(repository, private=True, exist_ok=True)
        api.upload_folder(repo_id=made.repo_id, folder_path=folder, commit_message="tune-polar export --model")
    except (httpx2.HTTPError, OSError, ValueError) as error:
        said = " ".join(str(error).split())[:300]
        raise ModelError(
            f"--push must be able to write {repository}, but: {type(error).__name__}: {said}",
            f"Check network and `hf auth whoami`; the folder is there: `hf upload {repository} {folder}` tries again.",
        ) from error
    return str(made)
