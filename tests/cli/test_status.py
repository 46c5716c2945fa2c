"""What `status` and the end of a search say of a store, whatever its recipe: in the recipe's own words and units."""

from __future__ import annotations

import io
import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.store.made_recipes import one_vote, recipe_of, regression, three_classes, two_stages
from tests.store.made_store import MadeStore, made_store
from tune_polar.api.consoles import VisibleConsole
from tune_polar.api.winner_files import write_winner
from tune_polar.cli.ending import print_ending
from tune_polar.recipe.recipe import Recipe
from tune_polar.recipe.recipe_file import RecipeOptions, load_recipe

ROOT = Path(__file__).resolve().parents[2]
Run = Callable[..., Any]
# Words of one system, none of which a recipe of another may bring to the terminal.
FOREIGN = re.compile(
    r"polari[sz]|detector|classifier|stereotype|manifest|γ−|gamma_negative|end.to.end|gold.gated", re.IGNORECASE
)


def filled(folder: Path, recipe: Recipe, **about: Any) -> MadeStore:
    """The recipe itself, a better configuration, and one that failed on its second cell."""
    made = made_store(folder, recipe, **about)
    made.finish(made.configuration("as given"), skill=0.4)
    key = f"{next(iter(recipe.stages))}.optimizer.lr"
    made.finish(made.configuration({key: 0.01}), skill=0.7)
    broken = made.configuration({key: 0.02})
    made.finish(broken, skill=0.7, cells=made.cells[:1])
    if len(made.cells) > 1:
        made.fail(broken, "the loss must stay finite", cell=made.cells[1])
    return made


def ended(made: MadeStore, folder: Path) -> str:
    """What the end of that search prints."""
    summary, console = made.summary(), VisibleConsole(width=140, record=True, file=io.StringIO())
    print_ending(console, summary, folder / "report.html", write_winner(summary, folder))
    return console.export_text()


def table_of(said: str, head: str) -> dict[str, list[str]]:
    """Rows of the first table whose head begins so, by their first word."""
    lines = said.splitlines()
    at = next(place for place, line in enumerate(lines) if line.startswith(head))
    rows = {}
    for line in lines[at + 1 :]:
        words = line.split()
        if not words or words[0].endswith(":"):
            break
        rows[words[0]] = words[1:]
    return rows


def test_page_and_winner_are_named_where_they_exist(run: Run, tmp_path: Path) -> None:
    store = tmp_path / "store"
    filled(store, two_stages())

    def said() -> tuple[object, object]:
        about = json.loads(run("status", "store", "--json").out)
        return about["page"], about["winner_recipe"]

    assert said() == (None, None)
    (store / "winner.yaml").write_text("recipe: x\n")
    assert said() == (None, "store/winner.yaml")
    (store / "report.html").write_text("<!doctype html>")
    assert said() == ("store/report.html", "store/winner.yaml")


def test_scores_on_texts_that_a_start_has_seen_are_marked(run: Run, tmp_path: Path) -> None:
    filled(tmp_path / "store", two_stages(sorter__start={"stage": "finder", "fold": "best"}))
    said = run("status", "store").out
    assert "cross-fitted †" in said
    assert "† no honest score, too high: sorter starts from finder’s best fold, which was trained on texts" in said
    told = json.loads(run("status", "store", "--json").out)
    assert [each.get("start_has_seen") for each in told["configurations"]] == [["sorter"], ["sorter"], None]
    assert [each["verdict"] for each in told["checks"] if each["code"] == "TP010"] == ["fires"]


def test_a_recipe_of_ones_own_is_not_called_published(run: Run, tmp_path: Path) -> None:
    filled(tmp_path / "store", two_stages())
    shown = run("status", "store").out
    assert "− as given" in shown
    assert "published" not in shown
    row = next(line for line in shown.splitlines() if " sampled " in line)
    assert row.count(" ± ") == 2, "its difference to the recipe itself"
    assert "is not the difference of the pooled scores" in " ".join(shown.split())
    assert "fold 1: ValueError: the loss must stay finite" in shown


SHAPES: dict[str, tuple[Callable[[], Recipe], str, list[str]]] = {
    "two stages": (two_stages, "macro-F1 of system (kinds where vote says yes", ["vote", "kinds"]),
    "a vote": (one_vote, "macro-F1 of vote (a vote of finder", []),
    "classes": (three_classes, "macro-F1 of model (the likeliest class by model)", []),
    "a number": (regression, "Pearson’s r of model (the numbers of model, held in range)", []),
}


@pytest.mark.parametrize(("recipe", "score", "others"), SHAPES.values(), ids=SHAPES)
def test_the_end_speaks_of_the_recipes_own_decisions(
    tmp_path: Path, recipe: Callable[[], Recipe], score: str, others: list[str]
) -> None:
    said = ended(filled(tmp_path / "store", recipe(), dev=40), tmp_path)
    assert f": {score}" in said
    assert not FOREIGN.search(said), FOREIGN.search(said)
    head = next(line for line in said.splitlines() if line.startswith("#"))
    assert re.split(r"\s{2,}", head)[4:-1] == others
    for name in recipe().decide:
        assert f"\n{name} (" in said, "a row in the comparison"
    assert "Winner, dev" in said or " dev" in said
    assert "Winner's settings as a recipe: " in said


@pytest.mark.parametrize("recipe", [two_stages, regression])
def test_the_end_names_one_way_on(run: Run, tmp_path: Path, recipe: Callable[[], Recipe]) -> None:
    made = made_store(tmp_path / "store", recipe(), trials=1)
    made.finish(made.configuration("as given"), skill=0.4)
    said = ended(made, tmp_path) + run("status", "store").out
    named = re.findall(r"tune-polar resume \S+ --trials \d+", " ".join(said.split()))
    assert len(named) == 3, "what it would gain, and the last lines of both"
    assert len({each.split()[-1] for each in named}) == 1, named


def test_the_end_tells_each_column_by_where_thresholds_were_chosen(tmp_path: Path) -> None:
    said = ended(filled(tmp_path / "store", two_stages(), dev=40), tmp_path)
    rows = table_of(said, "decision")
    assert set(rows) == {"vote", "kinds", "x", "y/z", "system"}
    gap = float(rows["x"][-1].replace("−", "-"))
    inside, crossed = float(rows["x"][0]), float(rows["x"][2])
    assert gap == pytest.approx(100 * (inside - crossed), abs=0.11)
    splits = said[said.index("Winner, dev") :]
    assert re.search(r"decision +oracle +fold-tuned +as written +plain", splits)


def test_where_smaller_is_better_it_is_said_and_nothing_is_turned_round(tmp_path: Path) -> None:
    recipe = regression(score__metric="mae")
    said = ended(filled(tmp_path / "store", recipe), tmp_path)
    assert "mean absolute error of model" in said
    assert "smaller is better" in said
    scores = [
        float(found)
        for found in re.findall(r"^\d +\w{8} [a-z ]+ (\d\.\d{2,4}) ± \d\.\d{2,4} ", said, flags=re.MULTILINE)
    ]
    assert len(scores) == 2
    assert scores == sorted(scores)
    assert all(score > 0 for score in scores)


def test_cells_go_by_what_tells_them_apart(tmp_path: Path) -> None:
    said = ended(filled(tmp_path / "store", two_stages(seeds=(1, 2))), tmp_path)
    assert "score ± cell SD" in said
    assert "6/6" in said
    status = filled(tmp_path / "one", recipe_of_one_split(seeds=(1, 2, 3)))
    assert "score ± seed SD" in ended(status, tmp_path)


def recipe_of_one_split(**changes: object) -> Recipe:
    """One split for three seeds."""
    values: dict[str, Any] = {
        "recipe": "split",
        "data": {"labels": ["rude"]},
        "folds": {"plan": "holdout"},
        "stages": {"model": {"task": {"type": "binary", "target": "rude"}}},
    }
    return recipe_of(values, **changes)


@pytest.mark.parametrize("recipe", [two_stages, one_vote, three_classes, regression])
def test_the_winner_is_a_recipe_that_any_command_takes(run: Run, tmp_path: Path, recipe: Callable[[], Recipe]) -> None:
    made = filled(tmp_path / "store", recipe())
    path = write_winner(made.summary(), tmp_path)
    assert path == tmp_path / "winner.yaml"
    won = load_recipe(str(path)).recipe
    assert won.recipe == f"{recipe().recipe}-winner"
    best = made.summary().best
    assert best is not None
    assert best.scores is not None
    written = yaml.safe_load(path.read_text())["decide"]
    for key, value in best.scores.best.settings.items():
        _, name, setting = key.split(".", 2)
        assert written[name][setting] == value, "settings and thresholds are data"
    assert run("validate", "winner.yaml").code == 0
    assert run("list", "./winner.yaml").code == 0


# -- JSON ---------------------------------------------------------------------------------------------------------


def documented() -> list[set[str]]:
    """Keys of each table of docs/result-json.md."""
    tables: list[set[str]] = []
    for line in (ROOT / "docs/result-json.md").read_text(encoding="utf-8").splitlines():
        if line.startswith("| key"):
            tables.append(set())
        elif line.startswith("| `"):
            tables[-1] |= set(re.findall(r"`(\w+)`", line.split(" | ")[0]))
    return tables


@pytest.mark.parametrize(("recipe", "score", "others"), SHAPES.values(), ids=SHAPES)
def test_json_has_the_documented_keys_and_no_systems_names(
    run: Run, tmp_path: Path, recipe: Callable[[], Recipe], score: str, others: list[str]
) -> None:
    filled(tmp_path / "store", recipe(), dev=40)
    out = run("status", "store", "--json").out
    about = json.loads(out)
    whole, each = documented()
    assert set(about) == whole - {"stopped"}
    assert {key for row in about["configurations"] for key in row} == each - {"abandoned"}
    assert not FOREIGN.search(out)
    best = next(row for row in about["configurations"] if row["id"] == about["best"])
    made = recipe()
    assert set(best["decisions"]) == set(made.decide)
    assert about["score_of"] == made.score.of
    assert about["metric"]["name"] == made.score.metric
    told = best["decisions"][made.score.of]
    assert told["out_of_fold"]["cross_fitted"]["score"] == best["score"]
    assert set(told["splits"]) >= {"dev"}
    assert len(best["cell_scores"]) == len(about["cells"])
    assert score
    assert others is not None


# -- words of shipped recipes ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["st1", "st2", "st3"])
def test_of_a_shipped_recipe_nothing_but_its_own_names_is_said(tmp_path: Path, name: str) -> None:
    """Whoever searches it with columns of their own reads no word that neither they nor the recipe have written."""
    recipe = load_recipe(name, RecipeOptions(encoder="tiny", folds=2)).recipe
    said = ended(filled(tmp_path / "store", recipe, dev=40), tmp_path)
    own = [*recipe.stages, *recipe.decide, *recipe.data.kinds, "asymmetric.gamma_negative"]
    for word in sorted(own, key=len, reverse=True):
        said = re.sub(rf"(?<![\w/]){re.escape(word)}(?![\w/])", "…", said)
    assert not FOREIGN.search(said), FOREIGN.search(said)
    assert "published" not in said, "with two folds it is as given"
