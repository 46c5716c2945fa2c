"""The image gets all that the package is built of, and nothing that is not there."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
LINES = (ROOT / "Containerfile").read_text(encoding="utf-8").splitlines()
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))


def test_it_copies_what_the_wheel_is_made_of():
    copied = {word for line in LINES if line.startswith("COPY ") for word in line.split()[1:-1]}
    assert all((ROOT / name).exists() for name in copied)
    built = PROJECT["tool"]["hatch"]["build"]["targets"]["wheel"]
    made_of = {*built["packages"], *built["force-include"], PROJECT["project"]["readme"], "pyproject.toml"}
    assert copied == made_of | {*PROJECT["project"]["license-files"], "constraints.txt"}


def test_it_installs_extras_that_there_are_and_starts_the_command():
    (extras,) = re.findall(r'"\.\[([a-z0-9,]+)\]"', "\n".join(LINES))
    assert set(extras.split(",")) <= set(PROJECT["project"]["optional-dependencies"])
    (command,) = re.findall(r'^ENTRYPOINT \["([a-z-]+)"\]$', "\n".join(LINES), re.MULTILINE)
    assert command in PROJECT["project"]["scripts"]
