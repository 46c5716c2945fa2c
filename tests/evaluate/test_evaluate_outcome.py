"""From records to an outcome, against the engine fed by hand."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest

from tune_polar.data.columns import group_column, label_column
from tune_polar.data.table import Split
from tune_polar.decide.metrics import METRICS
from tune_polar.decide.rows import Gold
from tune_polar.evaluate.outcome import outcome_of
from tune_polar.recipe.defaults import with_defaults
from tune_polar.recipe.recipe import Recipe

LABELS = ("x", "y/z")
RULES = {"decide.manifestations.rule": ["max_f1", "fixed", "prevalence_match"], "decide.polarized.k": [1, 3]}


def recipe(score: str = "system", **changes: object) -> Recipe:
    values = {
        "recipe": "mini",
        "data": {"labels": ["polarization", *LABELS], "groups": ["language"]},
        "folds": {"plan": "stratified", "count": 3},
        "stages": {
            "detector": {"task": {"type": "binary", "target": "polarization"}, "predicts": "neighbours"},
            "classifier": {"rows": {"polarization": 1}, "task": {"type": "multilabel", "targets": list(LABELS)}},
        },
        "decide": {
            "polarized": {"type": "knn_vote", "of": "detector", "k": 3, "tau": 0.4},
            "manifestations": {"type": "threshold", "of": "classifier", "rule": "max_f1"},
            "system": {"type": "gate", "of": "manifestations", "by": "polarized"},
        },
        "score": {"of": score, "metric": "macro_f1"},
    }
    return Recipe.model_validate(with_defaults({**values, **changes}))


def split(name: str, rows: int, rng: np.random.Generator) -> Split:
    yes = (rng.random(rows) < 0.6).astype(np.int64)
    columns = {"polarization": label_column(yes), "language": group_column(rng.choice(["eng", "deu"], rows).tolist())}
    columns |= {label: label_column(yes * (rng.random(rows) < 0.4)) for label in LABELS}
    return Split(name, tuple(f"{name}{n}" for n in range(rows)), ("",) * rows, columns)


class Record(SimpleNamespace):
    """A stage's tables by split."""

    @property
    def splits(self) -> tuple[str, ...]:
        return tuple(self.tables)

    def rows(self, name: str) -> np.ndarray:
        return self.tables[name][0]

    def table(self, name: str) -> np.ndarray:
        return self.tables[name][1]


@pytest.fixture
def found():
    rng = np.random.default_rng(0)
    gold = {"train": split("train", 90, rng), "dev": split("dev", 40, rng)}

    def tables(name: str, rows: np.ndarray) -> dict[str, tuple[np.ndarray, np.ndarray]]:
        polarized = gold[name].values("polarization")[rows]
        labels = gold[name].matrix(LABELS)[rows]
        near = (rng.random((len(rows), 6)) < np.where(polarized, 0.7, 0.3)[:, None]).astype(np.uint8)
        shares = np.clip(0.3 + 0.3 * labels + rng.normal(0, 0.2, labels.shape), 0, 1).astype(np.float32)
        return {"detector": (rows, near), "classifier": (rows, shares)}

    cells = []
    for fold in range(3):
        own, dev = tables("train", np.arange(fold, 90, 3)), tables("dev", np.arange(40))
        records = {name: Record(tables={"validation": own[name], "dev": dev[name]}) for name in own}
        cells.append(SimpleNamespace(fold=fold, seed=42, stages=records))
    return gold, cells


def test_the_score_and_what_it_is_made_of(found):
    gold, cells = found
    outcome = outcome_of(recipe(), gold, cells, RULES)
    assert outcome.score == outcome.ladder["cross_fitted"].score
    assert len(outcome.alternatives) == 3
    assert set(outcome.decisions) == {"polarized", "manifestations", "system"}
    assert set(outcome.decisions["system"].splits) == {"dev"}
    rows = outcome.decisions["manifestations"].rows
    polarized = gold["train"].values("polarization")
    assert polarized[rows.ids].all()
    assert len(rows) == polarized.sum()
    assert np.array_equal(rows.gold.values, gold["train"].matrix(LABELS)[rows.ids])
    assert np.array_equal(rows.part, rows.ids % 3)
    assert outcome.metric is METRICS["macro_f1"]


def test_what_is_deployed_can_be_written_into_the_recipe(found):
    gold, cells = found
    outcome = outcome_of(recipe(), gold, cells, RULES)
    settings = outcome.settings()
    assert {"decide.polarized.k", "decide.polarized.tau", "decide.manifestations.at"} <= set(settings)
    decide = {name: dict(step) for name, step in outcome.graph.steps.items()}
    for key, value in settings.items():
        _, name, setting = key.split(".")
        decide[name][setting] = value
    again = outcome_of(recipe(decide=decide), gold, cells)
    assert again.proposed.score == outcome.ladder["fold_tuned"].score
    assert np.array_equal(again.proposed.decided, outcome.ladder["fold_tuned"].decided)
    on_dev = again.judged.scored.splits["dev"]["as_written"]
    assert np.array_equal(on_dev.decided, outcome.judged.scored.splits["dev"]["fold_tuned"].decided)


def test_thresholds_for_each_language(found):
    gold, cells = found
    per = {"manifestations": {"type": "threshold", "of": "classifier", "per": "language"}}
    outcome = outcome_of(recipe("manifestations", decide=per), gold, cells)
    own = outcome.best.deployed["manifestations"]
    assert set(own.own) <= {0, 1}
    assert outcome.settings() == {}


def test_a_split_that_not_every_cell_has_predicted_is_left_out(found):
    gold, cells = found
    del cells[0].stages["classifier"].tables["dev"]
    outcome = outcome_of(recipe(), gold, cells)
    assert outcome.decisions["system"].splits == {}
    assert set(outcome.decisions["polarized"].splits) == {"dev"}


def test_a_split_is_decided_by_all_cells_together(found):
    gold, cells = found
    outcome = outcome_of(recipe("polarized"), gold, cells)
    rule = outcome.best.deployed["polarized"]
    votes = sum(cell.stages["detector"].table("dev")[:, : rule.k].sum(axis=1).astype(int) for cell in cells)
    decided = votes * rule.tau.denominator >= 3 * rule.k * rule.tau.numerator
    dev = Gold("binary", gold["dev"].matrix(["polarization"]), ("polarization",))
    scored = outcome.judged.scored.splits["dev"]["fold_tuned"]
    assert np.array_equal(scored.decided[:, 0], decided)
    assert scored.score == METRICS["macro_f1"].score(dev, decided[:, None])
