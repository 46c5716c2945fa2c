"""Files that have moved keep the columns that they were read by."""

from __future__ import annotations

import pytest

from tune_polar.api.begin import named_as_before
from tune_polar.data.source import Source
from tune_polar.errors import StoreError

FILES = Source(kind="files", path="/new.csv", files={"train": ("/new.csv",)})
WAS = {
    "kind": "files",
    "path": "/old.csv",
    "files": {"train": ["/old.csv"]},
    "columns": {"text": "tweet", "rude": "bad"},
}


def test_columns_are_those_of_the_search_unless_told_otherwise() -> None:
    kept = named_as_before(FILES, {"data": {"source": WAS}})
    assert (kept.path, kept.columns) == ("/new.csv", {"text": "tweet", "rude": "bad"})
    told = named_as_before(FILES.model_copy(update={"columns": {"text": "said"}}), {"data": {"source": WAS}})
    assert told.columns == {"text": "said", "rude": "bad"}


def test_a_folder_of_another_kind_has_columns_of_its_own() -> None:
    polar = Source(kind="polar", path="/polar", language="zho")
    assert named_as_before(polar, {"data": {"source": WAS}}) == polar


@pytest.mark.parametrize("manifest", [{}, {"data": None}, {"data": {}}])
def test_what_describes_no_search_is_refused(manifest: dict[str, object]) -> None:
    with pytest.raises(StoreError, match=r"manifest\.json must describe a search"):
        named_as_before(FILES, manifest)
