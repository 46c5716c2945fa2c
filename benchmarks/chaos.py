"""What kills cost: drivers, workers and whole nodes are killed −9 at random moments of one search on a real cluster.

    python benchmarks/chaos.py --kills 60

Starts a Ray cluster of ``ray start`` processes on this machine (a head without slots and two nodes of one slot, with a
token), searches the sample texts on it, and kills. A killed driver is started again by ``tune-polar resume``, a killed
node joins again; a search that ends early is extended. Prints for each kind: finished folds lost, finished folds
trained again, and the seconds from the kill until training goes on (for a worker or a node: until the fold it was
training takes a step again). Ends with exit code 1 if anything was lost or trained again.
"""

from __future__ import annotations

import argparse
import os
import random
import re
import secrets
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from dataclasses import dataclass, field
from pathlib import Path

from tune_polar.recipe.cells import Cell
from tune_polar.store.failures import FailureRecord, given_up
from tune_polar.store.store import open_store

PORT = 6391
KINDS = ("driver", "worker", "node")
SEARCH = (
    *("search", "st3", "--folds", "3", "--set", "encoder.tiny.hidden=32", "--store", "store"),
    *("--set", "detector.optimizer.max_steps=200", "--set", "classifier.optimizer.max_steps=100"),
)
LINE = re.compile(r"^(?:#\d+ )?(\w+) fold (\d+): (started|[\w-]+ step|.+ in(?= [\d.]+ s))", re.MULTILINE)
FINISHED = " in"  # … so many seconds
# Ray finds a dead node within seconds instead of a quarter of a minute (docs/cluster.md).
FAST_HEALTH = {
    "RAY_health_check_initial_delay_ms": "1000",
    "RAY_health_check_period_ms": "1000",
    "RAY_health_check_timeout_ms": "2000",
    "RAY_health_check_failure_threshold": "3",
}
Fold = tuple[str, str]  # configuration, number


def processes_under(pid: int) -> list[int]:
    """A process and all its descendants, as /proc tells them."""
    parents = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                parents[int(entry.name)] = int((entry / "stat").read_text().rpartition(")")[2].split()[1])
            except OSError:
                continue
    found = [pid]
    for process in found:
        found += [child for child, parent in parents.items() if parent == process]
    return found


def kill_tree(pid: int) -> None:
    """End a process and its descendants at once."""
    for process in processes_under(pid):
        try:
            os.kill(process, signal.SIGKILL)
        except ProcessLookupError:
            continue


def trains(pid: int) -> bool:
    """Whether a process is a worker: Ray names it after the trainable while it runs one of its methods."""
    try:
        command = Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return False
    return command.startswith(b"ray::") and b"Trainable" in command  # Tune wraps ours in one of its own


class Cluster:
    """Nodes of one Ray, each a ``ray start`` with processes of its own."""

    def __init__(self, folder: Path, nodes: int) -> None:
        self._folder = folder
        token = folder / "token"
        token.write_text(secrets.token_hex(32))
        token.chmod(0o600)
        self.environment = os.environ | FAST_HEALTH
        self.environment |= {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN_PATH": str(token), "HF_HUB_OFFLINE": "1"}
        self.environment |= {"PYTHONFAULTHANDLER": "1"}
        self.environment |= {"RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "1"}  # a process that has imported our search said 0
        # Ray's sockets must have short names, so its folder lies beside ours.
        self._scratch = tempfile.TemporaryDirectory(prefix="chaos-", ignore_cleanup_errors=True)
        where = f"--temp-dir={self._scratch.name}"
        self.head = self._start("--head", f"--port={PORT}", "--num-cpus=0", "--include-dashboard=false", where)
        self.nodes: list[subprocess.Popen[bytes]] = []
        try:
            for _ in range(nodes):
                self.add_node()
        except SystemExit:
            self.stop()
            raise

    def add_node(self, *, prefix: tuple[str, ...] = ()) -> None:
        """One more node of one slot, started through ``prefix`` (a namespace of its own, say)."""
        self.nodes.append(self._start(f"--address=127.0.0.1:{PORT}", "--num-cpus=1", prefix=prefix))

    def workers(self) -> list[int]:
        """Processes that train."""
        return [process for node in self.nodes for process in processes_under(node.pid) if trains(process)]

    def __enter__(self) -> Cluster:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        self.stop(keep_logs=kind is not None)

    def stop(self, *, keep_logs: bool = False) -> None:
        """End everything that was started here; Ray's logs are moved into the folder or go as well."""
        for process in (*self.nodes, self.head):
            kill_tree(process.pid)
            process.wait()
        if keep_logs:
            for number, logs in enumerate(Path(self._scratch.name).glob("session_*/logs")):
                if not logs.parent.is_symlink():
                    shutil.move(logs, self._folder / f"ray-logs-{number}")
        self._scratch.cleanup()

    def _start(self, *words: str, prefix: tuple[str, ...] = ()) -> subprocess.Popen[bytes]:
        log = self._folder / f"ray-{time.monotonic_ns()}.log"
        ray = Path(sys.executable).parent / "ray"
        options = ("start", *words, "--num-gpus=0", "--disable-usage-stats", "--block")
        with log.open("wb") as out:
            process = subprocess.Popen(
                [*prefix, str(ray), *options], env=self.environment, stdout=out, stderr=out, start_new_session=True
            )
        until = time.monotonic() + 90
        while b"block" not in log.read_bytes():  # "This command will now block forever": the node is up
            if process.poll() is not None or time.monotonic() > until:
                kill_tree(process.pid)
                raise SystemExit(f"ray start did not come up:\n{log.read_text()}")
            time.sleep(0.1)
        return process


class Driver:
    """One run of the search's driver and what it says."""

    def __init__(self, cluster: Cluster, folder: Path, *words: str) -> None:
        self.log = folder / f"driver-{time.monotonic_ns()}.log"
        command = [str(Path(sys.executable).parent / "tune-polar"), *words]
        command += ["--address", f"127.0.0.1:{PORT}", "--checkpoint-every", "1", "--verbose"]
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(
                command, cwd=folder, env=cluster.environment, stdout=subprocess.DEVNULL, stderr=log
            )

    def lines(self) -> list[tuple[Fold, str]]:
        """Fold and what it did, in order."""
        return [((name, fold), what) for name, fold, what in LINE.findall(self.log.read_text())]

    def wait_for_step(self, seconds: float = 180) -> bool:
        """Until a step is told; False: the search has ended before."""
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            ended = self.process.poll() is not None
            if any(what.endswith("step") for _, what in self.lines()):
                return True
            if ended:
                return False
            time.sleep(0.05)
        self.process.send_signal(signal.SIGABRT)  # Python's fault handler leaves every thread's stack in the log
        self.process.wait()
        raise SystemExit(f"nothing was trained for {seconds:.0f} s; see {self.log}")


@dataclass
class Chaos:
    """The search under kills, and what became of its folds."""

    cluster: Cluster
    folder: Path
    random: random.Random
    trials: int = 4
    recorded: set[Fold] = field(default_factory=set)
    lost: dict[str, int] = field(default_factory=lambda: dict.fromkeys(KINDS, 0))
    again: dict[str, int] = field(default_factory=lambda: dict.fromkeys(KINDS, 0))
    seconds: dict[str, list[float]] = field(default_factory=lambda: {kind: [] for kind in KINDS})

    def begin(self) -> Driver:
        """Start or go on; a finished search is extended."""
        while True:
            begun = (self.folder / "store/manifest.json").exists()
            words = ("resume", "store") if begun else (*SEARCH, "--racing", "none")  # every fold is counted
            driver = Driver(self.cluster, self.folder, *words, "--trials", str(self.trials))
            if driver.wait_for_step():
                return driver
            if driver.process.returncode not in (0, 1):
                raise SystemExit(f"the driver ended with {driver.process.returncode}:\n{driver.log.read_text()}")
            self.trials += 4

    def kill(self, driver: Driver, kind: str) -> Driver:
        """One kill and the way back from it; the driver that goes on."""
        before, told = time.monotonic(), len(driver.lines())
        if kind == "driver":
            driver.process.kill()
            driver.process.wait()
            self.account(driver, kind)
            driver = self.begin()
            self.seconds[kind].append(time.monotonic() - before)
            return driver
        in_training = {fold for fold, what in driver.lines() if what == "started"} - recorded(self.folder)
        if self._hit(kind):
            seconds = self._seconds_until_again(driver, in_training, told, before)
            self.seconds[kind] += [] if seconds is None else [seconds]
        if kind == "node":
            self.cluster.add_node()
        return driver

    def _hit(self, kind: str) -> bool:
        if kind == "worker":
            workers = self.cluster.workers()
            if workers:
                os.kill(self.random.choice(workers), signal.SIGKILL)
            return bool(workers)
        node = self.cluster.nodes.pop(self.random.randrange(len(self.cluster.nodes)))
        trained = any(trains(process) for process in processes_under(node.pid))
        kill_tree(node.pid)
        node.wait()
        return trained

    def _seconds_until_again(self, driver: Driver, folds: set[Fold], told: int, before: float) -> float | None:
        """Until one of ``folds`` is started once more and takes a step; None: all finished without."""
        while driver.process.poll() is None and not folds <= recorded(self.folder):
            lines = driver.lines()
            for place, (fold, what) in enumerate(lines[told:], told):
                if what == "started" and fold in folds and (fold, "step") in _kinds(lines[place + 1 :]):
                    return time.monotonic() - before
            time.sleep(0.05)
        return None

    def account(self, driver: Driver, kind: str) -> None:
        """What this driver's run has lost or done twice."""
        now, finished = recorded(self.folder), set(self.recorded)
        self.lost[kind] += len(self.recorded - now)
        for fold, what in driver.lines():
            self.again[kind] += what == "started" and fold in finished
            finished |= {fold} if what.endswith(FINISHED) else set()
        self.recorded = now


def _kinds(lines: list[tuple[Fold, str]]) -> set[tuple[Fold, str]]:
    return {(fold, what.rpartition(" ")[2]) for fold, what in lines}


def recorded(folder: Path) -> set[Fold]:
    """The finished folds in the store."""
    names = [path.name.split("-") for path in (folder / "store/folds").glob("*.json")]
    return {(name[0], name[1].removeprefix("f")) for name in names}


def folds_given_up(folder: Path) -> int:
    """Folds that lost their worker again and again without getting further."""
    failures: dict[tuple[str, Cell], list[FailureRecord]] = defaultdict(list)
    for failure in open_store(folder / "store").failures():
        failures[failure.configuration_id, Cell(failure.fold, failure.seed)].append(failure)
    return sum(given_up(each) is not None for each in failures.values())


def main() -> None:
    """Kill, and print what it cost."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=60)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--kinds", nargs="+", choices=KINDS, default=list(KINDS))
    options = parser.parse_args()
    chance = random.Random(options.seed)
    folder = Path(tempfile.mkdtemp(prefix="tune-polar-chaos-"))
    print(f"store and logs are in {folder}; they are kept unless all goes well", flush=True)
    with Cluster(folder, nodes=2) as cluster:
        run = Chaos(cluster, folder, chance)
        driver = run.begin()
        for number in range(options.kills):
            kind = options.kinds[number % len(options.kinds)]
            time.sleep(chance.uniform(0, 4))
            if driver.process.poll() is not None:
                run.account(driver, kind)
                run.trials += 4
                driver = run.begin()
            driver = run.kill(driver, kind)
            print(f"{number + 1:4d} {kind:7s} {len(recorded(folder)):4d} folds recorded", flush=True)
        driver.process.wait(timeout=600)
        run.account(driver, options.kinds[-1])
    gone = folds_given_up(folder)
    half_written = [str(path) for path in (folder / "store").rglob(".*.tmp")]
    print(f"\n{len(run.recorded)} folds recorded, {gone} folds given up")
    print(f"{'':8s}{'kills':>6s}{'lost':>6s}{'trained again':>15s}{'median s':>10s}{'longest s':>11s}")
    for kind in options.kinds:
        times = run.seconds[kind]
        shown = f"{statistics.median(times):10.1f}{max(times):11.1f}" if times else f"{'-':>10s}{'-':>11s}"
        kills = len(range(options.kinds.index(kind), options.kills, len(options.kinds)))
        print(f"{kind:8s}{kills:6d}{run.lost[kind]:6d}{run.again[kind]:15d}{shown}")
    print(f"half-written files: {len(half_written)}")
    if any(run.lost.values()) or any(run.again.values()):
        raise SystemExit(1)
    shutil.rmtree(folder)


if __name__ == "__main__":
    main()
