"""Cards as they come: which are found and under which name, what a worker may take of each, and in how many bits."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import replace

import pytest
import torch
from graph_bench import ONE_STAGE, Bench, recipe_of
from test_stages_on_cards import by_stage, context_on

from tests.stand_in import c_functions
from tests.stand_in.cards import GB, Card
from tests.stand_in.install import pretended_cards
from tests.stand_in.known_cards import (
    DESKTOP,
    FOR_OLD_CARDS,
    LAPTOP,
    LARGE_INSTANCE,
    PASCAL,
    RADEON,
    SMALL_INSTANCE,
    TURING,
)
from tests.stand_in.processes import environment
from tune_polar.trial import visible_gpus
from tune_polar.trial.device import DeviceError, hold_device
from tune_polar.trial.gpus import has_kernels, slot_budget_bytes
from tune_polar.trial.precision import Precision
from tune_polar.trial.run_fold_trial import run_fold_trial
from tune_polar.trial.stage_build import build_model
from tune_polar.trial.visible_gpus import SIMULATED, keep_own, look_for_gpus, make_visible, visible_variable

pytestmark = pytest.mark.skipif(torch.backends.cuda.is_built(), reason="the stand-in needs a torch built for the CPU")

MB = 2**20
VARIABLES = ("CUDA_VISIBLE_DEVICES", "HIP_VISIBLE_DEVICES", SIMULATED)


@pytest.fixture(autouse=True)
def _an_nvidia_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    for variable in VARIABLES:
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setattr(visible_gpus, "_NVIDIA_DRIVERS", (os.devnull,))
    monkeypatch.setattr(visible_gpus, "_AMD_DRIVER", "/absent")


@pytest.fixture
def an_amd_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(visible_gpus, "_NVIDIA_DRIVERS", ())
    monkeypatch.setattr(visible_gpus, "_AMD_DRIVER", os.devnull)


# -- which are found, and under which names --------------------------------------------------------------------------

TWO, FOUR = (LAPTOP, DESKTOP), (LAPTOP, TURING, DESKTOP, replace(LAPTOP, name="the last"))
FIRST_UUID, SECOND_UUID = (f"GPU-{place:08x}-0000-0000-0000-000000000000" for place in (0, 1))


@pytest.mark.parametrize(
    ("cards", "visible", "found"),
    [
        ([], None, []),
        (TWO, None, [("0", LAPTOP), ("1", DESKTOP)]),
        (TWO, "1,0", [("1", DESKTOP), ("0", LAPTOP)]),
        (TWO, "0,0,1,0", [("0", LAPTOP), ("1", DESKTOP)]),  # a node of several slots a card, of which CUDA makes none
        (FOUR, "2,3", [("2", DESKTOP), ("3", FOUR[3])]),  # as Slurm sets it
        (TWO, "NoDevFiles", []),
        (TWO, "", []),
        (TWO, f"{SECOND_UUID}, {FIRST_UUID}", [(SECOND_UUID, DESKTOP), (FIRST_UUID, LAPTOP)]),
        (TWO, "GPU-00000001", [("GPU-00000001", DESKTOP)]),
        (TWO, "1,7,0", [("1", DESKTOP)]),  # what comes after a name of nothing is not seen
        ([SMALL_INSTANCE, LARGE_INSTANCE], "MIG-3a", [("MIG-3a", LARGE_INSTANCE)]),
    ],
)
def test_cards_are_found_under_the_names_by_which_a_worker_can_be_given_them(
    cards: Sequence[Card], visible: str | None, found: list[tuple[str, Card]], monkeypatch: pytest.MonkeyPatch
) -> None:
    if visible is not None:
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", visible)
    with pretended_cards(*cards):
        gpus = look_for_gpus().gpus
    assert [(g.device, g.name, g.total_gb, g.capability) for g in gpus] == [
        (device, card.name, card.total_gb, card.capability) for device, card in found
    ]
    assert os.environ.get("CUDA_VISIBLE_DEVICES") == visible, "a look leaves it as it was"


def test_each_instance_of_a_card_is_looked_at_by_a_process_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in environment(SMALL_INSTANCE, LARGE_INSTANCE).items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "MIG-1a,MIG-3a")
    found = look_for_gpus()
    assert [(gpu.device, gpu.total_gb, gpu.bits) for gpu in found.gpus] == [
        ("MIG-1a", 9.75, "bf16"),
        ("MIG-3a", 19.5, "bf16"),
    ]
    assert [gpu.slots(8.0) for gpu in found.gpus] == [1, 2]
    assert found.problem is None


def test_instances_that_are_not_there_are_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "MIG-9a,MIG-9b")
    monkeypatch.setattr(visible_gpus, "_seen_by_another_process", lambda *_: ())
    with pretended_cards(SMALL_INSTANCE):
        found = look_for_gpus()
    assert found.gpus == ()
    assert found.problem is not None
    assert found.problem[0] == "CUDA_VISIBLE_DEVICES=MIG-9a,MIG-9b names no GPU that torch sees"


@pytest.mark.usefixtures("an_amd_machine")
@pytest.mark.parametrize(
    ("set_", "names"),
    [
        ({}, ["0", "1"]),
        ({"HIP_VISIBLE_DEVICES": "1"}, ["1"]),
        ({"CUDA_VISIBLE_DEVICES": "1"}, ["1"]),  # HIP takes it where its own is not set
        ({"CUDA_VISIBLE_DEVICES": "0", "HIP_VISIBLE_DEVICES": "1,1,0"}, ["1", "0"]),
    ],
)
def test_amds_cards_are_named_by_hips_variable(
    set_: Mapping[str, str], names: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in set_.items():
        monkeypatch.setenv(name, value)
    with pretended_cards(replace(RADEON, name="0"), replace(RADEON, name="1"), hip="6.3"):
        found = look_for_gpus()
    assert [(gpu.device, gpu.name) for gpu in found.gpus] == [(name, name) for name in names]
    assert {gpu.bits for gpu in found.gpus} == {"bf16"}
    assert {name: os.environ[name] for name in VARIABLES if name in os.environ} == set_


@pytest.mark.usefixtures("an_amd_machine")
def test_workers_on_amds_cards_go_by_hips_variable_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "3")
    monkeypatch.setenv("HIP_VISIBLE_DEVICES", "")
    make_visible(("0", "3", "3"))
    assert (visible_variable(), os.environ["HIP_VISIBLE_DEVICES"]) == ("HIP_VISIBLE_DEVICES", "0,3,3")
    assert "CUDA_VISIBLE_DEVICES" not in os.environ
    keep_own(lambda: "2")
    assert os.environ["HIP_VISIBLE_DEVICES"] == "3"
    keep_own(lambda: pytest.fail("Ray has done it"))
    assert os.environ["HIP_VISIBLE_DEVICES"] == "3"


def test_a_worker_that_ray_has_told_its_card_but_not_shown_it_takes_that_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "GPU-aa,GPU-ab,GPU-ab")
    keep_own(lambda: "GPU-ab")
    assert os.environ["CUDA_VISIBLE_DEVICES"] == "GPU-ab"


# -- cards that torch cannot use -------------------------------------------------------------------------------------


def test_a_driver_that_is_too_old_is_told_with_its_remedy() -> None:
    with pretended_cards(LAPTOP, too_old=11040):
        found = look_for_gpus()
        with pytest.raises(DeviceError, match="must find one in each of its workers"):
            hold_device(on_gpu=True, slot_gb=8.0)
    assert found.gpus == ()
    assert found.problem is not None
    problem, remedy = found.problem
    assert (
        "cannot use it: CUDA initialization: The NVIDIA driver on your system is too old (found version 11040)"
        in problem
    )
    assert "\n" not in problem
    assert "Triggered internally" not in problem
    assert remedy.startswith("Update the driver, or install a build of torch for it")


def test_a_torch_for_the_cpu_beside_a_driver_is_told_with_its_remedy() -> None:
    found = look_for_gpus()
    assert found.gpus == ()
    assert found.problem is not None
    assert found.problem[0].endswith(f"torch {torch.__version__} is built for the CPU alone")
    assert "https://pytorch.org/get-started/locally" in found.problem[1]


def test_a_card_older_than_torchs_kernels_is_left_out_and_told() -> None:
    with pretended_cards(PASCAL, LAPTOP):
        found = look_for_gpus()
    assert [(gpu.device, gpu.name) for gpu in found.gpus] == [("1", LAPTOP.name)], "under the name that it has"
    assert found.problem is not None
    said = f"torch {torch.__version__} has no kernels for NVIDIA GeForce GTX 1080 (compute capability 6.1)"
    assert found.problem[0] == said
    assert "https://download.pytorch.org/whl/cu126" in found.problem[1]
    with pretended_cards(PASCAL):
        assert look_for_gpus().gpus == ()
        with pytest.raises(
            DeviceError, match=r"must be one that torch computes on, but .* no kernels for NVIDIA"
        ) as caught:
            hold_device(on_gpu=True, slot_gb=8.0)
        assert caught.value.remedy == found.problem[1]


def test_an_error_while_cuda_is_initialised_is_the_machines_fault() -> None:
    """torch raises it as an exception of a kind of its own, that is no RuntimeError."""
    failed = pytest.raises(DeviceError, match="must take another process, but: CUDA call failed lazily")
    with pretended_cards(PASCAL), failed as caught:  # of which torch warns then, and here a warning is an error
        hold_device(on_gpu=True, slot_gb=8.0)
    assert "\n" not in caught.value.problem


@pytest.mark.parametrize(
    ("capability", "architectures", "computes"),
    [
        ((8, 9), "sm_75 sm_80 sm_86 sm_90", True),
        ((8, 0), "sm_86", False),  # a later one of its generation
        ((9, 0), "sm_80 sm_86", False),
        ((9, 0), "sm_90a", True),
        ((12, 0), "sm_90 compute_90", True),  # the driver translates it
        ((7, 0), "sm_75 sm_80 sm_86 sm_90 sm_100 sm_120", False),  # Volta, on a build for CUDA 13
        ((7, 0), FOR_OLD_CARDS, True),
        ((12, 1), "sm_100 sm_120", True),
        ((6, 1), FOR_OLD_CARDS, True),
        ((8, 6), "", False),
    ],
)
def test_what_torch_has_kernels_for(capability: tuple[int, int], architectures: str, computes: bool) -> None:
    assert has_kernels(capability, architectures.split()) == computes


# -- what a worker may take of it ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("cards", "visible", "slot_gb", "budget"),
    [
        ([LAPTOP], "0", 8.0, 8.0 * GB - 256 * MB - 128 * MB),  # a whole card: what is free, less the kernels
        ([replace(LAPTOP, used_gb=1.5)], "0", 8.0, 6.5 * GB - 256 * MB - 128 * MB),  # a desktop shows on it
        (TWO, "0", 8.0, 8.0 * GB - 256 * MB - 128 * MB),  # each worker's budget follows its own card
        (TWO, "1", 8.0, slot_budget_bytes(24.0, 8.0)),
        ([replace(DESKTOP, used_gb=20.0)], "0", 8.0, 24.0 * GB - 20 * GB - 256 * MB),  # less is free than a slot
        ([SMALL_INSTANCE, LARGE_INSTANCE], "MIG-3a", 8.0, slot_budget_bytes(19.5, 8.0)),
        ([LAPTOP], "0", 4.0, slot_budget_bytes(8.0, 4.0)),
    ],
)
def test_a_workers_budget_is_that_of_its_slot_of_its_own_card(
    cards: Sequence[Card], visible: str, slot_gb: float, budget: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", visible)
    with pretended_cards(*cards) as driver:
        held = hold_device(on_gpu=True, slot_gb=slot_gb)
        assert held.device == torch.device("cuda", 0)
        assert held.budget_bytes == int(budget)
        assert driver.boards[0].fraction * driver.boards[0].total == pytest.approx(budget)
        assert held.reserved_bytes == 0


@pytest.mark.parametrize("used_gb", [7.2, 7.75, 8.0])
def test_a_card_with_less_than_half_a_gb_free_is_refused_with_a_remedy(used_gb: float) -> None:
    refused = pytest.raises(DeviceError, match=r"a slot must have 0\.5 GB free, the GPU of .* of 8\.0 GB")
    with pretended_cards(replace(LAPTOP, used_gb=used_gb)), refused as caught:
        hold_device(on_gpu=True, slot_gb=8.0)
    assert "Look with `nvidia-smi` for programs that hold its memory" in caught.value.remedy


# -- in how many bits ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("card", "hip", "bits"),
    [(LAPTOP, None, "bf16"), (TURING, None, "fp16"), (PASCAL, None, "fp32"), (RADEON, "6.3", "bf16")],
    ids=lambda value: value.name if isinstance(value, Card) else str(value),
)
def test_a_stage_is_trained_in_the_bits_that_its_card_does_best(
    graph: Bench, monkeypatch: pytest.MonkeyPatch, card: Card, hip: str | None, bits: str
) -> None:
    monkeypatch.setattr(c_functions, "ARCHITECTURES", FOR_OLD_CARDS)
    made: set[torch.dtype] = set()
    asked: set[torch.dtype] = set()  # of the card; what is lowered for a CPU is not for a card
    recipe = recipe_of(ONE_STAGE)
    with pretended_cards(card, hip=hip) as driver:
        (gpu,) = look_for_gpus().gpus
        assert gpu.bits == bits
        context = context_on(graph, recipe, hold_device(on_gpu=True, slot_gb=8.0))

        def look(module: torch.nn.Module, _: object, output: torch.Tensor) -> None:
            if isinstance(module, torch.nn.Linear):
                made.add(output.dtype)
                asked.add(torch.get_autocast_dtype("cuda") if torch.is_autocast_enabled("cuda") else torch.float32)

        hook = torch.nn.modules.module.register_module_forward_hook(look)
        try:
            run_fold_trial(graph.trial(recipe), context)
        finally:
            hook.remove()
        assert driver.steps == 4
    record = by_stage(graph.store)["detector"]
    assert (record.precision, record.provenance.device) == (bits, card.name)
    assert made == asked == {{"bf16": torch.bfloat16, "fp16": torch.float16, "fp32": torch.float32}[bits]}


def test_a_turing_card_trains_with_its_loss_scaled(graph: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """The first gradients overflow, and those steps are left out; the later ones are taken."""
    scales: list[float] = []
    plain = Precision.step

    def watched(precision: Precision, *parts: object) -> None:
        plain(precision, *parts)  # type: ignore[arg-type]
        scales.append(precision.scaler.get_scale())

    monkeypatch.setattr(Precision, "step", watched)
    recipe = recipe_of(ONE_STAGE, stages__detector__optimizer__max_steps=8, stages__detector__keep="last")
    with pretended_cards(TURING):
        context = context_on(graph, recipe, hold_device(on_gpu=True, slot_gb=8.0))
        before = build_model(graph.trial(recipe), "detector", context, None).head.state_dict()
        before = {name: values.cpu() for name, values in before.items()}
        run_fold_trial(graph.trial(recipe), context)
    assert len(scales) == 8
    assert scales[0] == 2.0**15, "a gradient was infinite at torch's own first scale"
    assert scales[-1] == scales[-2], "and was not any more"
    record = by_stage(graph.store)["detector"]
    assert record.precision == "fp16"
    weights = graph.store.weights(record.key)
    assert weights is not None
    after = {name: torch.from_numpy(weights[name]) for name in weights}
    assert all(torch.isfinite(values).all() for values in after.values())
    assert all(not torch.equal(values, after[f"head.{name}"]) for name, values in before.items())
