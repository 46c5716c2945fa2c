"""What the two distributions hold, as their builder lists it; tests/e2e/test_wheel.py installs the wheel."""

from __future__ import annotations

from pathlib import Path

import pytest
from hatchling.builders.sdist import SdistBuilder
from hatchling.builders.wheel import WheelBuilder

ROOT = Path(__file__).resolve().parents[2]
DATA = ("trials", "search_spaces", "reports")


def held(builder: type[SdistBuilder] | type[WheelBuilder]) -> set[str]:
    found = builder(str(ROOT)).recurse_included_files()
    return {Path(each.distribution_path).as_posix() for each in found}


@pytest.mark.parametrize("folder", DATA)
def test_a_wheel_can_be_built_from_the_sdist_and_has_the_data_folders(folder: str) -> None:
    """The sdist's own pyproject.toml names what the wheel is made of."""
    sdist, wheel = held(SdistBuilder), held(WheelBuilder)
    assert {"pyproject.toml", "README.md", "LICENSE", "tune_polar/__init__.py", "tune_polar/py.typed"} <= sdist
    own = {path.relative_to(ROOT).as_posix() for path in (ROOT / folder).rglob("*") if path.is_file()}
    own = {path for path in own if "__pycache__" not in path}
    assert own, folder
    assert own <= sdist
    assert {f"tune_polar/_shipped/{path}" for path in own} <= wheel


def test_neither_holds_what_is_no_part_of_the_project() -> None:
    for builder in (SdistBuilder, WheelBuilder):
        tops = {name.split("/")[0] for name in held(builder)}
        assert not tops & {".venv", ".ci", ".cache", "build", "dist", "searches", "shared"}
    assert {name.split("/")[0] for name in held(WheelBuilder)} == {"tune_polar"}
