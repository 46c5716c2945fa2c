"""What is shown of a loss's settings, by the loss's name: a loss without a view of its own has none."""

from collections.abc import Callable

from tune_polar.report.document import Block
from tune_polar.report.losses.asymmetric import asymmetric
from tune_polar.report.losses.soft_triple import soft_triple
from tune_polar.report.page_context import PageContext

# The page and the stage → blocks.
VIEWS: dict[str, Callable[[PageContext, str], list[Block]]] = {"asymmetric": asymmetric, "soft_triple": soft_triple}

__all__ = ["VIEWS"]
