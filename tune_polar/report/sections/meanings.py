"""Settings whose number says little, beside what they do: learning rates by layer, and what losses bring with them."""

from __future__ import annotations

from tune_polar.recipe.recipe import Recipe
from tune_polar.recipe.sections import TINY
from tune_polar.report.document import Block, TextTable, heading, prose
from tune_polar.report.losses import VIEWS
from tune_polar.report.numbers import setting
from tune_polar.report.page_context import PageContext
from tune_polar.report.page_section import Answer, Section, has
from tune_polar.report.words import begun

STEPS_SHOWN = (0, 1, 2, 3, 4, 8, 12, 16, 20, 24)  # below the top layer, where the depth is not recorded
USUAL_DEPTH = 12


def build(page: PageContext) -> Answer:
    """Layers first, then the losses in the recipe's order."""
    blocks = _layer_rates(page) if _decays(page) else []
    for stage, loss in _losses(page.recipe):
        blocks += VIEWS[loss](page, stage)
    return blocks


def _losses(recipe: Recipe) -> list[tuple[str, str]]:
    """Stage and name of each loss that has a view."""
    return [(name, loss) for name, stage in recipe.stages.items() for loss in stage.losses if loss in VIEWS]


def _decays(page: PageContext) -> bool:
    """Whether layers have rates of their own in any stage, as given or as the winner."""
    recipes = [page.recipe, *([] if page.best is None else [page.best.configuration.recipe])]
    return any(stage.optimizer.xi < 1 for recipe in recipes for stage in recipe.stages.values())


def _layer_rates(page: PageContext) -> list[Block]:
    named = [(page.reference_word, page.recipe)]
    if page.best is not None and page.best is not page.reference:
        named.append(("winner", page.best.configuration.recipe))
    columns = [(f"{name}, {who}", stage) for who, recipe in named for name, stage in recipe.stages.items()]
    depths = {stage.encoder.tiny.layers if stage.encoder.name == TINY else None for _, stage in columns}
    depth = depths.pop() if len(depths) == 1 else None
    known = "" if depth is not None else " The records do not say how many layers this encoder has."
    rule = (
        "Layer l of L trains at lr · ξ^(L−l), the embeddings one step below the lowest layer; the head has a rate of "
        f"its own.{known}"
    )
    rows = [
        (_layer_name(step, depth), *(setting(of.optimizer.lr * of.optimizer.xi**step) for _, of in columns))
        for step in (STEPS_SHOWN if depth is None else range(depth + 1))
    ]
    return [
        heading("ξ: the learning rate that each layer gets"),
        prose(rule, *(_rate_sentence(name, stage.optimizer.xi, depth) for name, stage in columns)),
        TextTable("Learning rate by layer", ("layer", *(name for name, _ in columns)), rows),
    ]


def _layer_name(step: int, depth: int | None) -> str:
    return "top layer" if step == 0 else "embeddings" if step == depth else f"{step} below the top"


def _rate_sentence(name: str, xi: float, depth: int | None) -> str:
    where = f"the layer {USUAL_DEPTH} below the top" if depth is None else "the embeddings"
    share = 100 * xi ** (USUAL_DEPTH if depth is None else depth)
    return f"{begun(name)}: ξ = {setting(xi)} leaves {where} {share:.0f}% of the top layer’s rate."


APPLIES = has(lambda page: _decays(page) or bool(_losses(page.recipe)), "no setting here needs explaining")
SECTION = Section("meanings", "What do the settings do?", "Settings", APPLIES, build)
