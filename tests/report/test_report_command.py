"""`tune-polar report` as typed: one store, several, while a search runs, with texts."""

from __future__ import annotations

import csv
import hashlib
import json
import re
from collections.abc import Callable
from html import unescape
from pathlib import Path

import pandas as pd
import pytest

import tune_polar
from tests.cli.conftest import Ran
from tests.report.outline import outline
from tests.report.shapes import SHAPES
from tests.store.made_recipes import one_vote, two_stages
from tests.store.made_store import MadeStore, finished_store, made_store
from tune_polar.cli import report_command
from tune_polar.errors import SpecError
from tune_polar.recipe.space_file import load_space
from tune_polar.report.sections import SECTIONS

Run = Callable[..., Ran]


@pytest.fixture
def finished(tmp_path: Path) -> MadeStore:
    return finished_store(tmp_path / "store", two_stages())


def words_of(text: str) -> str:
    """Without the breaks of a terminal's width."""
    return " ".join(text.split())


def test_the_page_lies_in_the_store_and_links_its_records(run: Run, finished: MadeStore, tmp_path: Path) -> None:
    done = run("report", "store")
    assert (done.code, done.err) == (0, "")
    assert (tmp_path / done.out.strip()).resolve() == (tmp_path / "store/report.html").resolve()
    page = (tmp_path / "store/report.html").read_text(encoding="utf-8")
    for configuration in finished.store.configurations():
        assert f'href="./configurations/{configuration.id}.json"' in page
    assert "data-reload" not in page


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["store", "-o", "x.txt"], "the page must be a file ending in .html, got 'x.txt'"),
        (["store", "-o", "page"], "the page must be a file ending in .html, got 'page'"),
        (["store", "-o", ".html"], "the page must be a file ending in .html, got '.html'"),
        (["store", "store", "--watch"], "--watch must be left out where several stores are compared, got 2"),
        (["store", "--new-rows", "0"], "--new-rows must be at least 1, got 0"),
        (["store", "store", "--new-rows", "9"], "--new-rows must be left out where several stores are compared, got 2"),
        (["store", "store", "--examples"], "--examples must be left out where several stores are compared, got 2"),
        (["nowhere"], "must hold manifest.json"),
        (["store", "nowhere"], "must hold manifest.json"),
        ([], "Missing argument"),
    ],
)
@pytest.mark.usefixtures("finished")
def test_bad_words_end_in_two_with_a_remedy(run: Run, tmp_path: Path, words: list[str], message: str) -> None:
    done = run("report", *words)
    assert done.code == 2
    assert message in words_of(done.err)
    assert "Traceback" not in done.err
    assert not [path for path in tmp_path.iterdir() if path.name != "store"]


@pytest.mark.parametrize(("out", "name"), [((), "store/narrowed.yaml"), (("-o", "st3.html"), "st3-narrowed.yaml")])
def test_the_narrower_space_that_a_page_tells_of_lies_beside_it(
    run: Run, tmp_path: Path, out: tuple[str, ...], name: str
) -> None:
    made = SHAPES["rich"](tmp_path / "store")
    (tmp_path / name).write_text("# Narrower space of the search\nolder ranges")
    done = run("report", "store", *out)
    assert done.code == 0
    told = re.sub("<wbr>|</?bdi>", "", (tmp_path / done.out.strip()).read_text(encoding="utf-8"))
    beside = (tmp_path / name).name
    assert f"<code>--space {beside} --try STORE</code> does; {beside} lies beside this page." in told
    assert load_space(str(tmp_path / name), made.recipe, "published").name == "small-narrowed"


def test_a_file_of_ones_own_is_not_taken_for_the_narrower_space(run: Run, tmp_path: Path) -> None:
    SHAPES["two stages"](tmp_path / "store")  # nothing is narrowed
    own = tmp_path / "st3-narrowed.yaml"
    own.write_text("space: mine\n")
    done = run("report", "store", "-o", "st3.html")
    assert done.code == 2
    assert "st3-narrowed.yaml must be a file that `tune-polar report` wrote" in done.err
    assert own.read_text() == "space: mine\n"
    own.rename(tmp_path / "mine.yaml")
    assert run("report", "store", "-o", "st3.html").code == 0


def first_format(content: bytes) -> bytes:
    """The same record as the first format had it."""
    body = json.loads(content)["body"]
    text = json.dumps(body, separators=(",", ":"), sort_keys=True, ensure_ascii=False)
    sha256 = hashlib.sha256(b"1\n" + text.encode()).hexdigest()
    return f'{{"format":1,"sha256":"{sha256}","body":\n{text}\n}}\n'.encode()


@pytest.mark.parametrize(
    ("name", "change", "message"),
    [
        ("manifest.json", first_format, "manifest.json: made by format 1 of tune-polar"),
        ("manifest.json", lambda content: content.replace(b"mini", b"nimi"), "manifest.json must be what was written"),
        ("manifest.json", lambda content: content[: len(content) // 2], "manifest.json must be what was written"),
        ("manifest.json", lambda _: b"", "manifest.json must be what was written"),
        ("gold.safetensors", lambda content: content[:-9], "must hold an undamaged gold.safetensors"),
        ("gold.safetensors", lambda content: content[:-1] + b"?", "must hold an undamaged gold.safetensors"),
    ],
)
@pytest.mark.parametrize("several", [False, True])
def test_what_cannot_be_read_is_one_sentence(
    run: Run, finished: MadeStore, name: str, change: Callable[[bytes], bytes], message: str, several: bool
) -> None:
    path = finished.folder / name
    path.write_bytes(change(path.read_bytes()))
    before = sorted(each.name for each in finished.folder.rglob("*"))
    done = run("report", "store", *(["store"] if several else []), "-o", "page.html")
    assert done.code == 2
    assert message in words_of(done.err)
    assert "Traceback" not in done.err
    assert not finished.folder.with_name("page.html").exists()
    assert sorted(each.name for each in finished.folder.rglob("*")) == before, "who only looks moves nothing"


def test_a_damaged_stage_is_named_on_the_page(run: Run, finished: MadeStore, tmp_path: Path) -> None:
    damaged = next((finished.folder / "stages").iterdir())
    damaged.write_bytes(damaged.read_bytes()[:-5])
    done = run("report", "store", "-o", "page.html")
    assert done.code == 0
    page = unescape((tmp_path / "page.html").read_text(encoding="utf-8"))
    assert "A stage record is missing or damaged: fold " in page
    assert "Resume the search to train it again." in page


@pytest.mark.usefixtures("finished")
def test_several_stores_are_compared_by_default_in_this_folder(run: Run, tmp_path: Path) -> None:
    finished_store(tmp_path / "other", two_stages(), skills=(0.5,))
    done = run("report", "store", "other")
    assert (done.code, done.out, done.err) == (0, "comparison.html\n", "")
    page = (tmp_path / "comparison.html").read_text(encoding="utf-8")
    assert "2 searches compared" in page
    outline(page)


def test_watching_writes_anew_until_the_search_has_ended(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = made_store(tmp_path / "store", two_stages(), trials=1)
    configuration = made.configuration("published")
    path, seen = tmp_path / "page.html", []

    def work_goes_on(_: float) -> None:
        page = path.read_text(encoding="utf-8")
        seen.append(("data-reload" in page, "has not come to its end" in page))
        fold = len(seen) - 2  # after the first pause nothing is new
        if fold >= 0:
            made.finish(configuration, 0.5, cells=made.cells[fold : fold + 1])

    monkeypatch.setattr(report_command.time, "sleep", work_goes_on)
    done = run("report", "store", "-o", "page.html", "--watch")
    assert done.code == 0
    assert seen == [(True, True)] * 4
    assert done.out.splitlines() == [
        "page.html",
        "page.html: 1 fold trial of 1 configuration",
        "page.html: 2 fold trials of 1 configuration",
        "page.html: 3 fold trials of 1 configuration",
    ]
    page = path.read_text(encoding="utf-8")
    assert "data-reload" not in page
    assert "has not come to its end" not in page


def of_a_table(tmp_path: Path, *, same: bool = True) -> Path:
    """The table that the search in ``store`` was of; ``same``: its texts are those that were searched."""
    recipe, file = one_vote(), tmp_path / "rows.csv"
    corpus = made_store(tmp_path / "first", recipe, dev=0).corpus
    train = corpus.train
    with file.open("w", newline="", encoding="utf-8") as lines:
        out = csv.writer(lines)
        out.writerow(["id", "text", *train.columns])
        values = {name: column.values for name, column in train.columns.items()}
        names = {name: column.names for name, column in train.columns.items()}
        for row, (row_id, text) in enumerate(zip(train.ids, train.texts, strict=True)):
            shown = (names[name][values[name][row]] if names[name] else values[name][row] for name in values)
            out.writerow([row_id, text if same else f"{text}!", *shown])
    source = {"kind": "files", "path": str(file), "files": {"train": [str(file)]}}
    about = {"source": source, "name": "made", "rows": {"train": 120}, "fingerprint": corpus.fingerprint}
    finished_store(tmp_path / "store", recipe, dev=0, data=about)
    return file


@pytest.mark.parametrize("same", [True, False])
def test_texts_are_shown_where_they_are_those_of_the_search(run: Run, tmp_path: Path, same: bool) -> None:
    of_a_table(tmp_path, same=same)
    done = run("report", "store", "--examples", "-o", "page.html")
    if same:
        assert (done.code, done.err) == (0, "")
        assert "text train " in (tmp_path / "page.html").read_text(encoding="utf-8")
    else:
        assert done.code == 2
        assert "the texts of --examples must be those of the search (" in words_of(done.err)
        assert "say with --data where they lie now" in words_of(done.err)


def test_texts_that_have_moved_are_shown_from_where_they_lie_now(run: Run, tmp_path: Path) -> None:
    file = of_a_table(tmp_path)
    (tmp_path / "moved").mkdir()
    content = file.read_text(encoding="utf-8").replace("id,text,", "id,tweet,", 1)
    (tmp_path / "moved/rows.csv").write_text(content, encoding="utf-8")
    file.unlink()
    gone = run("report", "store", "--examples", "-o", "page.html")
    assert gone.code == 2
    assert "--data" in words_of(gone.err)
    moved = ("--data", "moved/rows.csv", "--text", "tweet")
    done = run("report", "store", "--examples", *moved, "-o", "page.html")
    assert (done.code, done.err) == (0, "")
    assert "text train " in (tmp_path / "page.html").read_text(encoding="utf-8")
    page = tune_polar.open(tmp_path / "store").report(examples=True, data="moved/rows.csv", text="tweet")
    assert "text train " in page.html
    frame = pd.read_csv(tmp_path / "moved/rows.csv").rename(columns={"tweet": "text"})
    assert "text train " in tune_polar.open(tmp_path / "store").report(examples=True, data=frame).html
    for words in (moved, ("--column", "text=tweet"), ("--dev", "dev.csv")):
        refused = run("report", "store", *words)
        assert refused.code == 2
        assert f"{words[0]} must go with --examples, got it alone" in words_of(refused.err)
    with pytest.raises(SpecError, match=r"^data= must go with examples=, got it alone"):
        tune_polar.open(tmp_path / "store").report(data="moved/rows.csv")


def test_an_ablation_has_every_section_that_arises(run: Run, tmp_path: Path) -> None:
    made = made_store(tmp_path / "store", two_stages(), space={}, trials=2)
    made.finish(made.configuration("published"), 0.6)
    made.finish(made.configuration(origin="no_fgm", recipe=two_stages(finder__optimizer__fgm_epsilon=0.1)), 0.4)
    assert run("report", "store").code == 0
    page = unescape((made.folder / "report.html").read_text(encoding="utf-8"))
    assert "Not applicable: this is an ablation" in page.rpartition("<footer>")[2]
    assert "no_fgm" in page.replace("<wbr>", "")
    shown = [about["id"] for tag, about in outline(page) if tag == "section"]
    assert len(shown) == len(SECTIONS) - page.rpartition("<footer>")[2].count("Not applicable: ")
