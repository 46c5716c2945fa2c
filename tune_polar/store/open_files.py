"""Where a store lies: a folder, or a bucket whose library is loaded only when one is asked for."""

from __future__ import annotations

from pathlib import Path

from tune_polar.errors import StoreError
from tune_polar.store.filesystem import Filesystem, LocalFolder


def place_here(url: str) -> Path:
    """Where a page and other files made of a store lie: in its folder; of a bucket in ``searches/NAME`` here."""
    return Path("searches") / url.rpartition("/")[2] if "://" in url else Path(url)


def files_at(place: str | Path) -> Filesystem:
    """The files of a store at a path, at ``s3://bucket/prefix`` or at ``gs://bucket/prefix``.

    Raises:
        StoreError: the path is a file, the bucket cannot be reached, or this kind of place is not known.
    """
    text = str(place)
    if text.startswith("s3://"):
        return _bucket(text)
    if text.startswith("gs://"):
        return _google_bucket(text)
    if "://" in text:
        raise StoreError(
            f"store must be a folder, s3://bucket/prefix or gs://bucket/prefix, got {text!r}",
            "Give a local path or one of these URLs; a mounted bucket or share works too.",
        )
    path = Path(text)
    try:
        is_other = "\x00" in text or not text or (path.exists() and not path.is_dir())
    except OSError as error:  # a name too long, a folder above it that may not be entered
        raise StoreError(f"store must be a folder, but {text!r}: {error.strerror}", "Give another path.") from None
    if is_other:
        raise StoreError(f"store must be a folder, but {text!r} is not", "Give a folder: a search prints its own.")
    return LocalFolder(path)


def _bucket(url: str) -> Filesystem:
    try:
        # Imported here: boto3 is an extra that only stores in a bucket need.
        from tune_polar.store.s3 import open_bucket
    except ModuleNotFoundError as error:
        if error.name not in ("boto3", "botocore"):
            raise
        raise StoreError(
            f"store {url}: must have boto3 to be opened, but it is not installed",
            "Install it with `pip install 'tune-polar[s3]'`.",
        ) from None
    return open_bucket(url)


def _google_bucket(url: str) -> Filesystem:
    try:
        # Imported here: google-cloud-storage is an extra that only stores in a bucket need.
        from tune_polar.store.gcs import open_gcs
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] not in ("google", "requests"):
            raise
        raise StoreError(
            f"store {url}: must have google-cloud-storage to be opened, but it is not installed",
            "Install it with `pip install 'tune-polar[gcs]'`.",
        ) from None
    return open_gcs(url)
