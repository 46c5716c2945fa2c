"""Commands on thousands of damaged and hostile inputs: none may end in a traceback, a hang, much memory or outside.

    python benchmarks/mutations.py                          # 10,000 inputs, ten minutes at the most
    python benchmarks/mutations.py --inputs 500 --seed 7    # a quick look at another seed
    python benchmarks/mutations.py --share 0/2              # and 1/2 beside it, on two cores

Each input is a store, a recipe with its space, a table of texts, a file of predictions or an encoder's folder, changed
at random: bits, cuts, repetitions, other values in JSON, YAML and CSV, swapped and renamed files, links and pipes. One
command takes it in a process of its own, forked from one that has loaded the program. What is left out: Ray does not
start (`resume` ends where a search would begin to train), and buckets.

Prints the seed, what each command ended with, and each input that broke a rule with how to make it again; exits with 1
where there is one. Rules: exit code 0, 1 or 2; no traceback; at most 20 seconds; at most 1.5 GB; nothing outside the
input's own folder changes.
"""

from __future__ import annotations

import argparse
import contextlib
import gzip
import hashlib
import json
import os
import random
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from tests.store.made_recipes import one_vote, regression, three_classes, two_stages
from tests.store.made_store import finished_store
from tune_polar.model.random_encoder import write_random_encoder
from tune_polar.store.lease import held_lease

MOST_SECONDS, MOST_BYTES = 20, 1_500_000_000
WORDS = [
    b"\x00",
    b"\xff\xfe",
    b"NaN",
    b"-Infinity",
    b"1e999",
    b"null",
    b"[]",
    b"{}",
    b"\x1b]52;c;AA\x07",
    b"../../x",
    b"-1",
]
VALUES: list[object] = [
    None,
    True,
    -1,
    0,
    1,
    2**63,
    1e308,
    float("nan"),
    "",
    "x" * 5000,
    [],
    {},
    [[]],
    "../..",
    "\x1b[2J",
    0.5,
    "0",
]


@dataclass(frozen=True)
class Input:
    """A folder in which ``words`` are typed."""

    kind: str
    words: tuple[str, ...]


Maker = Callable[[random.Random, Path, Path], Input]


def changed_bytes(rng: random.Random, content: bytes) -> bytes:
    """Bits, cuts, repetitions and foreign words."""
    data = bytearray(content)
    for _ in range(rng.choice([1, 1, 2, 5])):
        at = rng.randrange(len(data) + 1)
        how = rng.randrange(6)
        if how == 0 and data:
            data[at % len(data)] ^= 1 << rng.randrange(8)
        elif how == 1:
            data = data[:at]
        elif how == 2:
            data[at:at] = rng.choice(WORDS)
        elif how == 3:
            end = at + rng.randrange(200)
            data[at:at] = data[at:end]
        elif how == 4:
            del data[at : at + rng.randrange(1, 200)]
        else:
            data[at : at + 8] = rng.randbytes(8)
    return bytes(data)


def changed_value(rng: random.Random, value: object, depth: int = 0) -> object:
    """One place in a tree of JSON holds something else."""
    if isinstance(value, dict) and value and (depth < 1 or rng.random() < 0.85):
        key = rng.choice(sorted(value))
        if rng.random() < 0.1:
            return {name: each for name, each in value.items() if name != key}
        if rng.random() < 0.1:
            return {**value, rng.choice(["more", "", key + " ", "__class__"]): value[key]}
        return {**value, key: changed_value(rng, value[key], depth + 1)}
    if isinstance(value, list) and value and rng.random() < 0.85:
        at = rng.randrange(len(value))
        return [*value[:at], changed_value(rng, value[at], depth + 1), *value[at + 1 :]]
    return rng.choice(VALUES)


def changed_record(rng: random.Random, content: bytes) -> bytes:
    """A record with another body and a hash that fits it, as whoever means harm would write it."""
    from tune_polar.store.codec import decode_arrays, decode_json, encode_arrays, encode_json

    try:
        if content[:1] == b"{":
            body = changed_value(rng, decode_json(content))
            return encode_json(body)  # type: ignore[arg-type]
        header, arrays = decode_arrays(content)
        name = rng.choice(sorted(arrays))
        how = rng.randrange(5)
        if how == 0:
            header = changed_value(rng, header)  # type: ignore[assignment]
        elif how == 1:
            arrays[name] = arrays[name][: rng.randrange(len(arrays[name]) + 1)]
        elif how == 2:
            arrays[rng.choice([name + "x", "validation/probability", "gold/train/x", ""])] = arrays.pop(name)
        elif how == 3:
            arrays[name] = arrays[name].astype(rng.choice(["f4", "i8", "u1", "f8"]))
        else:
            flat = arrays[name].copy()
            if flat.size:
                flat.reshape(-1)[rng.randrange(flat.size)] = rng.choice(
                    [0, 1, 7, -1 if flat.dtype.kind != "u" else 200]
                )
            arrays[name] = flat
        return encode_arrays(header, arrays)
    except (ValueError, TypeError, OverflowError, KeyError):
        return changed_bytes(rng, content)


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
    source = made / rng.choice(["searched", *sorted(each.name for each in made.iterdir())])
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
    commands = (
        *(("status", "store"), ("status", "store", "--json"), ("report", "store", "-o", "page.html")),
        *(("export", "store", "--csv", "tables"), ("export", "store", "--parquet", "tables")),
        *(("merge", "store", "-o", "merged"), ("merge", "store", str(source), "-o", "merged")),
    )
    return Input("store", ("resume", "store") if rng.random() < 0.3 else rng.choice(commands))


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
    import yaml

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
    recipe_input: 0.2,
    table_input: 0.2,
    predictions_input: 0.1,
    encoder_input: 0.05,
}


def run(words: tuple[str, ...], place: Path) -> tuple[int, float, int]:
    """Exit code (negative: a signal), seconds and bytes of one command in a forked process."""
    began = time.monotonic()
    child = os.fork()
    if child == 0:
        _command(words, place)
    _, status, used = os.wait4(child, 0)
    return os.waitstatus_to_exitcode(status), time.monotonic() - began, used.ru_maxrss * 1024


def _command(words: tuple[str, ...], place: Path) -> None:
    code = 99
    try:
        os.chdir(place)
        said = os.open("said.txt", os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
        os.dup2(said, 1)
        os.dup2(said, 2)
        sys.stdout, sys.stderr = open(1, "w", closefd=False), open(2, "w", closefd=False)  # noqa: SIM115
        signal.alarm(MOST_SECONDS)
        resource.setrlimit(resource.RLIMIT_FSIZE, (2**31, 2**31))
        code = _ended(words)
        sys.stdout.flush()
    except BaseException:  # noqa: BLE001 - it is what is looked for
        import traceback

        traceback.print_exc()
    finally:
        with contextlib.suppress(Exception):
            sys.stderr.flush()
        os._exit(code)


def _ended(words: tuple[str, ...]) -> int:
    from tune_polar.cli.main import main
    from tune_polar.errors import TunePolarError

    if words[0] == "validate-encoder":  # what `doctor` and a search do with one, without a further process each
        from tune_polar.model.encoder import load_encoder

        try:
            load_encoder(words[1], pooling="auto")
        except TunePolarError as error:
            print(error)
            return 2
        return 0
    if words[0] == "resume":
        from tune_polar.search import run as search_run

        def ends_here(*_: object) -> Iterator[None]:
            sys.exit(0)

        setattr(search_run, "local_ray", ends_here)  # noqa: B010 - it is imported there
    sys.argv = ["tune-polar", *words]
    try:
        main()
    except SystemExit as stop:
        return stop.code if isinstance(stop.code, int) else 1 if stop.code else 0
    return 0


def seen(folder: Path) -> str:
    """What lies in a folder."""
    digest = hashlib.sha256()
    for path in sorted(folder.rglob("*")):
        digest.update(str(path.relative_to(folder)).encode())
        if path.is_file():
            digest.update(path.read_bytes())
    return digest.hexdigest()


def prepare(folder: Path) -> Path:
    """Whole stores of several shapes, and an encoder."""
    made = folder / "made"
    recipes = {"two": two_stages(), "vote": one_vote(), "classes": three_classes(), "numbers": regression()}
    for name, recipe in recipes.items():
        store = finished_store(made / name, recipe).store
        with held_lease(store.files, lambda: None):
            pass
    _search(folder)
    shutil.move(folder / "store", made / "searched")
    (folder / "encoder").mkdir()
    sizes = {"hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 16}
    about = {"model_type": "bert", **sizes, "vocab_size": 200, "max_position_embeddings": 64}
    write_random_encoder(folder / "encoder", about, ["some words of a text", "other ones"])
    return made


def _search(folder: Path) -> None:
    """A real search of two configurations, for `resume`."""
    lines = [f"r{n},text {n} of {n % 7},{n % 2}" for n in range(60)]
    (folder / "own.csv").write_text("\n".join(["id,text,hate", *lines]), encoding="utf-8")
    command = "import sys; from tune_polar.cli.main import main; sys.argv[0] = 'tune-polar'; main()"
    words = "search classifier --data own.csv --text text --target hate --encoder tiny --trials 2 --folds 2 --slots 1"
    steps = ["--set", "model.optimizer.max_steps=4", "--store", "store", "--quiet"]
    root = str(Path(__file__).resolve().parents[1])
    about = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, (root, os.environ.get("PYTHONPATH"))))}
    subprocess.run([sys.executable, "-c", command, *words.split(), *steps], cwd=folder, env=about, check=True)


def main() -> None:
    """Make, run, look."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--inputs", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--share", default="0/1", help="every Nth input, from I on: I/N")
    parser.add_argument("--only", type=int, help="one input by its number, left for a look")
    parser.add_argument("--minutes", type=float, default=10.0)
    chosen = parser.parse_args()
    # Loaded before the forks: what each command loads itself would be the most of its time.
    import ray  # noqa: F401

    import tune_polar.api.drive
    import tune_polar.cli.ending
    import tune_polar.cli.main
    import tune_polar.report.page
    import tune_polar.search.recorded_plan  # noqa: F401

    print(f"seed {chosen.seed}", flush=True)
    ends: Counter[tuple[str, str, int]] = Counter()
    broken = 0
    until = time.monotonic() + 60 * chosen.minutes
    with tempfile.TemporaryDirectory(prefix="mutations-") as name:
        folder = Path(name)
        made = prepare(folder)
        before = seen(made)
        first, step = (int(word) for word in chosen.share.split("/"))
        numbers = range(first, chosen.inputs, step) if chosen.only is None else [chosen.only]
        done = 0
        for number in numbers:
            rng = random.Random(f"{chosen.seed}/{number}")
            place = folder / "place"
            place.mkdir()
            maker = rng.choices(list(MAKERS), list(MAKERS.values()))[0]
            asked = maker(rng, made, place)
            code, seconds, used = run(asked.words, place)
            said = (place / "said.txt").read_text(encoding="utf-8", errors="replace")
            ends[asked.kind, asked.words[0], code] += 1
            done += 1
            rules = {
                f"exit code {code}": code not in (0, 1, 2),
                "a traceback": "Traceback (most recent call last)" in said,
                f"{seconds:.0f} s": seconds > MOST_SECONDS,
                f"{used / 1e9:.1f} GB": used > MOST_BYTES,
                "something outside has changed": (number % 50 == 0 or code not in (0, 1, 2)) and seen(made) != before,
                "no remedy": code == 2 and "Remedy" not in said and "Usage" not in said,
            }
            for rule in (rule for rule, is_broken in rules.items() if is_broken):
                broken += 1
                last = "\n    ".join(said.strip().splitlines()[-12:])
                print(f"input {number} ({' '.join(asked.words)}): {rule}\n    {last}", flush=True)
            if chosen.only is not None:
                print(said)
            shutil.rmtree(place)
            if time.monotonic() > until:
                break
        if seen(made) != before:
            broken += 1
            print("something outside has changed")
    for (kind, command, code), count in sorted(ends.items()):
        print(f"{kind:<12} {command:<18} exit {code:>3} {count:>6}")
    print(f"{done:,} inputs, {broken} broken rules")
    sys.exit(1 if broken else 0)


if __name__ == "__main__":
    main()
