from __future__ import annotations

from tune_polar.report.decide.decide_page import decide_page
from tune_polar.report.document import Document, DocumentSection, TextTable, markdown

HOSTILE = "<img src=x>|*a*\n`b`"
DOCUMENT = Document(
    HOSTILE,
    (
        DocumentSection(
            "Scores",
            ("A sentence.",),
            (TextTable("Caption", ("", "F1", "chosen on"), ((HOSTILE, "0.5", "the other folds"),), words=(2,)),),
            ("a remark",),
        ),
    ),
)


def test_markdown_keeps_tables_whole_whatever_the_cells_hold() -> None:
    text = markdown(DOCUMENT)
    assert text.startswith("# \\<img src=x\\>\\|\\*a\\* \\`b\\`\n")
    table = [line for line in text.splitlines() if line.startswith("|")]
    assert table == [
        "|  | F1 | chosen on |",
        "| --- | ---: | --- |",
        "| \\<img src=x\\>\\|\\*a\\* \\`b\\` | 0.5 | the other folds |",
    ]
    assert "\n- a remark\n" in text
    assert text.endswith("\n")


def test_markdown_shows_words_from_data_as_they_are() -> None:
    text = markdown(Document("_hate_ ~~not~~ R&amp;D", ()))
    assert text == "# \\_hate\\_ \\~\\~not\\~\\~ R\\&amp;D\n"


def test_the_page_escapes_and_has_a_policy_without_script() -> None:
    page = decide_page([DOCUMENT, DOCUMENT])
    assert "<img" not in page
    assert "&lt;img src=x&gt;" in page
    assert "script-src" not in page
    assert "default-src &#39;none&#39;" in page
    assert page.count("<h1") == 2
    assert 'id="s1-1"' in page
    assert 'id="s2-1"' in page
    assert '<td class="words"><bdi>the other folds</bdi></td>' in page
