"""The fold plans a recipe asks for, made of a corpus."""

from __future__ import annotations

from tune_polar.data.corpus import Corpus
from tune_polar.data.fold_plan import FoldPlan
from tune_polar.data.folds import paper_classifier_plan, paper_detector_plan, shared_plan
from tune_polar.spec.recipe import Recipe


def fold_plans(recipe: Recipe, corpus: Corpus) -> tuple[FoldPlan, FoldPlan]:
    """The detector's and the classifier's plan; one and the same where folds are shared.

    Shared folds are stratified on every label the corpus has, whatever the recipe reads, so that searches of ST1,
    ST2 and ST3 have the same folds and share their detectors.

    Raises:
        FoldPlanError: the rows cannot be split so.
        DataError: the corpus lacks a label.
    """
    folds, task = recipe.folds, recipe.task
    corpus.train.label_matrix([task.target, *task.proxy_types, *task.labels])
    if folds.plan == "shared":
        others = [label for label in corpus.train.labels if label not in (task.target, *task.proxy_types)]
        plan = shared_plan(
            corpus,
            count=folds.count,
            seed=folds.seed,
            target=task.target,
            proxy_types=task.proxy_types,
            labels=others,
        )
        return plan, plan
    detector = paper_detector_plan(corpus, count=folds.count, seed=folds.seed)
    if not task.labels:
        return detector, detector
    return detector, paper_classifier_plan(corpus, count=folds.count, seed=folds.seed, labels=task.labels)
