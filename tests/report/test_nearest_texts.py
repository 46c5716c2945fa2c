"""Training texts beside the worst errors: only where a stage measures them and texts are asked for."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from tests.store.made_recipes import two_stages
from tests.store.made_store import finished_store
from tune_polar.report.document import Details, TextTable
from tune_polar.report.page_context import PageContext, PageOptions
from tune_polar.report.sections.examples import build


def tables(page: PageContext) -> dict[str, TextTable]:
    (details,) = build(page)
    assert isinstance(details, Details)
    found = (block for block in details.blocks if isinstance(block, TextTable))
    return {table.caption.partition(":")[0]: table for table in found}


def test_each_error_stands_beside_its_nearest_training_texts(tmp_path: Path) -> None:
    summary = finished_store(tmp_path / "s", two_stages()).summary()
    ids = summary.gold.train.ids
    page = PageContext(summary, PageOptions(texts={row_id: f"text of {row_id}" for row_id in ids}))
    assert page.best is not None
    assert page.best.predictions is not None
    stage = next(iter(page.recipe.stages))
    assert "Nearest in training" not in tables(page)[stage].columns
    for cell in page.best.predictions.cells:
        record = cell.stages[stage]
        rows = record.rows("validation")
        more = {
            "extra/asked/validation": rows,
            "extra/nearest/validation": np.stack([(rows + 1) % len(ids), (rows + 2) % len(ids)], axis=1),
            "extra/cosine/validation": np.tile([0.75, 0.5], (len(rows), 1)),
        }
        assert isinstance(record.arrays, dict)
        record.arrays.update(more)
    table = tables(page)[stage]
    gold = summary.gold.train.values(page.recipe.stages[stage].columns[0])
    assert table.columns[-1] == "Nearest in training"
    for row_id, *_, around in table.texts:
        row = ids.index(row_id)
        near = [(row + step) % len(ids) for step in (1, 2)]
        words = [f"{('no', 'yes')[int(gold[each])]}: text of {ids[each]}" for each in near]
        assert around.split("\n") == [f"0.75 {words[0]}", f"0.50 {words[1]}"]
    for cell in page.best.predictions.cells:
        cell.stages[stage].arrays["extra/nearest/validation"][0, 0] = len(ids)  # type: ignore[index]
    assert "Nearest in training" not in tables(page)[stage].columns
