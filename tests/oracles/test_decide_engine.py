"""The engine against plain loops that follow the definitions word by word, for every way rows can be parted."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tune_polar.decide.decision_engine import fold_score, judge
from tune_polar.decide.evidence import Evidence
from tune_polar.decide.fold_mean import weighted_mean
from tune_polar.decide.graph import Graph
from tune_polar.decide.groups import FEWEST_TEXTS
from tune_polar.decide.judgement import Scored
from tune_polar.decide.rows import Gold, Rows
from tune_polar.decide.tables import Table

WIDTH, LABELS = 4, ("x", "y")
WRITTEN = (3, Fraction(2, 5))
STEPS = {
    "polarized": {"type": "knn_vote", "of": "detector", "k": 3, "tau": 0.4},
    "manifestations": {"type": "threshold", "of": "classifier", "rule": "max_f1"},
    "system": {"type": "gate", "of": "manifestations", "by": "polarized"},
}
seeds = st.integers(0, 2**32 - 1)


@dataclass(frozen=True)
class Row:
    seed: int
    part: int
    id: int
    language: str
    near: tuple[int, ...]
    shares: tuple[float, ...]
    polarized: int
    labels: tuple[int, ...]


# -- how rows are parted ------------------------------------------------------------------------------------------


def folds(count: int, rng: np.random.Generator) -> list[tuple[int, int, int]]:
    return [(42, part, row) for row, part in enumerate(rng.permutation(np.arange(count) % 3))]


def folds_of_seeds(count: int, rng: np.random.Generator) -> list[tuple[int, int, int]]:
    plan = rng.permutation(np.arange(count // 2) % 3)
    return [(seed, int(plan[row]), row) for seed in (1, 2) for row in range(count // 2)]


def one_split(count: int, rng: np.random.Generator) -> list[tuple[int, int, int]]:
    return [(0, 7, int(row)) for row in np.sort(rng.choice(10 * count, count, replace=False))]


def one_split_of_seeds(count: int, rng: np.random.Generator) -> list[tuple[int, int, int]]:
    picked = np.sort(rng.choice(10 * count, count // 2, replace=False))
    return [(seed, 0, int(row)) for seed in (0, 1) for row in picked]


def groups_left_out(count: int, rng: np.random.Generator) -> list[tuple[int, int, int]]:
    """Three parts; a quarter of the texts stands in two of them."""
    rows = [(42, int(part), row) for row, part in enumerate(rng.permutation(np.arange(count) % 3))]
    return rows + [(42, (part + 1) % 3, row) for _, part, row in rows if row % 4 == 0]


PLANS = (folds, folds_of_seeds, one_split, one_split_of_seeds, groups_left_out)


def made(seed: int, plan: Callable[..., list[tuple[int, int, int]]], count: int = 48) -> list[Row]:
    rng = np.random.default_rng(seed)
    truth: dict[int, tuple[str, int, tuple[int, ...]]] = {}
    rows = []
    for of_seed, part, row in sorted(plan(count, rng)):
        if row not in truth:
            yes = int(rng.random() < 0.6)
            language = ("eng", "deu", "hau")[int(rng.integers(3) if row % 5 else 2)]
            truth[row] = (language, yes, (yes * int(rng.random() < 0.6), yes * int(rng.random() < 0.3)))
        language, yes, labels = truth[row]
        near = tuple(int(rng.random() < (0.7 if yes else 0.3)) for _ in range(WIDTH))
        shares = tuple(round(float(np.clip(0.3 + 0.3 * label + rng.normal(0, 0.25), 0, 1)), 1) for label in labels)
        rows.append(Row(of_seed, part, row, language, near, shares, yes, labels))
    return rows


def read(rows: list[Row]) -> tuple[dict[str, Table], dict[str, Rows]]:
    about = {
        "part": np.array([row.part for row in rows]),
        "seed": np.array([row.seed for row in rows]),
        "ids": np.array([row.id for row in rows]),
        "groups": {"language": np.array([row.language for row in rows])},
    }
    polarized = np.array([[row.polarized] for row in rows])
    gold = Gold("labels", np.array([row.labels for row in rows]), LABELS)
    return (
        {
            "detector": Table.of("neighbours", [np.array([row.near for row in rows])]),
            "classifier": Table.of("probability", [np.array([row.shares for row in rows])]),
        },
        {
            "detector": Rows.of(Gold("binary", polarized, ("polarized",)), **about),
            "classifier": Rows.of(gold, mask=polarized[:, 0], **about),
        },
    )


# -- the definitions ----------------------------------------------------------------------------------------------


def f1(pairs: list[tuple[int, int]], positive: int = 1) -> Fraction:
    tp = sum(g == positive and d == positive for g, d in pairs)
    wrong = sum((g == positive) != (d == positive) for g, d in pairs)
    return Fraction(2 * tp, 2 * tp + wrong) if tp + wrong else Fraction(0)


def both(pairs: list[tuple[int, int]]) -> Fraction:
    return (f1(pairs, 1) + f1(pairs, 0)) / 2


def vote(row: Row, setting: tuple[int, Fraction]) -> int:
    k, tau = setting
    return int(Fraction(sum(row.near[:k]), k) >= tau)


def best_vote(rows: list[Row]) -> tuple[int, Fraction]:
    every = [(k, Fraction(max(2 * n - 1, 0), 2 * k)) for k in range(1, WIDTH + 1) for n in range(k + 1)]

    def merit(setting: tuple[int, Fraction]) -> tuple[object, ...]:
        score = both([(row.polarized, vote(row, setting)) for row in rows])
        return score, -abs(setting[1] - Fraction(1, 2)), setting[0], -setting[1]

    return max(every, key=merit)


def best_cut(rows: list[Row], place: int) -> float:
    if not any(row.labels[place] for row in rows):
        return 2.0
    values = sorted({row.shares[place] for row in rows})
    cuts = [low + (high - low) / 2 for low, high in zip([0.0, *values], values, strict=False)]

    def merit(cut: float) -> tuple[object, ...]:
        score = f1([(row.labels[place], int(row.shares[place] >= cut)) for row in rows])
        return score, -round(abs(cut - 0.5), 12), -cut

    return max(cuts, key=merit)


class Plain:
    """Votes and thresholds for all rows alike."""

    def votes(self, rows: list[Row]) -> Callable[[Row], int]:
        setting = best_vote(rows)
        return lambda row: vote(row, setting)

    def labels(self, rows: list[Row]) -> Callable[[Row], list[int]]:
        polarized = [row for row in rows if row.polarized]
        cuts = [best_cut(polarized, place) for place in range(len(LABELS))]
        return lambda row: [int(share >= cut) for share, cut in zip(row.shares, cuts, strict=True)]

    def system(self, rows: list[Row]) -> Callable[[Row], list[int]]:
        votes, labels = self.votes(rows), self.labels(rows)
        return lambda row: [votes(row) * label for label in labels(row)]


class ByLanguage(Plain):
    """A language's own where it has enough texts and, of each column, a positive one."""

    def votes(self, rows: list[Row]) -> Callable[[Row], int]:
        pooled, own = super().votes(rows), {}
        for language, theirs in by_language(rows).items():
            enough = len({row.id for row in theirs}) >= FEWEST_TEXTS and any(row.polarized for row in theirs)
            own[language] = super().votes(theirs) if enough else pooled
        return lambda row: own.get(row.language, pooled)(row)

    def labels(self, rows: list[Row]) -> Callable[[Row], list[int]]:
        polarized = [row for row in rows if row.polarized]
        pooled = [best_cut(polarized, place) for place in range(len(LABELS))]
        own = {}
        for language, theirs in by_language(polarized).items():
            own[language] = [
                best_cut(theirs, place)
                if len({row.id for row in theirs}) >= FEWEST_TEXTS and any(row.labels[place] for row in theirs)
                else pooled[place]
                for place in range(len(LABELS))
            ]
        return lambda row: [
            int(share >= cut) for share, cut in zip(row.shares, own.get(row.language, pooled), strict=True)
        ]


def by_language(rows: list[Row]) -> dict[str, list[Row]]:
    return {each: [row for row in rows if row.language == each] for each in {row.language for row in rows}}


def column(decided: int | list[int]) -> list[int]:
    return decided if isinstance(decided, list) else [decided]


def score(name: str, rows: list[Row], decided: list[int | list[int]]) -> float:
    """Of the judged rows: the labels of polarized ones, of the whole system all rows."""
    if name == "polarized":
        return float(both([(row.polarized, own) for row, own in zip(rows, decided, strict=True)]))
    pairs = [[(row.labels[n], own[n]) for row, own in zip(rows, decided, strict=True)] for n in range(len(LABELS))]
    return float(sum(map(f1, pairs)) / len(pairs))


METHOD = {"polarized": "votes", "manifestations": "labels", "system": "system"}


class Definitions:
    def __init__(self, rows: list[Row], way: Plain) -> None:
        self.rows, self.way = rows, way
        self.seeds = sorted({row.seed for row in rows})

    def judged(self, name: str, seed: int) -> list[Row]:
        return [row for row in self.rows if row.seed == seed and (row.polarized or name != "manifestations")]

    def choose(self, name: str, rows: list[Row]) -> Callable[[Row], int | list[int]]:
        return getattr(self.way, METHOD[name])(rows)

    def cut(self, seed: int) -> Mapping[Row, int]:
        """The part that a row is chosen for in: its own, or one of five where all have one."""
        rows = [row for row in self.rows if row.seed == seed]
        if len({row.part for row in rows}) > 1:
            return {row: row.part for row in rows}
        rank = {each: place for place, each in enumerate(sorted({row.id for row in rows}))}
        return {row: rank[row.id] % 5 for row in rows}

    def cross_fitted(self, name: str) -> tuple[float, list[list[int]]]:
        scores, all_decided = [], []
        for seed in self.seeds:
            rows, part = self.judged(name, seed), self.cut(seed)
            rules = {}
            for own in set(part.values()):
                held = {row.id for row in part if part[row] == own}
                rules[own] = self.choose(name, [row for row in part if part[row] != own and row.id not in held])
            decided = [rules[part[row]](row) for row in rows]
            scores.append(score(name, rows, decided))
            all_decided += [column(each) for each in decided]
        return float(np.mean(scores)), all_decided

    def fold_tuned(self, name: str) -> tuple[float, list[list[int]]]:
        scores, all_decided = [], []
        for seed in self.seeds:
            rows = self.judged(name, seed)
            rule = self.choose(name, [row for row in self.rows if row.seed == seed])
            decided = [rule(row) for row in rows]
            scores.append(score(name, rows, decided))
            all_decided += [column(each) for each in decided]
        return float(np.mean(scores)), all_decided

    def inside_folds(self, name: str) -> float:
        scores = []
        for seed in self.seeds:
            own = []
            for part in sorted({row.part for row in self.rows if row.seed == seed}):
                rule = self.choose(name, [row for row in self.rows if (row.seed, row.part) == (seed, part)])
                rows = [row for row in self.judged(name, seed) if row.part == part]
                own.append(score(name, rows, [rule(row) for row in rows]))
            scores.append(np.mean(own))
        return float(np.mean(scores))

    def cells(self, name: str, decided: list[list[int]]) -> dict[tuple[int, int], float]:
        rows = [row for seed in self.seeds for row in self.judged(name, seed)]
        found = {}
        for cell in {(row.part, row.seed) for row in rows}:
            own = [(row, each) for row, each in zip(rows, decided, strict=True) if (row.part, row.seed) == cell]
            values = [each[0] if name == "polarized" else each for _, each in own]
            found[cell] = score(name, [row for row, _ in own], values)
        return found


@pytest.mark.parametrize("per", [None, "language"])
@pytest.mark.parametrize("plan", PLANS, ids=lambda plan: plan.__name__)
@given(seed=seeds)
@settings(max_examples=6, deadline=None)
def test_every_decision_by_its_definition(plan: Callable[..., list[tuple[int, int, int]]], per: str | None, seed: int):
    rows = made(seed, plan, count=48 if per is None else 150)
    tables, about = read(rows)
    steps = {name: {**step, **({"per": per} if per and name != "system" else {})} for name, step in STEPS.items()}
    judged = judge(Graph.of(steps, score="system", stages=tables), tables, about, "macro_f1")
    expected = Definitions(rows, Plain() if per is None else ByLanguage())
    for name in STEPS:
        found = judged.decisions[name]
        for rung, by_hand in (("cross_fitted", expected.cross_fitted), ("fold_tuned", expected.fold_tuned)):
            value, decided = by_hand(name)
            scored: Scored = found.ladder[rung]
            assert scored.score == pytest.approx(value, abs=1e-12)
            assert scored.decided.astype(int).tolist() == decided
            cells = dict(zip(found.cells, scored.cell_scores, strict=True))
            assert cells == pytest.approx(expected.cells(name, decided), abs=1e-12)
        assert found.ladder["inside_folds"].score == pytest.approx(expected.inside_folds(name), abs=1e-12)
        assert found.ladder["oracle"] is found.ladder["inside_folds"]


@pytest.mark.parametrize("plan", PLANS, ids=lambda plan: plan.__name__)
@given(seed=seeds)
@settings(max_examples=4, deadline=None)
def test_as_written_and_plain_settings(plan: Callable[..., list[tuple[int, int, int]]], seed: int) -> None:
    rows = made(seed, plan)
    tables, about = read(rows)
    judged = judge(Graph.of(STEPS, score="system", stages=tables), tables, about, "macro_f1")
    expected = Definitions(rows, Plain())
    in_order = [row for each in expected.seeds for row in rows if row.seed == each]

    def mean(name: str, decided: Mapping[Row, int | list[int]]) -> float:
        each = [(expected.judged(name, of_seed), of_seed) for of_seed in expected.seeds]
        return float(np.mean([score(name, own, [decided[row] for row in own]) for own, _ in each]))

    written = {row: vote(row, WRITTEN) for row in rows}
    assert judged.decisions["polarized"].ladder["as_written"].score == pytest.approx(mean("polarized", written))
    # What the recipe leaves open is chosen on the other parts.
    labels = judged.decisions["manifestations"].ladder
    assert labels["as_written"].score == labels["cross_fitted"].score
    half = {row: [int(share >= 0.5) for share in row.shares] for row in rows}
    assert labels["plain"].score == pytest.approx(mean("manifestations", half))
    most = {row: int(2 * sum(row.near) >= WIDTH) for row in rows}
    gated = {row: [most[row] * label for label in half[row]] for row in rows}
    plain = judged.decisions["system"].ladder["plain"]
    assert plain.score == pytest.approx(mean("system", gated))
    assert plain.decided.astype(int).tolist() == [gated[row] for row in in_order]
    as_written = judged.decisions["system"].ladder["as_written"].decided.astype(int).tolist()
    by_part = {}
    for of_seed in expected.seeds:
        part = expected.cut(of_seed)
        for own in set(part.values()):
            held = {row.id for row in part if part[row] == own}
            by_part[of_seed, own] = expected.way.labels([r for r in part if part[r] != own and r.id not in held])
    cuts = {row: by_part[row.seed, expected.cut(row.seed)[row]](row) for row in rows}
    assert as_written == [[written[row] * label for label in cuts[row]] for row in in_order]


@given(seed=seeds)
@settings(max_examples=10, deadline=None)
def test_on_a_labelled_split_all_models_decide_together(seed: int) -> None:
    rows, rng = made(seed, folds), np.random.default_rng(seed)
    tables, about = read(rows)
    dev = made(seed + 1, folds, count=20)
    near = [np.array([[int(rng.random() < 0.5) for _ in range(WIDTH)] for _ in dev]) for _ in range(3)]
    shares = [np.round(rng.random((20, 2)), 1) for _ in range(3)]
    split_tables = {"detector": Table.of("neighbours", near), "classifier": Table.of("probability", shares)}
    graph = Graph.of(STEPS, score="system", stages=tables)
    judged = judge(graph, tables, about, "macro_f1", splits={"dev": Evidence(split_tables, read(dev)[1])})
    k, tau = best_vote(rows)
    cuts = [best_cut([row for row in rows if row.polarized], place) for place in range(2)]
    mean = weighted_mean(shares)  # rounded as the engine rounds it: a threshold may equal a share
    decided: list[int | list[int]] = []
    for place in range(len(dev)):
        accepted = Fraction(sum(int(table[place, :k].sum()) for table in near), 3 * k) >= tau
        decided.append([int(accepted and mean[place, label] >= cuts[label]) for label in range(2)])
    scored = judged.scored.splits["dev"]["fold_tuned"]
    assert scored.decided.astype(int).tolist() == decided
    assert scored.score == pytest.approx(score("system", dev, decided))
    every = [(k, Fraction(max(2 * n - 1, 0), 6 * k)) for k in range(1, WIDTH + 1) for n in range(3 * k + 1)]
    votes = [
        [int(Fraction(sum(int(t[n, :k].sum()) for t in near), 3 * k) >= tau) for n in range(20)] for k, tau in every
    ]
    best = max(both([(row.polarized, own) for row, own in zip(dev, each, strict=True)]) for each in votes)
    assert judged.decisions["polarized"].splits["dev"]["oracle"].score == pytest.approx(float(best))


@given(seed=seeds)
@settings(max_examples=10, deadline=None)
def test_what_racing_hears_of_one_cell(seed: int) -> None:
    rows = made(seed, folds, count=30)
    tables, about = read(rows)

    def heard(of: str) -> float:
        return fold_score(Graph.of(STEPS, score=of, stages=tables), tables, about, "macro_f1")

    way = Plain()
    chosen = way.votes(rows)
    assert heard("polarized") == pytest.approx(score("polarized", rows, [chosen(row) for row in rows]), abs=1e-12)
    labels = way.labels(rows)
    polarized = [row for row in rows if row.polarized]
    by_hand = score("manifestations", polarized, [labels(row) for row in polarized])
    assert heard("manifestations") == pytest.approx(by_hand, abs=1e-12)
    gated = [[int(2 * sum(row.near) >= WIDTH) * label for label in labels(row)] for row in rows]
    assert heard("system") == pytest.approx(score("system", rows, gated), abs=1e-12)
