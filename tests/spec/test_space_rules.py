"""Each rule of a search space, broken: the message names file, line, key, rule and value."""

from __future__ import annotations

import pytest

from tune_polar.errors import SpecError
from tune_polar.spec.space_file import load_space

FLOAT = "{type: float, low: 1e-5, high: 1e-2, log: true}"
LINE = f"detector.lr: {FLOAT}"


def instead(line: str) -> dict[str, str]:
    """Another parameter on line 4, in place of detector.lr."""
    return {LINE: line}


BROKEN = [
    # the file
    ({"space: mini\n": ""}, "mini-space.yaml: space: must be given, got nothing"),
    ({"recipe: mini": "recipe: 3"}, "mini-space.yaml:2: recipe: must be text, got 3"),
    ({"parameters:\n": "paramters:\n"}, "mini-space.yaml:3: paramters: must be a known key; did you mean 'parameters'"),
    ({"parameters:\n": "parameters: 3\nx:\n"}, "mini-space.yaml:3: parameters: must be a section"),
    ({"parameters:\n": "parameters: {}\nx:\n"}, "mini-space.yaml:3: parameters: must not be empty"),
    ({"  tiny:\n    parameters:": "  tiny:\n    params:"}, "profiles.tiny.params: must be a known key; did you mean"),
    # forms
    (instead("detector.lr: 3"), "mini-space.yaml:4: parameters.detector.lr: must be a section of keys and values"),
    (instead("detector.lr: {low: 1, high: 2}"), "mini-space.yaml:4: parameters.detector.lr: must have a type"),
    (instead("detector.lr: {type: real, low: 1, high: 2}"), "detector.lr: must have one of the types .*got 'real'"),
    (instead("detector.lr: {type: float, low: 1}"), "mini-space.yaml:4: parameters.detector.lr.high: must be given"),
    (instead("detector.lr: {type: float, low: a, high: 1}"), "parameters.detector.lr.low: must be a number, got 'a'"),
    (
        instead("detector.lr: {type: float, low: 0, hgh: 1}"),
        "detector.lr.hgh: must be a known key; did you mean 'high'",
    ),
    (
        instead("detector.lr: {type: float, low: 2, high: 1}"),
        r"detector.lr.high: must be at least low \(2.0\), got 1.0",
    ),
    (instead("detector.lr: {type: float, low: 0, high: 1, log: true}"), "low: must be above 0 on a log scale, got 0"),
    (instead("detector.lr: {type: float, low: 1, high: 2, log: true, step: 1}"), "step: must be left out on a log"),
    (instead("detector.lr: {type: float, low: 0.1, high: 1, step: 0}"), "step: must be greater than 0, got 0"),
    (instead("detector.lr: {type: float, low: 0.1, high: 1, step: 0.4}"), r"high: must be low \(0.1\) and a whole num"),
    (instead("detector.lr: {type: float, low: 0.1, high: 1, step: 5}"), r"high: must be low \(0.1\) and a whole numb"),
    (instead("detector.lr: {type: float, low: 0.1, high: 1e999}"), "high: must be a finite number, got inf"),
    (instead("detector.projection: {type: int, low: 1.5, high: 3}"), "detector.projection.low: must be a whole number"),
    (instead("detector.projection: {type: int, low: 1, high: 4, step: 2}"), "high: must be low .*got 4"),
    (instead("detector.projection: {type: int, low: 1, high: 4, step: 0}"), "step: must be greater than or equal to 1"),
    (instead("detector.batches: {type: categorical, choices: []}"), "detector.batches.choices: must not be empty"),
    (instead("detector.batches: {type: categorical, choices: balanced}"), "choices: must be a list, got 'balan"),
    (instead("detector.batches: {type: categorical, choices: [balanced, balanced]}"), "choices: must name each choice"),
    (
        instead("detector.head_lr: {type: categorical, choices: [1e-3, null]}"),
        "detector.head_lr.choices.1: must be a single number, word or truth value, got null",
    ),
    (instead("detector.head_lr: {type: categorical, choices: [[1]]}"), "choices.0: must be a single number, word or"),
    (instead("detector.head_lr: {type: categorical, choices: [1e999]}"), "choices.0: must be a single number, word"),
    # keys
    (
        instead(f"detector.lrr: {FLOAT}"),
        "mini-space.yaml:4: parameters.detector.lrr: must be a known key .*mean 'detector.lr'",
    ),
    (instead(f"lr: {FLOAT}"), "mini-space.yaml:4: parameters.lr: must be a known key of a recipe"),
    (instead(f"detector: {FLOAT}"), "parameters.detector: must be a single value, not a section"),
    (instead(f"encoder.tiny: {FLOAT}"), "parameters.encoder.tiny: must be a single value, not a section"),
    (instead(f"seed: {FLOAT}"), "parameters.seed: must not vary seed: scores on different rows or folds"),
    (instead(f"folds.count: {FLOAT}"), "parameters.folds.count: must not vary folds: scores on different rows"),
    (instead(f"task.target: {FLOAT}"), "must not vary task"),
    (instead(f"recipe: {FLOAT}"), "must not vary recipe"),
    (instead(f"description: {FLOAT}"), "must not vary description"),
    (instead("decision.objective: {type: categorical, choices: [detector]}"), "must not vary within one search"),
    (instead("encoder.name: {type: categorical, choices: [a, b]}"), "must not vary within one search"),
    (instead("encoder.revision: {type: categorical, choices: [a, b]}"), "must not vary within one search"),
    # vectors
    (
        instead("classifier.gamma_negative.x: {type: float, low: 1, high: 2}"),
        "must not vary classifier.gamma_negative.x",
    ),
    (
        instead("classifier.gamma_negative.w: {type: float, low: 1, high: 2}"),
        r"must be one of the labels \['x', 'y/z'\]",
    ),
    (
        instead("detector.xi: {type: vector, over: labels, element: {type: float, low: 0.5, high: 1}}"),
        "mini-space.yaml:4: parameters.detector.xi: must not be of type vector",
    ),
    (
        {
            "    type: vector\n    over: labels\n    element: {": "    {",
            "}\n    when: {cl": ", when: {cl",
            "[asymmetric]}\n": "[asymmetric]}}\n",
        },
        "mini-space.yaml:7: parameters.classifier.gamma_negative: must be of type vector",
    ),
    (
        {"    over: labels": "    over: words"},
        "parameters.classifier.gamma_negative.over: must be 'labels', got 'words'",
    ),
    ({"element: {type: float": "element: {type: vector"}, "gamma_negative.element: must have one of the types"),
    ({"high: 6": "high: 30"}, "mini-space.yaml:7: .*gamma_negative.x: must be less than or equal to 20, got 30.0"),
    # ranges that break the recipe's rules
    (
        instead("detector.lr: {type: float, low: 0, high: 1}"),
        "mini-space.yaml:4: parameters.detector.lr: must be greater",
    ),
    (
        instead("detector.xi: {type: float, low: 0.5, high: 1.5}"),
        "detector.xi: must be less than or equal to 1, got 1.5",
    ),
    (instead("detector.batch_size: {type: float, low: 2, high: 8}"), "detector.batch_size: must be a whole number"),
    (instead("encoder.tiny.hidden: {type: int, low: 32, high: 96}"), "tiny.hidden: must be a multiple of 32, got 33"),
    (instead("detector.precision: {type: categorical, choices: [bf16, fp8]}"), "'bf16' or 'fp16', got 'fp8'"),
    (instead("decision.threshold_rule: {type: categorical, choices: [best]}"), "must be one of .*got 'best'"),
    (
        {"low: 1e-3, high: 1e-1": "low: 1e-3, high: 100"},
        "mini-space.yaml:16: profiles.tiny.parameters.detector.lr: must",
    ),
    # conditions
    ({"{detector.loss: [": "{detector.los: ["}, "mini-space.yaml:6: .*when: detector.los: must be a known key"),
    ({"{detector.loss: [": "{detector: ["}, "when: detector: must be a single value, not a section"),
    (
        {"{detector.loss: [soft_triple]": "{detector.loss: [softtriple]"},
        "when: detector.loss: must be 'soft_triple' or",
    ),
    ({"{detector.loss: [soft_triple]": "{detector.loss: []"}, "when.detector.loss: must not be empty"),
    ({"{detector.loss: [soft_triple]": "{detector.loss: soft_triple"}, "when.detector.loss: must be a list"),
    (
        {"{detector.loss: [soft_triple]": "{decision.tau: [0.4]"},
        "when: decision.tau: must stand above detector.centers",
    ),
    ({"{detector.loss: [soft_triple]": "{detector.centers: [1]"}, "when: detector.centers: must stand above"),
    ({"{detector.loss: [soft_triple]": "{classifier.gamma_negative.x: [1]"}, "gamma_negative.x: must stand above"),
    ({"{detector.loss: [soft_triple]": "{classifier.gamma_negative.w: [1]"}, r"w: must be one of the labels"),
]


@pytest.mark.parametrize(("edits", "message"), BROKEN, ids=[message[:70] for _, message in BROKEN])
def test_a_broken_rule_is_named_with_file_line_key_and_value(space, edits, message):
    with pytest.raises(SpecError, match=message):
        space(edits)


def test_all_faults_of_a_file_are_reported_at_once(space):
    edits = {
        LINE: "detector.lrr: {type: int, low: 1, high: 2}",
        "[soft_triple, cross_entropy]": "[soft_triple, triplet]",
        "low: 0.2, high: 0.8": "low: -1, high: 2",
        "low: 1e-3, high: 1e-1": "low: 1e-3, high: 11",
    }
    with pytest.raises(SpecError) as caught:
        space(edits)
    assert [line.partition("mini-space.yaml:")[2] for line in caught.value.problem.splitlines()] == [
        "4: parameters.detector.lrr: must be a known key of a recipe; did you mean 'detector.lr'?",
        "5: parameters.detector.loss: must be 'soft_triple' or 'cross_entropy', got 'triplet'",
        "12: parameters.decision.tau: must be greater than or equal to 0, got -1.0",
        "12: parameters.decision.tau: must be less than or equal to 1, got 2.0",
        "16: profiles.tiny.parameters.detector.lr: must be less than or equal to 10, got 11.0",
    ]


def test_a_space_of_a_classifier_does_not_go_with_a_detector_alone(space, load, recipe_text):
    start, end = recipe_text.index("classifier:\n"), recipe_text.index("decision:\n")
    alone = load(
        {
            recipe_text[start:end]: "",
            "  labels: [x, y/z]\n": "",
            "{classifier.xi: 1}": "{detector.xi: 1}",
            "decision:\n": "decision:\n  objective: detector\n",
        }
    ).recipe
    with pytest.raises(SpecError, match="gamma_negative: must be a key of the recipe, and 'mini' has no classifier"):
        space(over=alone)


def test_values_that_this_recipe_never_takes_are_not_held_against_it(space, load):
    over = load(
        changes={"folds.plan": "paper", "decision.objective": "gold_gated", "classifier.transfer": "none"}
    ).recipe
    edits = {LINE: "classifier.transfer: {type: categorical, choices: [same_fold, none]}"}
    with pytest.raises(SpecError, match=r"transfer: must be best_fold or none with folds.plan: paper"):
        space(edits, over=over)
    edits = {LINE: "classifier.transfer: {type: categorical, choices: [same_fold, none], when: {folds.plan: [shared]}}"}
    assert "classifier.transfer" in space(edits, over=over).parameters


def test_an_unknown_space_lists_what_is_shipped(recipe):
    with pytest.raises(SpecError, match=r"search space must be one of \['st1', 'st2', 'st3'.*\].*got 'st4'"):
        load_space("st4", recipe, "published")
