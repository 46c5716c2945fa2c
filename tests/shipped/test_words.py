"""No line of the package speaks of one system: such words stand in recipes and in components of that name."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

import tune_polar

PACKAGE = Path(tune_polar.__file__).parent
WORDS = re.compile(r"detector|polari[sz]|gamma_negative|softtriple", flags=re.IGNORECASE)
# Components of that name and their settings; POLAR's files and the sample, which is shaped like them.
OF_THAT_NAME = (
    "model/losses/asymmetric*.py",
    "model/losses/soft_triple*.py",
    "model/losses/__init__.py",
    "report/losses/*.py",
    "recipe/components/losses.py",
    "data/readers/polar.py",
    "data/polar_writer.py",
    "data/labels.py",
    "data/fetch.py",
    "data/sample_*.py",
    "data/samples/tongues.py",
)
SOURCES = sorted(PACKAGE.rglob("*.py"))


def allowed() -> set[Path]:
    return {path for pattern in OF_THAT_NAME for path in PACKAGE.glob(pattern)}


def code_of(path: Path) -> str:
    """The source without docstrings and comments, in which examples name a recipe's own stages and columns."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    for node in ast.walk(tree):
        body = getattr(node, "body", None)
        if (
            isinstance(body, list)
            and body
            and isinstance(body[0], ast.Expr)
            and isinstance(body[0].value, ast.Constant)
        ):
            body[0].value.value = ""
    return ast.unparse(tree)


def test_the_patterns_name_files():
    assert len(SOURCES) > 200
    for pattern in OF_THAT_NAME:
        assert list(PACKAGE.glob(pattern)), pattern


@pytest.mark.parametrize(
    "path", [path for path in SOURCES if path not in allowed()], ids=lambda p: str(p.relative_to(PACKAGE))
)
def test_no_code_names_a_system(path):
    assert WORDS.findall(code_of(path)) == []
