"""A search on the real Ray: it survives the death of a worker, and nobody outside this machine can reach it."""

from __future__ import annotations

import errno
import ipaddress
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from polar_search import SMALL, TWO_STAGES, planned, polar_folder, space_over, variant
from simulated_search import PROVENANCE, cells_of, recipe_of

from tune_polar.errors import SearchError, StoreError
from tune_polar.recipe.cells import Cell
from tune_polar.recipe.configuration import configuration_id
from tune_polar.search.configuration_progress import cell_of
from tune_polar.search.fold_dispatch import FoldDispatch
from tune_polar.search.make_plan import SearchPlan, make_plan
from tune_polar.search.prepared_search import PreparedSearch
from tune_polar.search.ray.fold_runner import FoldRunner
from tune_polar.search.ray.remote_files import StoreAccess
from tune_polar.search.ray.searcher import FoldSearcher
from tune_polar.search.ray.worker_setup import ATTEMPT_KEY, TRIAL_KEY, WorkerSetup
from tune_polar.search.resources.slots import Slots
from tune_polar.search.stopping.limits import Limits
from tune_polar.search.stopping.rules_in_force import stop_rules
from tune_polar.search.watch import Silent, Together
from tune_polar.store.abandonment import Abandonment
from tune_polar.store.failures import WORKER_LOST, FailureRecord
from tune_polar.store.lease import held_lease
from tune_polar.store.merge import merge
from tune_polar.store.store import Store, open_store
from tune_polar.trial import checkpoints
from tune_polar.trial.fold_trial import FoldTrial
from tune_polar.trial.progress import Progress
from tune_polar.trial.run_fold_trial import run_fold_trial
from tune_polar.trial.worker_context import TrialContext

LISTENING = "0A"  # state of a socket in /proc/net/tcp
KILLED_WHILE_WRITING = """
import os, signal, sys
from pathlib import Path
from tune_polar.store.filesystem import LocalFolder
class Half:
    def __len__(self):
        return 2
    def __iter__(self):
        yield b"1"
        os.kill(os.getpid(), signal.SIGKILL)
LocalFolder(Path(sys.argv[1])).replace("checkpoints/late.safetensors", Half())
"""
ONE_SLOT = Slots(1, threads=1, gpu=False)
TWO_SEEDS = (7, 8)
K = {"decide.vote.k": {"type": "int", "low": 1, "high": 21, "step": 2}}


class Killer(Silent):
    """Once training is under way: looks at all sockets, lets another process die while it writes, kills one worker."""

    def __init__(self, store: Path) -> None:
        self._store = store
        self.killed: FoldTrial | None = None
        self.addresses: set[str] = set()
        self.watchers: set[str] = set()

    def progressed(self, trial: FoldTrial, progress: Progress) -> None:
        if self.killed is None and progress.step > 3:
            self.killed = trial
            self.addresses = set(listening_addresses(descendants(os.getpid())))
            self.watchers = watchers_of(descendants(os.getpid()))
            subprocess.run([sys.executable, "-c", KILLED_WHILE_WRITING, self._store], check=False)
            assert len(list(self._store.glob("checkpoints/.late*"))) == 1
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


def watchers_of(processes: list[int]) -> set[str]:
    """Scripts of Ray that watch over logs, over a cloud to grow into and over a dashboard's pages, if they run."""
    scripts = {"log_monitor.py", "monitor.py", "dashboard.py"}
    words = [Path(f"/proc/{process}/cmdline").read_bytes().split(b"\0") for process in processes]
    return scripts & {Path(word.decode(errors="replace")).name for each in words for word in each}


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
    recipes = [variant(steps=100, number=1), variant(steps=100, number=2)]
    plan = planned(tmp_path / "data", recipes)
    store = open_store(tmp_path / "store")
    search = PreparedSearch(plan, store, Slots(2, threads=1, gpu=False))
    search.create("test")
    killer = Killer(tmp_path / "store")
    result = search.run(killer)

    assert result.ended_by is None
    assert result.core.done
    assert killer.killed is not None
    assert {(f.kind, f.attempt) for f in store.failures()} == {(WORKER_LOST, 0)}
    wanted = {(configuration_id(recipe), cell) for recipe in recipes for cell in cells_of(2)}
    assert {(record.configuration_id, cell_of(record)) for record in store.folds()} == wanted
    assert set(result.study.scored) == {configuration_id(recipe) for recipe in recipes}
    assert len(killer.addresses) > 0
    assert killer.addresses == {"127.0.0.1"}
    assert killer.watchers == set(), "each is a Python that loads Ray"
    assert workers_gone_within(10)
    assert list((tmp_path / "store").rglob(".*")) == [], "what is half-written when the search ends is removed"

    again = PreparedSearch(plan, store, Slots(2, threads=1, gpu=False))
    again.restore()
    assert again.core.done
    assert {key: scored.scores.score for key, scored in again.study.scored.items()} == {
        key: scored.scores.score for key, scored in result.study.scored.items()
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


def drive(core: FoldDispatch, plan: SearchPlan, store: Store, most: int = 100) -> list[tuple[str, Cell]]:
    """Run what the core hands out, in this process, ``most`` fold trials of it."""
    context = TrialContext(plan.corpus, plan.plans, store, torch.device("cpu"))
    ran: list[tuple[str, Cell]] = []
    while len(ran) < most and (trial := core.next_trial()) is not None:
        ran.append((trial.configuration_id, trial.cell))
        core.fold_finished(run_fold_trial(trial, context))
    return ran


def begun(plan: SearchPlan, folder: Path) -> tuple[PreparedSearch, Store]:
    store = open_store(folder)
    search = PreparedSearch(plan, store, ONE_SLOT)
    search.create("test")
    return search, store


def taken_up(plan: SearchPlan, store: Store) -> PreparedSearch:
    search = PreparedSearch(plan, store, ONE_SLOT)
    search.restore()
    return search


def test_a_cell_whose_stage_is_damaged_is_run_again(tmp_path: Path) -> None:
    recipe = variant(number=1)
    plan = planned(tmp_path / "data", [recipe])
    first, store = begun(plan, tmp_path / "store")
    assert len(drive(first.core, plan, store)) == 2
    score = first.study.scored[configuration_id(recipe)].scores.score

    record = next(record for record in store.folds() if record.fold == 1)
    (tmp_path / "store" / "stages" / f"{record.stages['finder']}.safetensors").write_bytes(b"torn")
    resumed = taken_up(plan, store)
    assert not resumed.core.done
    assert drive(resumed.core, plan, store) == [(configuration_id(recipe), cell_of(record))]
    assert resumed.core.done
    assert resumed.study.scored[configuration_id(recipe)].scores.score == score


def test_seeds_are_trained_resumed_and_scored_like_folds(tmp_path: Path) -> None:
    recipe = variant(number=1, seeds=TWO_SEEDS)
    plan = planned(tmp_path / "data", [recipe])
    whole, store = begun(plan, tmp_path / "whole")
    ran = drive(whole.core, plan, store)
    wanted = {(configuration_id(recipe), cell) for cell in cells_of(2, TWO_SEEDS)}
    assert set(ran) == wanted
    assert len(ran) == len(wanted) == 4
    tables = {}
    for record in store.folds():
        stage = store.stage(record.stages["finder"])
        assert stage is not None
        assert (stage.fold, stage.seed) == (record.fold, record.seed)
        tables[record.configuration_id, record.fold, record.seed] = stage.table("validation")
    one = configuration_id(recipe)
    assert (tables[one, 0, 7] != tables[one, 0, 8]).any(), "another seed, another training"

    for kept in (1, 3):
        part, halfway = begun(plan, tmp_path / f"part {kept}")
        before = drive(part.core, plan, halfway, most=kept)
        rest = taken_up(plan, halfway)
        assert before + drive(rest.core, plan, halfway) == ran, "the same order, and nothing twice"
        assert {key: each.scores for key, each in rest.study.scored.items()} == {
            key: each.scores for key, each in whole.study.scored.items()
        }


def test_seeds_trained_apart_are_merged(tmp_path: Path) -> None:
    plan = planned(tmp_path / "data", [variant(number=1, seeds=TWO_SEEDS)])
    whole, store = begun(plan, tmp_path / "whole")
    drive(whole.core, plan, store)
    stores = []
    for turn in (0, 1):
        part, halfway = begun(plan, tmp_path / f"part {turn}")
        context = TrialContext(plan.corpus, plan.plans, halfway, torch.device("cpu"))
        while (trial := part.core.next_trial()) is not None:
            if trial.cell.seed == TWO_SEEDS[turn]:  # the other seed's never come back
                halfway.put_fold(run_fold_trial(trial, context))
        assert not taken_up(plan, halfway).core.done
        stores.append(halfway)
    together = open_store(tmp_path / "together")
    merge(stores, together)
    merged = taken_up(plan, together)
    assert merged.core.done
    assert {key: each.scores for key, each in merged.study.scored.items()} == {
        key: each.scores for key, each in whole.study.scored.items()
    }


def test_a_store_that_cannot_be_written_ends_the_search_instead_of_hanging_it(tmp_path: Path) -> None:
    plan = planned(tmp_path / "data", [variant(number=1)])
    store = open_store(tmp_path / "store")
    search = PreparedSearch(plan, store, ONE_SLOT)
    search.create("test")
    searcher = FoldSearcher(search.core, lambda: 1, Silent(), PROVENANCE)
    assert isinstance(searcher.suggest("first"), dict)
    (tmp_path / "store" / "failures").write_text("a file where a folder must be")
    searcher.on_trial_complete("first", error=True)
    assert isinstance(searcher.error, StoreError)
    assert searcher.suggest("second") == FoldSearcher.FINISHED


def test_checkpoints_of_what_has_ended_go_unless_another_configuration_goes_on_from_them(tmp_path: Path) -> None:
    """Two configurations that share their first stage; the second diverges."""
    rates = {"sorter.optimizer.lr": {"type": "float", "low": 3e-4, "high": 1e-2, "log": True}}
    recipe = recipe_of(TWO_STAGES)
    space = space_over(recipe, rates)
    plan = make_plan(recipe, "tiny", polar_folder(tmp_path / "data"), space=space, trials=2, seed=1)
    search, store = begun(plan, tmp_path / "store")
    trials = [trial for _ in range(4) if (trial := search.core.next_trial()) is not None]
    first, second = ([each for each in trials if each.configuration_id == key] for key in search.core.progress)
    shared = {key for each in first for key in each.stage_keys} & {key for each in second for key in each.stage_keys}
    own = {key for trial in second for key in trial.stage_keys} - shared
    assert shared
    assert own
    for key in (*shared, *own, "f" * 64):  # the last one's is an interrupted fit
        store.files.replace(f"checkpoints/{key}.safetensors", b"half of a stage")
    diverged = FailureRecord(
        second[0].configuration_id, second[0].cell.fold, second[0].cell.seed, 0, "X", "NaN", "", PROVENANCE, None
    )
    search.core.fold_failed(diverged)
    taken_up(plan, store)
    assert set(store.checkpoint_bytes()) == {*shared, "f" * 64}


def test_a_fold_that_is_given_up_writes_no_last_checkpoint(tmp_path: Path) -> None:
    plan = planned(tmp_path / "data", [variant(steps=4000, number=1)])
    search, store = begun(plan, tmp_path / "store")
    trial = search.core.next_trial()
    assert trial is not None
    setup = WorkerSetup(plan.corpus, plan.plans, StoreAccess(store.files.address), 1, False, 0.01, races=True)
    config = {TRIAL_KEY: json.dumps(trial.to_json()), ATTEMPT_KEY: 0}
    for given_up in (False, True):
        if given_up:
            store.put_abandonment(Abandonment(trial.configuration_id, "model", (), None, 0.1, 0.1, 0.0, "x", 0.5))
        worker = FoldRunner(config, replace(setup, checkpoint_seconds=3600.0), 1)
        worker.step()
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(checkpoints, "_WORTH_WRITING_SECONDS", 0.0)
            worker.leave()
        assert (trial.stage_keys[0] in store.checkpoint_bytes()) is not given_up
        store.remove_checkpoint(trial.stage_keys[0])


def test_who_was_taken_over_removes_nothing(tmp_path: Path) -> None:
    """A driver that was frozen knows nothing of what the new one's folds have written."""
    plan = planned(tmp_path / "data", [variant(number=1)])
    _, store = begun(plan, tmp_path / "store")
    with held_lease(store.files, lambda: None) as frozen:
        pass
    for taken_over in (True, False):
        store.put_weights("a" * 64, {"head.weight": np.zeros((4, 4), np.float32)})
        with held_lease(store.files, lambda: None) as holder:
            search = PreparedSearch(plan, store, ONE_SLOT)
            search.drive_as(frozen if taken_over else holder)
            search.restore()
        assert store.has_weights("a" * 64) == taken_over


def test_convergence_cannot_be_told_of_a_single_cell(tmp_path: Path) -> None:
    """Its score has no error that a gain could be held against."""
    one_split = recipe_of({**SMALL, "folds": {"plan": "holdout", "share": 0.2}})
    source = polar_folder(tmp_path / "data")
    plan = make_plan(one_split, "tiny", source, space=space_over(one_split, K), trials=2, seed=1)
    search, _ = begun(plan, tmp_path / "store")
    limits = Limits(until_converged=True)
    with pytest.raises(SearchError, match=r"--until converged must have 2 cells a configuration, .* got 1"):
        stop_rules(limits, plan, search.core, search.study)
    two = replace(plan, cells=cells_of(1, TWO_SEEDS))
    assert len(stop_rules(limits, two, search.core, search.study)) == 2


class GoneTerminal(Silent):
    """A watcher whose terminal was closed."""

    def started(self, trial: FoldTrial) -> None:
        raise OSError(errno.EIO, "Input/output error")


class Listening(Silent):
    """A watcher that counts."""

    heard = 0

    def started(self, trial: FoldTrial) -> None:
        self.heard += 1


def test_a_terminal_that_is_gone_does_not_end_the_search(tmp_path: Path) -> None:
    plan = planned(tmp_path / "data", [variant(number=1)])
    search = PreparedSearch(plan, open_store(tmp_path / "store"), ONE_SLOT)
    search.create("test")
    other = Listening()
    searcher = FoldSearcher(search.core, lambda: 1, Together([GoneTerminal(), other]), PROVENANCE)
    assert isinstance(searcher.suggest("first"), dict)
    searcher.on_trial_complete("first", error=True)
    assert isinstance(searcher.suggest("second"), dict)
    assert searcher.error is None
    assert other.heard == 2, "whoever else watches goes on to"
