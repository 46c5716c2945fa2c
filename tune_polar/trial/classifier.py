"""The classifier stage (ST2, ST3): multi-label fine-tuning on the fold's polarized training rows."""

from __future__ import annotations

from collections.abc import Generator

import numpy as np
import torch
from torch import Tensor, nn

from tune_polar.data.batching import LengthGroupedBatches, TokenRows
from tune_polar.decide.scores import label_macro_f1
from tune_polar.decide.thresholds import choose_thresholds
from tune_polar.errors import SpecError
from tune_polar.model.checkpoint import load_weights
from tune_polar.model.encoder import TextEncoder
from tune_polar.model.heads import ClassificationHead
from tune_polar.model.losses import AsymmetricLoss, BinaryCrossEntropy
from tune_polar.model.seeding import seeded_start
from tune_polar.spec.fold_trial import FoldTrial
from tune_polar.spec.recipe import Classifier
from tune_polar.store.record import Array
from tune_polar.trial.detector import detector_around
from tune_polar.trial.loop import Rows
from tune_polar.trial.materials import Materials
from tune_polar.trial.precision import Precision
from tune_polar.trial.rows import batch_tensors
from tune_polar.trial.stage import BuiltStage, Predictor, StageModel, StagePlan, stage_seed


def classifier_stage(trial: FoldTrial, materials: Materials, start: tuple[FoldTrial, bytes] | None) -> BuiltStage:
    """The classifier of one fold, before its first step.

    ``start`` is the trial whose detector it begins from, with that detector's weights; None: the encoder as it was
    pretrained.
    """
    settings, fold, device = _settings(trial), trial.fold, materials.device
    labels, task = trial.recipe.task.labels, trial.recipe.task
    source = materials.encoder_source(trial.recipe.encoder)
    train_split = materials.corpus.train
    polarized = train_split.labels[task.target] == 1
    training_rows = materials.classifier_plan.training_rows(fold)
    training_rows = training_rows[polarized[training_rows]]
    validation_rows = materials.classifier_plan.validation_rows(fold)
    gold_rows = validation_rows[polarized[validation_rows]]
    gold = train_split.label_matrix(labels)  # (rows, labels)
    targets = torch.from_numpy(gold).to(device)
    seed = stage_seed(trial.recipe.seed, "classifier", fold)
    model = _build(trial, materials, start, seed)
    precision = Precision.of(settings.precision, device)
    predictor = Predictor("classifier", fold, model, precision, source, materials.memory)

    def probability(tokens: TokenRows, rows: Rows) -> Generator[None, None, Array]:
        logits = yield from predictor.outputs(tokens, rows)
        shares: Array = torch.sigmoid(logits).cpu().numpy()
        return shares

    def loss(rows: Rows) -> Tensor:
        batch = batch_tensors(source.train_tokens, rows, source.tokenizer.pad_id, device)
        value: Tensor = model.loss(model(*batch), targets[torch.from_numpy(rows).to(device)])
        return value

    def evaluate() -> Generator[None, None, float]:
        shares, truth = (yield from probability(source.train_tokens, gold_rows)), gold[gold_rows]
        rule = "max_f1" if settings.checkpoint == "best_threshold_f1" else "fixed"
        return label_macro_f1(truth, shares >= choose_thresholds(rule, truth, shares))

    def tables() -> Generator[None, None, dict[str, Array]]:
        shares = yield from probability(source.train_tokens, validation_rows)
        found: dict[str, Array] = {"validation_rows": validation_rows.astype(np.int32), "probability": shares}
        if source.dev_tokens:
            found["dev_probability"] = yield from probability(source.dev_tokens, np.arange(len(source.dev_tokens)))
        return found

    lengths = source.train_tokens.lengths[training_rows]
    batches = iter(LengthGroupedBatches(lengths, settings.batch_size, np.random.default_rng(seed)))
    plan = StagePlan(
        stage="classifier",
        fold=fold,
        key=trial.classifier_key(None if start is None else start[0].detector_key),
        seed=trial.recipe.seed,
        settings=settings,
        model=model,
        precision=precision,
        batches=(training_rows[positions] for positions in batches),
        training_rows=len(training_rows),
        loss=loss,
        evaluate=evaluate,
        keep_best=settings.checkpoint != "last",
        needs=materials.needs(trial.recipe.encoder, training_rows, settings.batch_size),
    )
    return BuiltStage(plan, predictor, tables, evaluated_rows=gold_rows)


def _build(trial: FoldTrial, materials: Materials, start: tuple[FoldTrial, bytes] | None, seed: int) -> StageModel:
    settings = _settings(trial)
    encoder = _start_encoder(trial, materials, start, seed)
    labels = trial.recipe.task.labels
    with seeded_start(seed):
        hidden = settings.head_hidden or encoder.hidden_size
        head = ClassificationHead(encoder.hidden_size, hidden, len(labels), settings.dropout)
    loss: nn.Module
    if settings.loss == "asymmetric":
        loss = AsymmetricLoss(
            [settings.gamma_negative[label] for label in labels], settings.gamma_positive, settings.clip
        )
    else:
        loss = BinaryCrossEntropy()
    return StageModel(encoder, head, loss).to(materials.device)


def _start_encoder(
    trial: FoldTrial, materials: Materials, start: tuple[FoldTrial, bytes] | None, seed: int
) -> TextEncoder:
    source, dropout = materials.encoder_source(trial.recipe.encoder), _settings(trial).encoder_dropout
    if start is None:
        return source.start(materials.classifier_plan.training_rows(trial.fold), seed, dropout)
    # The detector's dropout is no weight: that of a stage is its own setting, or as the encoder was pretrained.
    encoder = source.untrained(seed, dropout)
    detector_trial, weights = start
    detector = detector_around(source.untrained(seed, None), detector_trial, materials.device)
    load_weights(detector, weights)
    encoder.load_state_dict(detector.encoder.state_dict())
    return encoder


def _settings(trial: FoldTrial) -> Classifier:
    if trial.recipe.classifier is None:
        raise SpecError(
            f"recipe {trial.recipe.recipe!r} must have a classifier to train one", "Use the recipe of ST2 or ST3."
        )
    return trial.recipe.classifier
