"""On the real Ray: what ends a search ends all its folds, and they get the time to write their last checkpoints."""

from __future__ import annotations

import textwrap
from pathlib import Path

import pytest
from polar_search import planned, variant

from tune_polar.errors import StoreError
from tune_polar.search.prepared_search import PreparedSearch
from tune_polar.search.ray.ray_session import head_watch, local_ray
from tune_polar.search.resources.slots import Slots
from tune_polar.search.watch import Together
from tune_polar.store.store import open_store

# Loaded by every worker: the disk has no room for records, and takes long over checkpoints, as over gigabytes.
SLOW_AND_FULL = """
    import errno, os, time

    flush = os.fsync

    def slow(descriptor):
        name = os.readlink(f"/proc/self/fd/{descriptor}")
        if "/stages/." in name:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        if "/checkpoints/." in name:
            time.sleep(13)
        return flush(descriptor)

    os.fsync = slow
"""


@pytest.mark.e2e
@pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="reads names of open files from /proc")
def test_a_full_disk_ends_the_other_fold_too_which_writes_its_checkpoint(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "site").mkdir()
    (tmp_path / "site/sitecustomize.py").write_text(textwrap.dedent(SLOW_AND_FULL))
    monkeypatch.setenv("PYTHONPATH", str(tmp_path / "site"))
    endless = variant(1_000_000, 2, **{"finder.optimizer.eval_every_steps": 1_000_000})
    plan = planned(tmp_path / "data", [endless, variant(400, 1)])
    store = open_store(tmp_path / "store")
    search = PreparedSearch(plan, store, Slots(2, threads=1, gpu=False), checkpoint_seconds=3600)
    search.create("test")
    with pytest.raises(StoreError, match="No space left on device"):
        search.run(Together([]))
    assert store.folds() == []
    # Of a fold that went on to its end there would be none: within an hour none is due
    (key,) = store.checkpoint_bytes()
    left = store.checkpoint(key)
    assert left is not None
    assert left.step > 0


@pytest.mark.e2e
def test_a_head_is_heard_as_long_as_it_takes_connections() -> None:
    assert not head_watch()(), "of no Ray"
    with local_ray(Slots(1, threads=1, gpu=False)):
        answers = head_watch()
        assert answers()
    assert not answers()
