"""What a section of the page is: a question, whether it arises, and how it is answered."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from tune_polar.decide.rows import GoldKind
from tune_polar.report.document import Block, missing
from tune_polar.report.page_context import PageContext
from tune_polar.report.words import NOTHING_FINISHED

Answer = Sequence[Block]


@dataclass(frozen=True)
class Reason:
    """Why a question is not answered."""

    text: str
    arises: bool = True  # False: never of this recipe, so that the section is left out


Applies: TypeAlias = Callable[[PageContext], Reason | None]


@dataclass(frozen=True)
class Section:
    """One question of the page."""

    name: str  # of its place in the page, which the navigation links to
    question: str  # its title
    short: str  # what the navigation says
    applies: Applies  # None where it can be answered, else why not
    build: Callable[[PageContext], Answer]  # asked for only where it applies

    def arises(self, page: PageContext) -> bool:
        """Whether the section has its place in the page."""
        reason = self.applies(page)
        return reason is None or reason.arises

    def answer(self, page: PageContext) -> Answer:
        """Its blocks, or why there are none."""
        reason = self.applies(page)
        return self.build(page) if reason is None else [missing(reason.text)]


def always(page: PageContext) -> Reason | None:  # noqa: ARG001 - one signature for all
    """There is always an answer."""
    return None


def finished(page: PageContext) -> Reason | None:
    """There is one once a configuration has a score."""
    return None if page.outcome is not None else Reason(NOTHING_FINISHED)


def decides(kind: str, otherwise: str) -> Applies:
    """There is one where the recipe has a decision of this kind."""
    return has(lambda page: any(each.name == kind for each in page.recipe.decide.values()), otherwise)


def predicts(is_so: Callable[[GoldKind], bool], otherwise: str) -> Applies:
    """There is one where the gold of some stage is so."""
    return has(lambda page: any(is_so(each.task.gold) for each in page.recipe.stages.values()), otherwise)


def has(what: Callable[[PageContext], bool], otherwise: str) -> Applies:
    """There is one where the recipe has something, once a configuration has a score; else it does not arise."""
    return lambda page: finished(page) if what(page) else Reason(f"Not applicable: {otherwise}.", arises=False)
