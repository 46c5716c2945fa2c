from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from tune_polar.decide.ensemble import weighted_mean
from tune_polar.decide.gating import EndToEndRows, cross_fitted_end_to_end, gate
from tune_polar.decide.knn import cross_fit_votes, every_share, vote_shares
from tune_polar.decide.scores import binary_macro_f1, positive_f1
from tune_polar.decide.thresholds import choose_thresholds
from tune_polar.decide.votes import VoteRule
from tune_polar.errors import DecisionError


@pytest.fixture
def rows() -> EndToEndRows:
    rng = np.random.default_rng(3)
    polarized = rng.random(60) < 0.5
    labels = (rng.random((60, 3)) < [0.6, 0.3, 0.2]) & polarized[:, None]
    return EndToEndRows(
        fold=np.arange(60) % 3,
        gold_polarized=polarized,
        gold_labels=labels,
        neighbour_labels=(rng.random((60, 9)) < np.where(polarized, 0.7, 0.3)[:, None]).astype(np.uint8),
        probability=np.clip(0.3 + 0.4 * labels + rng.normal(0, 0.2, (60, 3)), 0, 1),
    )


def test_rejected_rows_have_no_label() -> None:
    decided = np.array([[1, 0], [1, 1], [0, 1]])
    assert gate(np.array([1, 0, 1]), decided).astype(int).tolist() == [[1, 0], [0, 0], [0, 1]]


def test_fixed_votes_equal_a_loop_over_folds(rows: EndToEndRows) -> None:
    result = cross_fitted_end_to_end(rows, "max_f1", VoteRule.of(5, 0.6))
    expected = np.zeros((60, 3), dtype=bool)
    for fold in range(3):
        others = (rows.fold != fold) & rows.gold_polarized
        thresholds = choose_thresholds("max_f1", rows.gold_labels[others], rows.probability[others])
        for row in np.flatnonzero(rows.fold == fold):
            if vote_shares(rows.neighbour_labels, 5)[row] >= 0.6:
                expected[row] = rows.probability[row] >= thresholds
    assert (result.decided == expected).all()
    assert result.per_class == pytest.approx(positive_f1(rows.gold_labels, expected), abs=1e-12)
    assert result.macro_f1 == pytest.approx(result.per_class.mean())
    assert result.vote_rules == (VoteRule.of(5, 0.6),) * 3


def test_chosen_votes_are_those_of_cross_fitting(rows: EndToEndRows) -> None:
    result = cross_fitted_end_to_end(rows, "fixed", every_share(range(1, 10)))
    folds = [rows.fold == fold for fold in range(3)]
    votes = cross_fit_votes(
        [rows.neighbour_labels[own] for own in folds],
        [rows.gold_polarized[own] for own in folds],
        range(1, 10),
    )
    assert result.vote_rules == votes.chosen
    assert result.detector_macro_f1 == pytest.approx(votes.score, abs=1e-12)
    assert result.detector_macro_f1 == binary_macro_f1(rows.gold_polarized, result.detected)
    own = rows.gold_polarized
    assert result.classifier_per_class == pytest.approx(
        positive_f1(rows.gold_labels[own], rows.probability[own] >= 0.5)
    )


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"gold_polarized": np.ones(5, dtype=bool)}, r"gold_polarized must hold the same 60 rows .* got 5"),
        ({"neighbour_labels": np.ones((5, 9))}, r"neighbour_labels must hold the same 60 rows .* got 5"),
        ({"gold_polarized": np.zeros(60, dtype=bool)}, r"chosen on at least one row"),
        ({"fold": np.zeros(60, dtype=int)}, r"needs at least 2 folds"),
    ],
)
def test_rows_that_do_not_belong_together(rows: EndToEndRows, change: dict[str, object], message: str) -> None:
    with pytest.raises(DecisionError, match=message):
        cross_fitted_end_to_end(replace(rows, **change), "max_f1", VoteRule.of(5, 0.6))  # type: ignore[arg-type]


def test_gate_needs_one_value_per_row() -> None:
    with pytest.raises(DecisionError, match=r"one value per decided row \(2\), got 1"):
        gate(np.array([1]), np.zeros((2, 2), dtype=bool))


def test_weighted_mean() -> None:
    first, second = np.array([[0.0, 1.0]]), np.array([[1.0, 1.0]])
    assert weighted_mean([first, second]).tolist() == [[0.5, 1.0]]
    assert weighted_mean([first, second], [1, 3]).tolist() == [[0.75, 1.0]]


@pytest.mark.parametrize(
    ("models", "weights", "message"),
    [
        ([], None, "at least one model"),
        (
            [np.ones((2, 2)), np.ones((3, 2))],
            None,
            r"same rows and labels; got shapes \[\(2, 2\), \(3, 2\)\]",
        ),
        ([np.ones((2, 2))], [1.0, 1.0], r"one per model \(1\), got 2"),
        ([np.ones((2, 2))], [-1.0], r"none negative and at least one positive, got \[-1.0\]"),
        ([np.ones((2, 2))], [0.0], r"at least one positive"),
        ([np.ones((2, 2))], [float("inf")], r"must be finite"),
    ],
)
def test_bad_ensembles(models: list[np.ndarray], weights: list[float] | None, message: str) -> None:
    with pytest.raises(DecisionError, match=message):
        weighted_mean(models, weights)
