"""Texts of one author are no independent texts: whatever is drawn, they are drawn together."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tests.store.made_recipes import two_stages
from tests.store.made_store import made_store
from tune_polar.decide.metrics import metric_named
from tune_polar.decide.rows import Gold, Rows
from tune_polar.errors import DecisionError
from tune_polar.stats.bbc_cv import Candidate, bbc_cv
from tune_polar.stats.bootstrap import bootstrap_scores
from tune_polar.stats.new_rows import new_rows_score
from tune_polar.stats.run_spread import run_spread
from tune_polar.stats.weighted_scores import WeightedScores

MACRO = metric_named("macro_f1")
AUTHORS, EACH = 30, 20


def of_authors(rng: np.random.Generator) -> tuple[Rows, list[np.ndarray]]:
    """Texts that are harder to read of some authors than of others, decided by four models."""
    author = np.repeat(np.arange(AUTHORS), EACH)
    gold = rng.random(len(author)) < 0.4
    signal = (1.0 + rng.normal(0, 0.8, AUTHORS))[author] * (2 * gold - 1)
    common = rng.normal(0, 0.8, len(author))
    decided = [(signal + common + rng.normal(0, 0.6, len(author)) > 0)[:, None] for _ in range(4)]
    return Rows.of(Gold("binary", gold[:, None], ("y",)), part=author % 5, bonds=author), decided


def held(reps: int) -> tuple[int, int]:
    """How often the expectation's 90% interval holds the truth, rows of an author bound and not."""
    truth = np.mean(
        [MACRO.score(rows.gold, decided[0]) for rows, decided in map(of_authors, map(rng_of, range(900, 1100)))]
    )
    bound = apart = 0
    for seed in range(reps):
        rows, decided = of_authors(rng_of(seed))
        for bonds in (rows.bonds, rows.ids):
            told = Rows.of(rows.gold, part=rows.part, bonds=bonds)
            rng = rng_of(seed)
            choice = bbc_cv(
                told, [Candidate(str(n), "", each) for n, each in enumerate(decided)], rng, metric=MACRO, rounds=200
            )
            runs = run_spread(told, decided, MACRO, choice.standard_error, rng)
            ahead = new_rows_score(choice, told, decided[choice.winner], len(told), runs, rng)
            holds = truth in ahead.expected(0.9)
            bound += holds and bonds is rows.bonds
            apart += holds and bonds is rows.ids
    return bound, apart


def rng_of(seed: int) -> np.random.Generator:
    return np.random.default_rng(seed)


def test_the_expected_score_of_authors_lies_in_its_interval() -> None:
    bound, apart = held(40)
    assert bound >= 31  # of 40 at 90%: fewer in one of a hundred cases
    assert apart < bound, "as if rows were independent"


def test_a_draw_takes_whole_authors() -> None:
    rows, decided = of_authors(rng_of(0))
    prepared = WeightedScores(rows, decided, MACRO)
    assert prepared.units == AUTHORS
    weights = np.zeros((1, AUTHORS), dtype=np.float32)
    weights[0, 3] = 1
    own = rows.bonds == 3
    assert prepared.scores(weights)[0, 0] == pytest.approx(MACRO.score(rows.gold.take(own), decided[0][own]))
    wide, narrow = (
        bootstrap_scores(rows.gold, decided[0], rng_of(1), texts=texts).macro_interval
        for texts in (rows.bonds, rows.ids)
    )
    assert wide.high - wide.low > 1.3 * (narrow.high - narrow.low)


def test_rows_that_all_belong_together_say_nothing() -> None:
    rows, decided = of_authors(rng_of(0))
    one = Rows.of(rows.gold, part=rows.part, bonds=np.zeros(len(rows)))
    with pytest.raises(DecisionError, match="at least 2 rows that may be told apart"):
        bbc_cv(one, [Candidate("a", "", decided[0])], rng_of(0), metric=MACRO)
    few = Rows.of(rows.gold, part=rows.part, bonds=rows.bonds % 3)  # some rounds would draw all three
    assert 0 < bbc_cv(few, [Candidate("a", "", decided[0])], rng_of(0), metric=MACRO).plain < 1


def test_a_search_that_keeps_authors_together_draws_them_together(tmp_path: Path) -> None:
    made = made_store(tmp_path / "store", two_stages(folds__together=["author"]))
    made.finish(made.configuration())
    (row,) = made.summary().configurations
    assert row.outcome is not None
    rows = row.outcome.judged.scored.rows
    authors = made.gold.train.values("author")[rows.ids]
    for one in np.unique(rows.bonds):
        assert len(set(authors[rows.bonds == one].tolist())) == 1
    assert len(np.unique(rows.bonds)) < len(np.unique(rows.ids))
