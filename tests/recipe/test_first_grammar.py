"""A file of the first grammar is refused with one sentence that says so."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.recipe.shipped import TRIALS
from tune_polar.errors import SpecError
from tune_polar.recipe.recipe_file import load_recipe
from tune_polar.recipe.space_file import load_space

OLD = """\
recipe: st1
seed: 42
task: {subtask: st1, target: polarization}
encoder: {name: tiny}
detector: {lr: 1e-3, xi: 1, batch_size: 8, fgm_epsilon: 0, centers_lr: 0}
decision: {objective: detector}
"""


def refusal(path: Path, text: str) -> str:
    path.write_text(text)
    with pytest.raises(SpecError) as caught:
        load_recipe(str(path), folder=TRIALS)
    return caught.value.problem


def test_a_recipe_of_the_first_grammar(tmp_path):
    problem = refusal(tmp_path / "old.yaml", OLD)
    assert problem.splitlines() == [
        f"{tmp_path / 'old.yaml'}: is written in the grammar of an earlier version (`task`, `decision`), which nothing "
        "reads any more"
    ]


@pytest.mark.parametrize(
    "text",
    [
        "extends: st1\nchanges: {decision.k: 7}\n",
        "extends: st1\nchanges: {detector.batch_size: 7, decision.k: 7}\n",
        "extends: st2\nablations: {a: {title: a, changes: {decision.tau: 0.1}}}\n",
        "extends: st2\nprofiles: {tiny: {changes: {decision.k: 9}}}\n",
    ],
)
def test_a_variant_of_the_first_grammar(tmp_path, text):
    problem = refusal(tmp_path / "old.yaml", text)
    assert "is written in the grammar of an earlier version" in problem
    assert problem.count("\n") == 0


def test_a_space_of_the_first_grammar(tmp_path, recipe):
    path = tmp_path / "old.yaml"
    path.write_text("space: st1\nrecipe: st1\nparameters:\n  decision.k: {type: int, low: 1, high: 199, step: 2}\n")
    with pytest.raises(SpecError, match=r"old.yaml: is written in the grammar of an earlier version \(`decision.k`\)"):
        load_space(str(path), recipe, "published")


def test_a_mistyped_key_of_the_grammar_is_no_former_one(load):
    with pytest.raises(SpecError, match=r"stages.finder.batch_size: must be a known key; did you mean 'batches.size'"):
        load({"  finder:\n": "  finder:\n    batch_size: 8\n"})
