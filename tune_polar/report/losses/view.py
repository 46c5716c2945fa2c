"""What a loss's view is given and gives."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias

from tune_polar.evaluate.summary import ConfigurationSummary
from tune_polar.report.context import PageContext
from tune_polar.report.document import Block

LossView: TypeAlias = Callable[[PageContext, str], list[Block]]  # the page and the stage → blocks


def settings_of(row: ConfigurationSummary, stage: str, loss: str) -> Any | None:
    """A configuration's settings of a loss; None where its stage has another one."""
    found = row.configuration.recipe.stages.get(stage)
    return None if found is None else found.losses.get(loss)


def shown(page: PageContext) -> list[tuple[str, ConfigurationSummary]]:
    """The winner, and the reference where it is another configuration."""
    reference = None if page.reference is page.best else page.reference
    return [(name, row) for name, row in (("winner", page.best), (page.reference_word, reference)) if row is not None]


def read_in_full(page: PageContext) -> list[ConfigurationSummary]:
    """Configurations whose predictions have been read."""
    return [row for row in page.summary.finished if row.outcome is not None]
