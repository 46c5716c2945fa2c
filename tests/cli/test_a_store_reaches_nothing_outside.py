"""Whatever lies in a store: no command reads, writes, moves or removes anything outside it, and none waits.

The store is a trained one, so that commands which use its models take part; `resume` ends where it would train.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import shutil
import stat
from collections.abc import Callable
from pathlib import Path
from typing import NoReturn

import pytest

from tests.cli.conftest import Ran
from tests.store.trained_store import trained_store
from tune_polar.errors import StoreError
from tune_polar.search import prepared_search as search_run
from tune_polar.store.lease import held_lease
from tune_polar.store.store import open_store

Run = Callable[..., Ran]
FOLDERS = ("folds", "stages", "configurations", "failures", "abandoned", "resumes", "derived", "lease")
OF_MODELS = ("weights", "models")
UNREAD = ("checkpoints", "probes", "damaged", "replicates")
EVERY = (*FOLDERS, *OF_MODELS, *UNREAD)
COMMANDS = {
    "status": ("status", "store"),
    "status --json": ("status", "store", "--json"),
    "report": ("report", "store", "-o", "page.html"),
    "export": ("export", "store", "--csv", "tables"),
    "export --tensorboard": ("export", "store", "--tensorboard", "curves"),
    "export --model": ("export", "store", "--model", "model"),
    "merge": ("merge", "store", "-o", "merged"),
    "merge --anonymous": ("merge", "store", "-o", "shared", "--anonymous"),
    "predict": ("predict", "store", "new.csv", "-o", "predicted.csv"),
    "predict --all-rows": ("predict", "store", "new.csv", "--all-rows"),
    "submit": ("submit", "store", "new.csv", "-o", "handed-in.csv.zip"),
    "fit": ("fit", "store", "--quiet"),
    "resume": ("resume", "store", "--quiet"),
}
READ_BY_ALL = ("folds", "configurations")


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A trained store with a file in each of its folders, and what commands on it read beside."""
    place = tmp_path_factory.mktemp("made")
    store = trained_store(place / "store")
    for folder in EVERY:
        store.files.put_if_absent(f"{folder}/other.txt", b"{}")
    (place / "new.csv").write_text("id,text\na,text 1\nb,text 2\n", encoding="utf-8")
    return place


@pytest.fixture
def store(whole: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    def ends_here(*_: object) -> NoReturn:
        raise SystemExit(0)

    monkeypatch.setattr(search_run, "local_ray", ends_here)  # nothing is trained here
    shutil.copytree(whole, tmp_path, dirs_exist_ok=True)
    return tmp_path / "store"


def seen(folder: Path) -> dict[str, str]:
    """Every name below a folder, its kind and the hash of what it holds."""
    found = {}
    for path in sorted(folder.rglob("*")):
        mode = path.lstat().st_mode
        content = path.read_bytes() if stat.S_ISREG(mode) else b""
        found[str(path.relative_to(folder))] = f"{stat.S_IFMT(mode)} {hashlib.sha256(content).hexdigest()}"
    return found


def drive(place: Path) -> None:
    """What a driver does before and after it searches."""
    store = open_store(place)
    with held_lease(store.files, lambda: None):
        store.tidy()
        assert len(store.configurations()) == 2
        assert len(store.folds()) == 4
        store.failures()
        store.abandonments()
        store.stages([key for record in store.folds() for key in record.stages.values()])


@pytest.mark.parametrize("folder", EVERY)
def test_a_folder_that_is_a_link(run: Run, store: Path, tmp_path: Path, folder: str) -> None:
    witness = tmp_path / "witness"
    (store / folder).rename(witness)
    (store / folder).symlink_to(witness)
    before = seen(witness)
    refused = set()
    for name, words in COMMANDS.items():
        ran = run(*words)
        assert ran.code in (0, 2), ran.err
        if ran.code == 2 and name != "predict --all-rows":  # there is no such model
            refused.add(name)
            assert folder in ran.err
            assert "the store's own, and is a symbolic link" in ran.err
    if folder in READ_BY_ALL:
        assert refused == set(COMMANDS) - {"predict --all-rows"}
    elif folder in OF_MODELS:
        assert refused >= {"fit"}
    else:
        assert refused >= {"status", "merge"} or folder in (*UNREAD, "derived", "lease", "resumes")
    with contextlib.suppress(StoreError):
        drive(store)
    assert seen(witness) == before


@pytest.mark.parametrize("kind", ["link", "fifo", "device", "folder", "socket"])
@pytest.mark.parametrize(
    "folder", ["folds", "stages", "configurations", "weights", "manifest.json", "gold.safetensors"]
)
def test_a_record_that_is_no_file(run: Run, store: Path, tmp_path: Path, folder: str, kind: str) -> None:
    place = store / folder
    record = place if place.is_file() else min(path for path in place.iterdir() if path.suffix != ".txt")
    witness = tmp_path / "witness"
    witness.mkdir()
    record.rename(witness / "record")
    before = seen(witness)
    if kind == "link":
        record.symlink_to(witness / "record")
    elif kind == "fifo":
        os.mkfifo(record)
    elif kind == "folder":
        record.mkdir()
    else:
        try:
            os.mknod(record, (stat.S_IFCHR if kind == "device" else stat.S_IFSOCK) | 0o600, os.makedev(1, 5))
        except PermissionError:
            pytest.skip("devices cannot be made here")
    for name, words in COMMANDS.items():
        ran = run(*words)
        if folder in (*OF_MODELS, "stages") and ran.code == 0:
            continue  # it read others alone
        assert ran.code == 2, ran.out
        assert f"{record.name} must be" in ran.err or name == "predict --all-rows"
        assert "Remedy" in ran.err
    assert seen(witness) == before


@pytest.mark.parametrize("folder", EVERY)
def test_a_file_of_somebody_elses_by_another_name(run: Run, store: Path, tmp_path: Path, folder: str) -> None:
    """A hard link: it is read as the record that it claims to be, and what it is a name of stays."""
    witness = tmp_path / "witness"
    witness.mkdir()
    (witness / "own.json").write_text("{}")
    os.link(witness / "own.json", store / folder / "claimed.json")
    before = seen(witness)
    for words in COMMANDS.values():
        assert run(*words).code in (0, 2)
    drive(store)
    assert seen(witness) == before


def test_a_sparse_file_of_20_gb_is_told_by_its_size(run: Run, store: Path) -> None:
    for name, most in (("folds/large.json", "67,108,864"), ("gold.safetensors", "1,073,741,824")):
        with (store / name).open("wb") as file:
            file.truncate(20 * 2**30)
        ran = run("status", "store")
        assert ran.code == 2
        assert f"it has 21,474,836,480 bytes, and nothing of this name has more than {most}" in ran.err
        (store / name).unlink()
