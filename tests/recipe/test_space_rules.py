"""Each rule of a search space, broken: the message names file, line, parameter and what would have been allowed."""

from __future__ import annotations

from pathlib import Path

import pytest

from tune_polar.errors import SpecError
from tune_polar.recipe.recipe_file import load_recipe
from tune_polar.recipe.space_file import load_space, recipe_of_space, space_for

LINE = "finder.optimizer.lr: {type: float, low: 1e-5, high: 1e-2, log: true}"
LOSSES = "finder.losses: {type: categorical, choices: [soft_triple, cross_entropy]}"
CENTERS = "finder.losses.soft_triple.centers: {type: int, low: 1, high: 21, step: 5}"
FLOAT = "{type: float, low: 0.1, high: 1}"


def instead(line: str) -> dict[str, str]:
    return {LINE: line}


BROKEN = [
    # the file
    ({"space: mini\n": ""}, "mini-space.yaml: space: must be given, got nothing"),
    ({"recipe: mini\n": ""}, "mini-space.yaml: recipe: must be given, got nothing"),
    ({"parameters:\n": "parametrs:\n"}, "mini-space.yaml:3: parametrs: must be a known key; did you mean 'parameters'"),
    ({"space: mini": "space: ''"}, "mini-space.yaml:1: space: must not be empty"),
    # parameters
    (instead("finder.optimizer.lr: 3"), "mini-space.yaml:4: parameters.finder.optimizer.lr: must be a section of keys"),
    (
        instead("finder.optimizer.lr: {low: 1, high: 2}"),
        "parameters.finder.optimizer.lr: must have a type, got nothing",
    ),
    (instead("finder.optimizer.lr: {type: real, low: 1, high: 2}"), "must have one of the types .*, got 'real'"),
    (instead("finder.optimizer.lr: {type: float, low: 1}"), "parameters.finder.optimizer.lr.high: must be given"),
    (instead("finder.optimizer.lr: {type: float, low: a, high: 2}"), "optimizer.lr.low: must be a number, got 'a'"),
    (instead("finder.optimizer.lr: {type: float, lo: 1, high: 2}"), "lr.lo: must be a known key; did you mean 'low'"),
    (instead("finder.optimizer.lr: {type: float, low: 2, high: 1}"), r"lr.high: must be at least low \(2.0\), got 1.0"),
    (
        instead("finder.optimizer.lr: {type: float, low: 0, high: 1, log: true}"),
        "lr.low: must be above 0 on a log scale",
    ),
    (instead("finder.optimizer.lr: {type: float, low: 1, high: 2, log: true, step: 1}"), "lr.step: must be left out"),
    (instead("finder.optimizer.lr: {type: float, low: 0.1, high: 1e999}"), "lr.high: must be a finite number, got inf"),
    (instead("finder.head.size: {type: int, low: 1.5, high: 3}"), "finder.head.size.low: must be a whole number"),
    (instead("finder.head.size: {type: int, low: 2, high: 5, step: 2}"), "high: must be low .*got 5"),
    (instead("finder.head.size: {type: int, low: 2, high: 4, step: 0}"), "step: must be greater than or equal to 1"),
    (
        instead("finder.optimizer.lr: {type: float, low: 0, high: 0.1, step: 1e-320}"),
        r"lr.step: must make at most 2\^53 steps from low \(0.0\) to high \(0.1\), got 1e-320",
    ),
    (
        instead("finder.optimizer.lr: {type: float, low: -1e308, high: 1e308}"),
        "lr.high: must lie, .* within 1.8e[+]308",
    ),
    (
        instead("finder.head.size: {type: int, low: -1" + "0" * 400 + ", high: 1" + "0" * 400 + ", step: 7}"),
        r"size.high: must lie, as low and what is between them, within 2\^53, got 1000",
    ),
    (
        instead("finder.batches.type: {type: categorical, choices: []}"),
        "finder.batches.type.choices: must not be empty",
    ),
    (instead("finder.batches.type: {type: categorical, choices: balanced}"), "choices: must be a list, got 'balan"),
    (instead("finder.precision: {type: categorical, choices: [auto, auto]}"), "choices: must name each choice once"),
    (
        instead("finder.optimizer.head_lr: {type: categorical, choices: [[1]]}"),
        r"choices.0: must be a single number, word or truth value, or null, got \[1\]",
    ),
    (instead("finder.optimizer.head_lr: {type: categorical, choices: [1e999]}"), "choices.0: must be a single number"),
    # keys
    (
        instead(f"finder.optimizer.lrr: {FLOAT}"),
        "mini-space.yaml:4: parameters.finder.optimizer.lrr: must be a known key .*mean 'finder.optimizer.lr'",
    ),
    (instead(f"lr: {FLOAT}"), "parameters.lr: must be one key .* 'finder.optimizer.lr' or 'sorter.optimizer.lr'"),
    (instead(f"finder: {FLOAT}"), "parameters.finder: must be a single value, not a section; .*finder.optimizer.lr"),
    (instead(f"finder.optimizer: {FLOAT}"), "parameters.finder.optimizer: must be a single value, not a section; name"),
    (
        instead(f"finder.head: {FLOAT}"),
        r"must be a single value, not a section; name one of its keys \['finder.head.type",
    ),
    (instead(f"encoder: {FLOAT}"), "parameters.encoder: must be a single value, not a section"),
    (instead(f"encoder.tiny: {FLOAT}"), "parameters.encoder.tiny: must be a single value, not a section"),
    (instead(f"seeds: {FLOAT}"), "parameters.seeds: must not vary seeds: scores on different rows or folds"),
    (instead(f"folds.count: {FLOAT}"), "parameters.folds.count: must not vary folds: scores on different rows"),
    (instead(f"data.labels: {FLOAT}"), "must not vary data"),
    (instead(f"recipe: {FLOAT}"), "must not vary recipe"),
    (instead(f"description: {FLOAT}"), "must not vary description"),
    (instead("score.of: {type: categorical, choices: [vote]}"), "must not vary score"),
    (instead("report.by: {type: categorical, choices: [author]}"), "must not vary report"),
    (instead("finder.task.target: {type: categorical, choices: [x]}"), "must not vary task: what is scored would not"),
    (instead("sorter.rows.hurt: {type: categorical, choices: [1]}"), "must not vary rows: what is scored would not"),
    (instead("finder.predicts: {type: categorical, choices: [value]}"), "must not vary predicts"),
    (instead("encoder.name: {type: categorical, choices: [a, b]}"), "must not vary within one search"),
    (instead("encoder.revision: {type: categorical, choices: [a, b]}"), "must not vary within one search"),
    (instead("sorter.encoder.name: {type: categorical, choices: [a, b]}"), "must not vary within one search"),
    (
        instead("decide.system.by: {type: categorical, choices: [vote]}"),
        "decide.system.by: must not vary: a search chooses nothing of a decision of type gate",
    ),
    (
        instead("decide.kinds.per: {type: categorical, choices: [author]}"),
        r"must not vary: a search chooses \['rule'\] of a decision of type threshold",
    ),
    (instead("decide.vote.type: {type: categorical, choices: [knn_vote]}"), r"a search chooses \['k', 'tau'\] of a"),
    (
        instead("decide.vote: {type: categorical, choices: [knn_vote]}"),
        "must be a single value, not a section; name one",
    ),
    # vectors
    (
        instead("sorter.losses.asymmetric.gamma_negative.x: {type: float, low: 1, high: 2}"),
        "must not vary sorter.losses.asymmetric.gamma_negative.x, which",
    ),
    (instead("gamma_negative.w: {type: float, low: 1, high: 2}"), r"must be one of the columns \['x', 'y/z'\]"),
    (
        instead("finder.optimizer.xi: {type: vector, element: {type: float, low: 0.5, high: 1}}"),
        "mini-space.yaml:4: parameters.finder.optimizer.xi: must not be of type vector: it has no value for each",
    ),
    (instead("finder.optimizer.xi: {type: vector, over: columns, element: {}}"), "xi.over: must be a known key"),
    ({"element: {type: float": "element: {type: vector"}, "gamma_negative.element: must have one of the types"),
    ({"high: 6": "high: 30"}, "mini-space.yaml:7: .*gamma_negative.x: must be less than or equal to 20, got 30.0"),
    # ranges that break the recipe's rules
    (
        instead("finder.optimizer.lr: {type: float, low: 0, high: 1}"),
        "mini-space.yaml:4: parameters.finder.optimizer.lr: must be greater than 0, got 0.0",
    ),
    (
        instead("finder.optimizer.xi: {type: float, low: 0.5, high: 1.5}"),
        "xi: must be less than or equal to 1, got 1.5",
    ),
    (instead("finder.batches.size: {type: float, low: 2, high: 8}"), "finder.batches.size: must be a whole number"),
    (instead("finder.precision: {type: categorical, choices: [bf16, fp8]}"), "'bf16' or 'fp16', got 'fp8'"),
    (instead("finder.optimizer.lr: {type: categorical, choices: [1e-3, null]}"), "lr: must be a number, got null"),
    (instead("decide.kinds.rule: {type: categorical, choices: [best]}"), "rule: must be 'fixed', .*got 'best'"),
    (
        instead("finder.head.type: {type: categorical, choices: [mlp]}"),
        "soft_triple: must stand with a head of type pro",
    ),
    (
        instead("finder.head: {type: categorical, choices: [projektion]}"),
        "finder.head.type: must be one of .*projection",
    ),
    (
        {"[soft_triple, cross_entropy]": "[soft_triple, soft_triple+cross_entropy]"},
        "finder.losses: must name them by the alphabet, as 'cross_entropy . soft_triple', got 'soft_triple.cross_ent",
    ),
    (
        {"[soft_triple, cross_entropy]": "[soft_triple, cross_entropy + softtriple]"},
        "losses.softtriple: must be one of .*; did you mean 'soft_triple'",
    ),
    (
        {"[soft_triple, cross_entropy]": "[soft_triple, mse]"},
        "losses.mse: must be a loss of binary tasks, got 'mse' with f",
    ),
    (
        {"[soft_triple, cross_entropy]": "[soft_triple, triplet]"},
        "losses.triplet: must stand with batches of type pairs, got .* with finder.lo",
    ),
    (
        {LOSSES: f"{LOSSES}\n  finder.losses.cross_entropy.weight: {{type: float, low: -1, high: 1}}"},
        "mini-space.yaml:6: parameters.finder.losses.cross_entropy.weight: must be greater than or equal to 0",
    ),
    (
        {"low: 1e-3, high: 1e-1": "low: 1e-3, high: 100"},
        "mini-space.yaml:14: profiles.tiny.parameters.finder.optimizer.lr: must",
    ),
    # what depends on what
    (
        {f"  {LOSSES}\n  {CENTERS}": f"  {CENTERS}\n  {LOSSES}"},
        "mini-space.yaml:5: parameters.finder.losses.soft_triple.centers: must stand below finder.losses, on which",
    ),
    ({"step: 5}": "step: 5, when: {finder.los: [x]}}"}, "mini-space.yaml:6: .*when: finder.los: must be a known key"),
    (
        {"step: 5}": "step: 5, when: {finder.optimizer: [x]}}"},
        "when: finder.optimizer: must be a single value, not a sec",
    ),
    ({"step: 5}": "step: 5, when: {finder.losses: [softtriple]}}"}, "when: finder.losses.softtriple: must be one of"),
    ({"step: 5}": "step: 5, when: {finder.losses: []}}"}, "when.finder.losses: must not be empty"),
    ({"step: 5}": "step: 5, when: {finder.losses: soft_triple}}"}, "when.finder.losses: must be a list"),
    (
        {"step: 5}": "step: 5, when: {decide.vote.tau: [0.4]}}"},
        "when: decide.vote.tau: must stand above finder.losses.s",
    ),
    (
        {"step: 5}": "step: 5, when: {finder.losses.soft_triple.centers: [1]}}"},
        "centers: must stand above finder.losses",
    ),
    ({"step: 5}": "step: 5, when: {gamma_negative.x: [1]}}"}, "when: gamma_negative.x: must stand above"),
    ({"step: 5}": "step: 5, when: {gamma_negative.w: [1]}}"}, r"w: must be one of the columns"),
]


@pytest.mark.parametrize(("edits", "message"), BROKEN, ids=[message[:70] for _, message in BROKEN])
def test_a_broken_rule_is_named_with_file_line_key_and_value(space, edits, message):
    with pytest.raises(SpecError, match=message):
        space(edits)


def test_all_faults_of_a_file_are_reported_at_once(space):
    edits = {
        LINE: "finder.optimizer.lrr: {type: int, low: 1, high: 2}",
        "[soft_triple, cross_entropy]": "[soft_triple, asymetric]",
        "low: 0.2, high: 0.8": "low: -1, high: 2",
        "low: 1e-3, high: 1e-1": "low: 1e-3, high: 11",
    }
    with pytest.raises(SpecError) as caught:
        space(edits)
    found = [line.partition("mini-space.yaml:")[2] for line in caught.value.problem.splitlines()]
    assert [line.split(", got")[0] for line in found] == [
        "4: parameters.finder.optimizer.lrr: must be a known key of a recipe; did you mean 'finder.optimizer.lr'?",
        found[1].split(", got")[0],
        "10: parameters.decide.vote.tau: must be greater than or equal to 0",
        "10: parameters.decide.vote.tau: must be less than or equal to 1",
        "14: profiles.tiny.parameters.finder.optimizer.lr: must be less than or equal to 10",
    ]
    assert "finder.losses.asymetric: must be one of" in found[1]


def test_parameters_of_bad_form_do_not_hide_faults_of_others(space):
    edits = {LINE: "finder.optimizer.lr: {type: float, low: 1}", "low: 0.2, high: 0.8": "low: 0.2, high: 8"}
    with pytest.raises(
        SpecError, match=r"4: .*lr.high: must be given(.|\n)*10: .*tau: must be less than or equal to 1"
    ):
        space(edits)


def test_a_space_of_another_stage_does_not_go_with_the_recipe(space, mine):
    with pytest.raises(SpecError) as caught:
        space(over=mine)
    assert caught.value.problem.count("must be a known key of a recipe") == 6


def test_values_that_this_recipe_never_takes_are_not_held_against_it(space, load):
    paper = {"folds.plan": "paper", "sorter.start": None, "score.of": "kinds", "decide.system": None}
    over = load(changes=paper).recipe
    choices = "{type: categorical, choices: [finder, null]"
    with pytest.raises(SpecError, match=r"start.fold: must be best, or `start` left out, with folds.plan: paper"):
        space({LINE: f"sorter.start: {choices}}}"}, over=over)
    edits = {LINE: f"sorter.start: {choices}, when: {{folds.plan: [stratified]}}}}"}
    assert "sorter.start" in space(edits, over=over).parameters


def test_ranges_of_another_profile_need_not_go_with_what_else_this_recipe_says(space):
    general = "finder.head.type: {type: categorical, choices: [projection, mlp]}"
    line = "      finder.optimizer.lr: {type: float, low: 1e-3"
    own = "      finder.head.type: {type: categorical, choices: [projection]}"
    edits = {LINE: general, line: f"{own}\n{line}"}
    assert space(edits, profile="tiny").parameters["finder.head.type"].choices == ("projection",)
    with pytest.raises(SpecError, match=r"mini-space.yaml:4: .*soft_triple: must stand with a head of type projection"):
        space(edits)
    with pytest.raises(SpecError, match=r"mini-space.yaml:4: parameters.finder.head.type: must be one of .*'mpl'"):
        space({**edits, LINE: general.replace("mlp", "mpl")}, profile="tiny")


def test_a_condition_may_name_what_this_recipe_is_not(space):
    edits = {"step: 5}": "step: 5, when: {folds.plan: [paper]}}"}
    assert "finder.losses.soft_triple.centers" in space(edits).parameters
    with pytest.raises(SpecError, match=r"when: folds.plan: must be one of \['stratified', .*, got 'papier'"):
        space({"step: 5}": "step: 5, when: {folds.plan: [papier]}}"})


def test_parameters_may_be_nested_as_a_recipe_nests_them(space):
    edits = {
        LINE: "finder:\n    optimizer:\n      lr: {type: float, low: 1e-5, high: 1e-2, log: true}\n"
        "      xi: {type: float, low: 0.5, high: 1}",
        "      finder.optimizer.lr: {": "      finder: {optimizer: {lr: {",
        "high: 1e-1, log: true}": "high: 1e-1, log: true}}}",
    }
    assert list(space(edits).parameters)[:2] == ["finder.optimizer.lr", "finder.optimizer.xi"]
    assert space(edits, profile="tiny").parameters["finder.optimizer.lr"].high == 1e-1
    with pytest.raises(SpecError, match=r"mini-space.yaml:7: parameters.finder.optimizer.xi: must be less than"):
        space({**edits, "low: 0.5, high: 1}": "low: 0.5, high: 2}"})
    with pytest.raises(SpecError, match=r"mini-space.yaml:7: parameters.finder.optimizer.xi.high: must be given"):
        space({**edits, "low: 0.5, high: 1}": "low: 0.5}"})


def test_shortened_keys_are_the_whole_ones_in_the_space(space):
    loaded = space({"finder.optimizer.lr: {type: float, low: 1e-5": "finder.lr: {type: float, low: 1e-5"})
    assert list(loaded.parameters) == list(space().parameters)
    with pytest.raises(SpecError, match=r"must not vary decide.vote.tau, which tau varies already"):
        space({LINE: "tau: {type: float, low: 0, high: 1}"})


# -- which space and which recipe ---------------------------------------------------------------------------------


def test_an_unknown_space_lists_what_there_is(recipe, tmp_path):
    (tmp_path / "shelf").mkdir()
    (tmp_path / "shelf" / "one.yaml").write_text("")
    with pytest.raises(SpecError, match=r"search space must be one of \['one'\] or .*got 'on'; did you mean 'one'"):
        load_space("on", recipe, "published", folder=tmp_path / "shelf")


def test_the_space_of_a_recipe_is_its_own_or_that_of_the_nearest_it_extends(tmp_path, recipe_text):
    recipes, spaces = tmp_path / "recipes", tmp_path / "spaces"
    recipes.mkdir()
    spaces.mkdir()
    (recipes / "mini.yaml").write_text(recipe_text)
    (recipes / "next.yaml").write_text("extends: mini\nrecipe: next\n")
    (recipes / "last.yaml").write_text("extends: next\nrecipe: last\n")
    last = load_recipe("last", folder=recipes)
    assert space_for(last, folder=spaces) is None
    (spaces / "mini.yaml").write_text("")
    assert space_for(last, folder=spaces) == "mini"
    (spaces / "next.yaml").write_text("")
    assert space_for(last, folder=spaces) == "next"
    assert space_for(load_recipe("mini", folder=recipes), folder=spaces) == "mini"


def test_a_space_names_its_recipe_beside_it_or_among_the_shipped(tmp_path, recipe_text):
    (tmp_path / "shelf").mkdir()
    (tmp_path / "shelf" / "far.yaml").write_text(recipe_text)
    (tmp_path / "near.yaml").write_text(recipe_text)
    path = tmp_path / "space.yaml"
    for named, expected in (("far", "shelf/far.yaml"), ("near", "near.yaml"), ("./near.yaml", "near.yaml")):
        path.write_text(f"space: s\nrecipe: {named}\nparameters: {{}}\n")
        assert recipe_of_space(path, folder=tmp_path / "shelf").resolve() == (tmp_path / expected).resolve()
    for named, message in (
        ("none", "space.yaml:2: recipe: must be the name of a"),
        ("3", "must name the"),
    ):
        path.write_text(f"space: s\nrecipe: {named}\nparameters: {{}}\n")
        with pytest.raises(SpecError, match=message):
            recipe_of_space(path, folder=tmp_path / "shelf")


def test_a_missing_file_is_named(recipe):
    with pytest.raises(SpecError, match="cannot be read"):
        load_space(str(Path("/no/such.yaml")), recipe, "published")
