"""The card of a model says what is so of its own configuration, and how its cells are called."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tune_polar.evaluate.expected_score import ahead_of
from tune_polar.report.model_card import CardFacts, model_card
from tune_polar.report.page_context import PageContext

PageOf = Callable[[str], PageContext]


def card(page: PageContext, place: int, models: int, *, all_rows: bool = False) -> str:
    row, _ = page.scored[place]
    assert row.outcome is not None
    facts = CardFacts(models, all_rows, ["."], [], ["tiny"], True, "0.1")
    return model_card(page.summary, row, row.outcome, facts)


def test_a_configuration_that_did_not_win_is_not_called_the_winner(page_of: PageOf) -> None:
    said = card(page_of("two stages"), 1, 3)
    assert "It is not the winner of its search" in said
    assert "**Its macro-F1 by where its settings were chosen" in said
    assert "winner" not in said.replace("not the winner of its search", "").lower()
    assert "--new-rows" not in said, "that command speaks of the winner"
    assert "taken off" not in said
    assert "Correction" not in said
    assert "| corrected |" not in said


def test_the_winners_card_says_what_the_page_says(page_of: PageOf) -> None:
    said = card(page_of("two stages"), 0, 3)
    assert "**The winner’s macro-F1 by where its settings were chosen" in said
    assert "the other folds; the choice of the winner repeated" in said
    assert "3 models of the folds vote together" in said


@pytest.mark.parametrize(
    ("shape", "models", "cells"), [("one split four seeds", 4, "seeds"), ("two seeds", 6, "cells")]
)
def test_models_are_called_by_their_cells(page_of: PageOf, shape: str, models: int, cells: str) -> None:
    said = card(page_of(shape), 0, models, all_rows=True)
    assert f"{models} models of the {cells} vote together" in said
    assert f"These are figures of the {cells}’ models." in said


def test_one_configuration_alone_owes_nothing_to_lucky_runs(page_of: PageOf) -> None:
    ahead = ahead_of(page_of("one configuration").summary)
    assert not isinstance(ahead, str)
    assert ahead.new_rows.luck == 0
