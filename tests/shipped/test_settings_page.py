"""docs/settings.md is what the recipe's models say, and has a row for every key."""

from __future__ import annotations

from pathlib import Path

from tests.shipped.settings_page import settings_page
from tune_polar.recipe.settings_table import setting_rows

PAGE = Path(__file__).resolve().parents[2] / "docs/settings.md"


def test_the_page_is_as_the_models_say():
    assert PAGE.read_text(encoding="utf-8") == settings_page(), (
        "write it anew: python -m tests.shipped.settings_page > docs/settings.md"
    )


def test_every_key_has_a_row():
    page = PAGE.read_text(encoding="utf-8")
    keys = {row.key for row in setting_rows()}
    assert len(keys) > 80
    assert [key for key in keys if f"| `{key}`" not in page] == []
