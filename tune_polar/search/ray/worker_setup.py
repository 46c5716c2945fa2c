"""What a search tells its workers once, and the words in which fold trials and results travel between them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tune_polar.data.plans.fold_plan import FoldPlan
from tune_polar.data.table import Corpus
from tune_polar.trial.gpus import DEFAULT_SLOT_GB

if TYPE_CHECKING:  # it brings Ray, without which a worker's part can run as well
    from tune_polar.search.ray.remote_files import StoreAccess

TRIAL_KEY, ATTEMPT_KEY = "fold_trial", "attempt"  # of the config
MEMORY_KEY, EVALUATIONS_KEY = "memory_tried", "evaluations_tried"  # of the config: what ran out of memory before
RECORD_KEY, FAILURE_KEY, PROGRESS_KEY, ERROR_KEY = "record", "failure", "progress", "error"  # of the result


@dataclass(frozen=True, eq=False)
class WorkerSetup:
    """What every worker of a search is given once."""

    corpus: Corpus
    plans: Mapping[str, FoldPlan]  # by stage
    store: StoreAccess
    threads: int | None  # of torch in one slot; None: this node's cores shared by its slots
    gpu: bool
    checkpoint_seconds: float
    slot_gb: float = DEFAULT_SLOT_GB  # of a GPU, for one fold trial
    joined: bool = False  # a cluster, where encoders may be others than the driver has looked at
    races: bool = False  # a step ends at each evaluation, for racing to look at; what is given up leaves no checkpoint
