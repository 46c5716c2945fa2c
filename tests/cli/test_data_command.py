"""What `data check` prints of a data set in order."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any


def test_each_label_has_a_row_with_its_share_in_each_split(run: Callable[..., Any]) -> None:
    ran = run("data", "check", "sample")
    assert ran.code == 0
    rows = {words[0]: words[1:] for line in ran.out.splitlines() if (words := line.split())}
    assert rows["label"] == ["train", "dev", "test"]
    assert rows["rows"] == ["1000", "200", "400"]
    assert rows["lack_of_empathy"][0] == "15.5%"
    assert len(rows["gender/sexual"]) == 3
