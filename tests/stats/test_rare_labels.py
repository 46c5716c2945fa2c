from __future__ import annotations

import numpy as np
import pytest

from tune_polar.decide.confusion_scores import f1_of_counts
from tune_polar.decide.rows import Gold, Rows
from tune_polar.stats.rare_labels import rare_labels

RNG = np.random.default_rng(3)


def rows(counts: tuple[int, ...], size: int = 500, folds: int = 5) -> tuple[Rows, np.ndarray]:
    """Labels positive so often, spread over the folds, and decisions that are right four times of five."""
    gold = np.zeros((size, len(counts)), dtype=bool)
    for place, count in enumerate(counts):
        gold[RNG.permutation(size)[:count], place] = True
    decided = np.where(RNG.random(gold.shape) < 0.8, gold, RNG.random(gold.shape) < 0.1)
    kind = "binary" if len(counts) == 1 else "labels"
    names = tuple(f"label{place}" for place in range(len(counts)))
    return Rows.of(Gold(kind, gold, names), part=np.arange(size) % folds), decided


def test_labels_with_few_positive_rows_are_named_with_their_numbers() -> None:
    found = rare_labels(*rows((29, 30, 200)))
    assert [(each.label, each.positives) for each in found if each.in_smallest_fold >= 3] == [("label0", 29)]
    assert rare_labels(*rows((100, 200))) == ()


def test_a_fold_without_positive_rows_makes_a_label_rare() -> None:
    about, decided = rows((60, 200))
    lopsided = about.gold.values.copy()
    lopsided[about.part == 4, 0] = False
    (found,) = rare_labels(Rows.of(Gold("labels", lopsided, about.gold.names), part=about.part), decided)
    assert (found.label, found.in_smallest_fold, found.positives > 30) == ("label0", 0, True)
    assert "0 in the smallest fold" in found.sentence


def test_the_wobble_is_that_of_rows_drawn_one_by_one() -> None:
    about, decided = rows((25, 300))
    (found,) = rare_labels(about, decided, 400)
    gold, called = about.gold.values[:, 0], decided[:, 0].astype(bool)
    here = f1(gold, called)
    assert (found.f1, found.rows) == (here, 400)
    moved = []
    for _ in range(2000):  # Rubin's bootstrap of the rows at hand and half a row of each kind, then new rows from it
        kinds = np.concatenate([np.stack([gold, called], axis=1), [[1, 1], [0, 1], [1, 0], [0, 0]]]).astype(bool)
        share = RNG.gamma(np.append(np.ones(len(gold)), np.full(4, 0.5)))
        drawn = kinds[RNG.choice(len(kinds), 400, p=share / share.sum())]
        moved.append(abs(f1(drawn[:, 0], drawn[:, 1]) - here))
    assert found.wobble == pytest.approx(float(np.mean(moved)), rel=0.1)
    assert found.wobble > 2 * rare_labels_of_common(about, decided)


def test_of_several_seeds_all_are_looked_at() -> None:
    about, decided = rows((25, 300))
    others = rows((25, 300))[1]
    seed = np.repeat([1, 2], len(about))
    gold = Gold("labels", np.concatenate([about.gold.values] * 2), about.gold.names)
    twice = Rows.of(gold, part=np.tile(about.part, 2), ids=np.tile(about.ids, 2), seed=seed)
    (found,) = rare_labels(twice, np.concatenate([decided, others]), 400)
    each = [rare_labels(about, one, 400)[0] for one in (decided, others)]
    assert found.f1 == pytest.approx(np.mean([one.f1 for one in each]))
    assert found.wobble == pytest.approx(np.mean([one.wobble for one in each]))
    assert found.positives == 25


def f1(gold: np.ndarray, called: np.ndarray) -> float:
    counts = ((gold & called).sum(), (~gold & called).sum(), (gold & ~called).sum())
    return float(f1_of_counts(*(np.array([count]) for count in counts))[0])


def test_a_label_that_was_never_hit_is_not_sure_to_be_missed() -> None:
    gold = np.zeros((200, 1), dtype=bool)
    gold[:6] = True
    found = rare_labels(Rows.of(Gold("labels", gold, ("x",))), np.zeros_like(gold))[0]
    assert found.f1 == 0.0
    assert found.wobble > 0.02


def rare_labels_of_common(about: Rows, decided: np.ndarray) -> float:
    """The wobble of the common label, looked at as if it stood in one row of a fold of its own."""
    part = about.part.copy()
    part[np.flatnonzero(about.gold.values[:, 1])[0]] = 9
    found = rare_labels(Rows.of(about.gold, part=part), decided)
    return next(each.wobble for each in found if each.label == "label1")


def test_both_classes_of_binary_gold_and_every_class_are_looked_at() -> None:
    assert [each.label for each in rare_labels(*rows((480,)))] == ["not label0"]
    codes = np.repeat([0, 1, 2], [200, 290, 10])[:, None]
    about = Rows.of(Gold("class", codes, ("a", "b", "c")), part=np.arange(500) % 2)
    (found,) = rare_labels(about, codes)
    assert (found.label, found.positives, found.in_smallest_fold, found.f1) == ("c", 10, 5, 1.0)
    numbers = Rows.of(Gold("number", np.linspace(0, 1, 9)[:, None], ("n",)))
    assert rare_labels(numbers, numbers.gold.values) == ()


def test_several_seeds_count_a_text_once() -> None:
    about, decided = rows((20, 200))
    twice = Rows.of(
        about.gold.take(np.tile(np.arange(500), 2)),
        part=np.tile(about.part, 2),
        seed=np.repeat([1, 2], 500),
        ids=np.tile(np.arange(500), 2),
    )
    assert rare_labels(twice, np.concatenate([decided, decided])) == rare_labels(about, decided)
