"""A loss is added by the very lines of CONTRIBUTING.md: then recipes may write it, spaces search it, it trains."""

from __future__ import annotations

import importlib
import json
import math
import re
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

from tests.shipped.contributing import PAGE, blocks_of
from tests.trial.graph_bench import Bench, plans_of, recipe_of
from tune_polar.data.sample_corpus import sample_corpus
from tune_polar.model.losses import LOSSES as BUILT
from tune_polar.model.losses import LossBatch, LossContext, build_loss
from tune_polar.recipe.components import LOSSES as WRITTEN
from tune_polar.recipe.recipe_file import RecipeOptions, load_recipe
from tune_polar.recipe.schema import recipe_schema
from tune_polar.recipe.settings_table import setting_rows
from tune_polar.recipe.space_file import load_space
from tune_polar.store.store import open_store
from tune_polar.trial.run_fold_trial import run_fold_trial

EXTENDED = re.compile(r"```yaml\n(recipe: st3-focal\n.*?)```", flags=re.DOTALL)
ONE_STAGE = {
    "recipe": "focal",
    "data": {"labels": ["polarization"]},
    "folds": {"count": 3},
    "stages": {
        "model": {
            "task": {"type": "binary", "target": "polarization"},
            "losses": {"focal": {"gamma": 1.5}},
            "optimizer": {"max_steps": 4, "eval_every_steps": 2},
        }
    },
}


@pytest.fixture
def focal(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Registered by the two blocks of code on the page, each a file that is imported."""
    monkeypatch.syspath_prepend(str(tmp_path))
    for name, block in zip(("added_settings", "added_loss"), blocks_of("## Add a loss"), strict=True):
        (tmp_path / f"{name}.py").write_text(block, encoding="utf-8")
        monkeypatch.delitem(sys.modules, name, raising=False)
        importlib.import_module(name)
    yield
    WRITTEN.unregister("focal")
    BUILT._classes.pop("focal")


@pytest.mark.usefixtures("focal")
def test_it_is_what_its_equation_says():
    logits, gold = torch.randn(6, 2), torch.arange(12).reshape(6, 2) % 3 == 0
    loss = build_loss("focal", LossContext("multilabel", ("a", "b"), "logits", 2, 2), gamma=1.5)
    expected = 0.0
    for row in range(6):
        for label in range(2):
            p = 1 / (1 + math.exp(-float(logits[row, label])))
            p = p if gold[row, label] else 1 - p
            expected -= (1 - p) ** 1.5 * math.log(p) / 12
    assert float(loss(LossBatch(logits, logits, gold.long()))) == pytest.approx(expected, rel=1e-5)


@pytest.mark.usefixtures("focal")
def test_recipes_may_write_it_and_spaces_search_it(tmp_path):
    path = tmp_path / "st3-focal.yaml"
    (text,) = EXTENDED.findall(PAGE.read_text(encoding="utf-8"))
    path.write_text(text, encoding="utf-8")
    loaded = load_recipe(str(path), RecipeOptions(encoder="tiny"))
    assert loaded.recipe.stages["classifier"].losses["focal"].model_dump() == {"weight": 1.0, "gamma": 1.5}
    space = tmp_path / "space.yaml"
    space.write_text(
        f"space: focal\nrecipe: {path}\nparameters:\n"
        "  classifier.losses.focal.gamma: {type: float, low: 0, high: 5}\n"
    )
    assert load_space(str(space), loaded.recipe, loaded.profile).published() == {"classifier.losses.focal.gamma": 1.5}
    assert "STAGE.losses.focal.gamma" in {row.key for row in setting_rows()}
    assert '"focal"' in json.dumps(recipe_schema())


@pytest.mark.usefixtures("focal")
def test_it_trains(tmp_path):
    recipe = recipe_of(ONE_STAGE)
    corpus = sample_corpus(0, rows_train=120, rows_dev=0, rows_test=0)
    bench = Bench(corpus, open_store(tmp_path / "store"), tmp_path, plans_of(recipe, corpus))
    record = run_fold_trial(bench.trial(recipe), bench.context(recipe))
    assert set(record.stages) == {"model"}
    assert 0.0 <= record.scores["model.macro_f1"] <= 1.0


def test_without_it_the_name_is_unknown(tmp_path):
    assert "focal" not in WRITTEN
    assert "focal" not in BUILT
