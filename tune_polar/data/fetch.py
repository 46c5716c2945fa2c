"""Downloads POLAR from its public repository at one commit, verified against sums kept in the package."""

from __future__ import annotations

import contextlib
import hashlib
import http.client
import importlib.resources
import os
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from tune_polar.data.suggestions import did_you_mean
from tune_polar.errors import DataError

COMMIT = "43789fd"  # of github.com/Polar-SemEval/data-public; the sums are of its files
PUBLIC_BASE = f"https://raw.githubusercontent.com/Polar-SemEval/data-public/{COMMIT}"

LICENCE_NOTICE = (
    "POLAR is licensed CC BY 4.0 by its README and CC BY-NC-SA 4.0 by its LICENSE.txt: treat it as the "
    "stricter, no commercial use, share alike."
)
CANARY_NOTICE = "POLAR is benchmark data with a canary: keep its texts out of training corpora and repositories."

TIMEOUT_SECONDS = 30
ATTEMPTS = 3  # of one transfer that breaks off; each goes on where the last stopped
CHUNK_BYTES = 1 << 16
LARGEST_FILE_BYTES = 64 << 20  # the largest is 2 MB; a mirror must not fill the disk

_RANGE_NOT_SATISFIABLE = 416


def published_sums() -> dict[str, str]:
    """SHA-256 of every published file by ``<split>/<language>.csv``."""
    text = importlib.resources.files("tune_polar.data").joinpath("polar_sha256.txt").read_text("utf-8")
    pairs = (line.split(maxsplit=1) for line in text.splitlines() if line.strip())
    return {name.strip(): digest for digest, name in pairs}


def fetch_polar(
    folder: Path,
    language: str,
    *,
    mirror: str | None = None,
    splits: Sequence[str] = ("train", "dev"),
    report: Callable[[str], None],
    sums: Mapping[str, str] | None = None,
) -> list[Path]:
    """Download ``<folder>/<split>/<language>.csv`` for each of ``splits`` and return the paths.

    A verified file is not downloaded again. A transfer goes into ``<name>.part``, goes on there after an
    interruption, is verified and then renamed, so a file under its final name is whole. ``mirror`` is an
    http or https address to put before ``/<split>/<language>.csv``; ``sums`` stands in for the published
    ones; ``report`` gets the licence, the canary notice and a line for each file.

    Raises:
        DataError: unknown language or split, a mirror of another scheme, no connection, a file with the
            wrong sum (set aside as ``<name>.bad``), an unwritable folder, or another file in the way.
    """
    known = published_sums() if sums is None else sums
    _check_language(language, splits, known)
    base = _checked_base(mirror)
    report(LICENCE_NOTICE)
    report(CANARY_NOTICE)
    paths = []
    for split in splits:
        name = f"{split}/{language}.csv"
        path = folder / split / f"{language}.csv"
        made = _made_folders(path.parent)
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            fetched = _fetch_file(f"{base}/{name}", path, known[name])
        except UnreachableError as error:
            missing = [(f"{base}/{s}/{language}.csv", folder / s / f"{language}.csv") for s in splits]
            raise _by_hand(error, [(url, at) for url, at in missing if not at.exists()]) from error
        except OSError as error:  # what the network does is already a DataError
            raise DataError(
                f"the file {path} must be writable, got {error}", "Free disk space or choose another folder."
            ) from error
        finally:
            _remove_empty(made)
        report(f"{path}: {'downloaded and verified' if fetched else 'already there and verified'}")
        paths.append(path)
    return paths


def _check_language(language: str, splits: Sequence[str], sums: Mapping[str, str]) -> None:
    languages = sorted({Path(name).stem for name in sums})
    if language not in languages:
        raise DataError(
            f"the language must be one of POLAR's, got {language!r}{did_you_mean(language, languages)}",
            f"Name one of {', '.join(languages)}.",
        )
    for split in splits:
        if f"{split}/{language}.csv" not in sums:
            raise DataError(
                f"the split must be one that {language!r} has, got {split!r}",
                f"Name one of {', '.join(sorted({name.split('/')[0] for name in sums}))}.",
            )


def _checked_base(mirror: str | None) -> str:
    if mirror is None:
        return PUBLIC_BASE
    parts = urllib.parse.urlsplit(mirror)
    plain = mirror.isascii() and mirror.isprintable() and " " not in mirror
    if parts.scheme not in ("http", "https") or not parts.netloc or not plain:
        raise DataError(
            f"a mirror must be an http or https address, got {mirror!r}",
            "Give an address like https://host/folder, or put the files into the data folder by hand.",
        )
    return mirror.rstrip("/")


def _fetch_file(url: str, path: Path, wanted: str) -> bool:
    """Bring ``path`` into being; False when it was there already."""
    if path.exists():
        if _sha256(path) == wanted:
            return False
        raise DataError(
            f"the file {path} must be the published one (SHA-256 {wanted}), got {_sha256(path)}",
            "Move the file away if it is not needed, then fetch again.",
        )
    part = path.with_name(path.name + ".part")
    if not (part.exists() and _sha256(part) == wanted):
        _download(url, part, path)
    found = _sha256(part)
    if found != wanted:
        bad = path.with_name(path.name + ".bad")
        os.replace(part, bad)
        raise DataError(
            f"the file from {url} must have the SHA-256 {wanted}, got {found}; it is set aside as {bad}",
            "Fetch again; if it happens again, the source was changed: use another mirror.",
        )
    os.replace(part, path)
    return True


def _download(url: str, part: Path, path: Path) -> None:
    """Fill ``part`` from ``url``, going on where it ends."""
    for _ in range(ATTEMPTS):
        try:
            if _transfer(url, part):
                return
        except urllib.error.HTTPError as error:
            error.close()
            if error.code == _RANGE_NOT_SATISFIABLE and part.exists():
                part.unlink()  # longer than the file: of some other download
                continue
            raise UnreachableError(url, f"got the answer {error.code} {error.reason}") from error
        except urllib.error.URLError as error:
            raise UnreachableError(url, f"got {error.reason}") from error
        except (http.client.HTTPException, ConnectionError, TimeoutError):
            pass  # broke off on the way: the next attempt goes on from what has come
    received = part.stat().st_size if part.exists() else 0
    raise DataError(
        f"the transfer of {url} must come to its end, got {received} bytes in {ATTEMPTS} attempts",
        f"Fetch again: it goes on where it stopped. Or download {url} by hand and save it as {path}.",
    )


def _transfer(url: str, part: Path) -> bool:
    """One request; True when all that the server announced has come."""
    start = part.stat().st_size if part.exists() else 0
    request = urllib.request.Request(url, headers={"Range": f"bytes={start}-"} if start else {})
    with urllib.request.urlopen(request, timeout=TIMEOUT_SECONDS) as response:
        resumed = response.status == http.HTTPStatus.PARTIAL_CONTENT
        announced = response.headers.get("Content-Length")
        received = 0
        with part.open("ab" if resumed else "wb") as file:
            while chunk := response.read(CHUNK_BYTES):
                file.write(chunk)
                received += len(chunk)
                if file.tell() > LARGEST_FILE_BYTES:
                    raise DataError(
                        f"a POLAR file must be at most {LARGEST_FILE_BYTES} bytes, got more from {url}",
                        "Use another mirror.",
                    )
            file.flush()
            os.fsync(file.fileno())
    return announced is None or announced == str(received)


class UnreachableError(Exception):
    """An address that does not answer, with what was got instead."""

    def __init__(self, url: str, got: str) -> None:
        super().__init__(url, got)
        self.url = url
        self.got = got


def _by_hand(error: UnreachableError, missing: Sequence[tuple[str, Path]]) -> DataError:
    """What to do without the network: every file still ``missing``, address and place, at once."""
    files = "\n".join(f"    {url}\n      as {path}" for url, path in missing)
    return DataError(
        f"the file {error.url} must be reachable, {error.got}",
        f"Connect to the network, give a mirror, or download by hand and save\n{files}",
    )


def _made_folders(folder: Path) -> list[Path]:
    """``folder`` and those above it that are not there yet, the deepest first."""
    return [path for path in (folder, *folder.parents) if not path.exists()]


def _remove_empty(folders: Sequence[Path]) -> None:
    """Take away again what was made for a file that did not come."""
    for folder in folders:
        with contextlib.suppress(OSError):  # it holds something
            folder.rmdir()


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
