"""A search from plan to winner: store, core, study and engine put together. The only place that knows them all."""

from __future__ import annotations

import contextlib
import signal
import threading
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property

from tune_polar.decide.metrics import metric_named
from tune_polar.errors import StoreError
from tune_polar.evaluate.configuration_predictions import PredictionsReader
from tune_polar.evaluate.configuration_scores import StoredScores
from tune_polar.evaluate.manifest_facts import alternatives_of
from tune_polar.python_gc import without_collection
from tune_polar.search.fold_dispatch import Budget, FoldDispatch, Proposals
from tune_polar.search.optuna.sampler import Sampler
from tune_polar.search.optuna.told_study import Study
from tune_polar.search.proposals import FixedProposals, SpaceProposals
from tune_polar.search.racing.racing_names import racing_named
from tune_polar.search.ray.ray_session import head_watch, local_ray
from tune_polar.search.ray.remote_files import StoreAccess, kept_for_workers
from tune_polar.search.ray.searcher import FoldSearcher
from tune_polar.search.ray.tuner import run_tune
from tune_polar.search.ray.worker_setup import WorkerSetup
from tune_polar.search.resources.fair_sharing import FairShare, Watched
from tune_polar.search.resources.needs_forecast import (
    FoldNeeds,
    Scale,
    SearchNeeds,
    fold_needs,
    free_bytes,
    recorded_seconds,
    search_needs,
    shapes_of,
)
from tune_polar.search.resources.slots import SlotCount, Slots
from tune_polar.search.resources.weights_budget import WeightsBudget
from tune_polar.search.resources.weights_keeper import WeightsKeeper
from tune_polar.search.search_plan import SearchPlan
from tune_polar.search.stopping.end_signals import EndSignals
from tune_polar.search.stopping.forced_exit import LastResort
from tune_polar.search.stopping.limits import Limits
from tune_polar.search.stopping.rules_in_force import stop_rules
from tune_polar.search.watch import Together, Watcher
from tune_polar.store.gold import gold_of
from tune_polar.store.lease import Holder, is_held_by
from tune_polar.store.records import FoldRecord
from tune_polar.store.store import Store
from tune_polar.trial.encoder_check import check_encoders
from tune_polar.trial.gpus import slot_budget_bytes
from tune_polar.trial.work_provenance import provenance_of, this_cpu

CHECKPOINT_SECONDS = 60.0


@dataclass(frozen=True, eq=False)
class SearchResult:
    """What a search has come to."""

    core: FoldDispatch
    study: Study
    ended_by: signal.Signals | None  # None: it went to its end


class PreparedSearch:
    """A search that can be looked at before it runs: what is recorded, what is still to do."""

    def __init__(
        self,
        plan: SearchPlan,
        store: Store,
        slots: Slots,
        checkpoint_seconds: float = CHECKPOINT_SECONDS,
        limits: Limits | None = None,
        weights: WeightsBudget | None = None,
    ) -> None:
        """``checkpoint_seconds`` between two checkpoints of a running stage; 0: none."""
        self._weights = weights or WeightsBudget()
        self._checkpoint_seconds = checkpoint_seconds
        self._stop = threading.Event()
        self._holder: Holder | None = None
        self._plan = plan
        self._limits = limits or Limits()
        self._store = store
        self._slots = slots
        self._gold = gold_of(plan.corpus, plan.plans)
        metric = metric_named(plan.recipe.score.metric)
        alternatives = {} if plan.space is None else alternatives_of(plan.space)
        self._reader = PredictionsReader(store, self._gold, plan.cells)
        self._kept = StoredScores(store, self._gold, plan.cells, alternatives)
        self._sampler = None if plan.space is None else Sampler(plan.space, plan.seed)
        self.study = Study(self._reader, metric, self._sampler, self._kept, alternatives)
        self._racing = racing_named(plan.racing, plan.cells, metric)
        self.core = FoldDispatch(
            self._proposals(),
            store,
            Budget(self._limits.configurations(plan.trials), plan.cells, open_at_once=slots.count),
            plan.inputs_for,
            self.study,
            racing=self._racing,
        )

    def needs(self, host_there: int | None, place: str) -> SearchNeeds:
        """What it will need of memory, disk and time.

        Args:
            host_there: this machine's memory, in bytes; None: not known, or the slots are a cluster's.
            place: where earlier records may be: a store, or a folder of stores.
        """
        done = sum(len(each.finished) for each in self.core.progress.values())
        planned = self._plan.trials * len(self._plan.cells)
        return search_needs(
            Scale(
                self._plan.trials,
                len(self._plan.cells),
                self._slots.count,
                self._weights.configurations,
                self._checkpoint_seconds > 0,
            ),
            self._fold_needs,
            disk_free=free_bytes(self._store.url),
            disk_budget=self._weights.disk_bytes,
            host_there=None if self._slots.address is not None else host_there,
            fold_seconds=recorded_seconds(place, self._plan.recipe),
            is_told=self._weights.is_told,
            share_left=max(0.0, 1.0 - done / planned),
        )

    @cached_property
    def _fold_needs(self) -> FoldNeeds | None:
        slots, recipe = self._slots, self._plan.recipe
        budget = slot_budget_bytes(slots.slot_gb, slots.slot_gb) if slots.gpu else None
        return fold_needs(recipe, shapes_of(recipe), on_cpu=not slots.gpu, slot_bytes=budget)

    @cached_property
    def _keeper(self) -> WeightsKeeper:
        metric = metric_named(self._plan.recipe.score.metric)
        fold = 0 if self._fold_needs is None else self._fold_needs.disk
        return WeightsKeeper(self.core, self._store, metric, self._weights, fold, self._slots.count)

    def drive_as(self, holder: Holder) -> None:
        """From now on nothing is removed once another driver has taken the store over from ``holder``."""
        self._holder = holder

    def check(self) -> None:
        """Whether its encoders can be used, before anything is recorded or begun.

        Raises:
            ModelError: one cannot.
        """
        check_encoders([self._plan.recipe, *(recipe for _, recipe in self._plan.variants)])

    def create(self, command: str, machines: Mapping[str, object] | None = None) -> None:
        """Write gold and manifest of a new search, and how it was told to use its machines."""
        self._store.create(self._plan.manifest(command) | {"machines": dict(machines or {})}, self._gold)

    @without_collection()
    def restore(self) -> None:
        """Take up what the store holds; a cell with a damaged stage is run again."""
        self._store.tidy()
        configurations = self._store.configurations()
        self._kept.load()
        if self._sampler is not None:
            for configuration in configurations:
                self._sampler.announce(configuration)
        recorded: dict[str, list[FoldRecord]] = defaultdict(list)
        for record in self._store.folds():
            recorded[record.configuration_id].append(record)
        folds: list[FoldRecord] = []
        for configuration in configurations:
            # Read whether or not scores are kept: a flipped bit is found here, and its cell is trained by this resume.
            folds += [cell.record for cell in self._reader.read(configuration, recorded[configuration.id]).cells]
        self.core.restore(configurations, folds, self._store.failures(), self._store.abandonments())
        self._make_room()

    def stop(self) -> None:
        """End the run, from whatever thread, as a signal does; before it has begun: as soon as it begins."""
        self._stop.set()

    def run(
        self,
        *watchers: Watcher,
        farewell: Callable[[signal.Signals], None] | None = None,
        signals: EndSignals | None = None,
    ) -> SearchResult:
        """Train what is left to train.

        Where a signal finds Ray unable to end in order, ``farewell`` is called and the process ended; None: it is left
        to Ray, which takes a minute longer. ``signals`` may end it; None: they are heeded while it runs.
        """
        if signals is None:
            with EndSignals() as own:
                return self.run(*watchers, farewell=farewell, signals=own)
        self.core.rules = stop_rules(self._limits, self._plan, self.core, self.study)
        if self.core.done:
            signals.wait()
            return SearchResult(self.core, self.study, None)
        searcher = FoldSearcher(
            self.core,
            SlotCount(self._slots),
            Together(watchers),
            provenance_of(this_cpu()),
            self._sharing(),
            self._make_room,
        )
        last_resort = LastResort(farewell or (lambda _: None), head_watch)
        on_signal = (lambda _: None) if farewell is None else last_resort.arm
        try:
            with self._access() as access:
                run_tune(searcher, self.worker_setup(access), self._slots, signals, on_signal, self._stop)
        finally:
            last_resort.disarm()
        if self._drives():
            self._store.tidy()  # a killed driver's workers outlive it by seconds: what they wrote since this run began
            self._keeper.look()
        return SearchResult(self.core, self.study, signals.received)

    def _make_room(self) -> None:
        if self._drives():
            self._keeper.look()

    def _drives(self) -> bool:
        """Whether it may remove files: one that was frozen and taken over knows nothing of the new driver's folds."""
        try:
            return self._holder is None or is_held_by(self._store.files, self._holder)
        except StoreError:  # it cannot be known now
            return False

    def _proposals(self) -> Proposals:
        if self._sampler is None:
            return FixedProposals(self._plan.variants)
        return SpaceProposals(self._sampler, self._plan.tried)

    def _sharing(self) -> Watched | None:
        """Where each GPU of this machine offers several slots, as many each: whether that many do more is tried."""
        offered = Counter(self._slots.devices)
        if len(set(offered.values())) != 1 or max(offered.values()) < 2:
            return None
        return Watched(FairShare(max(offered.values())), len(offered), time.monotonic)

    @contextlib.contextmanager
    def _access(self) -> Iterator[StoreAccess]:
        """The store as workers reach it, on a Ray of our own or on the cluster that was joined."""
        if self._slots.address is not None:
            with kept_for_workers(self._store.files) as access:
                yield access
        else:
            with local_ray(self._slots, self._plan.corpus.most_bytes):
                yield StoreAccess(self._store.files.address)

    def worker_setup(self, access: StoreAccess) -> WorkerSetup:
        """What its workers are given once, who reach the store by ``access``."""
        return WorkerSetup(
            self._plan.corpus,
            self._plan.plans,
            access,
            self._slots.threads,
            self._slots.gpu,
            self._checkpoint_seconds,
            slot_gb=self._slots.slot_gb,
            joined=self._slots.address is not None,
            races=self._racing.gives_up,
        )
