"""The detector stage (ST1): metric learning on all training rows of a fold, judged by its nearest neighbours."""

from __future__ import annotations

from collections.abc import Generator, Iterator

import numpy as np
import torch
from torch import Tensor, nn

from tune_polar.data.batching import BalancedBatches, LengthGroupedBatches
from tune_polar.data.proxy import proxy_class
from tune_polar.model.encoder import TextEncoder
from tune_polar.model.heads import ProjectionHead
from tune_polar.model.losses import CrossEntropy, SoftTriple
from tune_polar.model.seeding import seeded_start
from tune_polar.spec.fold_trial import FoldTrial
from tune_polar.spec.recipe import Detector
from tune_polar.store.record import Array
from tune_polar.trial.loop import Rows
from tune_polar.trial.materials import Materials
from tune_polar.trial.neighbours import TABLE_ENTRIES, neighbour_labels, precision_at_1
from tune_polar.trial.precision import Precision
from tune_polar.trial.rows import batch_tensors
from tune_polar.trial.stage import BuiltStage, Predictor, StageModel, StagePlan, stage_seed

CLASSES = 2


class LinearCrossEntropy(nn.Module):
    """Cross-entropy of a linear layer on the embeddings: the ablation of SoftTriple."""

    def __init__(self, dim: int) -> None:
        super().__init__()
        self.linear = nn.Linear(dim, CLASSES)
        self.cross_entropy = CrossEntropy()

    def forward(self, embeddings: Tensor, classes: Tensor) -> Tensor:
        """Mean loss of embeddings (rows, dim) and classes (rows,)."""
        loss: Tensor = self.cross_entropy(self.linear(embeddings), classes)
        return loss


def detector_stage(trial: FoldTrial, materials: Materials) -> BuiltStage:
    """The detector of one fold, before its first step."""
    settings, fold, device = trial.recipe.detector, trial.fold, materials.device
    source = materials.encoder_source(trial.recipe.encoder)
    training_rows = materials.detector_plan.training_rows(fold)
    validation_rows = materials.detector_plan.validation_rows(fold)
    target = materials.corpus.train.labels[trial.recipe.task.target]
    seed = stage_seed(trial.recipe.seed, "detector", fold)
    model = build_detector(trial, materials)
    precision = Precision.of(settings.precision, device)
    predictor = Predictor("detector", fold, model, precision, source, materials.memory)
    classes = torch.from_numpy(target).to(device)

    def loss(rows: Rows) -> Tensor:
        batch = batch_tensors(source.train_tokens, rows, source.tokenizer.pad_id, device)
        value: Tensor = model.loss(model(*batch), classes[torch.from_numpy(rows).to(device)])
        return value

    def evaluate() -> Generator[None, None, float]:
        asked = yield from predictor.outputs(source.train_tokens, validation_rows)
        keys = yield from predictor.outputs(source.train_tokens, training_rows)
        return precision_at_1(asked, target[validation_rows], keys, target[training_rows])

    def tables() -> Generator[None, None, dict[str, Array]]:
        key_labels = target[training_rows]
        keys = yield from predictor.outputs(source.train_tokens, training_rows)
        asked = yield from predictor.outputs(source.train_tokens, validation_rows)
        found: dict[str, Array] = {
            "validation_rows": validation_rows.astype(np.int32),
            "neighbour_labels": neighbour_labels(asked, keys, key_labels),
        }
        if source.dev_tokens:
            dev = yield from predictor.outputs(source.dev_tokens, np.arange(len(source.dev_tokens)))
            found["dev_neighbour_labels"] = neighbour_labels(dev, keys, key_labels)
        if isinstance(model.loss, SoftTriple):
            # (classes · centers, dim): one row a center, as a reader of the record expects
            found["centers"] = model.loss.centers.detach().float().cpu().numpy().T.copy()
        return found

    plan = StagePlan(
        stage="detector",
        fold=fold,
        key=trial.detector_key,
        seed=trial.recipe.seed,
        settings=settings,
        model=model,
        precision=precision,
        batches=_batches(trial, materials, training_rows, seed),
        training_rows=len(training_rows),
        loss=loss,
        evaluate=evaluate,
        keep_best=settings.checkpoint != "last",
        centers=model.loss.centers if isinstance(model.loss, SoftTriple) else None,
        centers_lr=settings.centers_lr,
        needs=materials.needs(
            trial.recipe.encoder,
            training_rows,
            settings.batch_size,
            table_entries=min(TABLE_ENTRIES, len(training_rows) * len(validation_rows)),
        ),
    )
    return BuiltStage(plan, predictor, tables, evaluated_rows=np.concatenate([validation_rows, training_rows]))


def build_detector(trial: FoldTrial, materials: Materials) -> StageModel:
    """The detector before training, the same bits for the same trial."""
    seed, dropout = stage_seed(trial.recipe.seed, "detector", trial.fold), trial.recipe.detector.encoder_dropout
    rows = materials.detector_plan.training_rows(trial.fold)
    encoder = materials.encoder_source(trial.recipe.encoder).start(rows, seed, dropout)
    return detector_around(encoder, trial, materials.device)


def detector_around(encoder: TextEncoder, trial: FoldTrial, device: torch.device) -> StageModel:
    """``encoder`` with a head and a loss that nothing has trained."""
    settings = trial.recipe.detector
    with seeded_start(stage_seed(trial.recipe.seed, "detector", trial.fold)):
        hidden = settings.head_hidden or encoder.hidden_size
        head = ProjectionHead(encoder.hidden_size, hidden, settings.projection)
        loss = detector_loss(settings)
    return StageModel(encoder, head, loss).to(device)


def detector_loss(settings: Detector) -> nn.Module:
    """The loss that the recipe names, with weights of its own."""
    if settings.loss == "cross_entropy":
        return LinearCrossEntropy(settings.projection)
    return SoftTriple(
        CLASSES,
        settings.projection,
        centers_per_class=settings.centers,
        la=settings.la,
        gamma=settings.gamma,
        margin=settings.margin,
    )


def _batches(trial: FoldTrial, materials: Materials, rows: Rows, seed: int) -> Iterator[Rows]:
    settings, task = trial.recipe.detector, trial.recipe.task
    generator = np.random.default_rng(seed)
    if settings.batches == "balanced":
        proxy = proxy_class(materials.corpus.train.labels, target=task.target, priority=task.proxy_types)
        positions = iter(BalancedBatches(proxy[rows], settings.batch_size, generator))
    else:
        tokens = materials.encoder_source(trial.recipe.encoder).train_tokens
        positions = iter(LengthGroupedBatches(tokens.lengths[rows], settings.batch_size, generator))
    return (rows[batch] for batch in positions)
