"""A search in one process: the real worker and the real searcher, without Ray between them."""

from __future__ import annotations

from simulated_search import PROVENANCE

from tune_polar.search.make_plan import SearchPlan
from tune_polar.search.prepared_search import PreparedSearch
from tune_polar.search.ray.remote_files import StoreAccess
from tune_polar.search.ray.searcher import FoldSearcher
from tune_polar.search.ray.trainable import FoldTrainable
from tune_polar.search.ray.worker_setup import WorkerSetup
from tune_polar.search.resources.slots import Slots
from tune_polar.search.watch import Together, Watcher
from tune_polar.store.store import Store

ONE_SLOT = Slots(1, threads=1, gpu=False)


class Slot:
    """One slot with the real worker in it and the real searcher before it, in this process."""

    def __init__(
        self, search: PreparedSearch, plan: SearchPlan, store: Store, *watchers: Watcher, stops: bool = False
    ) -> None:
        """``stops``: the worker comes back after each evaluation."""
        access = StoreAccess(store.files.address)
        self.setup = WorkerSetup(plan.corpus, plan.plans, access, 1, False, 0.0, races=stops)
        self.searcher = FoldSearcher(search.core, lambda: 1, Together(watchers), PROVENANCE)
        self.worker: FoldTrainable | None = None
        self.configs: list[dict[str, object]] = []

    def run(self) -> None:
        """Until the search is over."""
        while isinstance(config := self.searcher.suggest(str(len(self.configs))), dict):
            name = str(len(self.configs))
            self.configs.append(config)
            if self.worker is None:
                self.worker = FoldTrainable.__new__(FoldTrainable)
                self.worker.setup(config, self.setup)
            else:
                assert self.worker.reset_config(config)
            while not (result := self.worker.step()).get("done"):
                self.searcher.on_trial_result(name, result)
            self.searcher.on_trial_complete(name, result)
        if self.searcher.error is not None:
            raise self.searcher.error
