"""The winner's settings as a recipe that can be given back to any command."""

from __future__ import annotations

import yaml

from tune_polar.spec.recipe import Recipe
from tune_polar.store.outcome import deployed_thresholds, rounded_tau
from tune_polar.store.summary import ConfigurationSummary, SearchSummary

DESCRIPTION = "The winner of a search"  # the words of the recipe it began with describe the published settings


def winner_recipe(best: ConfigurationSummary) -> Recipe:
    """The winner's recipe with the decision settings that were chosen on all out-of-fold rows."""
    recipe = best.configuration.recipe
    if best.outcome is None:
        return recipe
    decided = best.outcome.best
    chosen = {
        "k": decided.votes.k,
        "tau": rounded_tau(decided.votes.tau),
        "threshold_rule": decided.rule or recipe.decision.threshold_rule,
    }
    name = recipe.recipe.removesuffix("-winner") + "-winner"
    changed = {"recipe": name, "description": DESCRIPTION, "decision": recipe.decision.model_copy(update=chosen)}
    return recipe.model_copy(update=changed)


def winner_thresholds(best: ConfigurationSummary) -> dict[str, float]:
    """Per label, chosen on all out-of-fold gold-polarized rows by the winner's rule; empty for a detector alone."""
    if best.outcome is None or best.predictions is None or not best.outcome.best.rule:
        return {}
    return deployed_thresholds(best.predictions, best.outcome.best.rule)


def winner_yaml(summary: SearchSummary) -> str | None:
    """The winner as YAML, its thresholds in comments; None where nothing has a score."""
    best = summary.best
    if best is None or best.outcome is None:
        return None
    comments = [
        f"Winner of {summary.url}: configuration {best.configuration.id}",
        f"{summary.objective} {best.outcome.score:.4f}, cross-fitted over {len(best.folds)} folds",
    ]
    thresholds = winner_thresholds(best)
    if thresholds:
        comments.append("thresholds on all out-of-fold rows:")
        comments += [f"  {label}: {value:.4f}" for label, value in thresholds.items()]
    settings = winner_recipe(best).model_dump(mode="json")
    return "\n".join(map(_comment, comments)) + "\n" + yaml.safe_dump(settings, sort_keys=False, allow_unicode=True)


def _comment(text: str) -> str:
    # A path or label with a line break or control character in it must not end the comment.
    return "# " + "".join(c if c.isprintable() else " " for c in text)
