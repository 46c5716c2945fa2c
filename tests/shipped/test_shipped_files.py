"""Every recipe and search space that ships passes the command that checks them, as do those in our documents."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml

from tune_polar.assets import shipped, shipped_names
from tune_polar.cli.list_command import list_shipped
from tune_polar.cli.validate_command import validate

ROOT = Path(__file__).resolve().parents[2]
FILES = [
    path
    for folder in ("trials", "search_spaces")
    for path in sorted(shipped(folder).glob("*.yaml"))  # type: ignore[arg-type]
]
DOCUMENTS = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md"))]
BLOCK = re.compile(r"```yaml\n(.*?)```", flags=re.DOTALL)
BLOCKS = [
    (path.name, block)
    for path in DOCUMENTS
    for block in BLOCK.findall(path.read_text(encoding="utf-8"))
    if "focal" not in block  # of a loss that test_adding_a_loss.py adds first
]


def test_something_is_shipped():
    assert {"st1", "st2", "st3", "st1-released", "st2-released", "st3-released"} <= set(shipped_names("trials"))
    assert {"classifier", "regressor"} <= set(shipped_names("trials"))
    assert {"st1", "st2", "st3", "classifier", "regressor"} <= set(shipped_names("search_spaces"))
    assert len(FILES) == len(shipped_names("trials")) + len(shipped_names("search_spaces"))


@pytest.mark.parametrize("encoder", [None, "tiny"])
@pytest.mark.parametrize("path", FILES, ids=lambda path: f"{path.parent.name}/{path.stem}")
def test_a_shipped_file_is_valid(path, encoder, capsys):
    validate([path], encoder)
    said = capsys.readouterr().out
    assert said.startswith(f"{path}: {'recipe' if 'trials' in path.parent.name else 'search space'} {path.stem}, ")


@pytest.mark.parametrize("name", shipped_names("trials"))
def test_a_shipped_recipe_can_be_listed(name, capsys):
    list_shipped(name)
    assert f"{name}: " in capsys.readouterr().out


def test_documents_show_files():
    kinds = {key for _, block in BLOCKS for key in ("recipe", "space") if yaml.safe_load(block).get(key)}
    assert kinds == {"recipe", "space"}


@pytest.mark.parametrize(("document", "block"), BLOCKS, ids=[f"{name}-{n}" for n, (name, _) in enumerate(BLOCKS)])
def test_a_file_in_our_documents_is_valid(document, block, tmp_path, capsys):
    path = tmp_path / f"{yaml.safe_load(block).get('space') or yaml.safe_load(block)['recipe']}.yaml"
    path.write_text(block, encoding="utf-8")
    validate([path])
    assert capsys.readouterr().out.startswith(str(path)), document
