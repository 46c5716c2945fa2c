"""Stores, recipes, tables, predictions and encoders as a stranger may hand them over, each with a command for it."""

from __future__ import annotations

import gzip
import json
import os
import random
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import yaml
from mutated_values import changed_bytes, changed_record, changed_value

from tests.store.made_recipes import one_vote, regression, three_classes, two_stages
from tests.store.made_store import finished_store
from tests.store.trained_store import trained_store, with_models_of_all_rows
from tune_polar.model.random_encoder import write_random_encoder
from tune_polar.serve.from_store import store_models
from tune_polar.serve.model_folder import write_model_folder
from tune_polar.serve.recorded_model import recorded
from tune_polar.serve.stored_composition import stored_composition
from tune_polar.store.lease import held_lease


@dataclass(frozen=True)
class Input:
    """A folder in which ``words`` are typed."""

    kind: str
    words: tuple[str, ...]


Maker = Callable[[random.Random, Path, Path], Input]
ON_A_STORE = (
    *(("status", "store"), ("status", "store", "--json"), ("report", "store", "-o", "page.html")),
    *(("export", "store", "--csv", "tables"), ("export", "store", "--parquet", "tables")),
    *(("merge", "store", "-o", "merged"), ("merge", "store", "-o", "shared", "--anonymous")),
)
WITH_A_MODEL = (
    *(("predict", "store", "new.csv"), ("predict", "store", "new.csv", "-o", "said.parquet", "--all-rows")),
    *(("submit", "store", "new.csv", "-o", "handed-in.zip"), ("export", "store", "--model", "model")),
    *(("fit", "store"), ("fit", "store", "--all-rows")),
)
TRAINED = "searched"  # the store that has weights, and that `resume` can go on with
NEW_TEXTS = "id,text\na,text 1\nb,text 2\n"
# Of every kind, on what is whole: what they load is loaded before the forks.
TYPED = (
    *ON_A_STORE,
    *WITH_A_MODEL,
    ("resume", "store"),
    ("validate", "classifier"),
    ("list", "classifier", "--json"),
    ("data", "check", "sample"),
    ("decide", "no.csv"),
)


def _no_file(rng: random.Random, path: Path) -> None:
    how = rng.randrange(4)
    if how == 0:
        os.mkfifo(path)
    elif how == 1:
        path.mkdir()
    else:
        path.symlink_to(("/etc/passwd", "..")[how - 2])


def store_input(rng: random.Random, made: Path, place: Path) -> Input:
    """A stranger's store."""
    source = made / rng.choice([TRAINED, *sorted(each.name for each in made.iterdir())])
    shutil.copytree(source, place / "store", copy_function=os.link)
    files = sorted(path for path in (place / "store").rglob("*") if path.is_file())
    for _ in range(rng.choice([1, 1, 1, 2, 4])):
        path = rng.choice(files)
        if not path.is_file() or path.is_symlink():
            continue
        content = path.read_bytes()
        path.unlink()  # it has another name, outside
        how = rng.randrange(10)
        if how < 4:
            path.write_bytes(changed_record(rng, content))
        elif how < 7:
            path.write_bytes(changed_bytes(rng, content))
        elif how == 7:
            other = rng.choice(files)
            path.write_bytes(other.read_bytes() if other.is_file() else b"")
        elif how == 8:
            _no_file(rng, path)
        else:
            path.with_name(rng.choice(["X (copy).json", "é.json", ".hidden", "a" * 120 + ".json"])).write_bytes(content)
    commands = (*ON_A_STORE, ("merge", "store", str(source), "-o", "merged"))
    (place / "new.csv").write_text(NEW_TEXTS, encoding="utf-8")
    if source.name == TRAINED and rng.random() < 0.5:
        return Input("store", rng.choice(WITH_A_MODEL))
    return Input("store", ("resume", "store") if rng.random() < 0.3 else rng.choice(commands))


def model_input(rng: random.Random, made: Path, place: Path) -> Input:
    """A model's folder."""
    shutil.copytree(made.parent / "model", place / "model")
    (place / "new.csv").write_text(NEW_TEXTS, encoding="utf-8")
    path = rng.choice(sorted(path for path in (place / "model").rglob("*") if path.is_file()))
    content = path.read_bytes()
    if path.suffix == ".json" and rng.random() < 0.6:
        path.write_text(json.dumps(changed_value(rng, json.loads(content))), encoding="utf-8")
    elif rng.random() < 0.1:
        path.unlink()
        _no_file(rng, path)
    else:
        path.write_bytes(changed_bytes(rng, content))
    return Input("model", ("predict", "model", "new.csv"))


RECIPE = b"""recipe: mine
data: {labels: [hate, rude], classes: {topic: [a, b, c]}, numbers: {grade: [1, 5]}, groups: [language]}
folds: {plan: stratified, count: 3}
encoder: {name: tiny, pooling: mean, max_length_tokens: 32}
stages:
  first: {task: {type: binary, target: hate}, losses: cross_entropy, optimizer: {lr: 1e-3, max_steps: 20}}
  second: {rows: {hate: 1}, start: first, task: {type: multilabel, targets: [hate, rude]}}
decide:
  a: {type: threshold, of: first, rule: max_macro_f1}
  b: {type: threshold, of: second}
  c: {type: gate, of: b, by: a}
score: {of: c, metric: macro_f1}
ablations: {x: {title: X, changes: {second.start: null}}}
"""
SPACE = b"""space: mine
recipe: mine
parameters:
  first.optimizer.lr: {type: float, low: 1e-4, high: 1e-2, log: true}
  second.start: {type: categorical, choices: [first, null]}
  decide.b.rule: {type: categorical, choices: [max_f1, fixed]}
"""


def recipe_input(rng: random.Random, made: Path, place: Path) -> Input:  # noqa: ARG001
    """A recipe and a space, as text or as a tree."""
    for name, content in (("mine.yaml", RECIPE), ("space.yaml", SPACE)):
        if rng.random() < 0.6:
            if rng.random() < 0.5:
                tree = changed_value(rng, yaml.safe_load(content))
                content = yaml.safe_dump(tree, allow_unicode=True).encode("utf-8", "surrogatepass")
            else:
                content = changed_bytes(rng, content)
        (place / name).write_bytes(content)
    commands = (("validate", "mine.yaml", "space.yaml"), ("list", "./mine.yaml"), ("list", "./mine.yaml", "--json"))
    return Input("recipe", rng.choice(commands))


def table_input(rng: random.Random, made: Path, place: Path) -> Input:  # noqa: ARG001
    """A table of texts in some format."""
    rows = [[f"r{n}", f"text {n} of {n % 7}", str(n % 2), "abc"[n % 3], f"{1 + n % 5}"] for n in range(40)]
    header = ["id", "text", "hate", "topic", "grade"]
    kind = rng.choice(["csv", "tsv", "jsonl", "parquet", "csv.gz", "jsonl.gz"])
    path = place / f"data.{kind}"
    if kind == "parquet":
        pd.DataFrame(rows, columns=header).to_parquet(path)
        content = path.read_bytes()
    elif kind.startswith("jsonl"):
        content = "\n".join(json.dumps(dict(zip(header, row, strict=True))) for row in rows).encode()
    else:
        mark = "\t" if kind == "tsv" else ","
        content = "\n".join(mark.join(row) for row in [header, *rows]).encode(
            rng.choice(["utf-8", "utf-16", "utf-8-sig"])
        )
    content = changed_bytes(rng, content) if rng.random() < 0.9 else content
    path.write_bytes(gzip.compress(content) if kind.endswith(".gz") and rng.random() < 0.9 else content)
    target = rng.choice(["hate", "topic", "grade", "nothing"])
    return Input("table", ("data", "check", path.name, "--text", "text", "--target", target))


def predictions_input(rng: random.Random, made: Path, place: Path) -> Input:  # noqa: ARG001
    """A file of predictions for `decide`."""
    draw = np.random.default_rng(rng.randrange(2**32))
    gold = draw.random(60) < 0.4
    frame = pd.DataFrame(
        {
            "split": ["oof"] * 45 + ["dev"] * 15,
            "fold": [*(np.arange(45) % 3), *[""] * 15],
            "id": [f"x{n}" for n in range(60)],
            "gold/a": gold.astype(int),
            "gold/b": (draw.random(60) < 0.2).astype(int),
            "prob/a": draw.random(60).round(3),
            "prob/b": draw.random(60).round(3),
        }
    )
    kind = rng.choice(["csv", "csv.gz", "parquet"])
    path = place / f"p.{kind}"
    if kind == "parquet":
        frame.astype({"fold": str}).to_parquet(path)
        path.write_bytes(changed_bytes(rng, path.read_bytes()))
    else:
        content = changed_bytes(rng, frame.to_csv(index=False).encode())
        path.write_bytes(gzip.compress(content) if kind == "csv.gz" else content)
    return Input("predictions", ("decide", path.name, "--rounds", "100"))


def encoder_input(rng: random.Random, made: Path, place: Path) -> Input:
    """An encoder's folder, looked at by `doctor`."""
    shutil.copytree(made.parent / "encoder", place / "encoder")
    path = rng.choice(
        sorted(path for path in (place / "encoder").iterdir() if path.suffix in (".json", ".safetensors", ".txt"))
    )
    content = path.read_bytes()
    if path.suffix == ".json" and rng.random() < 0.6:
        path.write_text(json.dumps(changed_value(rng, json.loads(content))), encoding="utf-8")
    else:
        path.write_bytes(changed_bytes(rng, content))
    return Input("encoder", ("validate-encoder", "encoder"))


MAKERS: dict[Maker, float] = {
    store_input: 0.45,
    recipe_input: 0.15,
    table_input: 0.2,
    model_input: 0.05,
    predictions_input: 0.1,
    encoder_input: 0.05,
}


def prepare(folder: Path) -> Path:
    """Whole stores of several shapes, and an encoder."""
    made = folder / "made"
    recipes = {"two": two_stages(), "vote": one_vote(), "classes": three_classes(), "numbers": regression()}
    for name, recipe in recipes.items():
        store = finished_store(made / name, recipe).store
        with held_lease(store.files, lambda: None):
            pass
    child = os.fork()  # threads of torch that train would not survive the forks to come
    if child == 0:
        try:
            _train(folder)
        finally:
            os._exit(0 if (folder / "model/model.json").is_file() else 1)
    if os.waitpid(child, 0)[1]:
        raise RuntimeError("the trained store could not be made")
    shutil.move(folder / TRAINED, made / TRAINED)
    (folder / "encoder").mkdir()
    sizes = {"hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 16}
    about = {"model_type": "bert", **sizes, "vocab_size": 200, "max_position_embeddings": 64}
    write_random_encoder(folder / "encoder", about, ["some words of a text", "other ones"])
    return made


def _train(folder: Path) -> None:
    """The trained store, and a model's folder made of it."""
    trained = trained_store(folder / TRAINED)
    with_models_of_all_rows(trained)
    found = recorded(trained)
    composition = stored_composition(trained, found, all_rows=False)
    write_model_folder(folder / "model", composition, store_models(trained, found, composition), (), {})
