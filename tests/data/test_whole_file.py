"""A file is there whole or not at all, and never in the place of something else."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from tune_polar.errors import DataError
from tune_polar.whole_file import check_writable, whole_file, whole_text


def fault(why: str) -> DataError:
    return DataError(f"rows: {why}", "Give another place.")


def test_what_was_there_stays_until_all_is_written(tmp_path: Path) -> None:
    path = tmp_path / "rows.csv"
    path.write_text("before")
    with pytest.raises(UnicodeDecodeError), whole_text(path, fault) as file:
        file.write("half" + b"\xff".decode())
    assert path.read_text() == "before"
    with whole_text(path, fault) as file:
        file.write("after")
        assert path.read_text() == "before"
    assert path.read_text() == "after"
    assert [each.name for each in tmp_path.iterdir()] == ["rows.csv"]


@pytest.mark.parametrize("kind", ["pipe", "a link to a pipe", "folder"])
def test_a_pipe_a_device_and_a_folder_are_left_as_they_are(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "place"
    if kind == "folder":
        path.mkdir()
    else:
        os.mkfifo(tmp_path / "pipe" if "link" in kind else path)
    if "link" in kind:
        path.symlink_to("pipe")
    before = stat.S_IFMT(path.lstat().st_mode)
    with pytest.raises(DataError, match="it is a"), whole_file(path, fault):
        pytest.fail("it must not be opened")
    with pytest.raises(DataError, match="it is a"):
        check_writable(path, fault)
    assert stat.S_IFMT(path.lstat().st_mode) == before
