"""Numbers and groups that nothing can be learned or told of: one clear error each, exit code 2, and no store."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.cli.conftest import Ran

WRITTEN = "a number must be finite and written as 3, -0.5 or 1e-3"
ROWS = [(f"a text of number {row}", f"{1 + row % 5 / 2}", "abcd"[row % 4]) for row in range(60)]
BAD = {
    "out of range": ({3: ("a", "7.5", "d")}, "row 5, column intimacy: a number must be between 1 and 5, got '7.5'"),
    "text": ({3: ("a", "warm", "d")}, f"row 5, column intimacy: {WRITTEN}, got 'warm'"),
    "missing": ({3: ("a", "", "d")}, f"row 5, column intimacy: {WRITTEN}, got ''"),
    "not a number": ({3: ("a", "nan", "d")}, f"row 5, column intimacy: {WRITTEN}, got 'nan'"),
    "a language with one row": ({3: ("a", "2", "x")}, "at least 2 rows with numbers, got one row of 'x' in 'language'"),
    "two languages": (
        {row: (text, number, "ab"[row % 2]) for row, (text, number, _) in enumerate(ROWS)},
        "groups held out must be at least 1 and fewer than there are, got 2 of the 2 groups of 'language'",
    ),
    "equal numbers": (
        {row: (text, "3", of) for row, (text, _, of) in enumerate(ROWS)},
        "a number to learn must have more than one value, got 'intimacy' with [3.0]",
    ),
    "equal numbers where a fold trains": (
        {row: (text, "3", of) for row, (text, _, of) in enumerate(ROWS) if of in "abc"},
        "every fold must train on different numbers of 'intimacy', got 3 in all",
    ),
}


@pytest.mark.parametrize("case", BAD)
def test_one_clear_error_and_no_store(run: Callable[..., Ran], tmp_path: Path, case: str) -> None:
    changes, message = BAD[case]
    rows = [changes.get(row, each) for row, each in enumerate(ROWS)]
    lines = "".join(f"{text},{number},{language}\n" for text, number, language in rows)
    (tmp_path / "rows.csv").write_text(f"text,intimacy,language\n{lines}")
    ran = run("search", "zhegu", "--data", "rows.csv", "--store", "store", "--set", "folds.draws=6")
    assert ran.code == 2
    assert message in ran.err
    assert ran.err.count("error:") == 1
    assert "\n  Remedy: " in ran.err
    assert "Traceback" not in ran.err
    assert not (tmp_path / "store").exists()


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--set", "decide.regressor.type=calibrate", "--set", "decide.regressor.method=cubic"), "method"),
        (
            ("--set", "encoder.frozen_layers=9"),
            "frozen_layers must be at most the layers of the embedded encoder, encoder.tiny.layers (2), got 9",
        ),
        (("--set", "folds.by=intimacy"), "folds.by"),
    ],
)
def test_settings_that_do_not_fit(run: Callable[..., Ran], words: tuple[str, ...], message: str) -> None:
    ran = run("search", "zhegu", "--store", "store", *words)
    assert ran.code == 2, ran.err
    assert message in ran.err
    assert "\n  Remedy: " in ran.err
