"""The page as a file: self-contained, escaped, whole or not at all."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from html import unescape
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.report.outline import outline
from tests.report.shapes import SHAPES
from tests.store.made_recipes import TWO_STAGES, recipe_of, two_stages
from tests.store.made_store import MadeStore, finished_store, made_store
from tune_polar.api.winner_files import write_page
from tune_polar.errors import StoreError
from tune_polar.report.page import html_of
from tune_polar.report.page_context import PageContext, PageOptions
from tune_polar.report.page_file import with_commands

PageOf = Callable[[str], PageContext]
Made = Callable[[str], MadeStore]
HOSTILE = "<script>alert('1')</script>\"&"


def labelled(names: Sequence[str], **about: Any) -> Mapping[str, Any]:
    """Two stages whose labels are called so."""
    sorter = {**TWO_STAGES["stages"]["sorter"], "task": {"type": "multilabel", "targets": list(names)}}
    data = {"labels": ["hurt", *names], "groups": ["language"]}
    return {**TWO_STAGES, "data": data, "stages": {**TWO_STAGES["stages"], "sorter": sorter}, **about}


@pytest.mark.parametrize("shape", ["rich", "regression", "three classes", "two seeds"])
def test_the_page_is_self_contained(page_of: PageOf, shape: str) -> None:
    page = html_of(PageContext(page_of(shape).summary))
    elements = outline(page)
    addresses = [value for _, about in elements for name, value in about.items() if name in ("src", "href") and value]
    assert addresses
    assert all(address.startswith(("#", "data:")) for address in addresses)
    assert not any(word in page for word in ("http:", "https:", "url("))
    identifiers = {about["id"] for _, about in elements if "id" in about}
    assert {address[1:] for address in addresses if address.startswith("#")} <= identifiers
    for name in ("aria-labelledby", "data-copy"):
        for _, about in elements:
            assert set((about.get(name) or "").split()) <= identifiers


@pytest.mark.parametrize("shape", SHAPES)
def test_nothing_inline_escapes_the_content_security_policy(page_of: PageOf, shape: str) -> None:
    elements = outline(html_of(PageContext(page_of(shape).summary)))
    (policy,) = [about["content"] for _, about in elements if about.get("http-equiv") == "Content-Security-Policy"]
    assert "default-src 'none'" in str(policy)
    assert "unsafe" not in str(policy)
    assert [about for _, about in elements if any(name == "style" or name.startswith("on") for name in about)] == []


def test_the_settings_can_be_read_without_a_script(page_of: PageOf) -> None:
    without = re.sub(r"<script.*?</script>", "", html_of(PageContext(page_of("two stages").summary)), flags=re.DOTALL)
    assert "rule: max_f1" in without
    assert all("hidden" in about for tag, about in outline(without) if tag == "button")


def test_text_from_data_is_escaped_everywhere(tmp_path: Path) -> None:
    recipe = recipe_of(labelled([HOSTILE, "刻板印象", "كراهية"], description=HOSTILE))
    about = {"command": HOSTILE, "created": HOSTILE, "versions": {HOSTILE: HOSTILE}}
    made = made_store(tmp_path / "store", recipe, test=20, **about)
    made.finish(made.configuration("published"), 0.4)
    made.finish(made.configuration({"sorter.optimizer.lr": 0.01}, origin=f"ablation:{HOSTILE}"), 0.6)
    made.fail(made.configuration({"sorter.optimizer.lr": 0.05}), HOSTILE, kind=HOSTILE)
    summary = made.summary()
    texts = dict.fromkeys(summary.gold.train.ids, HOSTILE)
    page = html_of(PageContext(summary, PageOptions(texts=texts)))
    assert len([tag for tag, _ in outline(page) if tag == "script"]) == 2  # the page's own, and its data
    assert "<script>alert" not in page
    assert page.count("&lt;script&gt;alert(&#39;1&#39;)&lt;/script&gt;&#34;&amp;") > 20
    assert "<bdi>刻板印象</bdi>" in page
    assert "<bdi>كراهية</bdi>" in page


def test_a_hostile_path_is_escaped(tmp_path: Path) -> None:
    made = finished_store(tmp_path / "<img src=x onerror=alert(1)>", two_stages(), skills=(0.4,))
    page = html_of(PageContext(made.summary()))
    assert "<img" not in page
    assert "&lt;img src=x onerror=alert(1)&gt;" in page


def test_a_character_that_turns_direction_turns_nothing_of_the_page(tmp_path: Path) -> None:
    made = finished_store(tmp_path / "store", recipe_of(labelled(["a\u202eb\u2066", "כ\u200f!"])), skills=(0.4,))
    page = html_of(PageContext(made.summary()))
    copied = page.split("<code>#")[1].split("</code>")[0]
    assert "\u202e" not in page
    assert "\u2066" not in page
    assert "a‹U+202E›b‹U+2066›" in page
    assert "כ\u200f!" in page, "marks belong to the text"
    assert yaml.safe_load(f"#{unescape(copied)}")["data"]["labels"][1] == "a\u202eb\u2066", "copied as it was written"


@pytest.mark.parametrize("shape", ["rich", "regression", "per language"])
def test_the_same_records_give_the_same_page(made: Made, shape: str) -> None:
    assert html_of(PageContext(made(shape).summary())) == html_of(PageContext(made(shape).summary()))


def test_a_page_that_is_watched_reloads(page_of: PageOf) -> None:
    summary = page_of("two stages").summary
    assert 'data-reload="10"' in html_of(PageContext(summary, PageOptions(reload_seconds=10)))
    assert "data-reload" not in html_of(PageContext(summary))


def test_writing_replaces_an_older_page_and_leaves_nothing_else(page_of: PageOf, tmp_path: Path) -> None:
    path = tmp_path / "pages" / "report.html"
    path.parent.mkdir()
    path.write_text("older")
    assert write_page(page_of("a vote"), "<!doctype html>", path) == [path]
    assert path.read_text(encoding="utf-8").startswith("<!doctype html>")
    assert list(path.parent.iterdir()) == [path]


@pytest.mark.parametrize("place", ["absent/report.html", "folder", "nul\x00l.html"])
def test_a_place_that_cannot_be_written_is_refused(page_of: PageOf, tmp_path: Path, place: str) -> None:
    folder = tmp_path / "folder"
    folder.mkdir()
    with pytest.raises(StoreError, match=r"the file .* must be written"):
        write_page(page_of("a vote"), "<!doctype html>", tmp_path / place)
    assert list(folder.iterdir()) == []
    assert [path for path in tmp_path.iterdir() if path.name.startswith(".")] == []


def test_pages_are_built_without_the_training_libraries() -> None:
    modules = ("page", "reading", "store_comparison", "tidy_tables", "decide.decide_page", "decide.threshold_json")
    code = (
        f"import sys, {', '.join(f'tune_polar.report.{name}' for name in modules)}\n"
        "print([name for name in ('torch', 'ray', 'optuna', 'transformers') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_commands_of_a_sentence_stand_in_the_typewriter_face_and_stay_escaped() -> None:
    said = with_commands("Go on with `tune-polar resume a<b` or `--encoder NAME`; `label` <b>")
    assert said == (
        "Go on with <code>tune-polar resume a&lt;b</code> or <code>--encoder NAME</code>; `label` &lt;b&gt;"
    )
