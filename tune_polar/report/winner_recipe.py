"""The winner's settings as a recipe that can be given back to any command."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from tune_polar.decide.groups import GroupSettings
from tune_polar.evaluate.summary import ConfigurationSummary, SearchSummary
from tune_polar.recipe.fill import fill
from tune_polar.recipe.recipe import Recipe
from tune_polar.recipe.recorded import recipe_to_json
from tune_polar.recipe.strict_yaml import written_yaml
from tune_polar.report.numbers import fixed
from tune_polar.report.settings import differences, flat
from tune_polar.report.words import CellWords, score_words, seen_mark, seen_notes
from tune_polar.store.gold import GoldSplit

DESCRIPTION = "The winner of a search"  # the words of the recipe it began with describe other settings
AS_IT_WAS = "  (as the recipe says)"


def winner_recipe(best: ConfigurationSummary) -> Recipe:
    """The winner's recipe with what its decisions were set to on all out-of-fold rows."""
    recipe = best.configuration.recipe
    if best.scores is not None:
        recipe = fill(recipe, best.scores.best.settings)
    name = recipe.recipe.removesuffix("-winner") + "-winner"
    return recipe.model_copy(update={"recipe": name, "description": DESCRIPTION})


def winner_yaml(summary: SearchSummary) -> str | None:
    """The winner as YAML; None where nothing has a score."""
    best = summary.best
    if best is None or best.scores is None:
        return None
    over = CellWords(summary.cells).count(len(best.folds))
    comments = [
        f"Winner of {summary.url}: configuration {best.configuration.id}",
        f"{score_words(summary.recipe)}: {fixed(best.scores.score, 4)}{seen_mark(best)}, cross-fitted over {over}",
        *seen_notes([best]),
        *_unwritten(best, summary.gold.train),
    ]
    settings = recipe_to_json(winner_recipe(best))
    if settings["sample"] == Recipe.model_fields["sample"].default:  # nothing to say of whoever brings data
        del settings["sample"]
    return "\n".join(map(_comment, comments)) + "\n" + written_yaml(settings)


def winner_changes(summary: SearchSummary) -> str:
    """What the winner changes of the recipe the search began with, as YAML for the terminal."""
    best = summary.best
    if best is None:
        return ""
    won = winner_recipe(best)
    values = flat(won)
    changed = {each.key: values[each.key] for each in differences(summary.recipe, won) if each.key in values}
    if not changed:
        return AS_IT_WAS
    plain = {key: list(value) if isinstance(value, tuple) else value for key, value in changed.items()}
    first, *lines = written_yaml({"changes": plain}).splitlines()
    if any(key.startswith("decide.") for key in changed):
        first += "  # decide: chosen on all out-of-fold rows, as for every configuration"
    return "\n".join(f"  {line}" for line in (first, *lines))


def _unwritten(best: ConfigurationSummary, gold: GoldSplit) -> Iterator[str]:
    """What decides as chosen and has no place in a recipe: settings of groups."""
    if best.outcome is None:
        return
    written: Mapping[str, Any] = best.outcome.settings()
    for name, chosen in best.outcome.best.deployed.items():
        node = best.outcome.graph.nodes[name]
        if node.per is not None and isinstance(chosen, GroupSettings):
            groups = gold.columns[node.per].names
            chosen = replace(chosen, own={groups[code]: each for code, each in chosen.own.items()})
        if node.parameters and not any(key.startswith(f"decide.{name}.") for key in written):
            yield f"{name}, chosen on all out-of-fold rows: {chosen}"


def _comment(text: str) -> str:
    # A path or label with a line break or control character in it must not end the comment.
    return "# " + "".join(c if c.isprintable() else " " for c in text)
