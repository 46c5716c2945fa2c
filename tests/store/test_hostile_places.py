"""A disk that is full, a medium that cannot be written, files cut anywhere, and records made to do harm."""

from __future__ import annotations

import json
import os
import pickle
import shutil
import subprocess
import sys
import tracemalloc
from collections.abc import Iterator
from pathlib import Path

import pytest
from test_damaged_records import Touch

from tune_polar.errors import StoreError
from tune_polar.evaluate.summary import summarise
from tune_polar.store import codec
from tune_polar.store.codec import DamagedRecordError, decode_arrays, decode_json, encode_json
from tune_polar.store.filesystem import LocalFolder
from tune_polar.store.lease import held_lease
from tune_polar.store.merge import merge
from tune_polar.store.own_key import OwnKey, own_key
from tune_polar.store.store import Store, open_store

BLOCK = 512


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 256 KiB."""
    place = tmp_path / "disk"
    place.mkdir()
    if os.geteuid() != 0 or shutil.which("mount") is None:
        pytest.skip("only root can mount a small file system")
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=256k", "tmpfs", str(place)], capture_output=True, check=False
    )
    if mounted.returncode:
        pytest.skip("this machine does not allow mounting")
    yield place
    subprocess.run(["umount", str(place)], check=True)


def put_until_full(files: LocalFolder) -> int:
    number = 0
    while number < 1000:
        files.put_if_absent(f"records/{number}.json", encode_json({"n": number, "x": "x" * 3000}))
        number += 1
    return number


def test_a_full_disk_is_told_and_nothing_is_left_half_written(small_disk):
    files = LocalFolder(small_disk / "store")
    with pytest.raises(StoreError, match=r"must be written, but: No space left on device\n  Remedy: Free space"):
        put_until_full(files)
    names = files.names("records")
    assert len(names) > 20
    assert [decode_json(content)["n"] for _, content in files.read_many(names)] == [
        int(Path(name).stem) for name in names
    ]
    assert sorted(os.listdir(small_disk / "store/records")) == [Path(name).name for name in names]
    (small_disk / "store" / names[0]).unlink()
    assert files.put_if_absent(names[0], encode_json({"n": 0}))


@pytest.mark.parametrize("name", ["taken", "file/below"])
def test_a_place_that_cannot_be_written_is_told_whatever_the_commands_options(tmp_path: Path, name: str) -> None:
    """`fit` and `resume` have no --store, `merge` has -o."""
    (tmp_path / "file").touch()
    (tmp_path / "taken/lease").mkdir(parents=True)
    with pytest.raises(StoreError, match="must be") as refused:
        open_store(tmp_path / name).files.replace("lease", b"mine")
    assert refused.value.remedy
    assert "--" not in refused.value.remedy
    assert "another folder" in refused.value.remedy or "a folder that can be made" in refused.value.remedy


def test_a_search_whose_disk_is_full_is_read_and_goes_on_elsewhere(search, recipe_of, small_disk, tmp_path):
    search.put(recipe_of())
    shutil.copytree(search.folder, small_disk / "store")
    full = open_store(small_disk / "store")
    (small_disk / "ballast").write_bytes(bytes(shutil.disk_usage(small_disk).free))
    search.store = full
    with pytest.raises(StoreError, match="No space left"):
        search.put(recipe_of(finder__optimizer__lr=2e-3), 1)
    assert [c.state for c in summarise(full).configurations] == ["finished"]
    merge([full], open_store(tmp_path / "elsewhere"))
    assert len(open_store(tmp_path / "elsewhere").folds()) == 3


LIMITED = """
import resource, signal, sys
from pathlib import Path
from tune_polar.errors import StoreError
from tune_polar.store.filesystem import LocalFolder
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))
files = LocalFolder(Path(sys.argv[1]))
assert files.put_if_absent("records/small.json", b"x" * 900)
try:
    files.put_if_absent("records/large.json", b"x" * 1100)
except StoreError as error:
    print(error)
print(files.names("records"))
"""


def test_a_write_that_is_cut_short_leaves_no_record(tmp_path):
    done = subprocess.run([sys.executable, "-c", LIMITED, str(tmp_path)], capture_output=True, text=True, check=False)
    assert "records/large.json must be written, but: File too large" in done.stdout, done.stderr
    assert "['records/small.json']" in done.stdout
    assert os.listdir(tmp_path / "records") == ["small.json"]


class ReadOnly(LocalFolder):
    """A medium that cannot be written; permissions would not stop root."""

    def _refuse(self, name: str) -> StoreError:
        return StoreError(f"store {self.url}: {name} must be written, but: Read-only file system", "Mend permissions.")

    def put_if_absent(self, name: str, content: bytes) -> bool:
        raise self._refuse(name)

    def replace(self, name: str, content: bytes) -> None:
        raise self._refuse(name)

    def set_aside(self, name: str, reason: str) -> None:
        raise self._refuse(name)


def test_a_read_only_store_is_reported_but_not_driven(search, recipe_of, caplog):
    search.put(recipe_of())
    search.put(recipe_of(finder__optimizer__lr=2e-3), 1)
    (torn,) = search.folder.glob(f"folds/{search.store.configurations()[1].id}-f1-*.json")
    torn.write_bytes(b"torn")
    before = {path: path.read_bytes() for path in search.folder.rglob("*") if path.is_file()}
    store = Store(ReadOnly(search.folder))
    for detail in ("scores", "outcomes"):
        assert [c.state for c in summarise(store, detail).configurations] == ["finished", "incomplete"]
    assert "stays where it is" in caplog.text
    with pytest.raises(StoreError, match="Read-only file system"), held_lease(store.files, lambda: None):
        pass
    assert {path: path.read_bytes() for path in search.folder.rglob("*") if path.is_file()} == before


@pytest.mark.parametrize(
    "pattern", ["configurations/*.json", "folds/*.json", "stages/*.safetensors", "gold.safetensors"]
)
def test_a_record_cut_at_any_byte_of_its_last_block_is_seen_for_what_it_is(search, recipe_of, pattern):
    search.put(recipe_of())
    path = sorted(search.folder.glob(pattern))[0]
    whole = path.read_bytes()
    decode = decode_json if path.suffix == ".json" else decode_arrays
    decode(whole)
    cuts = range(max(0, len(whole) - BLOCK), len(whole))
    accepted = []
    for cut in cuts:
        try:
            decode(whole[:cut])
        except DamagedRecordError:
            continue
        accepted.append(whole[cut:])
    assert len(cuts) > 100
    # JSON ends with a line break that says nothing: without it the record is still whole.
    assert accepted == ([b"\n"] if path.suffix == ".json" else [])


@pytest.mark.parametrize("pattern", ["folds/*-f1-*.json", "configurations/*.json"])
def test_a_record_cut_short_is_set_aside_at_every_length(search, recipe_of, pattern):
    search.put(recipe_of())
    (path,) = search.folder.glob(pattern)
    whole = path.read_bytes()
    for cut in range(len(whole) - 40, len(whole) - 1):
        path.write_bytes(whole[:cut])
        assert len(search.store.folds()) + len(search.store.configurations()) == 3
        assert not path.exists()
    path.write_bytes(whole)
    assert len(list((search.folder / "damaged").iterdir())) == 39


@pytest.mark.parametrize("cut", [0, 1, 20, 200, -2])
def test_a_manifest_cut_short_is_named(search, cut):
    path = search.folder / "manifest.json"
    path.write_bytes(path.read_bytes()[:cut])
    with pytest.raises(StoreError, match=r"manifest.json must be what was written, but .*\n  Remedy: Restore that one"):
        summarise(search.store)
    assert path.exists()


@pytest.mark.parametrize(
    ("version", "message"),
    [
        (4, r"manifest.json: format 4, this version reads format 3 alone\n  Remedy: Upgrade tune-polar"),
        (
            1,
            r"manifest.json: made by format 1 of tune-polar, this version reads format 3 alone\n  Remedy: Se",
        ),
    ],
)
def test_a_manifest_of_another_format_stops_every_reader(search, monkeypatch, tmp_path, version, message):
    monkeypatch.setattr(codec, "FORMAT", version)
    content = encode_json({"trials": 1})
    monkeypatch.undo()
    (search.folder / "manifest.json").write_bytes(content)
    for read in (summarise, lambda store: merge([store], open_store(tmp_path / "c"))):
        with pytest.raises(StoreError, match=message):
            read(search.store)
    assert (search.folder / "manifest.json").read_bytes() == content
    assert not (search.folder / "damaged").exists()


def test_a_pickle_posing_as_weights_is_copied_and_never_opened(search, recipe_of, tmp_path):
    key = search.key(search.put(recipe_of()), "finder", search.cells[0])
    (search.folder / "weights").mkdir()
    pickled = pickle.dumps(Touch(tmp_path / "executed"))
    (search.folder / f"weights/{key}.safetensors").write_bytes(pickled)
    (search.folder / f"stages/{key}.safetensors").write_bytes(pickled)
    (search.folder / "weights/x.pkl").write_bytes(pickled)
    merge([search.store], open_store(tmp_path / "merged"))
    assert summarise(open_store(tmp_path / "merged")).configurations[0].state == "incomplete"
    assert search.store.weights(key) is None
    assert pickled in [path.read_bytes() for path in (search.folder / "damaged").glob("weights__*")], "kept, unopened"
    assert not (tmp_path / "merged/weights/x.pkl").exists()
    assert not (tmp_path / "executed").exists()


def test_a_header_of_ten_gigabytes_costs_no_memory(search, recipe_of):
    search.put(recipe_of())
    path = sorted(search.folder.glob("stages/*"))[0]
    for length in (10 * 2**30, 2**63 - 1, 2**64 - 1):
        path.write_bytes(length.to_bytes(8, "little") + b"{" * 100)
        tracemalloc.start()
        assert search.store.stage(path.stem) is None
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert peak < 2**20


@pytest.mark.parametrize("key", ["../../../etc/passwd", "/etc/passwd", "..", "a/b", "nul\0"])
def test_a_fold_that_names_a_file_outside_as_its_stage_opens_nothing(search, recipe_of, key, caplog):
    search.put(recipe_of())
    (path,) = search.folder.glob("folds/*-f1-*.json")
    body = decode_json(path.read_bytes())
    path.write_bytes(encode_json({**body, "stages": {**body["stages"], "finder": key}}))
    for detail in ("scores", "outcomes"):
        assert [c.state for c in summarise(search.store, detail).configurations] == ["incomplete"]
    assert "names must be letters, digits, - and _" in caplog.text
    assert not path.exists()


def test_kept_scores_that_were_forged_or_torn_are_derived_again(search, recipe_of):
    search.put(recipe_of())
    true = summarise(search.store).best.scores
    (path,) = search.folder.glob("derived/*.json")
    entry = decode_json(path.read_bytes())
    better = {**entry, "scores": {**entry["scores"], "alternatives": "all"}}
    empty = {**entry, "scores": {**entry["scores"], "alternatives": []}}
    (first, *others) = entry["scores"]["alternatives"]
    high = {**entry, "scores": {**entry["scores"], "alternatives": [{**first, "score": 0.99}, *others]}}
    theirs = {**high, "signature": OwnKey(b"another user's").signature("whatever they signed")}
    for content in (
        b"torn",
        encode_json(better),
        encode_json(empty),
        encode_json(high),
        encode_json(theirs),
        encode_json({**entry, "key": "other"}),
        b"",
        json.dumps(entry).encode(),
    ):
        path.write_bytes(content)
        assert summarise(search.store, "scores").best.scores == true


def test_scores_of_another_user_are_derived_again_and_lie_beside_theirs(search, recipe_of, tmp_path, monkeypatch):
    search.put(recipe_of())
    first = summarise(search.store, "scores").best.scores
    (theirs,) = search.folder.glob("derived/*.json")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    own_key.cache_clear()
    assert summarise(search.store, "scores").best.scores == first
    assert len(list(search.folder.glob("derived/*.json"))) == 2
    key = tmp_path / "cache/tune-polar/key"
    assert (key.stat().st_mode & 0o777, len(key.read_bytes())) == (0o600, 32)
    own_key.cache_clear()
    monkeypatch.setattr(Store, "stages", None)  # the same user again, in another process
    assert summarise(search.store, "scores").best.scores == first
    theirs.unlink()
    own_key.cache_clear()
    monkeypatch.setenv("XDG_CACHE_HOME", "/dev/null")
    assert own_key().mark != own_key.__wrapped__().mark, "where none can be kept, one for each process"
    own_key.cache_clear()


def test_kept_scores_do_not_outlive_their_stages(search, recipe_of):
    search.put(recipe_of())
    assert summarise(search.store, "scores").best is not None
    stage = sorted(search.folder.glob("stages/*"))[0]
    whole = stage.read_bytes()
    stage.write_bytes(whole[:-1])
    assert [c.state for c in summarise(search.store, "scores").configurations] == ["incomplete"]
    stage.write_bytes(whole)
    assert summarise(search.store, "scores").best is not None


def test_scores_that_are_kept_read_no_stage(search, recipe_of, monkeypatch):
    search.put(recipe_of())
    first = summarise(search.store, "scores")
    monkeypatch.setattr(Store, "stages", None)
    assert summarise(search.store, "scores").best.scores == first.best.scores
