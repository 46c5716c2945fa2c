"""Greedy selection, its objective and nested cross-fitting against plain loops."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import f1_score

from tune_polar.decide import ensemble_fit
from tune_polar.decide.choose_thresholds import choose_thresholds
from tune_polar.decide.chooser import Chooser
from tune_polar.decide.configuration_ensembles import EnsembleBench, greedy, only, uniform
from tune_polar.decide.decision_engine import judge
from tune_polar.decide.ensemble_fit import EnsembleCandidate
from tune_polar.decide.evidence import Evidence
from tune_polar.decide.graph import Graph
from tune_polar.decide.greedy_selection import PATIENCE, ROUNDS, START, STEADY, TIE, greedy_selection
from tune_polar.decide.member_tables import mean_table, shares
from tune_polar.decide.metrics import metric_named
from tune_polar.decide.rows import Gold, Rows
from tune_polar.decide.selection_objective import DecisionObjective
from tune_polar.decide.tables import Table
from tune_polar.errors import DecisionError

LABELS = ("loud", "sly", "rude")
MACRO = metric_named("macro_f1")
GRAPH = Graph.of({"it": {"type": "threshold", "of": "model"}}, score="it", stages=["model"])


def labels_case(rows: int = 90, candidates: int = 4, seed: int = 0, *, ties: bool = False):
    """Gold, folds, and probabilities (candidates, rows, labels); with ties they are eighths, whose means are exact."""
    rng = np.random.default_rng(seed)
    gold = rng.random((rows, 3)) < [0.4, 0.2, 0.1]
    logits = gold * rng.uniform(0.5, 2, (candidates, 1, 1)) + rng.normal(0, 1, (candidates, rows, 3)) - 0.7
    probability = 1 / (1 + np.exp(-logits))
    return gold, np.arange(rows) % 3, np.round(probability * 8) / 8 if ties else np.round(probability, 6)


def candidates_of(probability: np.ndarray, covered: np.ndarray | None = None) -> list[EnsembleCandidate]:
    masks = np.ones(probability.shape[:2], dtype=bool) if covered is None else covered
    return [
        EnsembleCandidate(f"c{place}", {"model": Table.of("probability", [each])}, {"model": mask})
        for place, (each, mask) in enumerate(zip(probability, masks, strict=True))
    ]


def best_f1(gold: np.ndarray, share: np.ndarray) -> float:
    """Over every cut."""
    best = 0.0
    for cut in np.unique(share):
        called = share >= cut
        best = max(best, 2 * np.count_nonzero(called & gold) / (np.count_nonzero(called) + np.count_nonzero(gold)))
    return best


def best_macro_f1(gold: np.ndarray, share: np.ndarray) -> float:
    return max(f1_score(gold, share >= cut, average="macro", zero_division=0) for cut in np.unique(share))


def objective_of(gold: Gold, probability: np.ndarray, covered: np.ndarray | None = None) -> DecisionObjective:
    masks = np.ones(probability.shape[:2], dtype=bool) if covered is None else covered
    chooser = Chooser(Evidence({"model": Table.of("probability", [probability[0]])}, {"model": Rows.of(gold)}), MACRO)
    tables, there = [{"model": each} for each in probability], [{"model": each} for each in masks]
    return DecisionObjective(GRAPH.scored, chooser, tables, there)


@pytest.mark.parametrize("seed", range(4))
def test_what_an_ensemble_is_chosen_by_is_its_highest_f1(seed):
    gold, _, probability = labels_case(seed=seed, ties=True)
    counts = np.array([2, 0, 1, 0])
    found = objective_of(Gold("labels", gold, LABELS), probability).added(counts)
    for place in range(4):
        often = counts + np.eye(4, dtype=int)[place]
        mean = (often[:, None, None] * probability).sum(axis=0) / often.sum()
        assert found[place] == pytest.approx(np.mean([best_f1(gold[:, i], mean[:, i]) for i in range(3)]), abs=1e-6)


def test_of_one_yes_or_no_column_both_classes_count():
    gold, _, probability = labels_case(ties=True)
    one = objective_of(Gold("binary", gold[:, :1], LABELS[:1]), probability[:, :, :1])
    for place, score in enumerate(one.added(np.zeros(4, dtype=int))):
        assert score == pytest.approx(best_macro_f1(gold[:, 0], probability[place, :, 0]), abs=1e-6)


def test_rows_without_an_answer_are_the_others():
    gold, _, probability = labels_case()
    covered = np.ones((4, 90), dtype=bool)
    covered[2, ::2] = False
    counts = np.array([1, 0, 0, 0])
    found = objective_of(Gold("labels", gold, LABELS), probability, covered).added(counts)[2]
    mean = probability[0].copy()
    mean[1::2] = (probability[0][1::2] + probability[2][1::2]) / 2
    assert found == pytest.approx(np.mean([best_f1(gold[:, i], mean[:, i]) for i in range(3)]), abs=1e-6)


def greedy_by_loops(score, candidates: int, start: int, rounds: int) -> np.ndarray:
    """As the paper has it; ``score`` of a list of members."""
    alone = [score([place]) for place in range(candidates)]
    members = sorted(range(candidates), key=lambda place: (-alone[place], place))[:start]
    best, best_score, since = list(members), -np.inf, 0
    for _ in range(rounds):
        scores = [score([*members, place]) for place in range(candidates)]
        place = next(place for place in range(candidates) if scores[place] >= max(scores) - TIE)
        members.append(place)
        since += 1
        if scores[place] > best_score + TIE:
            best, best_score, since = list(members), scores[place], 0
        if since == PATIENCE:
            break
    return np.bincount(best, minlength=candidates)


class MeanOf:
    """Ensembles of numbers: the nearer their mean to the goal, the better."""

    def __init__(self, values: np.ndarray, goal: float) -> None:
        self.values, self.goal = values, goal

    def score(self, members: list[int]) -> float:
        return -abs(float(np.mean(self.values[members])) - self.goal)

    def added(self, counts: np.ndarray) -> np.ndarray:
        members = np.repeat(np.arange(len(counts)), counts).tolist()
        return np.array([self.score([*members, place]) for place in range(len(counts))])


@pytest.mark.parametrize("seed", range(6))
def test_greedy_selection_is_the_papers(seed):
    rng = np.random.default_rng(seed)
    problem = MeanOf(rng.random(6), 0.5)
    found = greedy_selection(problem, np.ones(6, dtype=bool), start=2, rounds=9)
    assert found.tolist() == greedy_by_loops(problem.score, 6, 2, 9).tolist()


def test_ties_go_to_the_candidate_given_first():
    found = greedy_selection(MeanOf(np.full(5, 0.3), 0.5), np.ones(5, dtype=bool), start=1, rounds=3)
    assert found.tolist() == [2, 0, 0, 0, 0]


def test_one_that_lacks_rows_is_not_begun_with():
    complete = np.array([False, True])
    assert greedy_selection(MeanOf(np.array([0.5, 0.2]), 0.2), complete, start=2, rounds=1).tolist() == [0, 2]


def cross_fitted_by_loops(gold, folds, probability, weights_of) -> tuple[np.ndarray, np.ndarray]:
    """Decisions by weights and thresholds of the other folds, and the weights of all rows."""
    decided = np.zeros_like(gold)
    for fold in np.unique(folds):
        others = folds != fold
        mean = np.tensordot(weights_of(gold[others], probability[:, others]), probability, axes=1)
        cuts = choose_thresholds("max_f1", gold[others], mean[others])
        decided[~others] = mean[~others] >= cuts
    return decided, weights_of(gold, probability)


def half_and_half(gold: np.ndarray, probability: np.ndarray) -> np.ndarray:
    def score(members: list[int]) -> float:
        mean = probability[members].mean(axis=0).round(6)
        return round(float(np.mean([best_f1(gold[:, i], mean[:, i]) for i in range(3)])), 7)

    counts = greedy_by_loops(score, len(probability), START, ROUNDS)
    alone = [score([place]) for place in range(len(probability))]
    steady = np.zeros(len(probability))
    steady[sorted(range(len(probability)), key=lambda place: (-alone[place], place))[:STEADY]] = 1
    return (counts / counts.sum() + steady / steady.sum()) / 2


@pytest.mark.parametrize("seed", range(3))
def test_weights_and_thresholds_are_those_of_the_other_folds(seed):
    gold, folds, probability = labels_case(rows=60, seed=seed)
    rows = {"model": Rows.of(Gold("labels", gold, LABELS), part=folds)}
    bench = EnsembleBench(GRAPH, rows, candidates_of(probability), MACRO)
    alike = lambda gold, probability: np.full(len(probability), 1 / len(probability))  # noqa: E731
    for weigh, by_loops in ((uniform, alike), (greedy, half_and_half)):
        found = bench.ensemble(weigh)
        decided, weights = cross_fitted_by_loops(gold, folds, probability, by_loops)
        assert found.deployed.weights == pytest.approx(weights)
        assert np.array_equal(found.scored.decided, decided)
        assert found.scored.score == pytest.approx(f1_score(gold, decided, average="macro", zero_division=0))


def test_gold_of_a_fold_has_no_say_in_its_own_rows():
    gold, folds, probability = labels_case()
    turned = np.where((folds == 1)[:, None], ~gold, gold)
    decided = []
    for truth in (gold, turned):
        rows = {"model": Rows.of(Gold("labels", truth, LABELS), part=folds)}
        decided.append(EnsembleBench(GRAPH, rows, candidates_of(probability), MACRO).ensemble(greedy).scored.decided)
    assert np.array_equal(decided[0][folds == 1], decided[1][folds == 1])
    assert not np.array_equal(decided[0], decided[1])


def test_one_candidate_alone_scores_as_itself():
    gold, folds, probability = labels_case()
    rows = {"model": Rows.of(Gold("labels", gold, LABELS), part=folds)}
    found = EnsembleBench(GRAPH, rows, candidates_of(probability), MACRO).ensemble(only(2))
    chooser = Chooser(Evidence({"model": Table.of("probability", [probability[2]])}, rows), MACRO)
    own = chooser.choose(GRAPH.scored, (1, 2))
    theirs = chooser.decide(GRAPH.scored, own)[folds == 0]
    assert np.array_equal(found.scored.decided[folds == 0], theirs)


def test_without_a_complete_candidate_there_is_no_ensemble():
    gold, folds, probability = labels_case()
    covered = np.ones((4, 90), dtype=bool)
    covered[:, 0] = False
    rows = {"model": Rows.of(Gold("labels", gold, LABELS), part=folds)}
    with pytest.raises(DecisionError, match="must have a configuration that has answered for every row"):
        EnsembleBench(GRAPH, rows, candidates_of(probability, covered), MACRO)


def test_neighbours_are_shares_of_the_k_nearest():
    nearest = np.array([[1, 0, 1, 1], [0, 0, 1, 1]])
    other = np.array([[1, 1, 1, 1], [0, 1, 0, 0]])
    assert shares(Table.of("neighbours", [nearest]), 3)[:, 0] == pytest.approx([2 / 3, 1 / 3])
    assert shares(Table.of("neighbours", [nearest, other]), 9)[:, 0] == pytest.approx([7 / 8, 3 / 8])
    mean = mean_table(
        [Table.of("neighbours", [nearest]), Table.of("probability", [np.full((2, 1), 0.5)])], [1, 3], [2, None]
    )
    assert mean.ensemble[:, 0] == pytest.approx([0.5, 0.375])
    with pytest.raises(DecisionError, match="must be of shares or of values"):
        mean_table(
            [Table.of("value", [np.ones((2, 1))]), Table.of("probability", [np.ones((2, 1))])], [1, 1], [None] * 2
        )


def test_thresholds_per_group_are_those_of_the_mean():
    gold, folds, probability = labels_case(rows=300)
    language = np.where(np.arange(300) < 150, "deu", "eng")
    graph = Graph.of({"it": {"type": "threshold", "of": "model", "per": "language"}}, score="it", stages=["model"])
    rows = {"model": Rows.of(Gold("labels", gold, LABELS), part=folds, groups={"language": language})}
    found = EnsembleBench(graph, rows, candidates_of(probability), MACRO).ensemble(uniform)
    setting = found.deployed.settings["it"]
    own = language == "deu"
    expected = choose_thresholds("max_f1", gold[own], probability.mean(axis=0)[own])
    assert setting.own["deu"].values == pytest.approx(expected)


def test_the_kind_chooses_what_its_own_tables_are_worth():
    """``type: ensemble`` within one recipe: the weights of each part are those of the other parts' rows, by loops."""
    gold, folds, probability = labels_case(rows=60)
    names = [f"c{place}" for place in range(4)]
    steps = {"joined": {"type": "ensemble", "of": names}, "it": {"type": "threshold", "of": "joined"}}
    tables = {name: Table.of("probability", [each]) for name, each in zip(names, probability, strict=True)}
    rows = dict.fromkeys(names, Rows.of(Gold("labels", gold, LABELS), part=folds))
    judged = judge(Graph.of(steps, score="it", stages=names), tables, rows, MACRO)
    decided, weights = cross_fitted_by_loops(gold, folds, probability, half_and_half)
    assert judged.scored.deployed["joined"].values == pytest.approx(weights)
    assert np.array_equal(judged.scored.cross_fitted.decided, decided)


@pytest.mark.parametrize("kind", ["class", "number"])
def test_the_kind_takes_classes_and_numbers(kind):
    rng = np.random.default_rng(3)
    if kind == "class":
        codes = rng.integers(0, 3, (90, 1))
        shares_of = [rng.random((90, 3)) + strength * (codes == np.arange(3)) for strength in (0.1, 0.9)]
        tables = [Table.of("probability", [each / each.sum(axis=1, keepdims=True)]) for each in shares_of]
        gold, last, metric = Gold("class", codes, ("a", "b", "c")), "argmax", "macro_f1"
    else:
        values = rng.random((90, 1))
        tables = [Table.of("value", [values + rng.normal(0, spread, (90, 1))]) for spread in (3.0, 0.1)]
        gold, last, metric = Gold("number", values, ("x",)), "clip", "rmse"
    steps = {"joined": {"type": "ensemble", "of": ["bad", "good"]}, "it": {"type": last, "of": "joined"}}
    rows = dict.fromkeys(("bad", "good"), Rows.of(gold, part=np.arange(90) % 3))
    judged = judge(
        Graph.of(steps, score="it", stages=["bad", "good"]),
        dict(zip(("bad", "good"), tables, strict=True)),
        rows,
        metric,
    )
    bad, good = judged.scored.deployed["joined"].values
    assert good > bad > 0


def test_of_very_many_rows_some_choose_the_weights(monkeypatch):
    gold, folds, probability = labels_case(rows=90)
    rows = {"model": Rows.of(Gold("labels", gold, LABELS), part=folds)}
    monkeypatch.setattr(ensemble_fit, "MOST_ROWS", 30)
    found = EnsembleBench(GRAPH, rows, candidates_of(probability), MACRO).ensemble(greedy).deployed
    assert found.weights == pytest.approx(half_and_half(gold[::3], probability[:, ::3]))
    mean = np.tensordot(found.weights, probability, axes=1)
    assert found.settings["it"].values == pytest.approx(choose_thresholds("max_f1", gold, mean))
