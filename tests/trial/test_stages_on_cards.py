"""All stages of a fold on a pretended card: all of their tensors are there, and they compute what they do on a CPU."""

from __future__ import annotations

import contextlib
import itertools
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from graph_bench import ONE_STAGE, TWO_STAGES, Bench, recipe_of
from test_checkpoints import ALWAYS, assert_same, stages
from test_training import Run, settings

from tests.stand_in.cards import Card
from tests.stand_in.driver import Driver
from tests.stand_in.install import pretended_cards
from tests.stand_in.known_cards import LAPTOP, TURING
from tune_polar.data.table import Corpus
from tune_polar.model.random_encoder import write_random_encoder
from tune_polar.recipe.recipe import Recipe
from tune_polar.store.checkpoint import Checkpoint
from tune_polar.store.records import StageRecord
from tune_polar.store.store import Store, open_store
from tune_polar.trial import stage_training
from tune_polar.trial.checkpoints import Checkpoints
from tune_polar.trial.device import Held, hold_device
from tune_polar.trial.memory_fit import two_passes
from tune_polar.trial.memory_plan import MemoryPlan, Rung, plan_memory
from tune_polar.trial.run_fold_trial import fold_trial_steps, run_fold_trial
from tune_polar.trial.slot_memory import SlotMemory
from tune_polar.trial.training_loop import Training, train
from tune_polar.trial.worker_context import TrialContext

pytestmark = pytest.mark.skipif(torch.backends.cuda.is_built(), reason="the stand-in needs a torch built for the CPU")

THERE = torch.device("cuda", 0)
SIZES = {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 64}
ENCODERS: dict[str, dict[str, object]] = {
    "roberta": {"model_type": "roberta", "max_position_embeddings": 130, "pad_token_id": 1, **SIZES},
    "ernie": {"model_type": "ernie", "use_task_id": True, "task_type_vocab_size": 3, **SIZES},
}
NO_DROPOUT: dict[str, object] = {  # a card draws masks from numbers of its own
    "stages__detector__encoder_dropout": 0.0,
    "stages__classifier__encoder_dropout": 0.0,
    "stages__classifier__head__dropout": 0.0,
}
IN_32_BITS_DETECTOR: dict[str, object] = {"stages__detector__precision": "fp32"}
IN_32_BITS: dict[str, object] = {**IN_32_BITS_DETECTOR, "stages__classifier__precision": "fp32"}


def weights_of(store: Store, key: str) -> dict[str, bytes]:
    found = store.weights(key)
    assert found is not None
    return {name: array.tobytes() for name, array in found.items()}


@pytest.fixture
def driver() -> Iterator[Driver]:
    with pretended_cards(LAPTOP) as found:
        yield found


def context_on(graph: Bench, recipe: Recipe, held: Held, checkpoint_seconds: float = 60.0) -> TrialContext:
    """As a worker makes it."""
    plain, memory = graph.context(recipe, checkpoint_seconds), SlotMemory(held.budget_bytes)
    return replace(plain, device=held.device, memory=memory)


def trained(graph: Bench, recipe: Recipe) -> dict[str, StageRecord]:
    """The stages of one fold, as a worker on this machine's first card trains them."""
    run_fold_trial(graph.trial(recipe), context_on(graph, recipe, hold_device(on_gpu=True, slot_gb=8.0)))
    return by_stage(graph.store)


def by_stage(store: Store) -> dict[str, StageRecord]:
    return {record.stage: record for record in stages(store).values()}


@dataclass
class Seen:
    """What was trained, and where its parts lay when its last step was done."""

    trainings: list[Training] = field(default_factory=list)

    def devices(self) -> set[torch.device]:
        found: set[torch.device] = set()
        for training in self.trainings:
            found |= {tensor.device for tensor in (*training.model.parameters(), *training.model.buffers())}
            found |= {p.grad.device for p in training.model.parameters() if p.grad is not None}
            found |= {value.device for state in training.optimizer.state.values() for value in state.values()}
        return found


@pytest.fixture
def seen(monkeypatch: pytest.MonkeyPatch) -> Seen:
    """Every training of the test."""
    found = Seen()

    def watched(training: Training, device: torch.device) -> object:
        found.trainings.append(training)
        return train(training, device)

    monkeypatch.setattr(stage_training, "train", watched)
    return found


# -- the whole of both stages ----------------------------------------------------------------------------------------


STAGES: dict[str, dict[str, object]] = {
    "as published": {},
    "other losses": {
        "stages__detector__losses": {"cross_entropy": {}},
        "stages__detector__batches": {"type": "length_grouped", "size": 16},
        "stages__classifier__losses": {"cross_entropy": {}},
        "encoder__pooling": "cls",
    },
    "nothing handed on": {
        "stages__detector__losses": {"soft_triple": {"centers_lr": 0}},
        "stages__detector__optimizer__fgm_epsilon": 0,
        "stages__classifier__start": None,
        "stages__classifier__keep": "last",
        "encoder__tiny__layers": 2,
    },
    "with its padding": {"encoder__name": "roberta", "encoder__pooling": "mean"},
    "first tokens": {"encoder__name": "ernie", "encoder__pooling": "cls"},
}


@pytest.mark.parametrize("changes", STAGES.values(), ids=STAGES)
def test_a_fold_is_trained_on_the_card_from_its_first_tensor_to_its_record(
    graph: Bench, driver: Driver, seen: Seen, tmp_path: Path, changes: dict[str, object]
) -> None:
    if "encoder__name" in changes:
        changes = changes | {"encoder__name": random_encoder(str(changes["encoder__name"]), graph.corpus, tmp_path)}
    recipe = recipe_of(TWO_STAGES, **changes)
    record = run_fold_trial(graph.trial(recipe), context_on(graph, recipe, hold_device(on_gpu=True, slot_gb=8.0)))
    assert record.provenance.device == LAPTOP.name
    assert len(seen.trainings) == 2
    assert seen.devices() == {THERE}
    assert driver.steps == 2 * 4
    for each in stages(graph.store).values():
        assert (each.provenance.device, each.precision) == (LAPTOP.name, "bf16")
        assert each.peak_memory_bytes is not None
        assert each.memory is not None
        assert each.memory.budget_bytes is not None
        assert LAPTOP.workspace_mb * 2**20 < each.peak_memory_bytes < each.memory.budget_bytes


def random_encoder(name: str, corpus: Corpus, folder: Path) -> str:
    place = folder / name
    place.mkdir()
    write_random_encoder(place, {"vocab_size": 600, **ENCODERS[name]}, corpus.train.texts)
    return str(place)


@pytest.mark.parametrize("name", ["as published", "other losses"])
def test_records_are_those_of_a_cpu_to_the_last_bit(
    sample: Corpus, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    """In 32 bits and without dropout, where a CPU computes attention in one rectangle a batch, as a card does."""
    monkeypatch.setattr("tune_polar.model.row_blocks.SHORTEST_SHARE", 0.0)
    recipe = recipe_of(TWO_STAGES, **NO_DROPOUT, **IN_32_BITS, **STAGES[name])
    here, there = (Bench(sample, open_store(tmp_path / name), tmp_path / name) for name in ("cpu", "card"))
    run_fold_trial(here.trial(recipe), here.context(recipe))
    with pretended_cards(LAPTOP) as driver:
        trained(there, recipe)
        assert driver.ops > 1000
    assert_same(stages(there.store), stages(here.store))
    key = by_stage(here.store)["detector"].key  # of the weights that the next stage begins from
    assert weights_of(there.store, key) == weights_of(here.store, key)


def test_the_cards_own_random_numbers_are_used(sample: Corpus, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """So that the records above are equal for no other reason than that there was no dropout."""
    monkeypatch.setattr("tune_polar.model.row_blocks.SHORTEST_SHARE", 0.0)
    recipe = recipe_of(ONE_STAGE, **IN_32_BITS_DETECTOR)
    here, there = (Bench(sample, open_store(tmp_path / name), tmp_path / name) for name in ("cpu", "card"))
    run_fold_trial(here.trial(recipe), here.context(recipe))
    before = torch.get_rng_state()
    with pretended_cards(LAPTOP):
        trained(there, recipe)
    assert torch.equal(torch.get_rng_state(), before)
    ours, theirs = by_stage(there.store), by_stage(here.store)
    assert ours["detector"].key == theirs["detector"].key
    assert ours["detector"].curve != theirs["detector"].curve


def test_a_fold_on_a_warm_card_is_that_on_a_new_one(sample: Corpus, tmp_path: Path) -> None:
    recipe, other = recipe_of(ONE_STAGE), recipe_of(ONE_STAGE, stages__detector__losses__soft_triple__centers=3)
    cold, warm = (Bench(sample, open_store(tmp_path / name), tmp_path / name) for name in ("cold", "warm"))
    with pretended_cards(LAPTOP):
        trained(cold, recipe)
    with pretended_cards(LAPTOP):
        context = context_on(warm, recipe, hold_device(on_gpu=True, slot_gb=8.0))
        run_fold_trial(warm.trial(other), context)
        torch.rand(7, device=THERE)  # whatever else has drawn on the card
        torch.cuda.manual_seed(5)
        run_fold_trial(warm.trial(recipe), context)
        assert torch.cuda.initial_seed() == 5, "the process keeps its own"
    ours = stages(warm.store)
    assert_same({name: record for name, record in ours.items() if name in stages(cold.store)}, stages(cold.store))


@pytest.mark.parametrize("epsilon", [0.0, 0.2], ids=["one pass", "with FGM"])
def test_no_step_waits_for_the_card(
    graph: Bench, driver: Driver, monkeypatch: pytest.MonkeyPatch, epsilon: float
) -> None:
    """A copy to the card that is not asked to be ``non_blocking`` waits until all kernels before it have run."""
    recipe = recipe_of(ONE_STAGE, stages__detector__optimizer__fgm_epsilon=epsilon)
    steps = fold_trial_steps(graph.trial(recipe), context_on(graph, recipe, hold_device(on_gpu=True, slot_gb=8.0)))
    next(steps)
    waited: list[bool] = []
    plain = torch.Tensor.to

    def watched(tensor: torch.Tensor, *args: Any, **kwargs: Any) -> torch.Tensor:
        if tensor.device.type == "cpu" and args and args[0] == THERE:
            waited.append(not kwargs.get("non_blocking", False))
        return plain(tensor, *args, **kwargs)

    monkeypatch.setattr(torch.Tensor, "to", watched)
    while driver.steps < 2:
        next(steps)
    assert waited
    assert not any(waited)
    steps.close()


# -- smaller parts, recomputing, and the pass that tries them --------------------------------------------------------


def test_parts_of_a_batch_give_its_loss_on_the_card(sample: Corpus, tmp_path: Path) -> None:
    recipe = recipe_of(TWO_STAGES, **NO_DROPOUT, **IN_32_BITS)
    losses: list[dict[str, list[float]]] = []
    for name, tried, rows in (("whole", None, 16), ("in parts", Rung(16), 8)):
        graph = Bench(sample, open_store(tmp_path / name), tmp_path / name)
        with pretended_cards(LAPTOP):
            context = context_on(graph, recipe, hold_device(on_gpu=True, slot_gb=8.0))
            context.memory.begin({} if tried is None else {"detector": tried, "classifier": tried})
            run_fold_trial(graph.trial(recipe), context)
        found = by_stage(graph.store)
        assert {record.memory and record.memory.micro_rows for record in found.values()} == {rows}
        losses.append({each: [point.training_loss for point in record.curve] for each, record in found.items()})
    for each in ("detector", "classifier"):
        assert losses[1][each] == pytest.approx(losses[0][each], rel=1e-4)


def test_what_is_recomputed_draws_the_same_masks_on_the_card(
    sample: Corpus, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The card's state is put back before a layer is computed again; else its gradients would be of other masks."""
    recipe = recipe_of(ONE_STAGE, **IN_32_BITS_DETECTOR, stages__detector__encoder_dropout=0.3)
    found = []
    for recomputes in (False, True):
        folder = tmp_path / str(recomputes)
        graph = Bench(sample, open_store(folder), folder)

        def planned(*args: Any, rung: Rung = Rung(16, recomputes), **kwargs: Any) -> MemoryPlan:  # noqa: B008
            return replace(plan_memory(*args, **kwargs), rung=rung)

        monkeypatch.setattr("tune_polar.trial.memory_fit.plan_memory", planned)
        with pretended_cards(LAPTOP):
            record = trained(graph, recipe)["detector"]
        assert record.memory is not None
        assert record.memory.recompute == recomputes
        found.append((record.curve, weights_of(graph.store, record.key)))
    assert found[0] == found[1]


def test_the_pass_that_tries_a_stage_leaves_the_cards_random_state_alone(driver: Driver) -> None:
    run = Run(settings(fgm_epsilon=0.3))
    training = run.training()
    run.model.to(THERE)
    object.__setattr__(training.precision, "device", THERE)
    run.model.encoder.set_dropout(0.3)
    run.model.tokens = run.model.tokens.to(THERE)
    training = replace(training, loss=lambda rows, share: share * run.model(rows).square().mean())
    before = torch.cuda.get_rng_state(THERE), torch.get_rng_state()
    two_passes(training, np.arange(4), THERE)
    assert driver.boards[0].generator.get_offset() == 0
    assert driver.ops > 100
    assert torch.equal(torch.cuda.get_rng_state(THERE), before[0])
    assert torch.equal(torch.get_rng_state(), before[1])
    assert all(parameter.grad is None for parameter in run.model.parameters())


# -- a stage that is interrupted -------------------------------------------------------------------------------------


def long_recipe(values: Mapping[str, Any] = TWO_STAGES) -> Recipe:
    """With dropout, so that the card's random state matters."""
    optimizer = {"max_steps": 8, "eval_every_steps": 3, "patience_evaluations": 3}
    changes = {"encoder_dropout": 0.2, **{f"optimizer__{key}": value for key, value in optimizer.items()}}
    return recipe_of(
        values, **{f"stages__{stage}__{key}": value for stage in values["stages"] for key, value in changes.items()}
    )


def interrupted(graph: Bench, recipe: Recipe, pauses: int, held: Held) -> None:
    """Run a fold for so many pauses, then as if its process had died; a checkpoint lies there after each step."""
    steps = fold_trial_steps(graph.trial(recipe), context_on(graph, recipe, held, ALWAYS))
    assert len(list(itertools.islice(steps, pauses))) == pauses
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Checkpoints, "save_on_leaving", lambda *_: None)
        steps.close()


@pytest.fixture
def checkpoints_after_each_step(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tune_polar.trial.checkpoints._WRITING_SHARE", float("inf"))


@pytest.fixture(scope="module")
def uninterrupted(sample: Corpus, tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, StageRecord]]:
    """The stages of a fold that nothing stopped, by the card it ran on."""
    found = {}
    for card in (LAPTOP, TURING):
        folder = tmp_path_factory.mktemp("whole")
        graph = Bench(sample, open_store(folder), folder)
        with pretended_cards(card):
            trained(graph, long_recipe())
        found[card.name] = stages(graph.store)
    return found


@pytest.mark.usefixtures("checkpoints_after_each_step")
@pytest.mark.parametrize("card", [LAPTOP, TURING], ids=["bf16", "fp16"])
@pytest.mark.parametrize("pauses", [5, 13])
def test_a_stage_that_was_interrupted_goes_on_to_the_same_bits(
    graph: Bench, uninterrupted: dict[str, dict[str, StageRecord]], card: Card, pauses: int
) -> None:
    with pretended_cards(card):
        interrupted(graph, long_recipe(), pauses, hold_device(on_gpu=True, slot_gb=8.0))
        (name,) = graph.store.files.names("checkpoints")
        left = graph.store.checkpoint(name.removeprefix("checkpoints/").removesuffix(".safetensors"))
        assert left is not None
        assert left.arrays["random/cuda"].shape == (16,)
        assert ("scaler/scale" in left.arrays) == (card is TURING)
    with pretended_cards(card):  # another process, whose card has random numbers of its own
        torch.rand(3, device=THERE)
        trained(graph, long_recipe())
    assert_same(stages(graph.store), uninterrupted[card.name])
    assert graph.store.files.names("checkpoints") == []


@pytest.mark.usefixtures("checkpoints_after_each_step")
def test_without_the_cards_random_state_it_would_not(
    graph: Bench, uninterrupted: dict[str, dict[str, StageRecord]]
) -> None:
    with pretended_cards(LAPTOP):
        recipe = long_recipe(ONE_STAGE)  # whose detector is that of the whole fold
        interrupted(graph, recipe, 5, hold_device(on_gpu=True, slot_gb=8.0))
        found = graph.store.checkpoint(graph.trial(recipe).stage_key("detector", None))
        assert found is not None
        graph.store.put_checkpoint(replace(found, arrays=without(found, "random/cuda")))
        trained(graph, recipe)
    curves = [{r.stage: r.curve for r in each.values()} for each in (stages(graph.store), uninterrupted[LAPTOP.name])]
    assert curves[0]["detector"] != curves[1]["detector"]


def without(checkpoint: Checkpoint, name: str) -> dict[str, np.ndarray]:
    return {each: values for each, values in checkpoint.arrays.items() if each != name}


@pytest.mark.usefixtures("checkpoints_after_each_step")
@pytest.mark.parametrize(("first", "then"), [(LAPTOP, None), (None, LAPTOP), (LAPTOP, TURING)])
def test_a_stage_goes_on_on_another_kind_of_device(graph: Bench, first: Card | None, then: Card | None) -> None:
    """Not to the same bits, but from where it was: on a cluster a fold runs again on whatever node is free."""
    recipe = long_recipe(ONE_STAGE)
    with a_machine_with(first) as held:
        interrupted(graph, recipe, 5, held)
    with a_machine_with(then) as held:
        rest = list(fold_trial_steps(graph.trial(recipe), context_on(graph, recipe, held)))
    assert rest[0].step > 2
    found = by_stage(graph.store)
    assert {record.provenance.device for record in found.values()} == {then.name if then else by_name(found)}
    assert all(record.steps == 8 for record in found.values())


def by_name(found: dict[str, StageRecord]) -> str:
    device = found["detector"].provenance.device
    assert device.startswith("cpu (")
    return device


@contextlib.contextmanager
def a_machine_with(card: Card | None) -> Iterator[Held]:
    if card is None:
        yield hold_device(on_gpu=False, slot_gb=8.0)
        return
    with pretended_cards(card):
        yield hold_device(on_gpu=True, slot_gb=8.0)
