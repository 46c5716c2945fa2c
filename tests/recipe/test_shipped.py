"""Every recipe and search space that ships is valid, and says what was published."""

from __future__ import annotations

import pytest

from tests.recipe.shipped import SPACES, TRIALS
from tune_polar.recipe.clustering import clustering_encoder
from tune_polar.recipe.configuration import configuration_id
from tune_polar.recipe.fill import value_at
from tune_polar.recipe.find_files import names_in
from tune_polar.recipe.recipe import Recipe
from tune_polar.recipe.recipe_file import LoadedRecipe, RecipeOptions, load_recipe
from tune_polar.recipe.space import FloatParameter, IntParameter
from tune_polar.recipe.space_file import load_space, recipe_of_space, space_for

RECIPES = names_in(TRIALS)
SPACE_NAMES = names_in(SPACES)
PROFILES = {"published": "nghuyong/ernie-3.0-xbase-zh", "tiny": "tiny"}
ALPHALYRAE = ["st1", "st2", "st3"]


def loaded(name: str, profile: str = "published") -> LoadedRecipe:
    return load_recipe(name, RecipeOptions(encoder=PROFILES[profile]), folder=TRIALS)


def test_something_is_shipped():
    assert {"st1", "st2", "st3", "st1-released", "st2-released", "st3-released", "classifier", "regressor"} <= set(
        RECIPES
    )
    assert {"st1", "st2", "st3", "classifier", "regressor"} <= set(SPACE_NAMES)
    assert sorted(path.stem for path in TRIALS.iterdir()) == RECIPES
    assert sorted(path.stem for path in SPACES.iterdir()) == SPACE_NAMES


@pytest.mark.parametrize("profile", PROFILES)
@pytest.mark.parametrize("name", RECIPES)
def test_a_recipe_is_valid_with_all_its_ablations(name, profile):
    found = loaded(name, profile)
    assert found.profile == profile
    assert found.recipe.recipe == name == found.names[0]
    assert found.recipe.description
    for title, recipe in found.ablations.values():
        assert title
        assert configuration_id(recipe) != configuration_id(found.recipe)
    ids = [configuration_id(recipe) for _, recipe in found.ablations.values()]
    assert len(set(ids)) == len(ids)


@pytest.mark.parametrize("profile", PROFILES)
@pytest.mark.parametrize("name", SPACE_NAMES)
def test_a_space_is_valid_for_its_recipe_and_contains_it(name, profile):
    recipe = loaded(name, profile).recipe
    assert recipe_of_space(SPACES / f"{name}.yaml", folder=TRIALS) == TRIALS / f"{name}.yaml"
    space = load_space(name, recipe, profile, folder=SPACES)
    assert space.name == name
    point = space.published()
    assert point is not None
    assert space.fill(point) == recipe


@pytest.mark.parametrize("profile", PROFILES)
@pytest.mark.parametrize("name", RECIPES)
def test_every_recipe_can_be_searched_by_the_space_of_its_family(name, profile):
    found = loaded(name, profile)
    space = space_for(found, folder=SPACES)
    families = dict.fromkeys(("augsh", "impsh-mining", "impsh-sbic", "impsh-sbic-released"), "impsh")
    families |= dict.fromkeys(("zhegu-dev1", "zhegu-as-printed"), "zhegu")
    assert space == families.get(name, name.removesuffix("-released"))
    assert load_space(space, found.recipe, profile, folder=SPACES).parameters


# -- the publication ----------------------------------------------------------------------------------------------


def optimisation(stage: str) -> dict[str, object]:
    return {
        f"{stage}.optimizer.lr": 2e-5,
        f"{stage}.optimizer.head_lr": None,  # the same
        f"{stage}.optimizer.weight_decay": 0.01,
        f"{stage}.optimizer.schedule": "cosine",
        f"{stage}.optimizer.warmup_share": 0.1,
        f"{stage}.optimizer.max_steps": 3000,
        f"{stage}.optimizer.max_epochs": None,
        f"{stage}.optimizer.max_grad_norm": None,
        f"{stage}.optimizer.eval_every_steps": 100,
        f"{stage}.optimizer.patience_evaluations": 5,
        f"{stage}.optimizer.xi": 0.95,
        f"{stage}.optimizer.fgm_epsilon": 0.2,
        f"{stage}.encoder.name": "nghuyong/ernie-3.0-xbase-zh",
        f"{stage}.encoder.pooling": "cls",
        f"{stage}.encoder.max_length_tokens": 96,
        f"{stage}.encoder.frozen_layers": 0,
        f"{stage}.encoder.adapter": None,
        f"{stage}.encoder_dropout": None,
        f"{stage}.precision": "auto",
        f"{stage}.measures": (),
        f"{stage}.head.hidden": None,  # the encoder's 1024
    }


DETECTOR = {
    "seeds": (42,),
    "folds.plan": "stratified",
    "folds.count": 5,
    "folds.seed": 42,
    "folds.order": "file",
    "folds.together": (),
    "data.strata": ("gender/sexual", "religious", "racial/ethnic", "political", "other"),
    **optimisation("detector"),
    "detector.rows": {},
    "detector.start": None,
    "detector.task": {"type": "binary", "target": "polarization"},
    "detector.losses": {
        "soft_triple": {"weight": 1, "centers": 10, "centers_lr": 1e-2, "la": 20, "gamma": 0.1, "margin": 0.01}
    },
    "detector.head.type": "projection",
    "detector.head.size": 256,
    "detector.batches": {"type": "balanced", "by": "strata", "size": 24},
    "detector.keep": "precision_at_1",
    "detector.predicts": "neighbours",
    "decide.vote": {"type": "knn_vote", "of": "detector", "k": 49, "tau": 0.4},
}
CLASSIFIER = {
    **optimisation("classifier"),
    "classifier.rows": {"polarization": 1},
    "classifier.start": {"stage": "detector", "fold": "same"},
    "classifier.head.type": "mlp",
    "classifier.head.dropout": 0.1,
    "classifier.losses.asymmetric.weight": 1,
    "classifier.losses.asymmetric.gamma_positive": 1,
    "classifier.losses.asymmetric.clip": 0.05,
    "classifier.losses.asymmetric.reduction": "sum",
    "classifier.batches": {"type": "length_grouped", "size": 8},
    "classifier.keep": "best_threshold_f1",
    "classifier.predicts": "probability",
    "score": {"of": "system", "metric": "macro_f1"},
}


def thresholds(name: str, rule: str = "max_f1") -> dict[str, object]:
    chosen = {"type": "threshold", "of": "classifier", "rule": rule, "per": None, "at": None}
    return {f"decide.{name}": chosen}


GAMMAS = {
    "st2": {"political": 4, "racial/ethnic": 3, "religious": 3, "gender/sexual": 4, "other": 2},
    "st3": {
        "stereotype": 4,
        "vilification": 4,
        "dehumanization": 3.5,
        "extreme_language": 3.5,
        "lack_of_empathy": 2,
        "invalidation": 2,
    },
}
DECISIONS = {"st2": "types", "st3": "manifestations"}
PUBLISHED: dict[str, dict[str, object]] = {
    "st1": {**DETECTOR, "score": {"of": "vote", "metric": "macro_f1"}},
    **{
        name: {
            **DETECTOR,
            **CLASSIFIER,
            **thresholds(DECISIONS[name]),
            "classifier.task": {"type": "multilabel", "targets": tuple(gammas)},
            "classifier.losses.asymmetric.gamma_negative": gammas,
            "decide.system": {"type": "gate", "of": DECISIONS[name], "by": "vote", "otherwise": None},
        }
        for name, gammas in GAMMAS.items()
    },
}
TINY = {
    "encoder.pooling": "mean",
    "encoder.tiny": {"hidden": 64, "layers": 1},
    "detector.encoder.pooling": "mean",
    "detector.encoder.tiny": {"hidden": 64, "layers": 1},
    "detector.head.size": 64,
    "detector.optimizer.lr": 2e-3,
    "detector.optimizer.head_lr": 1e-3,
    "detector.batches": {"type": "balanced", "by": "strata", "size": 32},
    "detector.optimizer.max_epochs": 3,
    "detector.optimizer.eval_every_steps": 15,
}
TINY_CLASSIFIER = {
    "classifier.encoder.pooling": "mean",
    "classifier.encoder.tiny": {"hidden": 64, "layers": 1},
    "classifier.optimizer.lr": 1e-3,
    "classifier.batches": {"type": "length_grouped", "size": 16},
    "classifier.optimizer.max_epochs": 10,
    "classifier.optimizer.eval_every_steps": 50,
}


def values(recipe: Recipe, expected: dict[str, object]) -> dict[str, object]:
    return {key: value_at(recipe, key) for key in expected}


@pytest.mark.parametrize("name", ALPHALYRAE)
def test_published_values(name):
    assert values(loaded(name).recipe, PUBLISHED[name]) == PUBLISHED[name]


@pytest.mark.parametrize("name", ALPHALYRAE)
def test_values_for_the_embedded_encoder(name):
    expected = {**PUBLISHED[name], **TINY, **({} if name == "st1" else TINY_CLASSIFIER)}
    expected |= {key: "tiny" for key in expected if key.endswith("encoder.name")}
    recipe = loaded(name, "tiny").recipe
    assert values(recipe, expected) == expected
    assert set(loaded(name, "published").recipe.model_dump()) == set(recipe.model_dump())


@pytest.mark.parametrize("profile", PROFILES)
@pytest.mark.parametrize("name", ALPHALYRAE)
def test_values_of_the_released_run(name, profile):
    """Where the released run differs from the paper, for every encoder."""
    recipe, paper = loaded(f"{name}-released", profile).recipe, loaded(name, profile).recipe
    different = {
        "folds": {"plan": "paper", "count": 5, "seed": 42, "order": "competition"},
        "detector.losses.soft_triple.centers_lr": 0,
    }
    expected = paper.model_dump() | {"recipe": recipe.recipe, "description": recipe.description}
    expected["folds"] = different["folds"]
    expected["stages"]["detector"]["losses"]["soft_triple"]["centers_lr"] = 0.0
    if name != "st1":
        expected["stages"]["classifier"]["start"]["fold"] = "best"
        expected["decide"][DECISIONS[name]]["rule"] = "min_abs_p_minus_r"
        del expected["decide"]["system"]
        expected["score"] = {"of": DECISIONS[name], "metric": "macro_f1"}
    assert recipe.model_dump() == expected


@pytest.mark.parametrize("name", ["st2", "st3"])
def test_all_subtasks_share_the_detector(name):
    for profile in PROFILES:
        ours, st1 = loaded(name, profile).recipe, loaded("st1", profile).recipe
        assert ours.stages["detector"] == st1.stages["detector"]
        assert (ours.encoder, ours.folds, ours.data) == (st1.encoder, st1.folds, st1.data)
        assert ours.decide["vote"] == st1.decide["vote"]


def test_labels_stand_in_the_order_of_the_competition():
    """The published folds depend on the order of the columns."""
    labels = loaded("st1").recipe.data.labels
    assert labels == (
        "polarization",
        "political",
        "racial/ethnic",
        "religious",
        "gender/sexual",
        "other",
        "stereotype",
        "vilification",
        "dehumanization",
        "extreme_language",
        "lack_of_empathy",
        "invalidation",
    )


# -- implicit hate ------------------------------------------------------------------------------------------------

BERT, HATEBERT = "google-bert/bert-base-uncased", "GroNLP/hateBERT"
MINILM = "sentence-transformers/all-MiniLM-L6-v2"
RELEASED = {"hate.losses.triplet.negative": "semi_hard_or_hardest", "hate.losses.triplet.reduction": "softmax"}


@pytest.mark.parametrize("encoder", [BERT, HATEBERT])
@pytest.mark.parametrize(
    ("name", "margins", "beta"),
    [
        ("impsh", {BERT: 0.3, HATEBERT: 0.4}, None),
        ("impsh-sbic", {BERT: 0.4, HATEBERT: 0.2}, None),
        ("impsh-released", dict.fromkeys((BERT, HATEBERT), 0.3), 15),
        ("impsh-sbic-released", dict.fromkeys((BERT, HATEBERT), 0.45), 5),
    ],
)
def test_margins_of_each_encoder_and_data_set(name, margins, beta, encoder):
    recipe = load_recipe(name, RecipeOptions(encoder=encoder), folder=TRIALS).recipe
    expected = {"hate.losses.cross_entropy.weight": 0.25, "hate.losses.triplet.weight": 0.75}
    expected["hate.losses.triplet.margin"] = margins[encoder]
    if beta is not None:
        expected |= {**RELEASED, "hate.losses.triplet.beta": beta}
    assert values(recipe, expected) == expected


@pytest.mark.parametrize("encoder", [None, BERT, HATEBERT])
def test_sharedcon_has_the_values_of_the_released_run(encoder):
    """train_config.py of hsannn/SharedCon; there λ is the share of cross-entropy."""
    expected = {
        "hate.losses": {
            "cross_entropy": {"weight": 0.75},
            "shared_con": {
                "weight": 0.25,
                "temperature": 0.5,
                "clusters": 25,
                "encoder": "princeton-nlp/sup-simcse-roberta-large",
                "revision": None,
            },
        },
        "hate.batches.size": 8,
        "hate.optimizer.lr": 1e-5,
        "hate.optimizer.weight_decay": 0,
        "hate.optimizer.adam_epsilon": 1e-6,
        "hate.optimizer.max_grad_norm": 1,
        "hate.optimizer.max_epochs": 6,
    }
    recipe = load_recipe("sharedcon", RecipeOptions(encoder=encoder), folder=TRIALS).recipe
    assert values(recipe, expected) == expected


@pytest.mark.parametrize(("encoder", "lr"), [("tiny", 2e-3), (MINILM, 5e-5)])
def test_sharedcon_downloads_nothing_for_encoders_that_are_at_hand(encoder, lr):
    for name in ("sharedcon", "impsh"):
        found = load_recipe(name, RecipeOptions(encoder=encoder), folder=TRIALS)
        recipe = found.recipe if name == "sharedcon" else found.ablations["sharedcon"][1]
        assert clustering_encoder(recipe.stages["hate"]) is None
        assert recipe.stages["hate"].optimizer.lr == lr


WEIGHTS = {"impsh": "triplet", "impcon": "imp_con", "scl": "sup_con", "sharedcon": "shared_con"}
COVERED: dict[str, dict[str, tuple[float, float]]] = {
    "impsh": {"triplet.margin": (0.05, 0.6), "triplet.beta": (5, 15)},
    "impcon": {"imp_con.temperature": (0.05, 0.7)},
    "scl": {"sup_con.temperature": (0.05, 0.7)},
    "sharedcon": {"shared_con.temperature": (0.05, 0.7), "shared_con.clusters": (5, 100)},
    "ce": {},
}


@pytest.mark.parametrize("profile", PROFILES)
@pytest.mark.parametrize("name", COVERED)
def test_spaces_of_implicit_hate_vary_what_their_loss_has(name, profile):
    recipe = loaded(name, profile).recipe
    singles = load_space(name, recipe, profile, folder=SPACES).singles
    ranges = {
        key.removeprefix("hate.losses."): (one.low, one.high)
        for key, one in singles.items()
        if isinstance(one, IntParameter | FloatParameter)
    }
    for key, (low, high) in COVERED[name].items():
        assert ranges[key][0] <= low < high <= ranges[key][1]
    assert ranges["hate.optimizer.max_epochs"] == (2, 8)
    if name == "ce":
        assert not [key for key in singles if "losses" in key]
        return
    own = value_at(recipe, "hate.losses.cross_entropy.weight")
    least, most = ranges[f"{WEIGHTS[name]}.weight"]
    assert own / (own + most) <= 0.1 < 0.9 <= own / (own + least)  # λ, cross-entropy's share
    assert "hate.losses.cross_entropy.weight" not in singles


# -- other spaces -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("profile", PROFILES)
def test_every_loss_of_zhegu_is_searched_with_the_contrast_and_without(profile):
    recipe = loaded("zhegu", profile).recipe
    space = load_space("zhegu", recipe, profile, folder=SPACES)
    assert space.published()["regressor.losses"] == "epm + language_contrast"
    found = {}
    for choice in space.singles["regressor.losses"].choices:
        losses = space.fill({"regressor.losses": choice}).stages["regressor"].losses
        found[tuple(losses)] = losses.get("language_contrast")
    assert found.keys() == {
        *(tuple(sorted((loss, "language_contrast"))) for loss in ("epm", "mse", "huber")),
        *((loss,) for loss in ("epm", "mse", "huber")),
    }
    contrast = recipe.stages["regressor"].losses["language_contrast"]
    assert all(kept in (None, contrast) for kept in found.values())


@pytest.mark.parametrize("rank", [4, 64])
@pytest.mark.parametrize("name", ["psk", "psk-small"])
def test_psk_searches_what_its_adapters_count_apart_from_their_rank(name, rank):
    recipe = loaded(name).recipe
    space = load_space(name, recipe, "published", folder=SPACES)
    assert not space.searches("encoder.adapter.alpha")
    ratio = space.singles["encoder.adapter.scaling"]
    assert (ratio.low, ratio.high) == (1, 2)
    adapter = space.fill({"encoder.adapter.rank": rank}).encoder.adapter.model_dump()
    assert (adapter["rank"], adapter["alpha"], adapter["scaling"]) == (rank, None, 2.0)
    written = load_recipe(name, RecipeOptions(changes={"encoder.adapter.alpha": 32}), folder=TRIALS)
    own = load_space(name, written.recipe, written.profile, folder=SPACES)
    assert not own.searches("encoder.adapter.scaling")  # which is not read


# -- ablations ----------------------------------------------------------------------------------------------------

NO_LLRD, NO_FGM = {"classifier.optimizer.xi": 1}, {"classifier.optimizer.fgm_epsilon": 0}
BCE = {"classifier.losses": {"cross_entropy": {"weight": 1}}}
NO_START = {"classifier.start": None}
NO_DETECTOR_FGM = {"detector.optimizer.fgm_epsilon": 0}
NO_DETECTOR_LLRD = {"detector.optimizer.xi": 1}
# What was recorded of the released run's rows: alphalyrae_folds.csv and alphalyrae_results.csv.
RELEASED_ST1: dict[str, dict[str, object]] = {
    "no_fgm": NO_DETECTOR_FGM,
    "no_fgm_no_llrd": NO_DETECTOR_FGM | NO_DETECTOR_LLRD | {"detector.losses.soft_triple.centers_lr": 1e-2},
    "baseline": {
        "detector.head": {"type": "linear", "dropout": 0.0},
        "detector.losses": {"cross_entropy": {"weight": 1}},
        "detector.predicts": "probability",
        "detector.keep": "log_loss",
        **NO_DETECTOR_FGM,
        **NO_DETECTOR_LLRD,
        "detector.optimizer.max_steps": 300,
        "detector.optimizer.eval_every_steps": 10,
        "decide.vote": {"type": "threshold", "of": "detector", "rule": "max_macro_f1", "per": None, "at": None},
    },
}
ABLATIONS: dict[str, dict[str, dict[str, object]]] = {
    "st1": {
        "no_fgm": {"detector.optimizer.fgm_epsilon": 0},
        "no_fgm_no_llrd": {"detector.optimizer.fgm_epsilon": 0, "detector.optimizer.xi": 1},
        "baseline": {
            "detector.losses": {"cross_entropy": {"weight": 1}},
            "detector.optimizer.fgm_epsilon": 0,
            "detector.optimizer.xi": 1,
        },
    },
    "st2": {
        "no_asl": BCE | NO_START,
        "no_transfer": NO_START,
        "no_fgm": NO_FGM,
        "no_fgm_no_llrd": NO_FGM | NO_LLRD,
        "baseline": BCE | NO_START | NO_FGM | NO_LLRD,
    },
    "st3": {
        "no_asl": BCE,
        "no_transfer": NO_START,
        "no_fgm": NO_FGM,
        "no_fgm_no_llrd": NO_FGM | NO_LLRD,
        "baseline": BCE | NO_START | NO_FGM | NO_LLRD,
    },
}


@pytest.mark.parametrize("profile", PROFILES)
@pytest.mark.parametrize("variant", ["", "-released"])
@pytest.mark.parametrize("name", ALPHALYRAE)
def test_what_each_ablation_takes_away_and_nothing_else(name, variant, profile):
    found = loaded(f"{name}{variant}", profile)
    ablations = RELEASED_ST1 if f"{name}{variant}" == "st1-released" else ABLATIONS[name]
    assert list(found.ablations) == list(ablations)
    for ablation, expected in ablations.items():
        recipe = found.ablations[ablation][1]
        assert values(recipe, expected) == expected
        whole = found.recipe.model_dump()
        for key in expected:
            section, _, inner = key.partition(".")
            target, source = whole, recipe.model_dump()
            if section in whole["stages"]:
                target, source = whole["stages"][section], source["stages"][section]
            *above, last = (inner if section in whole["stages"] else key).split(".")
            for part in above:
                target, source = target[part], source[part]
            target[last] = source[last]
        assert recipe.model_dump() == whole
