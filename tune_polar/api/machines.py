"""Where a search runs, as the command line says it."""

from __future__ import annotations

from dataclasses import dataclass, replace

from tune_polar.api.count_checks import is_number, positive
from tune_polar.errors import SearchError, SpecError
from tune_polar.evaluate.manifest_facts import manifest_facts
from tune_polar.store.resume_options import MachineFacts
from tune_polar.store.store import open_store
from tune_polar.trial.gpus import DEFAULT_SLOT_GB

KEEP_WEIGHTS = 1
LARGEST_DISK_GB = 10_000_000.0
SMALLEST_SLOT_GB, LARGEST_SLOT_GB = 1.0, 10_000.0  # a CUDA context alone takes half a GB


@dataclass(frozen=True)
class Machines:
    """This machine, or a cluster; how many fold trials at once; what they leave of checkpoints and weights."""

    slots: int | None
    slot_gb: float
    address: str | None
    checkpoint_seconds: float
    keep_weights: int = KEEP_WEIGHTS
    disk_gb: float | None = None  # None: a third of what is free
    threads: int | None = None  # of one slot without a GPU, as recorded; None: its share of the cores

    def recorded(self, threads: int | None) -> MachineFacts:
        """What a resume takes up of it; a cluster's address is of the moment."""
        return MachineFacts(self.slots, self.slot_gb, self.checkpoint_seconds, threads, self.keep_weights, self.disk_gb)


def _number(value: object) -> str:
    return f"{value:g}" if is_number(value) else repr(value)


def check_slot_gb(slot_gb: float) -> None:
    """Refuse slots that make no sense.

    Raises:
        SpecError: it does not.
    """
    if not is_number(slot_gb) or not SMALLEST_SLOT_GB <= slot_gb <= LARGEST_SLOT_GB:
        raise SpecError(
            f"--slot-gb must be from {SMALLEST_SLOT_GB:g} to {LARGEST_SLOT_GB:,.0f} GB, got {_number(slot_gb)}",
            "Give the GB of a GPU that one fold trial may use; 8 holds the published system.",
        )


def check_weights(keep_weights: int, disk_gb: float | None) -> None:
    """Refuse what keeps no weights in any sense.

    Raises:
        SpecError: a value is out of range.
    """
    positive(keep_weights, "--keep-weights", at_least=0)
    if disk_gb is not None and not (is_number(disk_gb) and 0.0 < disk_gb <= LARGEST_DISK_GB):
        raise SpecError(
            f"--disk-gb must be above 0 and at most {LARGEST_DISK_GB:,.0f} GB, got {_number(disk_gb)}",
            "Give the GB that weights and checkpoints may take, or leave it out.",
        )


def machines_of(
    slots: int | None,
    slot_gb: float,
    address: str | None,
    checkpoint_seconds: float,
    keep_weights: int = KEEP_WEIGHTS,
    disk_gb: float | None = None,
) -> Machines:
    """Checked, and with Ray's environment set for it: call this before anything that imports Ray.

    Raises:
        SpecError: a value is out of range.
        SearchError: the system lets this user's processes take too little for a search.
    """
    if not is_number(checkpoint_seconds) or not checkpoint_seconds >= 0:
        raise SpecError(
            f"--checkpoint-every must be at least 0 seconds, got {_number(checkpoint_seconds)}",
            "Give seconds between two checkpoints of a running stage; 0 writes none.",
        )
    check_slot_gb(slot_gb)
    check_weights(keep_weights, disk_gb)
    if address is not None and (not address.strip() or "://" in address):
        raise SpecError(
            f"--address must be HOST:PORT or auto, got {address!r}",
            "Run tune-polar on a machine that has joined the cluster with `ray start`; Ray Client URLs do not do.",
        )
    from tune_polar.search.ray.ray_environment import set_environment
    from tune_polar.search.resources.process_limits import limit_problems

    for problem, remedy in limit_problems(slots or 1):
        raise SearchError(problem, remedy)
    set_environment(cluster=address is not None)
    return Machines(slots, slot_gb, address, float(checkpoint_seconds), keep_weights, disk_gb)


def machines_as_begun(
    place: str,
    slots: int | None,
    slot_gb: float | None,
    address: str | None,
    checkpoint_seconds: float | None,
    keep_weights: int | None = None,
    disk_gb: float | None = None,
) -> Machines:
    """As ``machines_of``, for the search recorded at ``place``: what is None is as that was told last.

    Raises:
        TunePolarError: a value is out of range, or the place holds no search.
    """
    manifest = open_store(place, to_look=True).manifest_as_told()
    begun = manifest_facts(manifest, place).machines
    machines = machines_of(
        begun.slots if slots is None else slots,
        next(each for each in (slot_gb, begun.slot_gb, DEFAULT_SLOT_GB) if each is not None),
        address,
        next(each for each in (checkpoint_seconds, begun.checkpoint_seconds, 60) if each is not None),
        next(each for each in (keep_weights, begun.keep_weights, KEEP_WEIGHTS) if each is not None),
        begun.disk_gb if disk_gb is None else disk_gb,
    )
    return replace(machines, threads=begun.threads if slots is None else None)
