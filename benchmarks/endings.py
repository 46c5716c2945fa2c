"""Every way in which a search may be ended: signals × moments × who gets them, on one store that goes on each time.

    python benchmarks/endings.py

Each must come to the same end: the table is printed and the page written, the lease is given back, the exit code is
that of the signal, no process and no scratch folder is left, and none of its processes stays unreaped. Ends with exit
code 1 where one does not.
"""

from __future__ import annotations

import argparse
import contextlib
import itertools
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from chaos import kill_tree, processes_under

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
# What is seen when it comes; a search that is through has only its end left.
MOMENTS = ("start", "ray starts", "training", "evaluation", "writing", "ending")
TARGETS = ("process", "group")
TRIALS = 6
SEARCH = (
    *("search", "st1", "--trials", str(TRIALS), "--folds", "2", "--slots", "1", "--racing", "none", "-v"),
    *("--set", "encoder.tiny.hidden=32", "--set", "detector.optimizer.max_steps=60", "--checkpoint-every", "1"),
    *("--set", "detector.optimizer.eval_every_steps=1", "--set", "detector.optimizer.patience_evaluations=100"),
    *("--set", "detector.optimizer.max_epochs=null", "--store", "store"),
)
RESUME = ("resume", "store", "--slots", "1", "-v", "--checkpoint-every", "1")
_STEP = re.compile(r" step \d+/\d+")
_SECONDS, _REAPED_SECONDS = 90.0, 5.0


@dataclass(frozen=True)
class Way:
    """One way to be ended."""

    sent: signal.Signals
    moment: str
    target: str

    def __str__(self) -> str:
        return f"{self.sent.name} {self.moment}, {self.target}"


WAYS = tuple(Way(*each) for each in itertools.product(SIGNALS, MOMENTS, TARGETS))


@dataclass
class Ended:
    """What came of one."""

    way: Way
    seconds: float  # from the signal to the end
    faults: list[str] = field(default_factory=list)


def heeding_signals() -> None:
    """In the child: this may run where interrupts and hang-ups are ignored (nohup), and what is ignored stays so."""
    for number in (signal.SIGINT, signal.SIGHUP):
        signal.signal(number, signal.SIG_DFL)


class Driver:
    """One run of a driver, in a process group of its own, with all its processes as they were seen."""

    def __init__(self, folder: Path, *words: str) -> None:
        self.folder = folder
        self.before = self._files()
        self._out, self.log = folder / "out.log", folder / "err.log"
        environment = {name: value for name, value in os.environ.items() if name not in ("COLUMNS", "PYTHONPATH")}
        with self._out.open("wb") as out, self.log.open("wb") as log:
            self.process = subprocess.Popen(
                [str(Path(sys.executable).parent / "tune-polar"), *words],
                cwd=folder,
                env=environment | {"HF_HUB_OFFLINE": "1"},
                stdout=out,
                stderr=log,
                start_new_session=True,
                preexec_fn=heeding_signals,
            )
        self.seen: dict[int, str] = {}  # processes and when each began
        self._unreaped: dict[int, tuple[float, float, str]] = {}  # since when, for how long, and what it was

    def look(self) -> None:
        """Note its processes, and those that have ended and that nobody has asked for."""
        for pid in processes_under(self.process.pid)[1:]:
            with contextlib.suppress(OSError):
                words = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
                self.seen.setdefault(pid, words[19])
                if words[0] == "Z":
                    since, _, name = self._unreaped.get(pid, (time.monotonic(), 0.0, ""))
                    name = name or Path(f"/proc/{pid}/comm").read_text().strip()
                    self._unreaped[pid] = since, time.monotonic() - since, name

    def is_at(self, moment: str) -> bool:
        """Whether the moment has come."""
        match moment:
            case "start":
                return any(name.endswith("-beat.json") for name in self._files() - self.before)
            case "ray starts":
                return any(self._is_head(pid) for pid in self.seen)
            case "training":
                return _STEP.search(self.said) is not None
            case "evaluation":
                return len(_STEP.findall(self.said)) > 1  # each step is followed by one
            case "writing":
                new = self._files() - self.before
                return any(name.split("/")[0] in ("stages", "checkpoints", "folds") for name in new)
            case _:
                return "Nothing is left to train" in self.said or f"{2 * TRIALS}/{2 * TRIALS} folds" in self.said

    def wait_for(self, moment: str) -> bool:
        """Until the moment has come; False: it ended before."""
        until = time.monotonic() + _SECONDS
        while self.process.poll() is None and time.monotonic() < until:
            self.look()
            if self.is_at(moment):
                return True
            time.sleep(0.01)
        return False

    @property
    def unreaped_for(self) -> list[str]:
        """Those that nobody has asked for within five seconds while the driver lived."""
        return [f"{name} ({pid})" for pid, (_, seconds, name) in self._unreaped.items() if seconds > _REAPED_SECONDS]

    @property
    def said(self) -> str:
        """On standard error."""
        return self.log.read_text(errors="replace")

    @property
    def printed(self) -> str:
        """On standard output."""
        return self._out.read_text(errors="replace")

    def left(self) -> list[int]:
        """Its processes that have outlived it, a second later."""
        until = time.monotonic() + 1
        while (found := [pid for pid in self.seen if self._lives(pid)]) and time.monotonic() < until:
            time.sleep(0.05)
        return found

    def _lives(self, pid: int) -> bool:
        with contextlib.suppress(OSError):
            words = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
            return words[19] == self.seen[pid] and words[0] != "Z"  # whoever took it over has yet to ask for it
        return False

    def _is_head(self, pid: int) -> bool:
        with contextlib.suppress(OSError):
            return b"gcs_server" in Path(f"/proc/{pid}/cmdline").read_bytes()
        return False

    def _files(self) -> set[str]:
        store = self.folder / "store"
        return {str(path.relative_to(store)) for path in store.rglob("*")}


def ended(folder: Path, way: Way) -> Ended:
    """Go on with the search in ``folder`` (or begin it) until the moment, and end it; what was not in order."""
    begun = (folder / "store/manifest.json").exists()
    driver = Driver(folder, *(RESUME if begun else SEARCH))
    try:
        came = driver.wait_for(way.moment)
        page = (folder / "store/report.html").stat().st_mtime_ns if (folder / "store/report.html").exists() else 0
        if driver.process.poll() is not None:
            return Ended(way, 0.0, [f"it ended before, with {driver.process.poll()}: {driver.said[-500:]}"])
        (os.killpg if way.target == "group" else os.kill)(driver.process.pid, way.sent)
        began = time.monotonic()
        while driver.process.poll() is None and time.monotonic() < began + 60:
            driver.look()
            time.sleep(0.02)
        result = Ended(way, time.monotonic() - began)
        result.faults += [] if came else [f"the moment has not come: {driver.said[-500:]}"]
        result.faults += _faults(driver, way, page)
    finally:
        kill_tree(driver.process.pid)
        driver.process.wait()
    return result


def _faults(driver: Driver, way: Way, page: int) -> Iterator[str]:
    code, store = driver.process.poll(), driver.folder / "store"
    if code != 128 + way.sent:
        yield f"exit code {code}"
    if "Traceback" in driver.said + driver.printed:
        yield f"a traceback: {driver.said[-2000:]}"
    if "tune-polar resume store" not in driver.printed and "tune-polar report store" not in driver.printed:
        yield f"no way on is told: {driver.printed[-500:]}"
    if f"Interrupted by {way.sent.name}" not in driver.printed:
        yield f"it does not say why: {driver.printed[:300]}"
    written = store / "report.html"
    if not written.exists() or written.stat().st_mtime_ns == page:
        yield "no page"
    last = max(int(path.stem) for path in (store / "lease").glob("[0-9]*[0-9].json") if path.stem.isdigit())
    if not (store / f"lease/{last:06d}-released.json").exists():
        yield "the lease is held"
    if "another driver" in driver.said or "without a word" in driver.said:
        yield "the driver before it left its lease"
    if left := driver.left():
        yield f"{len(left)} processes are left"
    if driver.unreaped_for:
        yield f"never reaped: {driver.unreaped_for}"
    scratch = list(Path(tempfile.gettempdir()).glob(f"tp-*-{driver.process.pid}-*"))
    if scratch:
        yield f"{scratch} is left"
    if half := [str(path) for path in store.rglob(".*")]:
        yield f"half-written files: {half}"


def planned(folder: Path) -> int:
    """How many configurations the search is to come to."""
    command = [str(Path(sys.executable).parent / "tune-polar"), "status", "store", "--json"]
    told = json.loads(subprocess.run(command, cwd=folder, capture_output=True, check=True).stdout)
    return int(told["planned"])


def whole(folder: Path) -> None:
    """Go on until the search has ended."""
    command = [str(Path(sys.executable).parent / "tune-polar"), *RESUME, "-q"]
    subprocess.run(command, cwd=folder, capture_output=True, check=True)


def table(ways: tuple[Way, ...]) -> Iterator[Ended]:
    """Each way in turn, in as few stores as there may be; those at the end on one that is whole."""
    folder = Path(tempfile.mkdtemp(prefix="tune-polar-endings-"))
    for way in sorted(ways, key=lambda way: way.moment == "ending"):
        while True:
            folds = len(list((folder / "store/folds").glob("*.json")))
            if way.moment == "ending" and 0 <= folds < 2 * TRIALS:
                begun = (folder / "store/manifest.json").exists()  # maybe without a fold: every way came before its end
                whole(folder) if begun else Driver(folder, *SEARCH).process.wait()
            elif way.moment != "ending" and folds >= 2 * TRIALS - 1:  # too little is left
                shutil.rmtree(folder / "store")
            else:
                break
        yield ended(folder, way)
    shutil.rmtree(folder)


def main() -> None:
    """The whole table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--moments", nargs="+", choices=MOMENTS, default=list(MOMENTS))
    options = parser.parse_args()
    bad = 0
    for result in table(tuple(way for way in WAYS if way.moment in options.moments)):
        bad += bool(result.faults)
        print(f"{result.way!s:36} {result.seconds:5.1f} s  {'; '.join(result.faults) or 'in order'}", flush=True)
    print(f"{bad} not in order")
    if bad:
        raise SystemExit(1)


if __name__ == "__main__":
    main()
