"""`tune-polar report` as typed: one store, several, while a search runs, with texts."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from handmade_store import StoreBuilder

from tune_polar.cli import report_command
from tune_polar.cli.main import main
from tune_polar.report.page import build_page

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> Run:
    def call(*words: str) -> tuple[int, str, str]:
        monkeypatch.chdir(tmp_path)
        monkeypatch.setattr(sys, "argv", ["tune-polar", "report", *words])
        try:
            main()
            code = 0
        except SystemExit as stop:
            code = stop.code if isinstance(stop.code, int) else 1
        captured = capsys.readouterr()
        return code, captured.out, " ".join(captured.err.split())

    return call


def test_the_page_lies_in_the_store_and_links_its_records(run: Run, finished: StoreBuilder, tmp_path: Path) -> None:
    code, out, err = run("store")
    assert (code, err) == (0, "")
    assert Path(out.strip()) == tmp_path / "store/report.html" or out.strip() == "store/report.html"
    page = (tmp_path / "store/report.html").read_text(encoding="utf-8")
    configuration = finished.store.configurations()[0]
    assert f'href="./configurations/{configuration.id}.json"' in page
    assert "data-reload" not in page


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["store", "-o", "x.txt"], "the page must be a file ending in .html, got 'x.txt'"),
        (["store", "-o", "page"], "the page must be a file ending in .html, got 'page'"),
        (["store", "-o", ".html"], "the page must be a file ending in .html, got '.html'"),
        (["store", "store", "--watch"], "--watch must be left out where several stores are compared, got 2"),
        (["store", "store", "--examples"], "--examples must be left out where several stores are compared, got 2"),
        (["nowhere"], "must hold manifest.json"),
        (["store", "nowhere"], "must hold manifest.json"),
        ([], "Missing argument"),
    ],
)
def test_bad_words_end_in_two_with_a_remedy(
    run: Run, finished: StoreBuilder, tmp_path: Path, words: list[str], message: str
) -> None:
    code, _, err = run(*words)
    assert code == 2
    assert message in err
    assert "Traceback" not in err
    assert not [path for path in tmp_path.iterdir() if path.name != "store"]


def test_several_stores_are_compared_by_default_in_this_folder(
    run: Run, finished: StoreBuilder, tmp_path: Path
) -> None:
    other = StoreBuilder(tmp_path / "other")
    other.finish(other.configuration("published"), 0.5)
    code, out, err = run("store", "other")
    assert (code, out, err) == (0, "comparison.html\n", "")
    assert "2 searches compared" in (tmp_path / "comparison.html").read_text(encoding="utf-8")


def test_watching_writes_anew_until_the_search_has_ended(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    builder = StoreBuilder(tmp_path / "store", trials=1)
    configuration = builder.configuration("published")
    path, seen = tmp_path / "page.html", []

    def work_goes_on(seconds: float) -> None:
        page = path.read_text(encoding="utf-8")
        seen.append(("data-reload" in page, "has not come to its end" in page))
        fold = len(seen) - 2  # after the first pause nothing is new
        if fold >= 0:
            builder.finish(configuration, 0.5, folds=[fold])

    monkeypatch.setattr(report_command.time, "sleep", work_goes_on)
    code, out, _ = run("store", "-o", "page.html", "--watch")
    assert code == 0
    assert seen == [(True, True)] * 4
    assert out.splitlines() == [
        "page.html",
        "page.html: 1 fold of 1 configuration",
        "page.html: 2 folds of 1 configuration",
        "page.html: 3 folds of 1 configuration",
    ]
    page = path.read_text(encoding="utf-8")
    assert "data-reload" not in page
    assert "has not come to its end" not in page


def test_texts_of_other_data_are_not_shown(run: Run, tmp_path: Path) -> None:
    builder = StoreBuilder(
        tmp_path / "store",
        changes={
            "data": {"source": {"kind": "sample"}, "name": "sample", "fingerprint": "f" * 64, "rows": {"train": 120}}
        },
    )
    builder.finish(builder.configuration("published"), 0.5)
    code, _, err = run("store", "--examples")
    assert code == 2
    assert "the texts of --examples must be those of the search (ffffffffffff), got" in err


def test_an_ablation_has_every_section(tmp_path: Path) -> None:
    builder = StoreBuilder(tmp_path / "store", changes={"kind": "ablation", "space": None})
    builder.finish(builder.configuration("published"), 0.6)
    builder.finish(builder.configuration("ablation:no_fgm", fgm_epsilon=0.0), 0.4)
    page = build_page(builder.summary())
    assert "Not applicable: this is an ablation" in page
    assert "no_fgm" in page
    assert page.count("<section") == 8
