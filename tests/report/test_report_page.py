"""The page as a file: self-contained, escaped, whole or not at all."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path

import pytest
from handmade_store import StoreBuilder

from tune_polar.errors import StoreError
from tune_polar.report.figures import Strip, strip_plot
from tune_polar.report.page import build_page, write_page

HOSTILE = "<script>alert('1')</script>\"&"
VOID = {"wbr", "meta", "link", "br", "hr", "img", "input"}


class Outline(HTMLParser):
    """Elements with their attributes; fails where tags do not nest."""

    def __init__(self) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self._open: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag not in VOID:
            self._open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop() == tag

    def close(self) -> None:
        super().close()
        assert self._open == []


def outline(page: str) -> list[tuple[str, dict[str, str | None]]]:
    parser = Outline()
    parser.feed(page)
    parser.close()
    return parser.elements


def test_the_page_is_self_contained_and_well_formed(finished: StoreBuilder) -> None:
    page = build_page(finished.summary())
    elements = outline(page)
    addresses = [value for _, about in elements for name, value in about.items() if name in ("src", "href") and value]
    assert addresses
    assert all(address.startswith(("#", "data:")) for address in addresses)
    assert "http:" not in page
    assert "https:" not in page
    assert "url(" not in page
    identifiers = [about["id"] for _, about in elements if "id" in about]
    assert len(identifiers) == len(set(identifiers))
    assert {address[1:] for address in addresses if address.startswith("#")} <= set(identifiers)
    for name in ("aria-labelledby", "data-copy"):
        for _, about in elements:
            assert set((about.get(name) or "").split()) <= set(identifiers)


def test_nothing_inline_escapes_the_content_security_policy(finished: StoreBuilder) -> None:
    elements = outline(build_page(finished.summary()))
    policies = [about["content"] for _, about in elements if about.get("http-equiv") == "Content-Security-Policy"]
    assert len(policies) == 1
    assert "default-src 'none'" in str(policies[0])
    assert "unsafe" not in str(policies[0])
    assert [about for _, about in elements if any(name == "style" or name.startswith("on") for name in about)] == []


def test_every_section_and_figure_can_be_reached_and_read(finished: StoreBuilder) -> None:
    page = build_page(finished.summary())
    elements = outline(page)
    assert [tag for tag, _ in elements].count("h1") == 1
    sections = [about["id"] for tag, about in elements if tag == "section"]
    assert sections == ["use", "better", "matters", "sensitive", "thresholds", "pipeline", "cost", "provenance"]
    figures = [about for tag, about in elements if tag == "svg" and about.get("aria-hidden") != "true"]
    assert len(figures) >= 7
    assert {about["role"] for about in figures} == {"img"}
    identifiers = {about["id"] for _, about in elements if "id" in about}
    assert all(set(str(about["aria-labelledby"]).split()) <= identifiers for about in figures)
    assert "<title id=" in page
    assert "<desc id=" in page
    scrolling = [about for _, about in elements if about.get("class") == "scroll"]
    assert scrolling
    assert all(about["tabindex"] == "0" and about["aria-label"] for about in scrolling)


def test_the_settings_can_be_read_without_a_script(finished: StoreBuilder) -> None:
    page = build_page(finished.summary())
    without = re.sub(r"<script.*?</script>", "", page, flags=re.DOTALL)
    assert "threshold_rule: max_f1" in without
    buttons = [about for tag, about in outline(without) if tag == "button"]
    assert all("hidden" in about for about in buttons)


def test_text_from_data_is_escaped_everywhere(new_store: Callable[..., StoreBuilder]) -> None:
    builder = new_store(
        labels=(HOSTILE, "刻板印象", "كراهية"),
        description=HOSTILE,
        command=f"tune-polar search {HOSTILE}",
        changes={"created": HOSTILE, "versions": {HOSTILE: HOSTILE}},
    )
    builder.finish(builder.configuration("published"), 0.4)
    builder.finish(builder.configuration(f"ablation:{HOSTILE}", lr=0.01), 0.6)
    builder.fail(builder.configuration(lr=0.5), HOSTILE, kind=HOSTILE)
    page = build_page(builder.summary())
    scripts = [tag for tag, _ in outline(page) if tag == "script"]
    assert len(scripts) == 2  # the page's own, and its data
    assert "<script>alert" not in page
    assert page.count("&lt;script&gt;alert(&#39;1&#39;)&lt;/script&gt;&#34;&amp;") > 8
    assert "<bdi>刻板印象</bdi>" in page
    assert "<bdi>كراهية</bdi>" in page


def test_a_hostile_path_is_escaped(tmp_path: Path) -> None:
    builder = StoreBuilder(tmp_path / "<img src=x onerror=alert(1)>")
    builder.finish(builder.configuration("published"), 0.4)
    page = build_page(builder.summary())
    assert "<img" not in page
    assert "&lt;img src=x onerror=alert(1)&gt;" in page


@pytest.mark.parametrize("labels", [(), ("a",)])
def test_an_empty_search_has_every_section(new_store: Callable[..., StoreBuilder], labels: tuple[str, ...]) -> None:
    page = build_page(new_store(labels=labels).summary())
    outline(page)
    sections = page.split("<section")[1:]
    assert len(sections) == 8
    assert all("Not enough data" in section for section in sections)


def test_the_same_records_give_the_same_page(finished: StoreBuilder) -> None:
    assert build_page(finished.summary()) == build_page(finished.summary())


def test_writing_replaces_an_older_page_and_leaves_nothing_else(finished: StoreBuilder, tmp_path: Path) -> None:
    path = tmp_path / "pages" / "report.html"
    path.parent.mkdir()
    path.write_text("older")
    assert write_page(finished.summary(), path) == path
    assert path.read_text(encoding="utf-8").startswith("<!doctype html>")
    assert list(path.parent.iterdir()) == [path]


@pytest.mark.parametrize("place", ["absent/report.html", "folder", "nul\x00l.html"])
def test_a_place_that_cannot_be_written_is_refused(finished: StoreBuilder, tmp_path: Path, place: str) -> None:
    folder = tmp_path / "folder"
    folder.mkdir()
    with pytest.raises(StoreError, match=r"the file .* must be written"):
        write_page(finished.summary(), tmp_path / place)
    assert list(folder.iterdir()) == []
    assert [path for path in tmp_path.iterdir() if path.name.startswith(".")] == []


def test_a_page_is_built_without_the_training_libraries() -> None:
    code = (
        "import sys, tune_polar.report.page\n"
        "print([name for name in ('torch', 'ray', 'optuna', 'transformers') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_strips_share_one_scale() -> None:
    strips = [Strip("a", "0.5", (0.2, 0.4), 0.3), Strip("b", "0.6", (0.6,), 0.6, is_reference=True)]
    figure = strip_plot("plot", "t", "<d>", strips)
    assert 'cx="5.00%"' in figure  # lowest of all
    assert 'cx="50.00%"' in figure
    assert '<rect class="point reference-point" x="95.00%"' in figure
    assert '<line class="reference" x1="95.00%"' in figure
    assert "&lt;d&gt;" in figure


def test_equal_scores_stand_in_the_middle() -> None:
    figure = strip_plot("plot", "t", "d", [Strip("a", "0.5", (0.5, 0.5), 0.5)])
    assert figure.count('cx="50%"') == 2


def test_a_character_that_turns_direction_turns_nothing_of_the_page(new_store: Callable[..., StoreBuilder]) -> None:
    builder = new_store(labels=("a\u202eb\u2066", "כ\u200f!"))
    builder.finish(builder.configuration("published"), 0.4)
    page = build_page(builder.summary())
    body, yaml = page.split("<pre")[0] + page.split("</pre>")[1], page.split("<pre")[1].split("</pre>")[0]
    assert "\u202e" not in body
    assert "\u2066" not in body
    assert "a‹U+202E›b‹U+2066›" in body
    assert "כ\u200f!" in body, "marks belong to the text"
    assert "a\u202eb\u2066" in yaml, "what is copied is what was written"
