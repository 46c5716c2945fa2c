"""Every command of the README runs as written, where words that stand for the reader's own files are filled in."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from collections import Counter
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

from tests.e2e.conftest import Command
from tests.e2e.rescored import shown
from tune_polar.cli.main import app

pytestmark = pytest.mark.e2e

ROOT = Path(__file__).resolve().parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")

OWN = "search classifier --data tweets.csv --text tweet --target label --store mine"
VOTE = "search st1 --data tweets.csv --column text=tweet --column polarization=mood=hateful"
# One configuration, two folds, hardly any steps.
SHORT = "--trials 1 --folds 2 --slots 1 --set encoder.tiny.hidden=32"
FEW_STEPS = "--set detector.optimizer.max_steps=4 --set classifier.optimizer.max_steps=4"
# Words that would need the network, hours, or the reader's own texts, and what stands for them here.
SHORTER = {
    "search st3 --data polar/ --language zho --encoder nghuyong/ernie-3.0-xbase-zh --trials 50": (
        f"search st3 --data polar/ --language zho --encoder tiny {SHORT} {FEW_STEPS}"
    ),
    "data fetch polar --language zho --into polar/": "data sample polar/",
    "doctor st3 --try": "doctor st3 --try --encoder tiny",
    "ablate st3": f"ablate st3 --folds 2 --slots 1 --set encoder.tiny.hidden=32 {FEW_STEPS}",
    **{
        line: f"{line} {SHORT} --set model.optimizer.max_steps=4"
        for line in (
            OWN,
            "search classifier --data tweets.csv --text tweet --target angry --target sad --group author",
            "search regressor --data tweets.csv --text tweet --target intimacy --dev dev.csv --test test.csv --seeds 3",
        )
    },
    VOTE: f"{VOTE} --trials 2 --folds 2 --slots 1 --set detector.optimizer.max_steps=4",
    "search my-recipe.yaml --encoder tiny": f"search my-recipe.yaml --encoder tiny {SHORT} {FEW_STEPS}",
    "resume searches/st3-… --trials 20": "resume searches/st3-… --trials 2",
    "resume searches/st3-… --time 2h": "resume searches/st3-… --time 1s",
}


def blocks(language: str) -> list[str]:
    """Code blocks of the README in ``language``."""
    return re.findall(rf"```{language}\n(.*?)```", README, flags=re.DOTALL)


def commands() -> list[str]:
    """What stands behind ``tune-polar`` on each line of the README's shell blocks, without comments."""
    lines = [line.split(" #")[0].strip() for block in blocks("sh") for line in block.splitlines()]
    return [line.removeprefix("tune-polar ") for line in lines if line.startswith("tune-polar ")]


def test_the_readme_has_its_two_commands_and_the_makefile_has_their_targets() -> None:
    assert [line.split()[1] for line in blocks("sh")[1].splitlines()] == ["search", "test"]
    makefile = (ROOT / "Makefile").read_text()
    assert "\nsearch:" in makefile
    assert "\ntest:" in makefile
    assert "tune-polar search st3\n" in makefile


def test_every_shortened_command_still_stands_in_the_readme() -> None:
    assert set(SHORTER) <= set(commands())


@pytest.mark.timeout(1800)
def test_all_commands_of_the_readme_run_in_order(command: Command, tmp_path: Path) -> None:
    """The default search in full length, then everything the README does with its store."""
    own, changed = blocks("yaml")
    (tmp_path / "mine.yaml").write_text(own, encoding="utf-8")
    (tmp_path / "my-recipe.yaml").write_text(changed, encoding="utf-8")
    for name, rows in (("tweets", 150), ("dev", 30), ("test", 30)):
        write_tweets(tmp_path / f"{name}.csv", rows)
    write_predictions(tmp_path / "predictions.csv.gz")
    write_tweets(tmp_path / "new.csv", 20)
    (tmp_path / "texts.txt").write_text("a calm text\nan angry one\n", encoding="utf-8")
    found = commands()
    assert found[0] == OWN
    for line in found:
        stores = sorted((tmp_path / "searches").glob("st3-2*"))
        words = SHORTER.get(line, line)
        if "searches/st3-…" in words:  # that of the second search, which has less to train
            words = words.replace("searches/st3-…", str(stores[1].relative_to(tmp_path)))
        if ">" in words:
            words, target = words.split(">")
            done = command(*shlex.split(words), seconds=400)
            (tmp_path / target.strip()).write_text(done.stdout, encoding="utf-8")
            continue
        done = command(*shlex.split(words), seconds=1200)
        if line == VOTE:
            check_words_of_a_vote(done, sorted((tmp_path / "searches").glob("st1-2*"))[0])
        if line == "search st3":
            check_default_search(done, next((tmp_path / "searches").iterdir()))
        if line == "ablate st3":
            check_ablation_table(done.stdout)
    for name, rows in (("predictions.csv", 20), ("labelled.csv", 2), ("again.csv", 2)):
        assert len(pd.read_csv(tmp_path / name)) == rows
    (lines,) = blocks("python")
    few = 'trials=1, folds=2, slots=1, set={"encoder.tiny.hidden": 32, "model.optimizer.max_steps": 4}'
    assert "trials=8" in lines
    program = [sys.executable, "-c", lines.replace("trials=8", few)]
    subprocess.run(program, cwd=tmp_path, check=True, timeout=300, stdout=subprocess.DEVNULL)
    assert "mine.yaml: recipe mine," in command("validate", "mine.yaml").stdout


def write_tweets(path: Path, rows: int) -> None:
    """A file of the reader's own: no ids, a column of each kind."""
    place = np.arange(rows)
    columns = {
        "tweet": [f"{'angry' if row % 3 else 'calm'} words {path.stem} number {row}" for row in place],
        "label": np.where(place % 3 > 0, "rude", "not rude"),
        "mood": np.where(place % 3 > 0, "hateful", "calm"),
        "angry": (place % 3 > 0).astype(int),
        "sad": (place % 5 == 0).astype(int),
        "author": [f"author {row // 4}" for row in place],
        "intimacy": 1 + place % 3 + place % 5 / 4,
    }
    pd.DataFrame(columns).to_csv(path, index=False)


def write_predictions(path: Path) -> None:
    """Two configurations' out-of-fold logits of two labels, better than chance."""
    rng = np.random.default_rng(0)
    gold = (rng.random((200, 2)) < (0.5, 0.2)).astype(int)
    parts = []
    for seed in (1, 2):
        logit = rng.normal(2.0 * gold - 1.0, 1.5)
        rows = {"seed": seed, "split": "oof", "fold": np.arange(200) % 5, "id": [f"r{row}" for row in range(200)]}
        values = {"gold/a": gold[:, 0], "gold/b": gold[:, 1], "logit/a": logit[:, 0], "logit/b": logit[:, 1]}
        parts.append(pd.DataFrame(rows | values))
    pd.concat(parts).to_csv(path, index=False)


def check_default_search(done: subprocess.CompletedProcess[str], store: Path) -> None:
    """Eight configurations, each whole or given up by racing, a page, a winner that learned something."""
    folds = Counter(path.name.split("-")[0] for path in (store / "folds").glob("*.json"))
    given_up = {path.stem for path in (store / "abandoned").glob("*.json")}
    assert len(folds) >= 8
    assert {name for name, count in folds.items() if count < 5} <= given_up
    assert 5 in folds.values(), "the first one is never given up"
    assert (store / "report.html").is_file()
    assert (store / "winner.yaml").is_file()
    assert "published" in done.stdout
    assert "FoldTrainable" not in done.stdout + done.stderr, "Ray Tune's own lines are nobody's concern"
    assert re.search(r"^0/40 folds · elapsed \d+:\d\d · workers are starting$", done.stderr, re.MULTILINE)
    for heading in ("oracle", "inside folds", "fold-tuned", "cross-fitted", "plain"):
        assert heading in done.stdout
    page = shown((store / "report.html").read_text(encoding="utf-8"))
    assert "was evaluated once, at its end" not in page, "curves are no dots"
    best = next(line for line in done.stdout.splitlines() if "5/5" in line)
    assert float(re.search(r"(0\.\d{2,4}) ±", best).group(1)) > 0.3, "end to end; all-ones would reach about 0.2"  # type: ignore[union-attr]


def check_words_of_a_vote(done: subprocess.CompletedProcess[str], store: Path) -> None:
    """A published recipe on another column: nobody's texts are called polarized, for the flag alone says the word."""
    page = shown((store / "report.html").read_text(encoding="utf-8"))
    for text in (done.stdout, done.stderr, page):
        said = text.replace("tune-polar", "").replace("tune_polar", "")
        assert set(re.findall(r"(?i)\w*polari[sz]\w*", said)) <= {"polarization"}, text
        assert "vote" in text


def check_ablation_table(shown: str) -> None:
    """All six rows: fold spread, and for all but the first the paired difference."""
    for origin in ("as given", "no_asl", "no_transfer", "no_fgm", "no_fgm_no_llrd", "baseline"):
        row = next(line for line in shown.splitlines() if f" {origin} " in line and "±" in line and "2/2" in line)
        assert row.count(" ± ") == (1 if origin == "as given" else 2)


def test_every_command_has_help_with_an_example() -> None:
    shown = run_help()
    names = re.findall(r"^  ([a-z]+)  ", shown.split("Commands:")[1], flags=re.MULTILINE)
    assert len(names) >= 8
    for name in names:
        text = run_help(name)
        if name != "data":
            assert f"tune-polar {name}" in text.split("Options:")[0].replace("Usage: tune-polar", ""), name


def run_help(*words: str) -> str:
    """``--help`` of a command."""
    shown = CliRunner().invoke(app, [*words, "--help"], prog_name="tune-polar", terminal_width=100)
    assert shown.exit_code == 0
    return shown.output
