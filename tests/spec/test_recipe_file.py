"""How files and options make one recipe: extends, profiles, ablations, --encoder and --set."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tune_polar.errors import SpecError
from tune_polar.spec.draft import parse_assignment
from tune_polar.spec.recipe_file import LoadedRecipe, RecipeOptions, load_recipe


@pytest.fixture
def variant(tmp_path: Path, recipe_text: str) -> Callable[..., LoadedRecipe]:
    """Load ``variant.yaml`` with this text, beside the small recipe and whatever ``others`` say."""

    def load_variant(text: str, others: dict[str, str] | None = None, **options: object) -> LoadedRecipe:
        for name, content in {"mini": recipe_text, "variant": text, **(others or {})}.items():
            path = tmp_path / f"{name}.yaml"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(content, encoding="utf-8")
        return load_recipe(str(tmp_path / "variant.yaml"), RecipeOptions(**options))

    return load_variant


def test_a_shipped_recipe_is_found_by_name_from_any_folder(tmp_path, monkeypatch):
    (tmp_path / "st1.yaml").write_text("recipe: an impostor\n")
    monkeypatch.chdir(tmp_path)
    loaded = load_recipe("st1")
    assert loaded.recipe.recipe == "st1"
    assert loaded.path.name == "st1.yaml"
    assert tmp_path not in loaded.path.parents


def test_an_unknown_name_lists_what_is_shipped():
    with pytest.raises(SpecError, match=r"recipe must be one of \['st1', .*, got 'st33'; did you mean 'st3'\?"):
        load_recipe("st33")


@pytest.mark.parametrize("name", ["", "nul\0", "..", "st1\n", "x" * 5000])
def test_hostile_names_are_refused(name):
    with pytest.raises(SpecError, match="recipe must be one of"):
        load_recipe(name)


def test_a_variant_changes_only_what_it_says(variant):
    loaded = variant("extends: mini\nrecipe: mine\nchanges:\n  detector.lr: 5e-4\n  task.target: other\n")
    base = variant("extends: mini\n").recipe
    assert base.recipe == "mini"
    assert loaded.recipe.recipe == "mine"
    assert loaded.recipe.description == "a small recipe"
    expected = base.model_dump()
    expected["recipe"], expected["detector"]["lr"], expected["task"]["target"] = "mine", 5e-4, "other"
    assert loaded.recipe.model_dump() == expected


def test_a_variant_of_a_variant(variant):
    others = {"middle": "extends: mini\nchanges: {detector.lr: 5e-4, detector.xi: 0.8}\n"}
    recipe = variant("extends: middle\nchanges: {detector.lr: 7e-4}\n", others).recipe
    assert (recipe.detector.lr, recipe.detector.xi) == (7e-4, 0.8)


def test_a_variant_of_a_shipped_recipe(variant):
    recipe = variant("extends: st1\nchanges: {decision.k: 7}\n").recipe
    assert (recipe.task.subtask, recipe.decision.k) == ("st1", 7)


def test_a_path_to_extend_is_read_from_the_files_own_folder(variant, recipe_text, monkeypatch):
    others = {"below/base": recipe_text, "below/two": "extends: ./base.yaml\nchanges: {decision.k: 9}\n"}
    monkeypatch.chdir("/")
    assert variant("extends: below/two.yaml\n", others).recipe.decision.k == 9


def test_a_neighbour_goes_before_a_shipped_recipe_of_the_same_name(variant, recipe_text):
    assert variant("extends: st1\n", {"st1": recipe_text}).recipe.recipe == "mini"


def test_a_variant_adds_ablations_and_profiles(variant):
    text = (
        "extends: mini\n"
        "changes: {decision.k: 9}\n"
        "ablations:\n  low_tau: {title: low τ, changes: {decision.tau: 0.1}}\n"
        "profiles:\n  tiny: {changes: {detector.xi: 0.5}}\n"
    )
    loaded = variant(text, encoder="tiny")
    assert loaded.profile == "tiny"
    assert (loaded.recipe.detector.lr, loaded.recipe.detector.xi) == (1e-2, 0.5)
    assert list(loaded.ablations) == ["no_llrd", "low_tau"]
    title, recipe = loaded.ablations["low_tau"]
    assert (title, recipe.decision.tau, recipe.decision.k) == ("low τ", 0.1, 9)


@pytest.mark.parametrize(
    ("text", "others", "message"),
    [
        ("extends: absent\n", {}, r"variant.yaml:1: extends: must be a recipe beside this file, one of .*got 'absent'"),
        ("extends: minni\n", {}, r"variant.yaml:1: extends: must be a recipe beside this file"),
        ("extends: no/such.yaml\n", {}, r"variant.yaml:1: extends: .*got 'no/such.yaml', which is no file"),
        ("recipe: x\nextends: 3\n", {}, r"variant.yaml:2: extends: must be text, got 3"),
        ("extends: ''\n", {}, r"variant.yaml:1: extends: must not be empty"),
        ("extends: variant\n", {}, r"variant.yaml:1: extends: must not come back to a file"),
        ("extends: other\n", {"other": "extends: variant\n"}, r"variant.yaml:1: extends: must not come back to a file"),
        ("extends: other\n", {"other": "a: [\n"}, r"other.yaml:2: must be plain YAML"),
        ("extends: mini\ndetector: {}\n", {}, r"variant.yaml:2: detector: must stand under `changes` in a file that"),
        ("extends: mini\nfoo: 1\nbar: 1\n", {}, r"variant.yaml:2: foo: .*\n.*variant.yaml:3: bar: must stand under"),
        ("extends: mini\nchanges: [1]\n", {}, r"variant.yaml:2: changes: must be a section of keys and values"),
        ("extends: mini\nchanges:\n  detector.lr: 0\n", {}, r"variant.yaml:3: changes.detector.lr: must be greater"),
        ("extends: mini\nchanges:\n  detecor.lr: 0\n", {}, r"variant.yaml:3: changes.detecor.lr: must be a known key"),
        ("extends: mini\nchanges:\n  detector: 3\n", {}, r"variant.yaml:3: changes.detector: must be a section"),
        (
            "extends: mini\nchanges:\n  detector:\n    lr: 1\n    xi: 5\n",
            {},
            r"variant.yaml:3: changes.detector.batch_size: must be given(.|\n)*variant.yaml:5: changes.detector.xi",
        ),
        (
            "extends: mini\nchanges: {folds.plan: paper}\n",
            {},
            r"mini.yaml:16: classifier.transfer: must be best(.|\n)*mini.yaml:24: decision.objective: must be gold",
        ),
    ],
)
def test_faults_of_variants_are_named_in_the_file_that_has_them(variant, text, others, message):
    with pytest.raises(SpecError, match=message):
        variant(text, others)


def test_faults_of_base_and_variant_come_together(variant, recipe_text):
    others = {"mini": recipe_text.replace("  k: 5", "  k: 0")}
    with pytest.raises(SpecError, match=r"mini.yaml:25: decision.k(.|\n)*variant.yaml:2: changes.decision.tau"):
        variant("extends: mini\nchanges: {decision.tau: 2}\n", others)


# -- profiles -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "profile"),
    [
        ({}, "published"),
        ({"encoder": "tiny"}, "tiny"),
        ({"encoder": "small"}, "tiny"),
        ({"encoder": "other/encoder"}, "published"),
        ({"encoder": "tiny", "profile": "published"}, "published"),
        ({"profile": "tiny"}, "tiny"),
        ({"changes": {"encoder.name": "tiny"}}, "tiny"),
        ({"encoder": "other", "changes": {"encoder.name": "tiny"}}, "tiny"),
        ({"changes": {"encoder": {"name": "tiny"}}}, "tiny"),
    ],
)
def test_the_encoder_chooses_the_profile(load, options, profile):
    loaded = load(**options)
    assert loaded.profile == profile
    assert loaded.recipe.detector.lr == (1e-2 if profile == "tiny" else 1e-3)


def test_a_variants_encoder_chooses_the_profile_too(variant):
    loaded = variant("extends: mini\nchanges: {encoder.name: tiny}\n")
    assert (loaded.profile, loaded.recipe.detector.lr) == ("tiny", 1e-2)


def test_an_unknown_profile_is_refused(load):
    with pytest.raises(SpecError, match=r"--profile must be one of \['published', 'tiny'\], got 'tyny'; did you mean"):
        load(profile="tyny")


def test_a_bad_value_in_a_profile_is_named_where_it_stands(load):
    with pytest.raises(SpecError, match=r"mini.yaml:35: profiles.tiny.changes.detector.lr: must be greater than 0"):
        load({"detector.lr: 1e-2": "detector.lr: 0"}, encoder="tiny")


# -- precedence -----------------------------------------------------------------------------------------------


def test_each_source_of_a_value_goes_before_those_before_it(variant):
    base = "extends: mini\n"
    profile = "profiles:\n  tiny: {changes: {decision.k: 21}}\n"
    changes = "changes: {decision.k: 22}\n"
    ablation = "ablations:\n  a: {title: a, changes: {decision.k: 23}}\n"
    assert variant(base).recipe.decision.k == 5
    assert variant(base + profile, profile="tiny").recipe.decision.k == 21
    assert variant(base + profile + changes, profile="tiny").recipe.decision.k == 22
    with_all = variant(base + profile + changes + ablation, profile="tiny")
    assert (with_all.recipe.decision.k, with_all.ablations["a"][1].decision.k) == (22, 23)
    told = variant(base + profile + changes + ablation, profile="tiny", changes={"decision.k": 24})
    assert (told.recipe.decision.k, told.ablations["a"][1].decision.k) == (24, 24)


def test_the_encoder_of_the_command_line_goes_before_a_variants(variant):
    text = "extends: mini\nchanges: {encoder.name: theirs}\n"
    assert variant(text).recipe.encoder.name == "theirs"
    assert variant(text, encoder="mine").recipe.encoder.name == "mine"
    assert variant(text, encoder="mine", changes={"encoder.name": "set"}).recipe.encoder.name == "set"


def test_an_empty_encoder_is_refused(load):
    with pytest.raises(SpecError, match=r"^--encoder: must not be empty, got ''"):
        load(encoder="")


def test_loading_one_recipe_leaves_nothing_behind_for_the_next(load):
    first = load(changes={"classifier.gamma_negative.x": 1})
    assert load().recipe.classifier.gamma_negative == {"x": 4.0, "y/z": 2.0}
    assert first.recipe.classifier.gamma_negative == {"x": 1.0, "y/z": 2.0}


# -- --set ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "key", "value"),
    [
        ("detector.lr=2e-5", "detector.lr", 2e-5),
        (" detector.lr = 2e-5 ", "detector.lr", 2e-5),
        ("classifier.gamma_negative.racial/ethnic=3", "classifier.gamma_negative.racial/ethnic", 3),
        ("task.labels=[a, b]", "task.labels", ["a", "b"]),
        ("description=a=b", "description", "a=b"),
        ("detector.head_lr=", "detector.head_lr", None),
        ("detector.loss=no", "detector.loss", "no"),
    ],
)
def test_assignments_are_read_as_yaml_would(text, key, value):
    assert parse_assignment(text) == (key, value)


@pytest.mark.parametrize("text", ["detector.lr", "", "=3", " =3"])
def test_an_assignment_needs_a_key_and_an_equals_sign(text):
    with pytest.raises(SpecError, match="--set must look like KEY=VALUE, got"):
        parse_assignment(text)


@pytest.mark.parametrize(
    ("assignment", "message"),
    [
        ("detector.lr=abc", "--set detector.lr: must be a number, got 'abc'"),
        ("detector.lrr=3", "--set detector.lrr: must be a known key of a recipe; did you mean 'detector.lr'?"),
        ("lr=3", "--set lr: must be a known key of a recipe; did you mean 'detector.lr' or 'classifier.lr'?"),
        ("dector.lr=3", "--set dector.lr: must be a known key of a recipe; did you mean 'detector'?"),
        ("detector.lr.x=3", "--set detector.lr.x: must be a known key of a recipe: 'lr' has no parts"),
        ("detector.=3", "--set detector.: must be a known key of a recipe\n"),
        ("classifier.zzz=3", "--set classifier.zzz: must be a known key of a recipe\n"),
        ("detector=3", "--set detector: must be a section of keys and values, got 3"),
        ("detector=", "--set detector: must be a section of keys and values, got null"),
        ("folds.count=2.5", "--set folds.count: must be a whole number, got 2.5"),
        ("encoder.tiny.hidden=33", "--set encoder.tiny.hidden: must be a multiple of 32, got 33"),
        ("encoder.tiny.hidden.x=3", "--set encoder.tiny.hidden.x: must be a known key of a recipe"),
        ("classifier.gamma_negative=3", "--set classifier.gamma_negative: must be a section of keys and values, got 3"),
        ("classifier.gamma_negative.y=3", "--set classifier.gamma_negative.y: must be one of the labels ['x', 'y/z']"),
        ("classifier.gamma_negative.x=-1", "--set classifier.gamma_negative.x: must be greater than or equal to 0"),
        ("ablations={}", "--set ablations: must be a known key of a recipe"),
        ("extends=st1", "--set extends: must be a known key of a recipe"),
    ],
)
def test_what_set_breaks_is_named_by_the_option(load, assignment, message):
    with pytest.raises(SpecError) as caught:
        load(changes=dict([parse_assignment(assignment)]))
    assert f"{caught.value.problem}\n".startswith(message)
    assert caught.value.problem.count("\n") == 0


def test_set_reaches_labels_with_slashes_and_dots(load):
    recipe = load(changes={"classifier.gamma_negative.y/z": 3.5, "detector.head_lr": 1e-4}).recipe
    assert recipe.classifier.gamma_negative == {"x": 4.0, "y/z": 3.5}
    assert recipe.detector.head_lr == 1e-4
    dotted = {"[x, y/z]\nencoder": "[x, y.z.w]\nencoder", "    y/z: 2": "    y.z.w: 2"}
    recipe = load(dotted, changes={"classifier.gamma_negative.y.z.w": 3}).recipe
    assert recipe.classifier.gamma_negative == {"x": 4.0, "y.z.w": 3.0}


def test_faults_of_file_and_options_come_together(load):
    with pytest.raises(SpecError, match=r"--set decision.k: .*\n.*mini.yaml:11: detector.lr"):
        load({"  lr: 1e-3": "  lr: 0"}, changes={"decision.k": 0})
