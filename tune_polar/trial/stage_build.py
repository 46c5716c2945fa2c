"""A stage of a recipe, built: whatever its task, head, losses and batches are."""

from __future__ import annotations

import numpy as np

from tune_polar.data.table import TRAIN
from tune_polar.model.heads import build_head
from tune_polar.model.losses import LossSum, build_loss
from tune_polar.model.seeding import seeded_start
from tune_polar.trial.batch_order import batch_order
from tune_polar.trial.checkpoint_metric import evaluated_metric
from tune_polar.trial.columns_read import group_column
from tune_polar.trial.encoder_source import ENCODER
from tune_polar.trial.fold_trial import FoldTrial
from tune_polar.trial.memory_fit import Compared
from tune_polar.trial.nearest_neighbours import TABLE_ENTRIES
from tune_polar.trial.pairs import pair_rows
from tune_polar.trial.precision import Precision
from tune_polar.trial.predictor import Predictor
from tune_polar.trial.stage_model import StageModel
from tune_polar.trial.stage_plan import BuiltStage, StagePlan, StartingPoint, stage_seed
from tune_polar.trial.stage_rows import StageRows
from tune_polar.trial.stage_work import StageWork
from tune_polar.trial.targets import Targets
from tune_polar.trial.training_loop import StageId
from tune_polar.trial.vector_measures import VectorMeasures, measured_rows
from tune_polar.trial.worker_context import TrialContext


def build_stage(trial: FoldTrial, name: str, context: TrialContext, start: StartingPoint | None) -> BuiltStage:
    """A stage of one cell, before its first step.

    Args:
        trial: the fold trial.
        name: of the stage.
        context: what the worker has.
        start: the stage it begins from; None: the encoder as it was pretrained.

    Raises:
        DataError: the data lack what the stage reads, or the cell has no rows for it.
        ModelError: a part cannot be built as asked.
    """
    settings, fold, train = trial.recipe.stages[name], trial.cell.fold, context.corpus.train
    context.keep_encoders(trial.recipe)
    stage = StageId(name, list(trial.recipe.stages).index(name), fold)
    targets = Targets.of(settings.task, train)
    rows = StageRows.of(name, settings, context.rows_of(name, trial.recipe), fold, train)
    pairs = pair_rows(trial, name, context)  # before the model: clusters have the device to themselves
    model = build_model(trial, name, context, start)
    precision = Precision.of(settings.precision, context.device)
    source = context.encoder_source(settings.encoder)
    exclusive = targets.gold_kind == "class"
    predictor = Predictor(stage, model, precision, source.tokenizer.pad_id, context.memory, exclusive)
    metric = evaluated_metric(settings.keep, targets.gold_kind, settings.predicts)
    by = group_column(trial.recipe.data, settings)
    work = StageWork(
        predictor,
        model.losses,
        source,
        rows,
        targets,
        settings.predicts,
        metric,
        None if by is None else train.values(by),
        pairs,
        VectorMeasures(settings.measures, measured_rows(settings, context.corpus, rows)),
    )
    compares = settings.predicts == "neighbours"
    compared = _compared(rows, model, context) if compares else Compared()
    key = None if start is None else start.key
    plan = StagePlan(
        stage=stage,
        key=trial.stage_key(name, key),
        start=key,
        seed=trial.cell.seed,
        settings=settings,
        model=model,
        precision=precision,
        batches=batch_order(trial, name, context, rows.training),
        training_rows=len(rows.training),
        evaluated_rows=np.concatenate([rows.judged, rows.training]) if compares else rows.judged,
        loss=work.loss,
        apart=work.apart,
        evaluate=lambda: context.memory.evaluating(work.evaluate()),
        metric=metric,
        needs=context.needs(settings.encoder, rows.training, settings.batches.size, compared, pairs),
    )
    return BuiltStage(plan, predictor, source, work)


def _compared(rows: StageRows, model: StageModel, context: TrialContext) -> Compared:
    """What a table of neighbours takes: all training rows, and the most rows that are asked about at once."""
    splits = (len(split) for name, split in context.corpus.splits.items() if name != TRAIN)
    asked = max([len(rows.validation), *splits])
    size = model.head.width if model.head.gives_embeddings else model.encoder.hidden_size
    entries = min(TABLE_ENTRIES, len(rows.training) * asked)
    return Compared(size * (len(rows.training) + asked), entries)


def build_model(trial: FoldTrial, name: str, context: TrialContext, start: StartingPoint | None) -> StageModel:
    """A stage's model before training, the same bits for the same trial and start."""
    settings, fold = trial.recipe.stages[name], trial.cell.fold
    seed = stage_seed(trial.cell.seed, name, fold)
    source, targets = context.encoder_source(settings.encoder), Targets.of(settings.task, context.corpus.train)
    if start is None:
        encoder = source.start(context.rows_of(name, trial.recipe).training_rows(fold), seed, settings)
    else:
        encoder = source.started(seed, settings, start.weights, start.frozen_layers)
    with seeded_start(seed):
        head = build_head(settings.head.name, encoder.hidden_size, targets.outputs, **settings.head.model_dump())
        about = targets.context(head.gives_embeddings, head.width)
        losses = {
            loss_name: (loss.weight, build_loss(loss_name, about, **loss.model_dump(exclude={"weight"})))
            for loss_name, loss in sorted(settings.losses.items())
        }
    if head.takes_pooler and source.pooler is not None:
        head.take_pooler(*source.pooler)
    model = StageModel(encoder, head, LossSum(losses)).to(context.device)
    if source.is_pretrained:
        still = encoder.base_names() or encoder.below(settings.encoder.frozen_layers)
        names = (f"{ENCODER}{own}" for own in still)
        model.untouched = frozenset(own for own in names if start is None or own not in start.weights)
    return model
