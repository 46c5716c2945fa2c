"""What both stages share: the parts around an encoder, seeded, optimised and trained the same way."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Generator, Iterator, Mapping
from dataclasses import dataclass, replace

import torch
from torch import Tensor, nn

from tune_polar.data.batching import TokenRows
from tune_polar.model.checkpoint import weights_to_bytes
from tune_polar.model.encoder import TextEncoder
from tune_polar.model.optimizer import cosine_with_warmup, parameter_groups
from tune_polar.model.row_blocks import RowBlocks
from tune_polar.spec.recipe import Stage
from tune_polar.store.record import Array, StageName, StageRecord
from tune_polar.trial.checkpoints import Checkpoints
from tune_polar.trial.cost import CostMeter, provenance
from tune_polar.trial.loop import Rows, Training, TrainingResult, check_finite, shown, total_steps, train
from tune_polar.trial.materials import EncoderSource, Materials
from tune_polar.trial.precision import Precision
from tune_polar.trial.progress import Progress
from tune_polar.trial.rows import predict
from tune_polar.trial.slot_memory import SlotMemory
from tune_polar.trial.stage_memory import StageNeeds, fitted, memory_use


class StageModel(nn.Module):
    """Encoder, head and (for the detector) a loss with weights of its own, saved and restored as one."""

    def __init__(self, encoder: TextEncoder, head: nn.Module, loss: nn.Module) -> None:
        super().__init__()
        self.encoder = encoder
        self.head = head
        self.loss = loss

    def forward(self, ids: Tensor, mask: Tensor, blocks: RowBlocks | None = None) -> Tensor:
        """The parts of a ``Batch`` → the head's outputs (rows, outputs)."""
        outputs: Tensor = self.head(self.encoder(ids, mask, blocks))
        return outputs


@dataclass(frozen=True, eq=False)
class StagePlan:
    """How one stage is trained; the rest is the same for all."""

    stage: StageName
    fold: int
    key: str
    seed: int  # the recipe's
    settings: Stage
    model: StageModel
    precision: Precision
    batches: Iterator[Rows]
    training_rows: int
    loss: Callable[[Rows], Tensor]
    evaluate: Callable[[], Generator[None, None, float]]
    keep_best: bool
    needs: StageNeeds
    centers: nn.Parameter | None = None
    centers_lr: float = 0.0


@dataclass(frozen=True, eq=False)
class Predictor:
    """Passes rows through a stage's model without gradients."""

    stage: StageName
    fold: int
    model: StageModel
    precision: Precision
    source: EncoderSource
    memory: SlotMemory

    def outputs(self, tokens: TokenRows, rows: Rows) -> Generator[None, None, Tensor]:
        """What the model says of ``rows``, (rows, outputs), float32; pauses after each batch.

        Raises:
            TrainingDivergedError: a value is not finite.
        """
        self.model.eval()
        found = yield from predict(
            self._forward,
            tokens,
            rows,
            self.source.tokenizer.pad_id,
            self.precision.device,
            self.memory.evaluation_rows,
        )
        check_finite(found, self.stage, self.fold)  # NaN would have a nearest neighbour too
        return found

    def _forward(self, ids: Tensor, mask: Tensor, blocks: RowBlocks) -> Tensor:
        with self.precision.autocast():
            found: Tensor = self.model(ids, mask, blocks)
        return found


@dataclass(frozen=True, eq=False)
class BuiltStage:
    """A stage before its first step."""

    plan: StagePlan
    predictor: Predictor
    tables: Callable[[], Generator[None, None, dict[str, Array]]]  # what it leaves behind, computed after training
    evaluated_rows: Rows  # that one evaluation passes through the model


def run_stage(
    build: Callable[[], BuiltStage], materials: Materials
) -> Generator[Progress, None, tuple[StageRecord, bytes]]:
    """Build a stage, train it and compute what it leaves behind: its record, and the kept weights as safetensors."""
    meter = CostMeter(materials.device)
    built = build()
    plan, device = built.plan, materials.device
    checkpoints = Checkpoints(materials.stages, plan.key, materials.checkpoint_seconds)
    with torch.random.fork_rng(devices=[device] if device.type == "cuda" else []):
        torch.manual_seed(
            stage_seed(plan.seed, plan.stage, plan.fold)
        )  # dropout draws from torch's own generator and takes no other
        result = yield from train_stage(plan, checkpoints)
    arrays = yield from shown(built.tables(), Progress(plan.stage, plan.fold, result.steps, result.steps))
    return _record(plan, result, meter, arrays), weights_to_bytes(plan.model)


def train_stage(plan: StagePlan, checkpoints: Checkpoints) -> Generator[Progress, None, TrainingResult]:
    """Train a stage in its slot; the model holds the kept weights afterwards."""
    device = plan.precision.device
    training, memory = fitted(training_of(plan, checkpoints), plan.needs, device)
    result = yield from train(training, device)
    is_told = memory.budget_bytes is not None or not memory.is_plain
    return replace(result, bits=plan.precision.bits, memory=memory_use(memory) if is_told else None)


def training_of(plan: StagePlan, checkpoints: Checkpoints) -> Training:
    """A stage's optimizer and schedule set up."""
    settings = plan.settings
    others = [parameter for parameter in plan.model.loss.parameters() if parameter is not plan.centers]
    heads: list[nn.Module] = [plan.model.head] + ([plan.model.loss] if others else [])
    groups = parameter_groups(
        plan.model.encoder,
        heads,
        lr=settings.lr,
        head_lr=settings.head_lr if settings.head_lr is not None else settings.lr,
        xi=settings.xi,
        weight_decay=settings.weight_decay,
        centers=plan.centers,
        centers_lr=plan.centers_lr,
    )
    steps = total_steps(settings, plan.training_rows)
    optimizer = torch.optim.AdamW(groups, fused=True)
    return Training(
        stage=plan.stage,
        fold=plan.fold,
        settings=settings,
        model=plan.model,
        encoder=plan.model.encoder,
        optimizer=optimizer,
        schedule=cosine_with_warmup(optimizer, steps, settings.warmup_share),
        batches=plan.batches,
        total_steps=steps,
        loss=plan.loss,
        evaluate=plan.evaluate,
        keep_best=plan.keep_best,
        checkpoints=checkpoints,
        precision=plan.precision,
    )


def _record(plan: StagePlan, result: TrainingResult, meter: CostMeter, arrays: Mapping[str, Array]) -> StageRecord:
    """The record of a stage that has just been trained."""
    return StageRecord(
        key=plan.key,
        stage=plan.stage,
        fold=plan.fold,
        seed=plan.seed,
        best_step=result.best_step,
        best_value=result.best_value,
        steps=result.steps,
        stopped=result.stopped,
        curve=result.curve,
        seconds=result.earlier_seconds + meter.seconds,
        peak_memory_bytes=meter.peak_memory_bytes,
        provenance=provenance(meter.device),
        memory=result.memory,
        precision=result.bits,
        arrays=arrays,
    )


def stage_seed(seed: int, stage: StageName, fold: int) -> int:
    """A seed of its own for each stage of each fold, the same on every machine."""
    text = f"{seed}/{stage}/{fold}".encode()
    return int.from_bytes(hashlib.sha256(text).digest()[:4], "little")
