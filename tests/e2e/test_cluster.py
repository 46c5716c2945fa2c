"""A cluster of three nodes: one does not see the store, one is killed in mid-fold, and the search finishes."""

from __future__ import annotations

import json
import os
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from benchmarks.chaos import PORT, Cluster, kill_tree, processes_under, trains
from tests.e2e.conftest import can_hide_folders, script

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="finds Ray's processes in /proc"),
]
# Few folds, each long enough that a node is killed in the middle of one.
SEARCH = (
    *("search", "st3", "--trials", "2", "--folds", "3", "--set", "encoder.tiny.hidden=32", "--store", "records/store"),
    *("--set", "detector.optimizer.max_steps=120", "--set", "detector.optimizer.max_epochs=null"),
    *("--set", "detector.optimizer.eval_every_steps=100"),
    *("--set", "classifier.optimizer.max_steps=60", "--set", "classifier.optimizer.max_epochs=null"),
    *("--checkpoint-every", "1", "--racing", "none"),
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where drivers run and records lie."""
    found = tmp_path_factory.mktemp("cluster")
    (found / "records").mkdir()
    return found


@pytest.fixture(scope="module")
def cluster(folder: Path) -> Iterator[Cluster]:
    found = Cluster(folder, nodes=1)  # the head has no slot: what the killed node leaves is the hidden one's
    try:
        hide = f'mount -t tmpfs none {folder / "records"} && exec "$@"'
        found.add_node(prefix=("unshare", "--mount", "sh", "-c", hide, "sh") if can_hide_folders() else ())
        yield found
    finally:
        found.stop()


def is_in_a_fold(pid: int) -> bool:
    """Whether it is a worker that trains: one that still loads gives its fold to another that waits for one."""
    try:
        return trains(pid) and b".train" in Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:  # it has ended
        return False


@contextmanager
def run_driver(cluster: Cluster, folder: Path, log: Path, *words: str) -> Iterator[subprocess.Popen[bytes]]:
    """A driver on the cluster, which does not outlive what is done with it."""
    command = [script(), *words, "--address", f"127.0.0.1:{PORT}", "--verbose"]
    with log.open("wb") as out:
        driver = subprocess.Popen(command, cwd=folder, env=cluster.environment, stdout=out, stderr=out)
    try:
        yield driver
    finally:
        if driver.poll() is None:
            kill_tree(driver.pid)
        driver.wait()


def wait_for(what: str, seconds: float, log: Path, driver: subprocess.Popen[bytes]) -> float:
    """Seconds until the driver says ``what``."""
    began = time.monotonic()
    while what not in log.read_text():
        assert driver.poll() is None, log.read_text()
        assert time.monotonic() - began < seconds, f"no {what!r} in {seconds} s:\n{log.read_text()}"
        time.sleep(0.02)
    return time.monotonic() - began


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"RAY_AUTH_TOKEN_PATH": "wrong"}, "wants a token, and that in wrong is another one"),
        ({"RAY_AUTH_TOKEN": "0" * 64}, "wants a token, and that of RAY_AUTH_TOKEN is another one"),
        ({"RAY_AUTH_MODE": "disabled"}, "wants a token, and none was sent, for RAY_AUTH_MODE is not token here"),
        ({"RAY_AUTH_TOKEN_PATH": "nowhere"}, "there is no token in nowhere"),
    ],
)
def test_joining_without_the_token_is_one_clear_error(
    cluster: Cluster, folder: Path, changes: dict[str, str], said: str
) -> None:
    (folder / "wrong").write_text("0" * 64)
    began = time.monotonic()
    refused = subprocess.run(
        [script(), *SEARCH, "--address", f"127.0.0.1:{PORT}"],
        cwd=folder,
        env={**cluster.environment, **changes},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert refused.returncode == 2, refused.stderr
    assert said in refused.stderr
    assert len(refused.stderr.splitlines()) == 2, "and no line of Ray's"
    assert time.monotonic() - began < 20  # two imports of Ray on a busy machine
    assert "docs/cluster.md" in refused.stderr
    assert "Traceback" not in refused.stderr
    assert not os.listdir(folder / "records")


def test_a_signal_ends_a_driver_that_joined_in_order(cluster: Cluster, folder: Path) -> None:
    log, words = folder / "ended.log", [*SEARCH, "--floors", "none"]
    words[words.index("records/store")] = "records/ended"
    with run_driver(cluster, folder, log, *words) as driver:
        wait_for(" step ", 120, log, driver)
        driver.terminate()
        assert driver.wait(timeout=60) == 143, log.read_text()
    assert "Interrupted by SIGTERM" in log.read_text()
    assert "SIGTERM received at time" not in log.read_text(), "Ray's own handler would end it where it stands"
    assert (folder / "records/ended/report.html").exists()


def test_a_node_dies_in_mid_fold_and_the_search_finishes(cluster: Cluster, folder: Path) -> None:
    log, killed, hidden = folder / "driver.log", cluster.nodes[0], cluster.nodes[1]
    with run_driver(cluster, folder, log, *SEARCH) as driver:
        wait_for(" step ", 120, log, driver)
        until = time.monotonic() + 60
        while not any(map(is_in_a_fold, processes_under(killed.pid))):
            assert driver.poll() is None, log.read_text()
            assert time.monotonic() < until, "the node was given no fold"
            time.sleep(0.02)
        seen_at_hidden = set(processes_under(hidden.pid))
        kill_tree(killed.pid)
        seconds = wait_for("stopped, will run again", 90, log, driver)
        print(f"\n{seconds:.1f} s from a node's death until its fold is handed out again")
        while driver.poll() is None:
            seen_at_hidden |= set(processes_under(hidden.pid))
            time.sleep(0.2)
        assert driver.returncode == 0, log.read_text()

    store = folder / "records/store"
    folds = [json.loads(path.read_text())["body"] for path in (store / "folds").glob("*.json")]
    assert len(folds) == 6
    failures = [json.loads(path.read_text())["body"] for path in (store / "failures").glob("*.json")]
    assert {failure["kind"] for failure in failures} == {"WorkerLost"}
    assert seen_at_hidden & {fold["provenance"]["pid"] for fold in folds}, "the node without the folder trained"
    assert not list((store / "checkpoints").glob("*"))
    assert not list((store / "probes").glob("*"))
    assert list(store.rglob(".*")) == []
