"""Each rule of a recipe, broken: the message names file, line, key, rule and value."""

from __future__ import annotations

import math

import pytest

from tune_polar.errors import SpecError


def detector(line: str) -> dict[str, str]:
    return {"detector:\n  lr: 1e-3": f"detector:\n  {line}\n  lr: 1e-3"}


def classifier(line: str) -> dict[str, str]:
    return {"classifier:\n  lr: 1e-3": f"classifier:\n  {line}\n  lr: 1e-3"}


def decision(line: str) -> dict[str, str]:
    return {"decision:\n": f"decision:\n  {line}\n"}


def encoder(line: str) -> dict[str, str]:
    return {"encoder:\n": f"encoder:\n  {line}\n"}


def folds(line: str) -> dict[str, str]:
    return {"encoder:\n": f"folds:\n  {line}\nencoder:\n"}


NAMES_LABELS = r"\['x', 'y/z'\]"

BROKEN = [
    # whole sections
    ({"recipe: mini\n": ""}, "mini.yaml: recipe: must be given, got nothing"),
    ({"recipe: mini": "recipe: 3"}, "mini.yaml:1: recipe: must be text, got 3"),
    ({"recipe: mini": "recipe: ''"}, "mini.yaml:1: recipe: must not be empty, got ''"),
    ({"recipe: mini": "recipe: true"}, "mini.yaml:1: recipe: must be text, got true"),
    ({"description: a small recipe": "description:"}, "mini.yaml:2: description: must be text, got null"),
    ({"detector:\n": "detectr:\n"}, "mini.yaml: detector: must be given, got nothing"),
    ({"detector:\n": "detectr:\n"}, "mini.yaml:10: detectr: must be a known key; did you mean 'detector'\\?"),
    ({"ablations:\n": "ablation:\n"}, "mini.yaml:27: ablation: must be a known key; did you mean 'ablations'\\?"),
    ({"decision:\n": "decision: 3\nx:\n"}, "mini.yaml:24: decision: must be a section of keys and values, got 3"),
    ({"decision:\n": "decision: []\nx:\n"}, r"mini.yaml:24: decision: must be a section of keys and values, got \[\]"),
    ({"classifier:\n": "classifier: 3\nx:\n"}, "mini.yaml:16: classifier: must be a section of keys and values, got 3"),
    ({"description: a small recipe": "folds:"}, "mini.yaml:2: folds: must be a section of keys and values, got null"),
    # task
    ({"  target: polarization\n": ""}, "mini.yaml:3: task.target: must be given, got nothing"),
    ({"labels: [x, y/z]": "labels: x"}, "mini.yaml:7: task.labels: must be a list, got 'x'"),
    ({"labels: [x, y/z]": "labels: [x, 3]"}, r"mini.yaml:7: task.labels.1: must be text, got 3"),
    ({"labels: [x, y/z]": "labels: [x, x]"}, r"mini.yaml:7: task.labels: must name each column once, got \['x', 'x'\]"),
    (
        {"proxy_types: [x, y/z]": "proxy_types: [x, x]"},
        r"mini.yaml:6: task.proxy_types: must name each column once, got \['x', 'x'\]",
    ),
    # folds
    (folds("count: 1"), "mini.yaml:9: folds.count: must be greater than or equal to 2, got 1"),
    (folds("count: 101"), "mini.yaml:9: folds.count: must be less than or equal to 100, got 101"),
    (folds("count: 2.0"), "mini.yaml:9: folds.count: must be a whole number, got 2.0"),
    (folds("count: true"), "mini.yaml:9: folds.count: must be a whole number, got true"),
    (folds("plan: own"), "mini.yaml:9: folds.plan: must be 'shared' or 'paper', got 'own'"),
    (folds("seed: -1"), "mini.yaml:9: folds.seed: must be greater than or equal to 0, got -1"),
    (folds("order: up"), "mini.yaml:9: folds.order: must be 'file' or 'competition', got 'up'"),
    # encoder
    ({"name: some/encoder": "name:"}, "mini.yaml:9: encoder.name: must be text, got null"),
    (encoder("pooling: max"), "mini.yaml:9: encoder.pooling: must be 'cls' or 'mean', got 'max'"),
    (encoder("max_length_tokens: 3"), "encoder.max_length_tokens: must be greater than or equal to 4, got 3"),
    (encoder("tiny: {hidden: 33}"), "mini.yaml:9: encoder.tiny.hidden: must be a multiple of 32, got 33"),
    (encoder("tiny: {hiden: 32}"), "encoder.tiny.hiden: must be a known key; did you mean 'hidden'\\?"),
    (encoder("revison: x"), "mini.yaml:9: encoder.revison: must be a known key; did you mean 'revision'\\?"),
    # what both stages have
    ({"  lr: 1e-3": "  lr: -1"}, "mini.yaml:11: detector.lr: must be greater than 0, got -1"),
    ({"  lr: 1e-3": "  lr: 0"}, "mini.yaml:11: detector.lr: must be greater than 0, got 0"),
    ({"  lr: 1e-3": "  lr: 11"}, "mini.yaml:11: detector.lr: must be less than or equal to 10, got 11"),
    ({"  lr: 1e-3": "  lr: 1e999"}, "mini.yaml:11: detector.lr: must be a finite number, got inf"),
    ({"  lr: 1e-3": "  lr: 1e-999"}, "mini.yaml:11: detector.lr: must be greater than 0, got 0.0"),
    ({"  lr: 1e-3": "  lr: " + "9" * 900}, "mini.yaml:11: detector.lr: must be"),
    ({"  lr: 1e-3": "  lr: " + "9" * 5000}, "mini.yaml:11: detector.lr: must be a finite number, got inf"),
    ({"  lr: 1e-3": "  lr: abc"}, "mini.yaml:11: detector.lr: must be a number, got 'abc'"),
    ({"  lr: 1e-3": "  lr: '1e-3'"}, "mini.yaml:11: detector.lr: must be a number, got '1e-3'"),
    ({"  lr: 1e-3": "  lr: true"}, "mini.yaml:11: detector.lr: must be a number, got true"),
    ({"  lr: 1e-3": "  lr: nan"}, "mini.yaml:11: detector.lr: must be a number, got 'nan'"),
    ({"  lr: 1e-3": "  lr: {a: 1}"}, "mini.yaml:11: detector.lr: must be a number, got {'a': 1}"),
    ({"  xi: 0.9": "  xi: 0"}, "mini.yaml:12: detector.xi: must be greater than 0, got 0"),
    ({"  xi: 0.9": "  xi: 1.1"}, "mini.yaml:12: detector.xi: must be less than or equal to 1, got 1.1"),
    ({"  batch_size: 8": "  batch_size: 1"}, "detector.batch_size: must be greater than or equal to 2, got 1"),
    ({"  fgm_epsilon: 0": "  fgm_epsilon: -0.1"}, "detector.fgm_epsilon: must be greater than or equal to 0, got -0.1"),
    (detector("head_lr: 0"), "detector.head_lr: must be greater than 0, got 0"),
    (detector("weight_decay: 1.5"), "detector.weight_decay: must be less than or equal to 1, got 1.5"),
    (detector("warmup_share: -0.1"), "detector.warmup_share: must be greater than or equal to 0, got -0.1"),
    (detector("warmup: 0.1"), "mini.yaml:11: detector.warmup: must be a known key; did you mean 'warmup_share'\\?"),
    (detector("max_steps: 0"), "detector.max_steps: must be greater than or equal to 1, got 0"),
    (detector("max_epochs: 0"), "detector.max_epochs: must be greater than 0, got 0"),
    (detector("eval_every_steps: 0"), "detector.eval_every_steps: must be greater than or equal to 1, got 0"),
    (detector("patience_evaluations: 0"), "patience_evaluations: must be greater than or equal to 1, got 0"),
    (detector("encoder_dropout: 1"), "detector.encoder_dropout: must be less than 1, got 1"),
    (detector("head_hidden: 0"), "detector.head_hidden: must be greater than or equal to 1, got 0"),
    (detector("precision: fp8"), "detector.precision: must be 'auto', 'fp32', 'bf16' or 'fp16', got 'fp8'"),
    # detector
    (detector("loss: triplet"), "detector.loss: must be 'soft_triple' or 'cross_entropy', got 'triplet'"),
    (detector("loss: torch.nn.MSELoss"), "detector.loss: must be 'soft_triple' or 'cross_entropy'"),
    (detector("projection: 1"), "detector.projection: must be greater than or equal to 2, got 1"),
    (detector("centers: 0"), "detector.centers: must be greater than or equal to 1, got 0"),
    (detector("la: 0"), "detector.la: must be greater than 0, got 0"),
    (detector("gamma: 0"), "detector.gamma: must be greater than 0, got 0"),
    (detector("margin: -1"), "detector.margin: must be greater than or equal to 0, got -1"),
    (detector("batches: random"), "detector.batches: must be 'balanced' or 'length_grouped', got 'random'"),
    (detector("checkpoint: best"), "detector.checkpoint: must be 'precision_at_1' or 'last', got 'best'"),
    ({"  centers_lr: 1e-2\n": ""}, "mini.yaml:10: detector.centers_lr: must be given, got nothing"),
    # classifier
    ({"    y/z: 2\n": ""}, f"mini.yaml:21: classifier.gamma_negative: must name each .*{NAMES_LABELS}; missing .'y/z'"),
    ({"    y/z: 2": "    y/w: 2"}, f"mini.yaml:23: classifier.gamma_negative.y/w: must be one of .*{NAMES_LABELS}"),
    ({"    y/z: 2": "    y/z: 21"}, "mini.yaml:23: classifier.gamma_negative.y/z: must be less than or equal to 20"),
    ({"    y/z: 2": "    y/z: x"}, "mini.yaml:23: classifier.gamma_negative.y/z: must be a number, got 'x'"),
    (classifier("gamma_positive: -1"), "classifier.gamma_positive: must be greater than or equal to 0, got -1"),
    (classifier("clip: 1"), "classifier.clip: must be less than 1, got 1"),
    (classifier("dropout: 1"), "classifier.dropout: must be less than 1, got 1"),
    (classifier("transfer: yes"), "classifier.transfer: must be 'same_fold', 'best_fold' or 'none', got 'yes'"),
    (classifier("centers: 3"), "mini.yaml:17: classifier.centers: must be a known key"),
    ({"  labels: [x, y/z]\n": ""}, r"mini.yaml:3: task.labels: must name the classifier's columns, got \[\]"),
    # decision
    ({"  k: 5": "  k: 0"}, "mini.yaml:25: decision.k: must be greater than or equal to 1, got 0"),
    ({"  k: 5": "  k: 201"}, "mini.yaml:25: decision.k: must be less than or equal to 200, got 201"),
    ({"  tau: 0.4": "  tau: 1.5"}, "mini.yaml:26: decision.tau: must be less than or equal to 1, got 1.5"),
    (decision("threshold_rule: best"), "decision.threshold_rule: must be one of .*'max_f1', .*, got 'best'"),
    (decision("objective: f1"), "decision.objective: must be 'detector', 'gold_gated' or 'end_to_end', got 'f1'"),
    # rules over sections
    (folds("plan: paper"), "mini.yaml:26: decision.objective: must be gold_gated or detector with folds.plan: paper"),
    (folds("plan: paper"), "mini.yaml:18: classifier.transfer: must be best_fold or none with folds.plan: paper"),
    # parts of the file that are no settings
    ({"    title: no LLRD\n": ""}, "mini.yaml:28: ablations.no_llrd.title: must be given, got nothing"),
    ({"title: no LLRD": "titel: x"}, "ablations.no_llrd.titel: must be a known key; did you mean 'title'\\?"),
    ({"encoders: [tiny, small]": "encoders: tiny"}, "mini.yaml:33: profiles.tiny.encoders: must be a list, got 'tiny'"),
    ({"profiles:\n  tiny:": "profiles: 3\nx:\n  tiny:"}, "mini.yaml:31: profiles: must be a section"),
    (
        {"recipe: mini\n": "recipe: mini\nchanges: {}\n"},
        "mini.yaml:2: changes: must be left out in a file that extends",
    ),
    (
        {"{classifier.xi: 1}": "{classifier.x: 1}"},
        "mini.yaml:30: ablations.no_llrd.changes.classifier.x: must be a known key .*mean 'classifier.xi'",
    ),
    (
        {"{classifier.xi: 1}": "{classifier.xi: 2}"},
        "mini.yaml:30: ablations.no_llrd.changes.classifier.xi: must be less than or equal to 1, got 2",
    ),
    (
        {"detector.lr: 1e-2": "detector.lrr: 1"},
        "mini.yaml:35: profiles.tiny.changes.detector.lrr: must be a known key of a recipe; did you mean 'detector.lr'",
    ),
]


@pytest.mark.parametrize(("edits", "message"), BROKEN, ids=[message[:70] for _, message in BROKEN])
def test_a_broken_rule_is_named_with_file_line_key_and_value(load, edits, message):
    with pytest.raises(SpecError, match=message):
        load(edits)


def test_no_fault_has_another_rule_than_its_own(load):
    with pytest.raises(SpecError) as caught:
        load({"classifier:\n": "classifier: 3\nx:\n"})
    assert [line.partition("mini.yaml:")[2] for line in caught.value.problem.splitlines()] == [
        "16: classifier: must be a section of keys and values, got 3",
        "17: x: must be a known key",
    ]


def test_all_faults_of_a_file_are_reported_at_once(load):
    edits = {
        "  lr: 1e-3": "  lr: -1",
        "  batch_size: 8": "  bach_size: 8",
        "    y/z: 2": "    y/z: 99",
        "  k: 5": "  k: five",
        "{classifier.xi: 1}": "{classifier.x: 1}",
        "detector.lr: 1e-2": "detector.l: 1",
    }
    with pytest.raises(SpecError) as caught:
        load(edits)
    found = [line.partition("mini.yaml:")[2] for line in caught.value.problem.splitlines()]
    assert found == [
        "10: detector.batch_size: must be given, got nothing",
        "11: detector.lr: must be greater than 0, got -1",
        "13: detector.bach_size: must be a known key; did you mean 'batch_size'?",
        "23: classifier.gamma_negative.y/z: must be less than or equal to 20, got 99",
        "25: decision.k: must be a whole number, got 'five'",
        "30: ablations.no_llrd.changes.classifier.x: must be a known key of a recipe; did you mean 'classifier.xi'?",
        "35: profiles.tiny.changes.detector.l: must be a known key of a recipe; did you mean 'detector.lr'?",
    ]
    assert str(caught.value).count("Remedy:") == 1


def test_the_small_recipe_keeps_every_rule(load):
    loaded = load()
    assert loaded.recipe.recipe == "mini"
    assert loaded.base == "st9"
    assert list(loaded.ablations) == ["no_llrd"]


def test_whole_numbers_stand_where_numbers_are_due(load):
    recipe = load({"  lr: 1e-3": "  lr: 1"}).recipe
    assert recipe.detector.lr == 1.0
    assert isinstance(recipe.detector.lr, float)
    assert math.isclose(recipe.classifier.gamma_negative["x"], 4)


def test_a_detector_alone_needs_neither_classifier_nor_labels(load, recipe_text):
    start, end = recipe_text.index("classifier:\n"), recipe_text.index("decision:\n")
    without = {recipe_text[start:end]: "", "  labels: [x, y/z]\n": "", "{classifier.xi: 1}": "{detector.xi: 1}"}
    with pytest.raises(SpecError, match=r"decision\.objective: must be detector where there is no classifier"):
        load(without)
    loaded = load({**without, "decision:\n": "decision:\n  objective: detector\n"})
    assert loaded.recipe.classifier is None
    with pytest.raises(SpecError, match=r"^--set classifier.lr: must be a key of the recipe, which has no classifier"):
        load({**without, "decision:\n": "decision:\n  objective: detector\n"}, changes={"classifier.lr": 1e-3})


def test_labels_need_a_classifier(load, recipe_text):
    start, end = recipe_text.index("classifier:\n"), recipe_text.index("decision:\n")
    with pytest.raises(SpecError, match=r"classifier: must be given where task.labels names columns"):
        load({recipe_text[start:end]: "", "{classifier.xi: 1}": "{detector.xi: 1}"})
