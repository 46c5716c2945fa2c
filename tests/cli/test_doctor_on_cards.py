"""What `tune-polar doctor` says of cards as they come, in words and as JSON."""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest
import torch

from tests.stand_in import c_functions
from tests.stand_in.cards import Card
from tests.stand_in.install import pretended_cards
from tests.stand_in.known_cards import (
    DESKTOP,
    FOR_OLD_CARDS,
    LAPTOP,
    LARGE_INSTANCE,
    LARGE_RADEON,
    PASCAL,
    RADEON,
    SMALL_INSTANCE,
    TURING,
)
from tests.stand_in.processes import environment
from tune_polar.api.display import Shown
from tune_polar.api.machines import Machines
from tune_polar.api.run_search import _slots
from tune_polar.search.resources import diagnosis, node
from tune_polar.trial import visible_gpus
from tune_polar.trial.visible_gpus import SIMULATED

pytestmark = pytest.mark.skipif(torch.backends.cuda.is_built(), reason="the stand-in needs a torch built for the CPU")

Run = Callable[..., Any]


@pytest.fixture(autouse=True)
def room(monkeypatch: pytest.MonkeyPatch) -> None:
    """Disk and memory of a machine that could hold the simulated cards."""
    monkeypatch.setattr(diagnosis, "free_bytes", lambda place: 2**44)
    monkeypatch.setattr(node, "memory_gb", lambda: 512.0)


@pytest.fixture(autouse=True)
def _an_nvidia_machine(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Without network, which is none of the subject."""
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "cache"))
    for variable in ("CUDA_VISIBLE_DEVICES", "HIP_VISIBLE_DEVICES", SIMULATED):
        monkeypatch.delenv(variable, raising=False)
    has_devices(monkeypatch)


def has_devices(monkeypatch: pytest.MonkeyPatch, *, amd: bool = False) -> None:
    monkeypatch.setattr(visible_gpus, "_NVIDIA_DRIVERS", () if amd else (os.devnull,))
    monkeypatch.setattr(visible_gpus, "_AMD_DRIVER", os.devnull if amd else "/absent")


@dataclass(frozen=True)
class Machine:
    """Its cards, and what doctor says of them."""

    cards: Sequence[Card]
    says: Sequence[str]  # lines, or how they begin
    devices: Sequence[str]  # of its slots
    bits: str = "bf16"
    visible: str | None = None
    hip: str | None = None
    architectures: str = c_functions.ARCHITECTURES
    words: Sequence[str] = field(default_factory=tuple)


MACHINES = {
    "laptop": Machine(
        [LAPTOP],
        ["GPU 0      NVIDIA GeForce RTX 4060 Laptop GPU, 8.0 GB, bf16: 1 slots", "slots      1 of 8 GB"],
        ["0"],
    ),
    "Turing": Machine(
        [TURING],
        ["GPU 0      Tesla T4, 14.6 GB, fp16 with loss scaling (it has no bf16): 2 slots", "detector   fp16, batch 24"],
        ["0", "0"],
        bits="fp16",
    ),
    "Pascal": Machine(
        [PASCAL],
        ["GPU 0      NVIDIA GeForce GTX 1080, 8.0 GB, fp32 (16 bits are slower on it): 1 slots", "detector   fp32"],
        ["0"],
        bits="fp32",
        architectures=FOR_OLD_CARDS,
    ),
    "two sizes": Machine(
        [LAPTOP, DESKTOP],
        ["GPU 0      NVIDIA GeForce RTX 4060 Laptop GPU, 8.0 GB, bf16: 1 slots", "GPU 1      NVIDIA GeForce RTX 4090"],
        ["0", "1", "1", "1"],
    ),
    "Slurm's choice": Machine(
        [TURING, TURING, LAPTOP, DESKTOP],
        [
            "GPU 2      NVIDIA GeForce RTX 4060 Laptop GPU",
            "GPU 3      NVIDIA GeForce RTX 4090, 24.0 GB, bf16: 3 slots",
            "join       CUDA_VISIBLE_DEVICES=2,3,3,3 ray start --address=HEAD:6379",
        ],
        ["2", "3", "3", "3"],
        visible="2,3",
    ),
    "by UUID": Machine(
        [LAPTOP, DESKTOP],
        ["GPU GPU-00000001 NVIDIA GeForce RTX 4090", "join       CUDA_VISIBLE_DEVICES=GPU-00000001,GPU-00000001,"],
        ["GPU-00000001"] * 3,
        visible="GPU-00000001",
    ),
    "one name for each slot": Machine(
        [DESKTOP], ["GPU 0      NVIDIA GeForce RTX 4090, 24.0 GB, bf16: 3 slots"], ["0"] * 3, visible="0,0,0"
    ),
    "AMD": Machine(
        [RADEON, LARGE_RADEON],
        [
            "GPU 0      AMD Radeon RX 7600, 8.0 GB, bf16: 1 slots",
            "GPU 1      AMD Radeon RX 7900 XT, 16.0 GB, bf16: 2 slots",
            "join       HIP_VISIBLE_DEVICES=0,1,1 ray start",
        ],
        ["0", "1", "1"],
        hip="6.3",
    ),
    "one too old for torch": Machine(
        [PASCAL, LAPTOP],
        [
            "GPU 1      NVIDIA GeForce RTX 4060 Laptop GPU, 8.0 GB, bf16: 1 slots",
            f"left out   torch {torch.__version__} has no kernels for NVIDIA GeForce GTX 1080 (compute capability 6.1)",
            "           Remedy: Install a build of torch that has: ",
        ],
        ["1"],
    ),
}


@pytest.mark.parametrize("machine", MACHINES.values(), ids=MACHINES)
def test_each_card_is_told_with_its_bits_and_slots(run: Run, monkeypatch: pytest.MonkeyPatch, machine: Machine) -> None:
    monkeypatch.setattr(c_functions, "ARCHITECTURES", machine.architectures)
    has_devices(monkeypatch, amd=machine.hip is not None)
    if machine.visible is not None:
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", machine.visible)
    with pretended_cards(*machine.cards, hip=machine.hip) as driver:
        said, about = run("doctor"), json.loads(run("doctor", "--json").out)
        assert driver.boards[0].context == 0, "a look takes nothing of a card"
    assert (said.code, said.err) == (0, "")
    lines = said.out.splitlines()
    for wanted in machine.says:
        assert any(line.startswith(wanted) for line in lines), f"{wanted!r} in\n{said.out}"
    assert about["node"]["devices"] == list(machine.devices)
    assert about["node"]["slots"] == len(machine.devices)
    assert {stage["precision"] for stage in about["stages"]} == {machine.bits}
    assert [each["what"].partition(":")[0] for each in about["missing"]] == ["encoder"]
    assert (about["node"]["gpu_problem"] is not None) == any(line.startswith("left out") for line in lines)


def test_instances_of_one_card_are_told_one_by_one(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in environment(SMALL_INSTANCE, LARGE_INSTANCE).items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "MIG-1a,MIG-3a")
    about = json.loads(run("doctor", "--encoder", "tiny", "--json").out)
    told = [(gpu["device"], gpu["name"], gpu["total_gb"]) for gpu in about["node"]["gpus"]]
    assert told == [("MIG-1a", SMALL_INSTANCE.name, 9.75), ("MIG-3a", LARGE_INSTANCE.name, 19.5)]
    assert about["node"]["devices"] == ["MIG-1a", "MIG-3a", "MIG-3a"]
    assert about["node"]["ray_start"].startswith("CUDA_VISIBLE_DEVICES=MIG-1a,MIG-3a,MIG-3a ray start")
    assert about["ready"]


@pytest.mark.parametrize("visible", ["NoDevFiles", ""])
def test_a_job_that_was_given_no_card_has_none(run: Run, monkeypatch: pytest.MonkeyPatch, visible: str) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", visible)
    with pretended_cards(LAPTOP):
        assert "GPU        none\n" in run("doctor").out
        missing = json.loads(run("doctor", "--json").out)["missing"]
    assert missing[0]["what"].startswith("GPU: this machine shows none")


TOO_OLD = "cannot use it: CUDA initialization: The NVIDIA driver on your system is too old (found version 11040)"


@pytest.mark.parametrize(
    ("cards", "too_old", "visible", "what", "remedy"),
    [
        ([LAPTOP], 11040, None, f"torch {torch.__version__} {TOO_OLD}", "Update the driver, or install a build of"),
        (None, None, None, "is built for the CPU alone", "Install a build of torch for your GPU: https://pytorch.org"),
        ([PASCAL], None, None, "has no kernels for NVIDIA GeForce GTX 1080", "whl/cu126"),
        ([LAPTOP], None, "5", "CUDA_VISIBLE_DEVICES=5 names no GPU that torch sees", "Name GPUs that `nvidia-smi -L`"),
    ],
    ids=["driver too old", "torch for the CPU", "card too old", "name of none"],
)
def test_a_card_that_cannot_be_used_is_told_with_the_reason_and_the_remedy(
    run: Run,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    cards: Sequence[Card] | None,
    too_old: int | None,
    visible: str | None,
    what: str,
    remedy: str,
) -> None:
    """By `doctor` as something missing; by `search` in a line and its remedy, and it goes on on the CPU."""
    if visible is not None:
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", visible)

    def machine() -> contextlib.AbstractContextManager[object]:  # a new one each time: torch gives its reason once
        return contextlib.nullcontext() if cards is None else pretended_cards(*cards, too_old=too_old)

    with machine():
        said = run("doctor", "--encoder", "tiny")
    with machine():
        about = json.loads(run("doctor", "--encoder", "tiny", "--json").out)
    assert (said.code, said.err) == (0, "")
    (missing,) = [line for line in said.out.splitlines() if line.startswith("missing")]
    assert missing.startswith("missing    GPU: ")
    assert what in missing
    assert "GPU        none\n" in said.out
    (one,) = about["missing"]
    assert what in one["what"]
    assert remedy in one["remedy"]
    assert f"Remedy: {one['remedy']}" in said.out
    assert not about["ready"]

    with machine(), _slots(Machines(None, 8.0, None, 0.0), Shown()) as slots:
        assert (slots.gpu, slots.devices) == (False, ())
    problem = one["what"].removeprefix("GPU: ")
    assert capsys.readouterr().err == f"Training runs on the CPU: {problem}\n  Remedy: {one['remedy']}\n"


def test_a_search_that_leaves_a_card_out_says_so_and_uses_the_others(capsys: pytest.CaptureFixture[str]) -> None:
    with pretended_cards(PASCAL, DESKTOP), _slots(Machines(None, 8.0, None, 0.0), Shown()) as slots:
        assert (slots.gpu, slots.devices) == (True, ("1", "1", "1"))
    said = capsys.readouterr().err.splitlines()
    assert [line.partition(":")[0] for line in said] == ["A GPU is left out", "  Remedy"]


def test_a_card_that_others_have_filled_is_told_by_trying_it(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is free is seen from a process on the card alone; a look makes none."""
    for name, value in environment(replace(LAPTOP, used_gb=7.6)).items():
        monkeypatch.setenv(name, value)
    with pretended_cards(replace(LAPTOP, used_gb=7.6)):
        said = run("doctor", "st1", "--encoder", "tiny", "--try")
    assert said.code == 2
    assert "GPU 0      NVIDIA GeForce RTX 4060 Laptop GPU, 8.0 GB, bf16: 1 slots" in said.out
    assert "failed     a slot must have 0.5 GB free, the GPU of " in said.out
    assert " has 0.2 of 8.0 GB and 8 GB a slot" in said.out
    assert "Remedy: Look with `nvidia-smi` for programs that hold its memory, and end them." in said.out
