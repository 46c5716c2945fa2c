"""Whatever lies in a store: no command reads, writes, moves or removes anything outside it, and none waits."""

from __future__ import annotations

import contextlib
import hashlib
import os
import shutil
import stat
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.cli.conftest import Ran
from tests.store.made_recipes import two_stages
from tests.store.made_store import finished_store
from tune_polar.errors import StoreError
from tune_polar.store.lease import held_lease
from tune_polar.store.store import open_store

Run = Callable[..., Ran]
FOLDERS = ("folds", "stages", "configurations", "failures", "abandoned", "resumes", "derived", "lease")
UNREAD = ("weights", "checkpoints", "probes", "damaged", "replicates")
COMMANDS = {
    "status": ("status", "store"),
    "report": ("report", "store", "-o", "page.html"),
    "export": ("export", "store", "--csv", "tables"),
    "merge": ("merge", "store", "-o", "merged"),
}


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished store with a file in each of its folders."""
    made = finished_store(tmp_path_factory.mktemp("made") / "store", two_stages())
    with held_lease(made.store.files, lambda: None):
        pass
    for folder in (*FOLDERS, *UNREAD):
        made.store.files.put_if_absent(f"{folder}/other.txt", b"{}")
    folder = made.store.files.folder
    assert folder is not None
    return folder


@pytest.fixture
def store(whole: Path, tmp_path: Path) -> Path:
    shutil.copytree(whole, tmp_path / "store")
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
        assert len(store.configurations()) == 3
        assert len(store.folds()) == 9
        store.failures()
        store.abandonments()
        store.stages([key for record in store.folds() for key in record.stages.values()])


@pytest.mark.parametrize("folder", [*FOLDERS, *UNREAD])
def test_a_folder_that_is_a_link(run: Run, store: Path, tmp_path: Path, folder: str) -> None:
    witness = tmp_path / "witness"
    (store / folder).rename(witness)
    (store / folder).symlink_to(witness)
    before = seen(witness)
    refused = []
    for words in COMMANDS.values():
        ran = run(*words)
        assert ran.code in (0, 2), ran.err
        if ran.code == 2:
            refused.append(words[0])
            assert folder in ran.err
            assert "the store's own, and is a symbolic link" in ran.err
    assert set(refused) >= {"status", "merge"} or folder in (*UNREAD, "derived", "lease", "resumes")
    with contextlib.suppress(StoreError):
        drive(store)
    assert seen(witness) == before


@pytest.mark.parametrize("kind", ["link", "fifo", "device", "folder", "socket"])
@pytest.mark.parametrize("folder", ["folds", "stages", "configurations", "manifest.json", "gold.safetensors"])
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
    for words in COMMANDS.values():
        ran = run(*words)
        assert ran.code == 2, ran.out
        assert f"{record.name} must be" in ran.err
        assert "Remedy" in ran.err
    assert seen(witness) == before


@pytest.mark.parametrize("folder", [*FOLDERS, *UNREAD])
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
