"""A store that only the driver's machine sees, read and written through a real Ray."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from pathlib import Path

import pytest

from tune_polar.errors import StoreError
from tune_polar.search.ray.ray_session import local_ray
from tune_polar.search.ray.remote_files import RemoteFiles, StoreAccess, kept_for_workers
from tune_polar.search.resources.slots import Slots
from tune_polar.store.filesystem import LocalFolder

pytestmark = pytest.mark.e2e


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("store")


@pytest.fixture(scope="module")
def access(folder: Path) -> Iterator[StoreAccess]:
    with local_ray(Slots(1, threads=1, gpu=False)), kept_for_workers(LocalFolder(folder)) as found:
        yield found
    assert not list(folder.glob("probes/*")), "the probe is gone"


@pytest.fixture(scope="module")
def remote(access: StoreAccess) -> RemoteFiles:
    """The files as a machine sees them that has a copy of the folder, probe included but of another search."""
    files = dataclasses.replace(access, token=b"of another driver").open().files
    assert isinstance(files, RemoteFiles)
    return files


def test_who_shares_the_folder_uses_it(access: StoreAccess, folder: Path) -> None:
    files = access.open().files
    assert isinstance(files, LocalFolder)
    assert files.folder == folder


@pytest.mark.parametrize("address", ["/nowhere/at/all", "/dev/null"])
def test_whatever_lies_at_that_path_here_the_driver_is_asked(access: StoreAccess, address: str) -> None:
    assert isinstance(dataclasses.replace(access, address=address).open().files, RemoteFiles)


def test_every_call_does_what_the_driver_s_files_do(remote: RemoteFiles, folder: Path) -> None:
    assert remote.put_if_absent("folds/a.json", b"a")
    assert not remote.put_if_absent("folds/a.json", b"b")
    remote.replace("checkpoints/c", b"1")
    remote.replace("checkpoints/c", b"2")
    assert (remote.read("folds/a.json"), remote.read("checkpoints/c"), remote.read("no")) == (b"a", b"2", None)
    assert list(remote.read_many(["folds/a.json", "no"])) == [("folds/a.json", b"a"), ("no", None)]
    assert (remote.exists("folds/a.json"), remote.exists("no")) == (True, False)
    assert (remote.names("folds"), remote.sizes("folds")) == (["folds/a.json"], {"folds/a.json": 1})
    remote.remove("checkpoints/c")
    remote.set_aside("folds/a.json", "torn")
    assert remote.names("folds") == remote.names("checkpoints") == []
    assert [path.read_bytes() for path in (folder / "damaged").iterdir()] == [b"a"]


def test_its_errors_keep_their_rule_and_remedy(remote: RemoteFiles, folder: Path) -> None:
    (folder / "blocked").write_bytes(b"a file where a folder should be")
    with pytest.raises(StoreError, match="it must be a folder of the store's own, and is a file") as caught:
        remote.put_if_absent("blocked/a.json", b"a")
    assert caught.value.remedy.startswith("A store holds files and folders of its own")
    assert "Traceback" not in str(caught.value)
