"""That checkpoints were kept by the rows that are scored, and what that alone is worth."""

from __future__ import annotations

from collections.abc import Iterator

from tune_polar.decide.checkpoint_scores import keep_metric
from tune_polar.report.numbers import listed
from tune_polar.report.page_context import PageContext
from tune_polar.report.words import gap_words, metric_words
from tune_polar.stats.checkpoint_choice import Curve, worth_of_own_checkpoint
from tune_polar.trial.checkpoint_metric import LAST


def own_checkpoint_sentences(page: PageContext) -> tuple[str, ...]:
    """Of the winner's stages that the score reads; () where none was chosen from several evaluations."""
    found = dict(_worth(page))
    told = [words for words in found.values() if words]
    if not found or (not told and page.cells.folds > 1):
        return ()
    less = (
        f"at the step that the other folds kept they are worse, {listed(told)}"
        if told
        else "by how much, one fold cannot say"
    )
    options = " ".join(f"--set {name}.keep={LAST}" for name in found)
    return (
        f"Each {page.cells.one} keeps its best checkpoint by the very rows that are scored, which makes scores look "
        f"too good; neither interval corrects it: {less} ({options} keeps the last one instead).",
    )


def _worth(page: PageContext) -> Iterator[tuple[str, str]]:
    """Names of stages that kept one of several checkpoints, and what the choice is worth in words; "" of nothing."""
    best, outcome = page.best, page.outcome
    if best is None or outcome is None or best.predictions is None:
        return
    stages = best.configuration.recipe.stages
    for name in stages:
        keep = stages[name].keep
        if name not in outcome.graph.scored.stages or keep == LAST:
            continue
        records = [(cell.fold, cell.stages[name]) for cell in best.predictions.cells]
        curves = [
            Curve(fold, tuple(p.step for p in each.curve), tuple(p.value for p in each.curve), each.best_step)
            for fold, each in records
        ]
        if max((len(curve.steps) for curve in curves), default=0) < 2:
            continue
        metric = keep_metric(keep)
        worth = worth_of_own_checkpoint(curves, metric)
        is_seen = worth is not None and round(metric.factor * worth, 1 if metric.factor == 100 else 3) > 0
        yield name, f"{name}’s {metric_words(keep)} by {gap_words(worth, metric)}" if worth and is_seen else ""
