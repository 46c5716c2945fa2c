"""How files and options make one recipe: extends, like, profiles, ablations, --encoder and --set."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.recipe.conftest import MINE
from tune_polar.errors import SpecError
from tune_polar.recipe.recipe_file import LoadedRecipe, RecipeOptions, load_recipe, parse_assignment
from tune_polar.recipe.repeated_ablations import repeated
from tune_polar.recipe.template import Target


@pytest.fixture
def variant(tmp_path: Path, recipe_text: str) -> Callable[..., LoadedRecipe]:
    """Load ``variant.yaml`` with this text, beside the small recipe and whatever ``others`` say."""

    def load_variant(text: str, others: dict[str, str] | None = None, **options: object) -> LoadedRecipe:
        for name, content in {"mini": recipe_text, "variant": text, **(others or {})}.items():
            path = tmp_path / f"{name}.yaml"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(content, encoding="utf-8")
        return load_recipe(str(tmp_path / "variant.yaml"), RecipeOptions(**options), folder=tmp_path / "shelf")

    return load_variant


def test_a_recipe_is_found_by_name_from_any_folder(tmp_path, monkeypatch):
    (tmp_path / "shelf").mkdir()
    (tmp_path / "shelf" / "mine.yaml").write_text(MINE)
    (tmp_path / "mine.yaml").write_text("recipe: an impostor\n")
    monkeypatch.chdir(tmp_path)
    loaded = load_recipe("mine", folder=tmp_path / "shelf")
    assert loaded.recipe.recipe == "mine"
    assert loaded.path == tmp_path / "shelf" / "mine.yaml"


def test_an_unknown_name_lists_what_there_is(tmp_path):
    (tmp_path / "mine.yaml").write_text(MINE)
    with pytest.raises(SpecError, match=r"recipe must be one of \['mine'\] or .*, got 'mien'; did you mean 'mine'\?"):
        load_recipe("mien", folder=tmp_path)


@pytest.mark.parametrize("name", ["", "nul\0", "..", "mine\n", "x" * 5000])
def test_hostile_names_are_refused(name):
    with pytest.raises(SpecError, match="recipe must be one of"):
        load_recipe(name)


# -- files that extend others -----------------------------------------------------------------------------------


def test_a_variant_changes_only_what_it_says(variant):
    loaded = variant("extends: mini\nrecipe: mine\nchanges:\n  finder.optimizer.lr: 5e-4\n  data.groups: [town]\n")
    base = variant("extends: mini\n").recipe
    assert base.recipe == "mini"
    assert loaded.recipe.recipe == "mine"
    assert loaded.names == ("mine", "mini")
    expected = base.model_dump()
    expected["recipe"], expected["data"]["groups"] = "mine", ("town",)
    expected["stages"]["finder"]["optimizer"]["lr"] = 5e-4
    assert loaded.recipe.model_dump() == expected


@pytest.mark.parametrize(
    "text",
    [
        "stages: {finder: {optimizer: {lr: 5e-4}}}\n",
        "changes: {finder.optimizer.lr: 5e-4}\n",
        "changes: {stages.finder.optimizer.lr: 5e-4}\n",
        "changes: {finder.lr: 5e-4}\n",
        "changes: {finder.optimizer: {lr: 5e-4}}\n",
        "changes: {finder: {optimizer: {lr: 5e-4}}}\n",
        "changes: {stages: {finder: {optimizer: {lr: 5e-4}}}}\n",
    ],
)
def test_a_change_may_be_written_as_sections_or_as_a_dotted_key(variant, text):
    recipe = variant(f"extends: mini\n{text}").recipe
    assert (recipe.stages["finder"].optimizer.lr, recipe.stages["finder"].optimizer.xi) == (5e-4, 0.9)
    assert recipe.stages["sorter"] == variant("extends: mini\n").recipe.stages["sorter"]


def test_a_component_of_another_type_takes_the_whole_place(variant):
    recipe = variant("extends: mini\nstages: {sorter: {head: {type: linear}}, finder: {head: {hidden: 32}}}\n").recipe
    assert recipe.stages["sorter"].head.model_dump() == {"dropout": 0.0}
    assert recipe.stages["finder"].head.model_dump() == {"size": 64, "hidden": 32}
    recipe = variant("extends: mini\nchanges: {decide.kinds: {rule: fixed}}\n").recipe
    assert (recipe.decide["kinds"].name, recipe.decide["kinds"].of, recipe.decide["kinds"].rule) == (
        "threshold",
        "sorter",
        "fixed",
    )


@pytest.mark.parametrize(
    ("losses", "names"),
    [
        ("{cross_entropy: {}}", ["cross_entropy"]),
        ("cross_entropy", ["cross_entropy"]),
        ("{cross_entropy: null, soft_triple: null}", ["cross_entropy"]),
        ("{cross_entropy: {weight: 0.5}, soft_triple: {}}", ["cross_entropy", "soft_triple"]),
        ("{soft_triple: {la: 10}}", ["soft_triple"]),
    ],
)
def test_losses_of_other_names_take_the_place_of_all(variant, losses, names):
    recipe = variant(f"extends: mini\nchanges: {{finder.losses: {losses}, finder.losses.soft_triple.centers: 7}}\n")
    assert list(recipe.recipe.stages["finder"].losses) in (names, sorted({*names, "soft_triple"}))
    recipe = variant(f"extends: mini\nstages: {{finder: {{losses: {losses}}}}}\n").recipe
    found = recipe.stages["finder"].losses
    assert list(found) == names
    if "soft_triple" in found:
        assert found["soft_triple"].centers == 10


def test_a_loss_may_be_added_by_its_dotted_key(variant):
    recipe = variant("extends: mini\nchanges: {finder.losses.cross_entropy.weight: 0.25}\n").recipe
    losses = recipe.stages["finder"].losses
    assert {name: loss.weight for name, loss in losses.items()} == {"cross_entropy": 0.25, "soft_triple": 1.0}


def test_values_by_column_are_merged(variant):
    text = "extends: mini\nstages: {sorter: {losses: {asymmetric: {gamma_negative: {x: 1}}}}}\n"
    assert variant(text).recipe.stages["sorter"].losses["asymmetric"].gamma_negative == {"x": 1.0, "y/z": 2.0}
    text = "extends: mini\nchanges: {sorter.losses.asymmetric.gamma_negative: 3}\n"
    assert variant(text).recipe.stages["sorter"].losses["asymmetric"].gamma_negative == 3.0


def test_stages_and_decisions_may_be_added_and_taken_away(variant):
    text = "extends: mini\nstages: {sorter: null}\ndecide: {kinds: null, system: null}\nscore: {of: vote}\n"
    recipe = variant(text).recipe
    assert list(recipe.stages) == ["finder"]
    assert list(recipe.decide) == ["vote"]
    text = (
        "extends: mini\n"
        "stages:\n  grader: {start: finder, task: {type: regression, target: grade}}\n"
        "score: {of: grader, metric: mae}\n"
    )
    recipe = variant(text).recipe
    assert list(recipe.stages) == ["sorter", "finder", "grader"] or list(recipe.stages)[-1] == "grader"
    assert recipe.decide["grader"].model_dump() == {"of": "grader", "low": 1.0, "high": 5.0}


def test_a_key_that_may_be_null_is_set_to_null(variant):
    assert variant("extends: mini\nchanges: {sorter.start: null}\n").recipe.stages["sorter"].start is None


def test_a_variant_of_a_variant(variant):
    others = {"middle": "extends: mini\nchanges: {finder.lr: 5e-4, finder.xi: 0.8}\n"}
    recipe = variant("extends: middle\nchanges: {finder.lr: 7e-4}\n", others).recipe
    assert (recipe.stages["finder"].optimizer.lr, recipe.stages["finder"].optimizer.xi) == (7e-4, 0.8)


def test_a_path_to_extend_is_read_from_the_files_own_folder(variant, recipe_text, monkeypatch):
    others = {"below/base": recipe_text, "below/two": "extends: ./base.yaml\nchanges: {decide.vote.k: 9}\n"}
    monkeypatch.chdir("/")
    assert variant("extends: below/two.yaml\n", others).recipe.decide["vote"].k == 9


def test_a_neighbour_goes_before_a_shipped_recipe_of_the_same_name(variant):
    others = {"shelf/near": MINE, "near": "extends: mini\nrecipe: near\n"}
    assert variant("extends: near\n", others).recipe.recipe == "near"
    assert variant("extends: far\n", {**others, "shelf/far": MINE}).recipe.recipe == "mine"


def test_a_file_may_extend_the_shipped_recipe_of_its_own_name(tmp_path):
    (tmp_path / "shelf").mkdir()
    (tmp_path / "shelf" / "mine.yaml").write_text(MINE)
    (tmp_path / "mine.yaml").write_text("extends: mine\nchanges: {model.optimizer.lr: 1e-3}\n")
    loaded = load_recipe(str(tmp_path / "mine.yaml"), folder=tmp_path / "shelf")
    assert loaded.recipe.stages["model"].optimizer.lr == 1e-3


def test_a_variant_adds_ablations_and_profiles(variant):
    text = (
        "extends: mini\n"
        "changes: {decide.vote.k: 9}\n"
        "ablations:\n  low_tau: {title: low τ, changes: {decide.vote.tau: 0.1}}\n"
        "profiles:\n  tiny: {changes: {finder.optimizer.xi: 0.5}}\n"
    )
    loaded = variant(text, encoder="tiny")
    assert loaded.profile == "tiny"
    assert (loaded.recipe.stages["finder"].optimizer.lr, loaded.recipe.stages["finder"].optimizer.xi) == (1e-2, 0.5)
    assert list(loaded.ablations) == ["no_llrd", "low_tau"]
    title, recipe = loaded.ablations["low_tau"]
    assert (title, recipe.decide["vote"].tau, recipe.decide["vote"].k) == ("low τ", 0.1, 9)


def test_a_variant_replaces_and_takes_away_ablations(variant):
    text = "extends: mini\nablations:\n  no_llrd: null\n  other: {title: other, changes: {finder.xi: 0.5}}\n"
    assert list(variant(text).ablations) == ["other"]
    text = "extends: mini\nablations:\n  no_llrd: {title: mine, changes: {finder.xi: 0.5}}\n"
    title, recipe = variant(text).ablations["no_llrd"]
    assert (title, recipe.stages["finder"].optimizer.xi) == ("mine", 0.5)


# -- stages like others -----------------------------------------------------------------------------------------

TWO = """\
recipe: two
data: {labels: [hurt]}
encoder: {name: small/one, pooling: mean}
stages:
  small: {task: {type: binary, target: hurt}, optimizer: {lr: 1e-4, max_epochs: 3}, batches: {size: 8}}
  large: {like: small, encoder: {name: large/one}, optimizer: {lr: 5e-5}}
decide:
  both: {type: mean, of: [small, large]}
  said: {type: threshold, of: both, rule: max_macro_f1}
score: {of: said}
"""


def test_a_stage_like_another_says_only_what_is_different(variant):
    recipe = variant(TWO).recipe
    small, large = recipe.stages["small"], recipe.stages["large"]
    assert (large.encoder.name, large.encoder.pooling) == ("large/one", "mean")
    assert (large.optimizer.lr, large.optimizer.max_epochs, large.batches.size) == (5e-5, 3.0, 8)
    same = {"encoder": small.encoder, "optimizer": small.optimizer}
    assert large.model_copy(update=same) == small


def test_it_may_stand_before_the_stage_it_copies_and_copy_a_copy(variant):
    text = TWO.replace("  small: {task", "  third: {like: large, keep: last}\n  small: {task")
    assert variant(text).recipe.stages["third"].encoder.name == "large/one"
    assert variant(text).recipe.stages["third"].keep == "last"


def test_it_may_copy_a_stage_of_the_file_that_is_extended(variant):
    text = "extends: mini\nstages: {other: {like: sorter, head: {type: linear}}}\n"
    stage = variant(text).recipe.stages["other"]
    assert (stage.head.name, stage.losses["asymmetric"].gamma_negative) == ("linear", {"x": 4.0, "y/z": 2.0})


@pytest.mark.parametrize(
    ("like", "message"),
    [
        ("smal", r"variant.yaml:6: stages.large.like: must be another stage, one of \['small'\], got 'smal'; did you"),
        ("large", r"variant.yaml:6: stages.large.like: must be another stage, one of \['small'\], got 'large'"),
        ("3", r"variant.yaml:6: stages.large.like: must be another stage, one of \['small'\], got 3"),
    ],
)
def test_a_stage_like_none_is_refused(variant, like, message):
    with pytest.raises(SpecError, match=message):
        variant(TWO.replace("like: small", f"like: {like}"))


def test_a_fault_of_a_copied_value_is_named_where_it_stands(variant):
    with pytest.raises(SpecError) as caught:
        variant(TWO.replace("max_epochs: 3", "max_epochs: -3"))
    assert {line.split("variant.yaml:")[1] for line in caught.value.problem.splitlines()} == {
        "5: stages.small.optimizer.max_epochs: must be greater than 0, got -3"
    }


def test_one_encoder_of_the_command_line_serves_every_stage(variant):
    recipe = variant(TWO, encoder="tiny").recipe
    assert {stage.encoder.name for stage in recipe.stages.values()} == {"tiny"} == {recipe.encoder.name}
    recipe = variant(TWO, changes={"encoder.name": "other"}).recipe
    assert recipe.stages["large"].encoder.name == "large/one"


# -- faults of files that extend others --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "others", "message"),
    [
        (
            "extends: absent\n",
            {},
            r"1: extends: must be the name of a recipe's file: absent.yaml beside this one, one of .*got 'absent'",
        ),
        ("extends: minni\n", {}, r"variant.yaml:1: extends: must be the name of a recipe's file"),
        ("extends: no/such.yaml\n", {}, r"variant.yaml:1: extends: .*got 'no/such.yaml', which is no file"),
        ("recipe: x\nextends: 3\n", {}, r"variant.yaml:2: extends: must be text, got 3"),
        ("extends: ''\n", {}, r"variant.yaml:1: extends: must not be empty"),
        ("extends: variant\n", {}, r"variant.yaml:1: extends: must be the name of a recipe's file"),
        ("extends: ./variant.yaml\n", {}, r"variant.yaml:1: extends: must not come back to a file"),
        ("extends: other\n", {"other": "extends: variant\n"}, r"other.yaml:1: extends: must not come back to a file"),
        ("extends: other\n", {"other": "a: [\n"}, r"other.yaml:2: must be plain YAML"),
        ("extends: mini\nfoo: 1\nbar: 1\n", {}, r"variant.yaml:2: foo: .*\n.*variant.yaml:3: bar: must be a known key"),
        ("extends: mini\nchanges: [1]\n", {}, r"variant.yaml:2: changes: must be a section of keys and values"),
        ("extends: mini\nchanges:\n  finder.lr: 0\n", {}, r"variant.yaml:3: changes.finder.lr: must be greater"),
        ("extends: mini\nchanges:\n  findr.lr: 0\n", {}, r"variant.yaml:3: changes.findr.lr: must be a known key"),
        ("extends: mini\nchanges:\n  finder: 3\n", {}, r"variant.yaml:3: changes.finder: must be a section"),
        (
            "extends: mini\nchanges:\n  lr: 3\n",
            {},
            r"changes.lr: must be one key .*'finder.opt.*' or 'sorter.optimizer.lr'",
        ),
        (
            "extends: mini\nstages:\n  finder:\n    optimizer: {xi: 5}\n    size: 5\n",
            {},
            r"variant.yaml:4: stages.finder.optimizer.xi: must(.|\n)*variant.yaml:5: stages.finder.size: must be",
        ),
        (
            "extends: mini\nfolds: {plan: paper}\n",
            {},
            r"mini.yaml:23: stages.sorter.start.fold: must be best(.|\n)*mini.yaml:36: decide.system: must be left out",
        ),
        (
            "extends: mini\nfinder: {keep: last}\n",
            {},
            r"variant.yaml:2: finder: must be a known key; .* 'stages.finder'",
        ),
        ("extends: mini\nstages: {none: null}\n", {}, r"variant.yaml:2: stages.none: must be a section of keys"),
        (
            "extends: mini\nstages: {finder: null}\n",
            {},
            r"stages.sorter.start.stage: must be another(.|\n)*decide.vote.of",
        ),
        ("extends: mini\nablations: {a: {changes: {}}}\n", {}, r"variant.yaml:2: ablations.a.title: must be given"),
        (
            "extends: mini\nablations:\n  a: {title: a, changes: {decide.vote.k: 4}}\n"
            "  b: {title: b, changes: {decide.vote.k: 4}}\n  c: {title: c, changes: {decide.vote.k: 5}}\n"
            "  d: {title: d, changes: {finder.optimizer.xi: 1.0}}\n",
            {},
            r"variant.yaml:4: ablations.b: must say something of its own, but says what the ablation a says\n"
            r".*variant.yaml:5: ablations.c: must say something of its own, but says what the recipe says\n"
            r".*variant.yaml:6: ablations.d: must say something of its own, but says what the ablation no_llrd says\n",
        ),
    ],
)
def test_faults_of_variants_are_named_in_the_file_that_has_them(variant, text, others, message):
    with pytest.raises(SpecError, match=message):
        variant(text, others)


def test_faults_of_base_and_variant_come_together(variant, recipe_text):
    others = {"mini": recipe_text.replace("k: 5", "k: 0")}
    with pytest.raises(SpecError, match=r"mini.yaml:34: decide.vote.k(.|\n)*variant.yaml:2: changes.decide.vote.tau"):
        variant("extends: mini\nchanges: {decide.vote.tau: 2}\n", others)


def test_an_ablation_that_something_else_makes_a_repeat_is_no_fault_of_the_file(variant):
    text = "extends: mini\nablations:\n  few: {title: few, changes: {decide.vote.k: 4}}\n"
    set_alike = variant(text, changes={"decide.vote.k": 4})
    assert repeated(set_alike.recipe, recipes(set_alike)) == {"few": "the recipe"}
    # an option hides nothing that the file itself says twice
    with pytest.raises(SpecError, match=r"ablations.more: .* says what the ablation few says"):
        variant(text + "  more: {title: more, changes: {decide.vote.k: 4}}\n", changes={"decide.vote.tau": 0.1})
    # that of the file it extends, which says something of its own there
    inherited = variant("extends: other\nchanges: {decide.vote.k: 4}\n", {"other": text})
    assert repeated(inherited.recipe, recipes(inherited)) == {"few": "the recipe"}


def recipes(loaded):
    return [(name, recipe) for name, (_, recipe) in loaded.ablations.items()]


# -- profiles -----------------------------------------------------------------------------------------------------


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
        ({"changes": {"encoder": "tiny"}}, "tiny"),
    ],
)
def test_the_encoder_chooses_the_profile(load, options, profile):
    loaded = load(**options)
    assert loaded.profile == profile
    assert loaded.recipe.stages["finder"].optimizer.lr == (1e-2 if profile == "tiny" else 1e-3)


def test_a_recipe_without_an_encoder_takes_the_profile_of_the_embedded_one(load):
    loaded = load({"encoder:\n  name: some/encoder\n": ""})
    assert (loaded.profile, loaded.recipe.encoder.name) == ("tiny", "tiny")


def test_a_variants_encoder_chooses_the_profile_too(variant):
    loaded = variant("extends: mini\nencoder: {name: tiny}\n")
    assert (loaded.profile, loaded.recipe.stages["finder"].optimizer.lr) == ("tiny", 1e-2)


def test_a_profile_of_one_file_may_change_a_stage_that_this_file_adds(variant):
    text = (
        "extends: mini\nstages: {grader: {task: {type: regression, target: grade}}}\n"
        "profiles: {tiny: {changes: {grader.batches.size: 4}}}\n"
    )
    assert variant(text, encoder="tiny").recipe.stages["grader"].batches.size == 4


def test_an_unknown_profile_is_refused(load):
    with pytest.raises(SpecError, match=r"--profile must be one of \['published', 'tiny'\], got 'tyny'; did you mean"):
        load(profile="tyny")


# -- precedence ---------------------------------------------------------------------------------------------------


def test_each_source_of_a_value_goes_before_those_before_it(variant):
    base = "extends: mini\n"
    sections = "decide: {vote: {k: 20}}\n"
    changes = "changes: {decide.vote.k: 21}\n"
    profile = "profiles:\n  tiny: {changes: {decide.vote.k: 22}}\n"
    ablation = "ablations:\n  a: {title: a, changes: {decide.vote.k: 23}}\n"
    assert variant(base).recipe.decide["vote"].k == 5
    assert variant(base + sections).recipe.decide["vote"].k == 20
    assert variant(base + sections + changes).recipe.decide["vote"].k == 21
    assert variant(base + sections + changes + profile, profile="tiny").recipe.decide["vote"].k == 22
    with_all = variant(base + sections + changes + profile + ablation, profile="tiny")
    assert (with_all.recipe.decide["vote"].k, with_all.ablations["a"][1].decide["vote"].k) == (22, 23)
    told = variant(base + profile + changes + ablation, profile="tiny", changes={"decide.vote.k": 24})
    assert (told.recipe.decide["vote"].k, told.ablations["a"][1].decide["vote"].k) == (24, 24)


def test_what_a_variant_says_holds_for_every_encoder(variant):
    text = "extends: mini\nchanges: {finder.optimizer.lr: 3e-3}\n"
    assert variant(text, encoder="tiny").recipe.stages["finder"].optimizer.lr == 3e-3


def test_the_encoder_of_the_command_line_goes_before_a_variants(variant):
    text = "extends: mini\nchanges: {encoder.name: theirs}\n"
    assert variant(text).recipe.encoder.name == "theirs"
    assert variant(text, encoder="mine").recipe.encoder.name == "mine"
    assert variant(text, encoder="mine", changes={"encoder.name": "set"}).recipe.encoder.name == "set"


def test_folds_of_the_command_line(load):
    assert load(folds=3).recipe.folds.count == 3
    with pytest.raises(SpecError, match=r"^--folds: must be greater than or equal to 2, got 1"):
        load(folds=1)


def test_an_empty_encoder_is_refused(load):
    with pytest.raises(SpecError, match=r"^--encoder: must not be empty, got ''\n  Remedy"):
        load(encoder="")


def test_loading_one_recipe_leaves_nothing_behind_for_the_next(load):
    key = "sorter.losses.asymmetric.gamma_negative.x"
    first = load(changes={key: 1}).recipe
    assert load().recipe.stages["sorter"].losses["asymmetric"].gamma_negative == {"x": 4.0, "y/z": 2.0}
    assert first.stages["sorter"].losses["asymmetric"].gamma_negative == {"x": 1.0, "y/z": 2.0}


# -- --set --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "key", "value"),
    [
        ("finder.optimizer.lr=2e-5", "finder.optimizer.lr", 2e-5),
        (" finder.optimizer.lr = 2e-5 ", "finder.optimizer.lr", 2e-5),
        ("gamma_negative.racial/ethnic=3", "gamma_negative.racial/ethnic", 3),
        ("data.labels=[a, b]", "data.labels", ["a", "b"]),
        ("description=a=b", "description", "a=b"),
        ("finder.optimizer.head_lr=", "finder.optimizer.head_lr", None),
        ("finder.losses=no", "finder.losses", "no"),
    ],
)
def test_assignments_are_read_as_yaml_would(text, key, value):
    assert parse_assignment(text) == (key, value)


@pytest.mark.parametrize("text", ["finder.optimizer.lr", "", "=3", " =3"])
def test_an_assignment_needs_a_key_and_an_equals_sign(text):
    with pytest.raises(SpecError, match="--set must look like KEY=VALUE, got"):
        parse_assignment(text)


@pytest.mark.parametrize(
    ("assignment", "message"),
    [
        ("finder.optimizer.lr=abc", "--set finder.optimizer.lr: must be a number, got 'abc'"),
        ("finder.lr=abc", "--set finder.lr: must be a number, got 'abc'"),
        (
            "finder.optimizer.lrr=3",
            "--set finder.optimizer.lrr: must be a known key of a recipe; did you mean 'finder.o",
        ),
        ("lr=3", "--set lr: must be one key of the recipe, got 'lr'; did you mean 'finder.optimizer.lr' or 'sorter."),
        ("findr.lr=3", "--set findr.lr: must be a known key of a recipe; did you mean 'finder'?"),
        ("finder.optimizer.lr.x=3", "--set finder.optimizer.lr.x: must be a known key of a recipe: 'lr' has no parts"),
        ("finder.=3", "--set finder.: must be a known key of a recipe\n"),
        ("sorter.zzz=3", "--set sorter.zzz: must be a known key of a recipe\n"),
        ("finder=3", "--set finder: must be a section of keys and values, got 3"),
        ("finder.head=no", "--set finder.head: must be one of"),
        ("folds.count=2.5", "--set folds.count: must be a whole number, got 2.5"),
        ("folds.plan=no", "--set folds.plan: must be one of"),
        ("encoder.tiny.hidden=33", "--set encoder.tiny.hidden: must be a multiple of 32, got 33"),
        ("encoder.tiny.hidden.x=3", "--set encoder.tiny.hidden.x: must be a known key of a recipe"),
        ("gamma_negative=x", "--set gamma_negative: must be a number, got 'x'"),
        ("gamma_negative.y=3", "--set gamma_negative.y: must be one of the columns ['x', 'y/z']"),
        ("gamma_negative.x=-1", "--set gamma_negative.x: must be greater than or equal to 0"),
        ("seed=3", "--set seed: must be a known key of a recipe; did you mean 'seeds'?"),
        (
            "finder.batch_size=3",
            "--set finder.batch_size: must be a known key of a recipe; did you mean 'finder.batches.",
        ),
        ("decide.vot.k=3", "--set decide.vot.k: must be a known key of a recipe; did you mean 'decide.vote'?"),
        ("ablations={}", "--set ablations: must be a known key of a recipe"),
        ("extends=st1", "--set extends: must be a known key of a recipe"),
    ],
)
def test_what_set_breaks_is_named_by_the_option(load, assignment, message):
    with pytest.raises(SpecError) as caught:
        load(changes=dict([parse_assignment(assignment)]))
    assert f"{caught.value.problem}\n".startswith(message)
    assert caught.value.problem.count("\n") == 0


def test_set_reaches_columns_with_slashes_and_dots(load):
    changes = {"sorter.losses.asymmetric.gamma_negative.y/z": 3.5, "finder.optimizer.head_lr": 1e-4}
    recipe = load(changes=changes).recipe
    assert recipe.stages["sorter"].losses["asymmetric"].gamma_negative == {"x": 4.0, "y/z": 3.5}
    assert recipe.stages["finder"].optimizer.head_lr == 1e-4
    dotted = {
        "labels: [hurt, x, y/z]": "labels: [hurt, x, y.z.w]",
        "strata: [x, y/z]": "strata: [x]",
        "targets: [x, y/z]": "targets: [x, y.z.w]",
        "          y/z: 2": "          y.z.w: 2",
    }
    for key in ("sorter.losses.asymmetric.gamma_negative.y.z.w", "gamma_negative.y.z.w"):
        recipe = load(dotted, changes={key: 3}).recipe
        assert recipe.stages["sorter"].losses["asymmetric"].gamma_negative == {"x": 4.0, "y.z.w": 3.0}


def test_set_of_one_column_leaves_the_value_of_all_to_the_others(load):
    edits = {"        gamma_negative:\n          x: 4\n          y/z: 2": "        gamma_negative: 3"}
    recipe = load(edits, changes={"gamma_negative.x": 1}).recipe
    assert recipe.stages["sorter"].losses["asymmetric"].gamma_negative == {"x": 1.0, "y/z": 3.0}
    edits = {"      asymmetric:\n        gamma_negative:\n          x: 4\n          y/z: 2": "      asymmetric: {}"}
    recipe = load(edits, changes={"sorter.losses.asymmetric.gamma_negative.x": 1}).recipe
    assert recipe.stages["sorter"].losses["asymmetric"].gamma_negative == {"x": 1.0, "y/z": 4.0}


def test_faults_of_file_and_options_come_together(load):
    with pytest.raises(SpecError, match=r"--set decide.vote.k: .*\n.*mini.yaml:19: stages.finder.optimizer.lr"):
        load({"      lr: 1e-3": "      lr: 0"}, changes={"decide.vote.k": 0})


def test_what_is_set_of_a_component_does_not_reach_the_ablation_that_takes_it_away():
    loaded = load_recipe("psk-small", RecipeOptions(encoder="tiny", changes={"encoder.adapter.rank": 4}))

    assert loaded.recipe.encoder.adapter.rank == 4
    assert loaded.ablations["attention"][1].encoder.adapter.rank == 4
    assert loaded.ablations["full"][1].encoder.adapter is None
    packed = load_recipe("psk-small", RecipeOptions(encoder="some/decoder", changes={"encoder.quantize": "nf4"}))
    assert packed.ablations["attention"][1].encoder.quantize == "nf4"
    assert packed.ablations["full"][1].encoder.quantize is None


@pytest.mark.parametrize("name", ["no_asl", "baseline"])
def test_no_asl_has_none_whatever_is_set_of_it(name):
    changes = {"classifier.losses.asymmetric.gamma_positive": 1.0}
    loaded = load_recipe("st3", RecipeOptions(encoder="tiny", changes=changes))
    assert loaded.recipe.stages["classifier"].losses["asymmetric"].gamma_positive == 1
    assert loaded.ablations["no_fgm"][1].stages["classifier"].losses["asymmetric"].gamma_positive == 1
    assert list(loaded.ablations[name][1].stages["classifier"].losses) == ["cross_entropy"]


def test_what_is_set_of_a_loss_does_not_bring_it_into_the_ablation_that_has_another():
    plain = load_recipe("impsh", RecipeOptions(encoder="tiny"))
    loaded = load_recipe("impsh", RecipeOptions(encoder="tiny", changes={"hate.losses.triplet.margin": 0.5}))
    assert loaded.recipe.stages["hate"].losses["triplet"].margin == 0.5
    assert loaded.ablations["augsh"][1].stages["hate"].losses["triplet"].margin == 0.5
    others = [name for name in plain.ablations if name != "augsh"]
    assert others == ["ce", "scl", "impcon", "sharedcon"]
    assert all(loaded.ablations[name] == plain.ablations[name] for name in others)


def test_what_is_set_of_a_head_does_not_reach_the_ablation_that_has_another(tmp_path):
    own = tmp_path / "own.yaml"
    own.write_text(
        "recipe: own\nextends: regressor\n"
        "changes: {model.head: {type: mlp}}\n"
        "ablations: {plain: {title: a linear head, changes: {model.head: {type: linear}}}}\n"
    )
    changes = {"model.head.hidden": 16, "model.optimizer.lr": 1e-3}
    found = load_recipe(str(own), RecipeOptions(encoder="tiny", targets=(Target("grade", "number"),), changes=changes))
    assert found.recipe.stages["model"].head.hidden == 16
    plain = found.ablations["plain"][1].stages["model"]
    assert (plain.head.name, plain.optimizer.lr) == ("linear", 1e-3)
