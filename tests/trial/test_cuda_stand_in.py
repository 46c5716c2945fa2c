"""The pretended cards that other tests run on: what a real one refuses they refuse, and they leave nothing behind."""

from __future__ import annotations

import copy
import gc
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import torch
from test_training import TARGETS, TEXTS
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from tests.stand_in.cards import Card, visible
from tests.stand_in.driver import Driver
from tests.stand_in.install import pretended_cards
from tests.stand_in.processes import environment
from tune_polar.model.encoder import TextEncoder
from tune_polar.model.tiny import tiny_encoder
from tune_polar.model.tokens import CharacterTokenizer

pytestmark = pytest.mark.skipif(torch.backends.cuda.is_built(), reason="the stand-in needs a torch built for the CPU")

MB = 2**20
OF_128_MB = Card(total_gb=0.125, context_gb=1 / 64, used_gb=1 / 64)
OLD = Card(name="Tesla T4", total_gb=16.0, capability=(7, 5))


@pytest.fixture
def driver() -> Iterator[Driver]:
    """A small card and a large, older one."""
    with pretended_cards(OF_128_MB, OLD) as found:
        yield found


def allocated(size_mb: int, device: str = "cuda") -> Tensor:
    return torch.empty(size_mb * MB, dtype=torch.uint8, device=device)


def test_the_cards_are_those_described(driver: Driver) -> None:
    assert torch.cuda.is_available()
    assert torch.cuda.device_count() == 2
    assert torch.cuda.get_device_name(1) == "Tesla T4"
    assert torch.cuda.get_device_properties("cuda").total_memory == 128 * MB
    assert torch.cuda.is_bf16_supported(including_emulation=False)
    with torch.cuda.device(1):
        assert torch.cuda.is_bf16_supported()
        assert not torch.cuda.is_bf16_supported(including_emulation=False)
        assert torch.zeros(2, device="cuda").device == torch.device("cuda", 1)
    assert torch.cuda.mem_get_info(0) == (96 * MB, 128 * MB)
    assert torch.accelerator.current_accelerator() == torch.device("cuda")


@pytest.mark.parametrize(
    ("call", "error", "words"),
    [
        (
            lambda: torch.cuda.set_per_process_memory_fraction(0.5, torch.device("cuda")),
            ValueError,
            "Expected a torch.device with a specified index",
        ),
        (lambda: torch.cuda.set_per_process_memory_fraction(1, 0), TypeError, "must be `float`"),
        (lambda: torch.cuda.get_device_properties(2), AssertionError, "Invalid device id"),
        (lambda: torch.zeros(1, device="cuda:2"), torch.AcceleratorError, "invalid device ordinal"),
        (lambda: torch.cuda.set_rng_state(torch.get_rng_state()), RuntimeError, "RNG state is wrong size"),
        (lambda: torch.zeros(1, device="cuda").numpy(), TypeError, "can't convert cuda:0 device type tensor to numpy"),
        (lambda: torch.zeros(1, device="cuda").to("gpu"), RuntimeError, "Expected one of cpu, cuda"),
        (lambda: torch.randn(2, device="cuda", generator=torch.Generator()), RuntimeError, "for generator but found"),
    ],
)
def test_a_wrong_argument_fails(driver: Driver, call: Callable[[], object], error: type[Exception], words: str) -> None:
    torch.cuda.init()
    with pytest.raises(error, match=words):
        call()


CARD, CPU = "cuda", "cpu"


@pytest.mark.parametrize(
    "mix",
    [
        lambda: torch.ones(2, device=CARD) + torch.ones(2),
        lambda: torch.cat([torch.ones(2), torch.ones(2, device=CARD)]),
        lambda: torch.ones(2, device=CARD) + torch.ones(2, device="cuda:1"),
        lambda: nn.functional.embedding(torch.tensor([0]), torch.ones(2, 2, device=CARD)),
        lambda: torch.ones(()).add_(torch.ones((), device=CARD)),
        lambda: torch.ones(2).add_(torch.ones((), device=CARD)),
        lambda: torch.zeros_like(torch.ones(2, device=CARD), device=CPU) + torch.ones(2, device=CARD),
    ],
)
def test_tensors_of_two_devices_do_not_mix(driver: Driver, mix: Callable[[], object]) -> None:
    with pytest.raises(RuntimeError, match="Expected all tensors to be on the same device, but found at least two"):
        mix()


def test_what_may_cross(driver: Driver) -> None:
    values, index = torch.arange(4.0, device="cuda"), torch.tensor([1, 2])
    assert (values * torch.tensor(2.0)).is_cuda
    assert values[index].cpu().tolist() == [1.0, 2.0]
    values[index] = 5.0
    there = torch.empty(4)
    there.copy_(values)
    assert there.device.type == "cpu"
    assert there.numpy().tolist() == [0.0, 5.0, 5.0, 3.0]
    assert nn.functional.one_hot(index.cuda()).device.type == "cuda"  # scattered into what C++ made
    assert torch.as_tensor(there.numpy(), device="cuda").data_ptr() != there.data_ptr()
    with pytest.raises(RuntimeError, match="indices should be either on cpu"):
        there[index.cuda()]


def test_a_gradient_goes_back_to_where_its_tensor_is(driver: Driver) -> None:
    here = torch.ones(3, requires_grad=True)
    (here.to("cuda", torch.float64) * 2).sum().backward()
    assert here.grad is not None
    assert (here.grad.device.type, here.grad.dtype) == ("cpu", torch.float32)


def test_a_cap_holds_and_what_is_freed_comes_back(driver: Driver) -> None:
    torch.cuda.set_per_process_memory_fraction(0.25, 0)
    kept = allocated(20)
    with pytest.raises(torch.OutOfMemoryError, match=r"Tried to allocate 16\.00 MiB\..* 32\.00 MiB allowed;"):
        allocated(16)
    assert torch.cuda.memory_allocated() == 20 * MB
    assert allocated(16, "cuda:1").get_device() == 1
    del kept
    assert allocated(16).is_cuda
    torch.cuda.set_per_process_memory_fraction(1.0, 0)
    with pytest.raises(torch.OutOfMemoryError, match="total capacity of 128"):
        allocated(97)  # other programs and the context hold the rest


def test_peaks_move_and_come_back(driver: Driver) -> None:
    kept = allocated(10)
    more = allocated(20) + 1  # and its sum
    del more
    gc.collect()
    assert torch.cuda.memory_allocated() == 10 * MB
    assert torch.cuda.max_memory_allocated() == torch.cuda.memory_reserved() == 50 * MB
    assert torch.cuda.mem_get_info() == (46 * MB, 128 * MB)
    torch.cuda.reset_peak_memory_stats()
    torch.cuda.empty_cache()
    assert torch.cuda.max_memory_allocated() == torch.cuda.memory_reserved() == 10 * MB
    assert torch.cuda.mem_get_info() == (86 * MB, 128 * MB)
    view = kept[: 2 * MB]
    del kept
    assert torch.cuda.memory_allocated() == 10 * MB, "a view holds its storage"
    del view
    assert torch.cuda.memory_allocated() == 0
    assert "10240 KiB" in torch.cuda.memory_summary()


def test_products_take_a_workspace(driver: Driver) -> None:
    square = torch.ones(2, 2, device="cuda:1")
    torch.mm(square, square)
    assert torch.cuda.memory_allocated(1) == OLD.workspace_mb * MB + 512
    torch._C._cuda_clearCublasWorkspaces()
    assert torch.cuda.memory_allocated(1) == 512


def test_a_card_has_random_numbers_of_its_own(driver: Driver) -> None:
    torch.manual_seed(3)
    before = torch.get_rng_state()
    first = torch.randn(4, device="cuda")
    nn.functional.dropout(first, 0.5)
    assert torch.equal(torch.get_rng_state(), before)
    state = torch.cuda.get_rng_state(torch.device("cuda"))
    assert state.numel() == 16
    with torch.random.fork_rng(devices=[torch.device("cuda")]):
        inside = torch.rand(4, device="cuda")
    assert torch.equal(torch.rand(4, device="cuda"), inside)
    torch.cuda.set_rng_state(state)
    assert torch.equal(torch.rand(4, device="cuda"), inside)
    torch.manual_seed(3)
    assert torch.equal(torch.randn(4, device="cuda"), first)
    torch.cuda.manual_seed_all(4)
    assert not torch.equal(torch.randn(4, device="cuda"), first)
    drawn = [torch.randn(4, device="cuda", generator=torch.Generator("cuda").manual_seed(9)) for _ in range(2)]
    assert torch.equal(*drawn)


class Block(nn.Module):
    """Two layers with dropout, the second computed again in the backward pass where that is wanted."""

    def __init__(self, recompute: bool) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.first, self.second, self.recompute = nn.Linear(16, 16), nn.Linear(16, 16), recompute

    def forward(self, rows: Tensor) -> Tensor:
        hidden = nn.functional.dropout(self.first(rows), 0.5)
        again = checkpoint(self._top, hidden, use_reentrant=False) if self.recompute else self._top(hidden)
        assert isinstance(again, Tensor)
        return again

    def _top(self, hidden: Tensor) -> Tensor:
        lowered = self.second(hidden)
        assert lowered.dtype is torch.bfloat16
        return nn.functional.dropout(lowered, 0.5)


def trained(recompute: bool) -> tuple[list[Tensor], list[float]]:
    """The gradients of two steps, and the losses."""
    model = Block(recompute).to("cuda")
    optimizer = torch.optim.AdamW(model.parameters(), lr=0.05, fused=True)
    torch.manual_seed(1)
    rows, grads, losses = torch.randn(8, 16, device="cuda"), [], []
    for _ in range(2):
        optimizer.zero_grad(set_to_none=True)
        with torch.autocast("cuda", dtype=torch.bfloat16):
            assert not torch.is_autocast_enabled("cpu")
            loss = model(rows).float().square().mean()
        loss.backward()
        grads += [parameter.grad.clone() for parameter in model.parameters() if parameter.grad is not None]
        optimizer.step()
        losses.append(loss.item())
    assert {state.device for values in optimizer.state.values() for state in values.values()} == {grads[0].device}
    assert copy.deepcopy(model).first.weight.is_cuda
    return grads, losses


def test_checkpointed_gradients_are_the_plain_ones(driver: Driver) -> None:
    (plain, losses), (recomputed, again) = trained(False), trained(True)
    assert driver.steps == 4
    assert len(plain) == 8
    assert {grad.device for grad in plain} == {torch.device("cuda", 0)}
    assert losses[1] < losses[0]
    assert losses == again
    assert all(torch.equal(one, other) for one, other in zip(plain, recomputed, strict=True))
    assert not torch.is_autocast_enabled("cuda")


@pytest.mark.parametrize("recompute", [False, True])
def test_an_encoder_runs_forward_and_backward(driver: Driver, recompute: bool) -> None:
    tokenizer = CharacterTokenizer.from_texts(TEXTS)
    ids = torch.tensor([row.tolist() for row in tokenizer.encode(TEXTS, 8)])
    encoder = TextEncoder(tiny_encoder(tokenizer, seed=1, max_length_tokens=8), pooling="mean").to("cuda")
    encoder.set_recompute(recompute)
    head = nn.Linear(32, 2, device="cuda")
    there = ids.to("cuda")
    with torch.autocast("cuda", dtype=torch.bfloat16):
        loss = nn.functional.cross_entropy(head(encoder(there, torch.ones_like(there))), TARGETS.to("cuda"))
    loss.backward()
    assert {parameter.grad.device.type for parameter in encoder.parameters() if parameter.grad is not None} == {"cuda"}
    with pytest.raises(RuntimeError, match="same device"):
        encoder(ids, torch.ones_like(ids))


def test_another_thread_computes_on_the_card(driver: Driver) -> None:
    found: list[Tensor] = []
    values = torch.ones(4, device="cuda")
    thread = threading.Thread(target=lambda: found.append(values + 1))
    thread.start()
    thread.join()
    assert found[0].is_cuda


def test_a_planned_failure_comes_once(driver: Driver, tmp_path: Path) -> None:
    values = torch.ones(4, device="cuda")
    driver.fail("out_of_memory", at_op=3)
    values += 1
    values += 1
    with pytest.raises(torch.OutOfMemoryError, match="CUDA out of memory"):
        values += 1
    values += 1
    driver.fail("cublas", when=lambda: torch.is_grad_enabled())
    with torch.no_grad():
        values += 1
    with pytest.raises(RuntimeError, match="CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate"):
        values += 1
    weight = nn.Parameter(values)
    weight.grad = torch.ones_like(weight)
    driver.fail("accelerator", at_step=1, once=tmp_path / "raised")
    torch.optim.AdamW([weight]).step()
    for _ in range(2):
        with pytest.raises(torch.AcceleratorError, match="CUDA error: out of memory"):
            values += 1
        values += 1
        driver.fail("accelerator", once=tmp_path / "raised")
        values += 1  # another process has had it
        driver.fail("accelerator")


def test_after_a_sticky_error_the_card_is_of_no_more_use(driver: Driver) -> None:
    values = torch.ones(4, device="cuda")
    driver.fail("sticky")
    uses: list[Callable[[], object]] = [
        lambda: values + 1,
        lambda: values.cpu(),
        torch.cuda.synchronize,
        torch.cuda.mem_get_info,
        torch.cuda.empty_cache,
    ]
    for use in uses:
        with pytest.raises(torch.AcceleratorError, match="an illegal memory access") as caught:
            use()
        assert caught.value.error_code == 700
    assert torch.cuda.memory_allocated() == 512


MANY = [Card(uuid=uuid) for uuid in ("GPU-aa", "GPU-ab", "MIG-1", "MIG-2")]


@pytest.mark.parametrize(
    ("names", "seen"),
    [
        (None, ["GPU-aa", "GPU-ab", "MIG-1", "MIG-2"]),
        ("", []),
        ("1,0", ["GPU-ab", "GPU-aa"]),
        ("1gpu,7,0", ["GPU-ab"]),
        ("-1,0", []),
        ("0,0", []),
        ("GPU-ab,GPU-aa", ["GPU-ab", "GPU-aa"]),
        ("GPU-a", []),
        ("GPU-aa,GPU-aa", []),
        ("MIG-2,MIG-1", ["MIG-2"]),
        ("NoDevFiles", []),
    ],
)
def test_visible_cards(names: str | None, seen: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    assert [card.uuid for card in visible(MANY, names)] == seen
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    if names is not None:
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", names)
    with pretended_cards(*MANY):
        assert torch.cuda.is_available() == bool(seen)
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "3")  # too late
        assert torch.cuda.is_available() == bool(seen)
        if not seen:
            with pytest.raises(RuntimeError, match="No CUDA GPUs are available"):
                torch.zeros(1, device="cuda")


def test_a_driver_that_is_too_old() -> None:
    with pretended_cards(OLD, too_old=11040):
        with pytest.warns(UserWarning, match=r"CUDA initialization: .* too old \(found version 11040\)"):
            torch.cuda.is_available()
        assert not torch.cuda.is_available()
        with pytest.raises(RuntimeError, match="too old"):
            torch.cuda.init()


def test_a_card_of_amd() -> None:
    with pretended_cards(Card(name="AMD Radeon"), hip="6.3"):
        assert torch.version.hip == "6.3"
        assert torch.cuda.is_bf16_supported()
        assert torch.zeros(2).cuda().device == torch.device("cuda", 0)


def test_nothing_is_left_behind() -> None:
    owners = (torch, torch._C, torch.cuda, torch.Tensor, torch.UntypedStorage, torch.version, threading.Thread)
    before = [dict(vars(owner)) for owner in owners]
    for _ in range(2):
        with pretended_cards(OLD):
            kept = torch.ones(3, device="cuda")
            trained(True)
        assert kept.device.type == "cpu"
        assert kept.numpy().tolist() == [1.0, 1.0, 1.0]
        assert not torch.cuda.is_available()
        assert not torch.cuda.is_initialized()
        assert [dict(vars(owner)) for owner in owners] == before
        with pytest.raises(AssertionError, match="not compiled with CUDA"):
            torch.zeros(1, device="cuda")
        with torch.autocast("cpu", dtype=torch.bfloat16):
            assert torch.mm(torch.ones(2, 2), torch.ones(2, 2)).dtype is torch.bfloat16


PROGRAM = """
from tune_polar.trial.visible_gpus import gpus_here
print([(gpu.device, gpu.total_gb) for gpu in gpus_here()])
import torch
try:
    print((torch.ones(2, device="cuda") + 1).device)
except torch.AcceleratorError as error:
    print(str(error).splitlines()[0])
"""


def test_whole_processes_find_the_cards(tmp_path: Path) -> None:
    failure = {"kind": "sticky", "at_op": 2, "once": str(tmp_path / "raised")}
    told = environment(Card(), OLD, failures=[failure]) | {"CUDA_VISIBLE_DEVICES": "1,0,1"}
    said = []
    for _ in range(2):
        done = subprocess.run([sys.executable, "-c", PROGRAM], env=told, capture_output=True, text=True, check=True)
        said.append(done.stdout.splitlines())
    slots = "[('1', 16.0), ('0', 8.0)]"
    assert said == [[slots, "CUDA error: an illegal memory access was encountered"], [slots, "cuda:0"]]
