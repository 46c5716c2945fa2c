"""Clusters of unlike machines are filled rightly: what a node offers is what the product computes for it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
import ray
from ray.cluster_utils import Cluster
from ray.tune.execution.placement_groups import resource_dict_to_pg_factory
from ray.util.scheduling_strategies import PlacementGroupSchedulingStrategy

from tune_polar.errors import SearchError, SpecError
from tune_polar.search.resources.slots import SlotCount, Slots, slots_of_cluster, slots_of_this_machine
from tune_polar.trial.gpus import devices_of_slots, slot_budget_bytes, slots_of_gpu
from tune_polar.trial.visible_gpus import SIMULATED, gpus_here

GB = 2**30


@pytest.fixture
def cluster(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Cluster]:
    """A head without slots; nodes are processes of their own on this machine."""
    monkeypatch.setenv("RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER", "1")
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    found = Cluster(initialize_head=True, head_node_args={"num_cpus": 0, "include_dashboard": False})
    try:
        yield found
    finally:
        ray.shutdown()
        found.shutdown()


def fill(slots: Slots, most: int) -> Counter[str]:
    """Ask for ``most`` fold trials at once, each as Tune asks for it; which nodes those that start are on."""
    factory = resource_dict_to_pg_factory(slots.resources)

    @ray.remote
    def here() -> str:
        return ray.get_runtime_context().get_node_id()

    groups = [factory.to_placement_group() for _ in range(most)]
    ready, _ = ray.wait([group.ready() for group in groups], num_returns=slots.count, timeout=60)
    assert len(ready) == slots.count
    _, waiting = ray.wait([group.ready() for group in groups], num_returns=most, timeout=2)
    assert len(waiting) == most - slots.count, "no more than there are slots"
    table = ray.util.placement_group_table()
    placed = [entry for entry in table.values() if entry["state"] == "CREATED"]
    first = next(group for group in groups if group.id.hex() == placed[0]["placement_group_id"])
    resources = {"num_cpus": 1, "num_gpus": slots.resources.get("gpu", 0)}
    strategy = PlacementGroupSchedulingStrategy(placement_group=first)
    ran_on = ray.get(here.options(scheduling_strategy=strategy, **resources).remote(), timeout=60)
    nodes = [next(iter(entry["bundles_to_node_id"].values())) for entry in placed]
    assert ran_on == nodes[0]
    return Counter(nodes)


def add(cluster: Cluster, monkeypatch: pytest.MonkeyPatch, sizes: str, cpus: int = 2) -> str:
    """A node with GPUs of these sizes; its id."""
    monkeypatch.setenv(SIMULATED, sizes)
    slots = len(devices_of_slots(gpus_here(), 8.0))
    return str(cluster.add_node(num_cpus=max(cpus, slots), num_gpus=slots).node_id)


@pytest.mark.e2e
def test_nodes_of_8_24_and_80_gb_train_1_3_and_10_folds_and_those_without_a_gpu_none(
    cluster: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    small, middle, large, both, _ = (add(cluster, monkeypatch, sizes) for sizes in ("8", "24", "80", "8,24", ""))
    ray.init(address=cluster.address, log_to_driver=False)
    slots = slots_of_cluster(cluster.address, None)
    assert (slots.gpu, slots.count) == (True, 1 + 3 + 10 + 4)
    assert fill(slots, 20) == {small: 1, middle: 3, large: 10, both: 4}
    limited = slots_of_cluster(cluster.address, 5)
    assert SlotCount(limited)() == 5


@pytest.mark.e2e
def test_without_any_gpu_each_core_is_a_slot(cluster: Cluster, monkeypatch: pytest.MonkeyPatch) -> None:
    two, three = add(cluster, monkeypatch, "", cpus=2), add(cluster, monkeypatch, "", cpus=3)
    ray.init(address=cluster.address, log_to_driver=False)
    slots = slots_of_cluster(cluster.address, None)
    assert (slots.gpu, slots.count) == (False, 5)
    assert fill(slots, 6) == {two: 2, three: 3}


# -- the rule, without Ray --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("shown_gb", "slots"),
    [
        *((8, 1), (24, 3), (80, 10), (16, 2), (40, 5), (48, 6)),  # nominal sizes
        *((7.6, 1), (14.6, 2), (22.0, 3), (39.4, 5), (44.4, 6), (79.2, 10), (139.8, 17)),  # as drivers show them
        *((6.0, 0), (4.0, 0), (11.8, 1)),
    ],
)
def test_slots_of_8_gb(shown_gb: float, slots: int) -> None:
    assert slots_of_gpu(shown_gb, 8.0) == slots
    if slots:
        budget = slot_budget_bytes(shown_gb, 8.0)
        assert slots * (budget / GB + 0.5) <= shown_gb * (1 if slots == 1 else 0.985) + 1e-6, "all caps together hold"
        assert budget / GB >= 0.985 * 0.9 * 8 - 0.5 - 1e-6


def test_slots_fill_all_gpus_evenly(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(SIMULATED, "24,8,24")
    gpus = gpus_here()
    assert devices_of_slots(gpus, 8.0) == ["0", "1", "2", "0", "2", "0", "2"]
    assert devices_of_slots(gpus, 8.0, 2) == ["0", "1"]
    assert devices_of_slots(gpus, 24.0, 4) == ["0", "2", "0", "1"], "asked for more than memory holds"
    assert devices_of_slots((), 8.0, 3) == []


def test_a_machine_with_simulated_gpus(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(SIMULATED, "8,24")
    slots = slots_of_this_machine(None)
    assert (slots.count, slots.gpu, slots.devices, slots.slot_gb) == (4, True, ("0", "1", "1", "1"), 8.0)
    assert slots_of_this_machine(None, 4.0).count == 8
    crowded = slots_of_this_machine(6)
    assert crowded.count == 6
    assert crowded.slot_gb == 4.0, "two slots on the card of 8 GB"
    monkeypatch.setenv(SIMULATED, "")
    cpu = slots_of_this_machine(2)
    assert (cpu.count, cpu.gpu, cpu.devices) == (2, False, ())
    monkeypatch.setenv(SIMULATED, "6")
    with pytest.raises(SearchError, match=r"a GPU must hold a slot of 8 GB, got simulated, 6 GB"):
        slots_of_this_machine(None)


@pytest.mark.parametrize("sizes", ["eight", "8;24", "-8", "0", "nan"])
def test_sizes_that_are_none_are_refused(sizes: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(SIMULATED, sizes)
    with pytest.raises(SpecError, match=f"{SIMULATED} must list sizes of GPUs in GB"):
        gpus_here()
