"""Whatever a user can mistype ends in one clear error and exit code 2: never a traceback, never a half-made store."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest

from tune_polar.data.polar_writer import write_polar
from tune_polar.data.sample_corpus import sample_corpus
from tune_polar.errors import TunePolarError

LR = "detector.optimizer.lr"
GOOD_SPACE = f"space: s\nrecipe: st1\nparameters:\n  {LR}: {{type: float, low: 1e-4, high: 1e-3}}\n"
MINE = "recipe: mine\ndata: {labels: [rude]}\nstages: {model: {task: {type: binary, target: rude}}}\n"
FIRST_GRAMMAR = "recipe: old\nextends: st1\nchanges: {decision.k: 5}\n"
HEADER = "id,text,polarization,political,racial/ethnic,religious,gender/sexual,other"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Good and bad files in the working directory of the command."""
    write_polar(sample_corpus(0, rows_train=60, rows_dev=20, rows_test=0), tmp_path / "polar", "zho")
    files: dict[str, str | bytes] = {
        "duplicate.yaml": "extends: st1\nrecipe: a\nrecipe: b\n",
        "unknown.yaml": "recipe: a\nextends: st1\nchanges:\n  detector.optimizer.lrr: 1e-3\n",
        "range.yaml": "recipe: a\nextends: st1\nchanges:\n  detector.optimizer.lr: -1\n",
        "text.yaml": "recipe: a\nextends: st1\nchanges:\n  detector.optimizer.lr: fast\n",
        "circle.yaml": "recipe: a\nextends: circle-too\n",
        "circle-too.yaml": "recipe: b\nextends: circle\n",
        "orphan.yaml": "recipe: a\nextends: nothing-like-it\n",
        "empty.yaml": "",
        "list.yaml": "- a\n- b\n",
        "broken.yaml": "recipe: [a\n",
        "binary.yaml": b"\x00\x01\xff\xfe",
        "python.yaml": "recipe: !!python/object/apply:os.system ['true']\n",
        "space-backwards.yaml": GOOD_SPACE.replace("high: 1e-3", "high: 1e-5"),
        "space-type.yaml": GOOD_SPACE.replace("float", "number"),
        "space-key.yaml": GOOD_SPACE.replace(LR, "detector.speed"),
        "space-rule.yaml": GOOD_SPACE.replace("low: 1e-4", "low: -1.0"),
        "space-folds.yaml": GOOD_SPACE.replace(
            LR + ": {type: float, low: 1e-4, high: 1e-3}", "folds.count: {type: int, low: 2, high: 5}"
        ),
        "space-empty.yaml": "space: s\nrecipe: st1\nparameters: {}\n",
        "space-log.yaml": GOOD_SPACE.replace("low: 1e-4", "low: 0.0").replace("1e-3}", "1e-3, log: true}"),
        "space-st1.yaml": GOOD_SPACE,
        "space-faults.yaml": GOOD_SPACE.replace("1e-3}", "large}")
        + "  detector.speed: {type: int, low: 1, high: 2}\n"
        + "  detector.optimizer.xi: {type: real, low: 0.5, high: 1.0}\n",
        "alike.yaml": MINE
        + "ablations:\n  c: {title: c, changes: {model.optimizer.lr: 1e-4}}\n"
        + "  a: {title: a, changes: {model.optimizer.lr: 1e-2}}\n"
        + "  b: {title: b, changes: {model.optimizer.lr: 1e-2}}\n",
        "missing-column.csv": "id,tweet\n1,hello\n",
        "empty.csv": "",
        "header-only.csv": HEADER + "\n",
        "yes.csv": HEADER + "\n1,some text,yes,0,0,0,0,0\n2,other text,0,0,0,0,0,0\n",
        "binary.csv": b"\x00\x01\x02\xff" * 50,
        "latin.csv": (HEADER + "\n1,caf\xe9,1,0,0,0,0,1\n").encode("latin-1"),
        "ragged.csv": HEADER + "\n1,some text,1\n",
        "one-class.csv": HEADER + "\n" + "".join(f"{i},text {i},1,0,0,0,0,1\n" for i in range(20)),
        "a-file": "not a folder",
        "first-grammar.yaml": FIRST_GRAMMAR,
        "shipped-line.yaml": "recipe: a\nextends: st1\nchanges:\n  detector.head.type: linear\n",
        "two.yaml": MINE + "  other: {task: {type: binary, target: rude}}\n",
        "unbuilt.yaml": MINE.replace("target: rude}", "target: rude}, batches: {type: pairs}"),
        "column.yaml": MINE.replace("target: rude", "target: rudes"),
        "empty-text.csv": "text,rude\n,1\nb,0\n",
        "rude.csv": "text,rude,topic\n" + "".join(f"text {i},{i % 2},t{i % 3}\n" for i in range(40)),
        "rude.tsv": "text\trude\nb\t0\textra\n",
        "rude.jsonl": '{"text": "a", "rude": 1}\n{"text": \n',
        "rude.csv.gz": b"no gzip",
        "rude.parquet": b"no parquet",
    }
    for name, content in files.items():
        path = tmp_path / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
    (tmp_path / "no-model").mkdir()
    (tmp_path / "not-a-store").mkdir()
    return tmp_path


SEARCH_POLAR = ("search", "st1", "--data", "polar")

# words of the command → what the error must say
BAD: list[tuple[tuple[str, ...], str]] = [
    (("search", "st4"), r"recipe must be one of .*got 'st4'; did you mean"),
    (("search", "./none.yaml"), r"none\.yaml'?: cannot be read: No such file"),
    (("search", "./duplicate.yaml"), r"duplicate\.yaml:3: recipe: a key must stand once, also on line 2"),
    (
        ("search", "./unknown.yaml"),
        r"unknown\.yaml:4: .*detector\.optimizer\.lrr: must be a known key.*did you mean 'detector.optimizer.lr'",
    ),
    (("search", "./range.yaml"), r"range\.yaml:4: .*detector\.optimizer\.lr: must be greater than 0, got -1"),
    (("search", "./text.yaml"), r"text\.yaml:4: .*detector\.optimizer\.lr: must be a number, got 'fast'"),
    (("search", "./circle.yaml"), r"circle-too\.yaml:2: extends: must not come back to a file"),
    (("search", "./orphan.yaml"), r"must be the name of a recipe's file.*got 'nothing-like-it'"),
    (("search", "./empty.yaml"), r"empty\.yaml: must hold keys and values, got nothing"),
    (("search", "./list.yaml"), r"list\.yaml: must hold keys and values"),
    (("search", "./broken.yaml"), r"broken\.yaml:\d: must be plain YAML"),
    (("search", "./binary.yaml"), r"binary\.yaml"),
    (("search", "./python.yaml"), r"python\.yaml"),
    (("search", "polar/"), r"polar/?'?: cannot be read: Is a directory"),
    (("search", "st1", "--space", "st9"), r"search space must be one of"),
    (("search", "st1", "--space", "./space-backwards.yaml"), r"space-backwards\.yaml:4: .*high: must be at least low"),
    (("search", "st1", "--space", "./space-type.yaml"), r"space-type\.yaml:4: .*detector\.optimizer\.lr"),
    (("search", "st1", "--space", "./space-key.yaml"), r"space-key\.yaml:4: .*must be a known key"),
    (("search", "st1", "--space", "./space-rule.yaml"), r"space-rule\.yaml:4: .*must be greater than 0, got -1"),
    (("search", "st1", "--space", "./space-folds.yaml"), r"space-folds\.yaml:4: .*must not vary folds"),
    (("search", "st1", "--space", "./space-empty.yaml"), r"space-empty\.yaml:3: parameters"),
    (("search", "st1", "--space", "./space-log.yaml"), r"space-log\.yaml:4: .*must be above 0 on a log scale"),
    (("search", "classifier", "--target", "rude", "--data", "rude.csv", "--space", "st1"), r"must be a known key"),
    (("search", "st1", "--space", "./first-grammar.yaml"), r"is written in the grammar of an earlier version"),
    (("search", "./first-grammar.yaml"), r"first-grammar\.yaml: is written in the grammar of an earlier version"),
    (
        ("search", "./shipped-line.yaml"),
        r"^error: \./shipped-line\.yaml: stages\.detector\.losses\.soft_triple: must stand",
    ),
    (("search", "./two.yaml"), r"two\.yaml"),
    (("search", "./unbuilt.yaml"), r"unbuilt\.yaml:3: .*batches\.text: must be a column that data\.texts declares"),
    (("search", "./column.yaml"), r"column\.yaml:3: .*target: must be a column that .*; did you mean 'rude'"),
    (
        ("search", "st1", "--space", "./space-faults.yaml"),
        r"space-faults\.yaml:4: .*high: must be a number.*space-faults\.yaml:5: .*must be a known key.*"
        r"space-faults\.yaml:6: .*type",
    ),
    (("search", "st1", "--trials", "0"), r"--trials must be at least 1, got 0"),
    (("search", "st1", "--trials", "many"), r"must be a whole number, got 'many'"),
    (("search", "st1", "--folds", "-1"), r"--folds must be at least 2, got -1"),
    (("search", "st1", "--folds", "1"), r"--folds must be at least 2, got 1 Remedy: "),
    (("search", "st1", "--folds", "101"), r"--folds: must be less than or equal to 100, got 101"),
    (("ablate", "st3", "--folds", "1"), r"--folds must be at least 2, got 1"),
    (
        ("ablate", "impsh", "--only", "ce,slc"),
        r"--only must name ablations of impsh, ce, .*got 'slc'; did you mean 'scl'",
    ),
    (
        (
            *("ablate", "st1", "--only", "no_fgm", "--set", "detector.optimizer.fgm_epsilon=0"),
            *("--data", "polar", "--set", "decide.vote.k=5"),
        ),
        r"an ablation must change something of the recipe, but the ablation no_fgm is left out: it says what the "
        r"recipe says Remedy: Name others with --only",
    ),
    (
        ("ablate", "./alike.yaml", "--data", "rude.csv"),
        r"alike\.yaml:7: ablations\.b: must say something of its own, but says what the ablation a says",
    ),
    (("validate", "./alike.yaml"), r"alike\.yaml:7: ablations\.b: must say something of its own"),
    (("ablate", "impsh", "--only", ""), r"--only must name ablations of impsh, .*got ''"),
    (("data", "augment", "rude.csv", "-o", "more.csv", "--wordnet", "polar"), r"WordNet's files, but index\.noun"),
    (
        ("data", "augment", "rude.csv", "-o", "more.csv", "--share", "0"),
        r"--share must be above 0 and at most 1, got 0",
    ),
    (("search", "st1", "--seed", "-1"), r"--seed must be from 0 to 4294967295, got -1"),
    (("search", "st1", "--seed", "4294967296"), r"--seed must be from 0 to 4294967295, got 4294967296"),
    (("data", "sample", "into", "--seed", "-1"), r"--seed must be from 0 to 4294967295, got -1"),
    (("search", "st1", "--slots", "0"), r"--slots must be at least 1, got 0"),
    (("search", "st1", "--seed", "-1.5"), r"must be a whole number, got '-1\.5'"),
    (("search", "st1", "--time", "2"), r"--time must be hours, minutes and seconds above 0, .*got '2'"),
    (("search", "st1", "--time", "0h"), r"--time must be hours, minutes and seconds above 0, .*got '0h'"),
    (("search", "st1", "--until", "good"), r"--until must be `converged`, got 'good'"),
    (("search", "st1", "--racing", "fast"), r"--racing must be one of none, forgiving, .*model, got 'fast'"),
    (("search", "st1", "--floors", "ceiling"), r"--floors must be one of none, tfidf, all, got 'ceiling'"),
    (("ablate", "st1", "--floors", ""), r"--floors must be one of none, tfidf, all, got ''"),
    (("resume", "not-a-store", "--racing", ""), r"--racing must be one of none, .*got ''"),
    (("resume", "not-a-store", "--time", "soon"), r"--time must be .*got 'soon'"),
    (("resume", "not-a-store", "--until", ""), r"--until must be `converged`, got ''"),
    (("search", "st1", "--set", "detector.lr"), r"--set must look like KEY=VALUE"),
    (("search", "st1", "--set", "detector.speed=3"), r"--set\.?.*detector\.speed: must be a known key"),
    (("search", "st1", "--set", "learning_rate=1e-3"), r"--set learning_rate: .*did you mean '.*optimizer\.lr'"),
    (("search", "st1", "--set", "detector.loss=mse"), r"--set detector\.loss: .*did you mean 'detector\.losses'"),
    (("search", "st1", "--set", "detector.batches.size=1.5"), r"batches\.size: must be a whole number, got 1\.5"),
    (("search", "st1", "--set", "decide.vote.k=201"), r"vote\.k: must be less than or equal to 200, got 201"),
    (("search", "st1", "--set", "decide.vote.tau=.nan"), r"decide\.vote\.tau"),
    (("search", "st3", "--set", "decide.manifestations.rule=best"), r"manifestations\.rule: must be .*got 'best'"),
    (
        ("search", "st3", "--set", "classifier.losses.asymmetric.gamma_negative.sarcasm=2"),
        r"gamma_negative\.sarcasm: must be one of the columns",
    ),
    (("search", "st1", "--seeds", "0"), r"--seeds must be from 1 to 1,000 seeds, got 0"),
    (("search", "st1", "--seeds", "one"), r"--seeds must be a number of seeds or a list of them, got 'one'"),
    (("search", "st1", "--seeds", "1,1"), r"--seeds must list each seed once, from 0 to 2147483647, got 1,1"),
    (("search", "st1", "--profile", "huge"), r"--profile must be one of .*got 'huge'"),
    (("search", "st1", "--encoder", "./nowhere"), r"encoder must be a folder.*'\./nowhere'"),
    (("search", "st1", "--encoder", "no-model"), r"no-model.*config\.json|config\.json.*no-model"),
    (("search", "st1", "--encoder", "a-file"), r"a-file"),
    (
        ("search", "st1", "--data", "nowhere"),
        r"--data must be `sample`, a folder, a file that exists or hf://datasets/OWNER/NAME/…, got 'nowhere'",
    ),
    (("search", "st1", "--data", "not-a-store"), r"train"),
    (
        ("search", "st1", "--data", "sample", "--language", "eng"),
        r"--language, --dev, --test and --column must be left",
    ),
    ((*SEARCH_POLAR, "--language", "xyz"), r"xyz"),
    ((*SEARCH_POLAR, "--folds", "70"), r"the number of folds must be at most the rows to split \(60\), got 70"),
    (
        (*SEARCH_POLAR, "--set", "decide.vote.k=199"),
        r"decide\.vote\.k must be at most the training rows of the smallest fold \(4\d\), got 199",
    ),
    ((*SEARCH_POLAR, "--set", "folds.order=competition"), r"order"),
    (("search", "st1", "--data", "missing-column.csv"), r"missing-column\.csv.*text"),
    (("search", "st1", "--data", "empty.csv"), r"empty\.csv"),
    (("search", "st1", "--data", "header-only.csv"), r"header-only\.csv"),
    (("search", "st1", "--data", "yes.csv"), r"yes\.csv, row 2, column polarization: .*'yes'"),
    (("search", "st1", "--data", "binary.csv"), r"binary\.csv"),
    (("search", "st1", "--data", "latin.csv"), r"latin\.csv.*UTF-8"),
    (("search", "st1", "--data", "ragged.csv"), r"ragged\.csv, row 2"),
    (("search", "st1", "--data", "one-class.csv"), r"both classes"),
    (("search", "st1", "--data", "yes.csv", "--column", "text"), r"--column must look like NAME=COLUMN"),
    (("search", "st1", "--data", "yes.csv", "--column", "txt=text"), r"--column must name one of text, id, .*'text'\?"),
    (
        ("search", "st1", "--data", "yes.csv", "--column", "polarization=polar"),
        r"yes\.csv.*'polar', got \['id', .*polariz",
    ),
    (("search", "classifier", "--data", "rude.csv"), r"must be told which column it learns, got no --target"),
    (
        ("search", "classifier", "--data", "rude.csv", "--target", "rudes"),
        r"rude\.csv: .*'rudes', got .*; did you mean 'rude'",
    ),
    (
        ("search", "classifier", "--data", "rude.csv", "--target", "text"),
        r"--target data\.classes: must name none of .*got 'text'",
    ),
    (("search", "regressor", "--data", "rude.csv", "--target", "topic"), r"numbers .*got 't0'"),
    (("search", "st3", "--data", "rude.csv", "--target", "rude"), r"--target must be used with a recipe of one stage"),
    (("search", "st1", "--data", "rude.csv", "--target", "topic"), r"^error: recipe st1: decide\.vote\.of"),
    (
        ("search", "classifier", "--data", "rude.csv", "--target", "rude", "--text", "tweet"),
        r"rude\.csv.*'tweet', got .*",
    ),
    (("search", "classifier", "--data", "rude.csv", "--target", "rude", "--group", "author"), r"author"),
    (("search", "classifier", "--data", "rude.csv", "--target", "rude", "--id", "nr"), r"rude\.csv.*must have .*'nr'"),
    (("search", "classifier", "--data", "rude.csv", "--target", "rude", "--dev", "none.csv"), r"none\.csv"),
    (("search", "classifier", "--data", "rude.csv", "--target", "rude", "--test", "empty.csv"), r"empty\.csv"),
    (("search", "classifier", "--data", "empty-text.csv", "--target", "rude"), r"empty-text\.csv, row 2, column text"),
    (("search", "classifier", "--data", "rude.tsv", "--target", "rude"), r"rude\.tsv"),
    (("search", "classifier", "--data", "rude.jsonl", "--target", "rude"), r"rude\.jsonl, row 2"),
    (("search", "classifier", "--data", "rude.csv.gz", "--target", "rude"), r"rude\.csv\.gz.*gzip"),
    (("search", "classifier", "--data", "rude.parquet", "--target", "rude"), r"rude\.parquet"),
    (("search", "classifier", "--data", "sample", "--target", "rude"), r"must be one of polarization, .*got 'rude'"),
    (("ablate", "classifier", "--data", "rude.csv"), r"got no --target"),
    (("doctor", "st1", "--seeds", "x"), r"--seeds must"),
    (("search", "st1", "--store", "a-file"), r"store must be a folder, but 'a-file' is not"),
    (("search", "st1", "--store", "a-file/inside", "--trials", "1"), r"a-file"),
    (("search", "st1", "--store", "ftp://host/x"), r"store must be a folder"),
    (("ablate", "./unknown.yaml"), r"must be a known key"),
    (("resume", "not-a-store"), r"store not-a-store: must hold manifest\.json"),
    (("resume", "nowhere"), r"must hold manifest\.json"),
    (("status", "a-file"), r"store must be a folder"),
    (("report", "not-a-store"), r"must hold manifest\.json"),
    (("validate", "./range.yaml"), r"must be greater than 0"),
    (
        ("validate", "./range.yaml", "./text.yaml", "./space-backwards.yaml"),
        r"range\.yaml:4: .*got -1.*text\.yaml:4: .*got 'fast'.*space-backwards\.yaml:4: .*at least low",
    ),
    (("validate", "./none.yaml"), r"cannot be read"),
    (("list", "st9"), r"recipe must be one of"),
    (("schema", "nothing"), r"must be recipe or space, got 'nothing'"),
    (("data", "check", "nowhere"), r"--data must be"),
    (("data", "check", "rude.csv", "--target", "rudes"), r"did you mean 'rude'"),
    (("data", "check", "rude.csv", "--recipe", "st9"), r"recipe must be one of"),
    (("data", "check", "rude.csv", "--column", "texd=text"), r"--column must name one of text, id"),
    (("data", "fetch", "imdb"), r"must be `polar`, got 'imdb'"),
    (("data", "fetch", "polar", "--language", "klingon"), r"klingon"),
    (("data", "fetch", "polar", "--mirror", "file:///etc"), r"http"),
    (("search",), r"(?i)missing argument 'recipe'.*Remedy: `tune-polar search --help`"),
    (("serch", "st3"), r"serch.*Remedy: `tune-polar --help`"),
    (("search", "st1", "--trails", "3"), r"No such option: --trails.*--trials.*Remedy: `tune-polar search --help`"),
    (("search", "st1", "--store"), r"(?i)--store.* requires an argument.*Remedy: "),
    (("data", "sample"), r"(?i)missing argument.*Remedy: `tune-polar data sample --help`"),
]


@pytest.mark.parametrize(("words", "says"), BAD, ids=[" ".join(words) for words, _ in BAD])
def test_bad_input_gives_one_clear_error_and_exit_code_2(
    run: Callable[..., object], folder: Path, words: tuple[str, ...], says: str
) -> None:
    before = {path.name for path in folder.iterdir()}
    ran = run(*words)
    shown = ran.err + ran.out  # type: ignore[attr-defined]
    assert ran.code == 2, shown  # type: ignore[attr-defined]
    assert re.search(says, " ".join(shown.split())), shown
    assert "Traceback" not in shown
    assert {path.name for path in folder.iterdir()} == before, "a refused command leaves nothing behind"


def test_there_are_at_least_40_bad_inputs() -> None:
    assert len(BAD) >= 40


def test_every_error_of_ours_ends_in_a_remedy(run: Callable[..., object], folder: Path) -> None:
    for words, _ in BAD:
        ran = run(*words)
        assert ran.err.startswith("error: "), words  # type: ignore[attr-defined]
        assert "\n  Remedy: " in ran.err, words  # type: ignore[attr-defined]


def test_errors_survive_a_process_boundary() -> None:
    import copy
    import pickle

    error = TunePolarError("rule, got value", "do this")
    for again in (copy.copy(error), pickle.loads(pickle.dumps(error))):
        assert str(again) == str(error)
