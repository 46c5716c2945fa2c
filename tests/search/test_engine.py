"""A search on the real Ray: it survives the death of a worker, and nobody outside this machine can reach it."""

from __future__ import annotations

import errno
import ipaddress
import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from simulated_search import PROVENANCE

from tune_polar.data.sample import sample_corpus
from tune_polar.data.write_polar import write_polar
from tune_polar.errors import StoreError
from tune_polar.search.core import SearchCore
from tune_polar.search.plan import SearchPlan, make_plan
from tune_polar.search.run import PreparedSearch
from tune_polar.search.searcher import FoldSearcher
from tune_polar.search.slots import Slots
from tune_polar.search.watch import Silent
from tune_polar.spec.configuration import configuration_id
from tune_polar.spec.data_source import DataSource
from tune_polar.spec.fold_trial import FoldTrial
from tune_polar.spec.recipe import Recipe
from tune_polar.spec.recipe_file import RecipeOptions, load_recipe
from tune_polar.store.record import WORKER_LOST
from tune_polar.store.store import Store, open_store
from tune_polar.trial.materials import Materials
from tune_polar.trial.progress import Progress
from tune_polar.trial.run import run_fold_trial

LISTENING = "0A"  # state of a socket in /proc/net/tcp


def variant(steps: int, seed: int) -> Recipe:
    changes = {
        "folds.count": 2,
        "decision.k": 9,
        "seed": seed,
        "detector.max_steps": steps,
        "detector.max_epochs": None,
        "detector.eval_every_steps": steps,
        "detector.batch_size": 16,
        "detector.projection": 16,
        "encoder.tiny.hidden": 32,
    }
    return load_recipe("st1", RecipeOptions(encoder="tiny", changes=changes)).recipe


def planned(folder: Path, recipes: list[Recipe]) -> SearchPlan:
    write_polar(sample_corpus(0, rows_train=150, rows_dev=30, rows_test=0), folder, "zho")
    source = DataSource(kind="polar", path=str(folder), language="zho")
    variants = tuple((f"variant {number}", recipe) for number, recipe in enumerate(recipes))
    return make_plan(recipes[0], "tiny", source, variants=variants, trials=len(recipes), seed=1)


class Killer(Silent):
    """Looks at all sockets once training is under way, then kills one worker in the middle of a fold."""

    def __init__(self) -> None:
        self.killed: FoldTrial | None = None
        self.addresses: set[str] = set()

    def progressed(self, trial: FoldTrial, progress: Progress) -> None:
        if self.killed is None and progress.step > 3:
            self.killed = trial
            self.addresses = set(listening_addresses(descendants(os.getpid())))
            os.kill(worker_of(descendants(os.getpid())), signal.SIGKILL)


def descendants(pid: int) -> list[int]:
    """Processes under ``pid``, as /proc tells them; Ray's raylet and GCS among them."""
    parents = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                stat = (entry / "stat").read_text()
            except (FileNotFoundError, ProcessLookupError):
                continue
            parents[int(entry.name)] = int(stat.rpartition(")")[2].split()[1])
    found = [pid]
    for process in found:
        found += [child for child, parent in parents.items() if parent == process]
    return found


def worker_of(processes: list[int]) -> int:
    """A process that trains: Ray names it after the trainable."""
    for process in processes:
        command = Path(f"/proc/{process}/cmdline").read_bytes().replace(b"\0", b" ").decode()
        if command.startswith("ray::") and "Trainable" in command:
            return process
    raise AssertionError("no process of Ray trains")


def listening_addresses(processes: list[int]) -> Iterator[str]:
    """Addresses on which ``processes`` wait for TCP connections."""
    inodes = set()
    for process in processes:
        try:
            for descriptor in Path(f"/proc/{process}/fd").iterdir():
                target = os.readlink(descriptor)
                if target.startswith("socket:["):
                    inodes.add(target[len("socket:[") : -1])
        except (FileNotFoundError, ProcessLookupError):
            continue
    for table in ("/proc/net/tcp", "/proc/net/tcp6"):
        for line in Path(table).read_text().splitlines()[1:]:
            fields = line.split()
            if fields[3] == LISTENING and fields[9] in inodes:
                words = bytes.fromhex(fields[1].split(":")[0])  # 32-bit words, each in this machine's byte order
                address = b"".join(words[at : at + 4][::-1] for at in range(0, len(words), 4))
                found = ipaddress.ip_address(address)
                yield str(getattr(found, "ipv4_mapped", None) or found)


@pytest.mark.e2e
@pytest.mark.skipif(not Path("/proc/net/tcp").exists(), reason="reads sockets from /proc")
def test_a_killed_worker_is_replaced_and_nothing_listens_beyond_loopback(tmp_path: Path) -> None:
    recipes = [variant(steps=100, seed=1), variant(steps=100, seed=2)]
    plan = planned(tmp_path / "data", recipes)
    store = open_store(tmp_path / "store")
    search = PreparedSearch(plan, store, Slots(2, threads=1, gpu=False))
    search.create("test")
    killer = Killer()
    result = search.run(killer)

    assert result.ended_by is None
    assert result.core.done
    assert killer.killed is not None
    assert {(f.kind, f.attempt) for f in store.failures()} == {(WORKER_LOST, 0)}
    wanted = {(configuration_id(recipe), fold) for recipe in recipes for fold in (0, 1)}
    assert {(record.configuration_id, record.fold) for record in store.folds()} == wanted
    assert set(result.study.scored) == {configuration_id(recipe) for recipe in recipes}
    assert len(killer.addresses) > 0
    assert killer.addresses == {"127.0.0.1"}
    assert workers_gone_within(10)

    again = PreparedSearch(plan, store, Slots(2, threads=1, gpu=False))
    again.restore()
    assert again.core.done
    assert {key: scored.outcome.score for key, scored in again.study.scored.items()} == {
        key: scored.outcome.score for key, scored in result.study.scored.items()
    }


def workers_gone_within(seconds: float) -> bool:
    """Whether no worker of Ray is left soon."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        commands = [Path(f"/proc/{p}/cmdline") for p in descendants(os.getpid())]
        if not any(path.exists() and path.read_bytes().startswith(b"ray::") for path in commands):
            return True
        time.sleep(0.2)
    return False


# -- without Ray: the same parts, driven by hand ------------------------------------------------------------------


def drive(core: SearchCore, plan: SearchPlan, store: Store) -> list[tuple[str, int]]:
    """Run what the core hands out, in this process."""

    materials = Materials(plan.corpus, plan.detector_plan, plan.classifier_plan, store, torch.device("cpu"))
    ran = []
    while (trial := core.next_trial()) is not None:
        ran.append((trial.configuration_id, trial.fold))
        core.fold_finished(run_fold_trial(trial, materials))
    return ran


def test_a_fold_whose_stage_is_damaged_is_run_again(tmp_path: Path) -> None:
    recipe = variant(steps=3, seed=1)
    plan = planned(tmp_path / "data", [recipe])
    store = open_store(tmp_path / "store")
    slots = Slots(1, threads=1, gpu=False)
    first = PreparedSearch(plan, store, slots)
    first.create("test")
    assert len(drive(first.core, plan, store)) == 2
    score = first.study.scored[configuration_id(recipe)].outcome.score

    record = next(record for record in store.folds() if record.fold == 1)
    (tmp_path / "store" / "stages" / f"{record.detector_key}.safetensors").write_bytes(b"torn")
    resumed = PreparedSearch(plan, store, slots)
    resumed.restore()
    assert not resumed.core.done
    assert drive(resumed.core, plan, store) == [(configuration_id(recipe), 1)]
    assert resumed.core.done
    assert resumed.study.scored[configuration_id(recipe)].outcome.score == score


def test_a_store_that_cannot_be_written_ends_the_search_instead_of_hanging_it(tmp_path: Path) -> None:
    plan = planned(tmp_path / "data", [variant(steps=3, seed=1)])
    store = open_store(tmp_path / "store")
    search = PreparedSearch(plan, store, Slots(1, threads=1, gpu=False))
    search.create("test")
    searcher = FoldSearcher(search.core, lambda: 1, Silent(), lambda: PROVENANCE)
    assert isinstance(searcher.suggest("first"), dict)
    (tmp_path / "store" / "failures").write_text("a file where a folder must be")
    searcher.on_trial_complete("first", error=True)
    assert isinstance(searcher.error, StoreError)
    assert searcher.suggest("second") == FoldSearcher.FINISHED


class GoneTerminal(Silent):
    """A watcher whose terminal was closed."""

    def started(self, trial: FoldTrial) -> None:
        raise OSError(errno.EIO, "Input/output error")


def test_a_terminal_that_is_gone_does_not_end_the_search(tmp_path: Path) -> None:
    plan = planned(tmp_path / "data", [variant(steps=3, seed=1)])
    search = PreparedSearch(plan, open_store(tmp_path / "store"), Slots(1, threads=1, gpu=False))
    search.create("test")
    searcher = FoldSearcher(search.core, lambda: 1, GoneTerminal(), lambda: PROVENANCE)
    assert isinstance(searcher.suggest("first"), dict)
    searcher.on_trial_complete("first", error=True)
    assert isinstance(searcher.suggest("second"), dict)
    assert searcher.error is None
