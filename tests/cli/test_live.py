"""What is shown of a running search: cells and stages by their own names, whatever the recipe's shape."""

from __future__ import annotations

import io
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.cli.asking import ask
from tests.store.made_recipes import two_stages
from tune_polar.api.consoles import VisibleConsole
from tune_polar.api.headline import cell_columns_note, headline, short_names, stage_value, stage_words
from tune_polar.api.live import LiveTable
from tune_polar.api.pace import Pace
from tune_polar.api.plain_lines import PlainLines
from tune_polar.api.search_request import space_of
from tune_polar.recipe.cells import Cell
from tune_polar.recipe.configuration import Configuration
from tune_polar.search.configuration_progress import ConfigurationProgress
from tune_polar.search.make_plan import make_plan
from tune_polar.search.search_plan import SearchPlan
from tune_polar.search.stopping.limits import Limits
from tune_polar.store.abandonment import Abandonment
from tune_polar.store.failures import FailureRecord
from tune_polar.store.records import FoldRecord, Provenance
from tune_polar.trial.fold_trial import FoldTrial
from tune_polar.trial.progress import Progress

PROVENANCE = Provenance("lab", 1, "cpu", "2026-01-02T03:04:05+00:00", {})
Words = dict[str, Any]
ONE_SEED: Words = {}
SEEDS_OF_ONE_SPLIT: Words = {"seeds": "3", "changes": ["folds=holdout"]}
FOLDS_AND_SEEDS: Words = {"seeds": "1,7", "folds": 2}


class StandIn:
    """A core as far as watchers look at it."""

    done = False

    def __init__(self, *progress: ConfigurationProgress) -> None:
        self.progress = {each.configuration.id: each for each in progress}


@pytest.fixture
def plan(tweets: Path, request: pytest.FixtureRequest) -> SearchPlan:
    recipe, target, words = request.param
    found = ask(tweets, recipe, target, **words)
    loaded = found.loaded
    space = space_of(loaded, None)
    return make_plan(loaded.recipe, loaded.profile, found.source, space=space, trials=2, seed=0)


def progress_of(plan: SearchPlan) -> ConfigurationProgress:
    configuration = Configuration(plan.recipe, 0, "as given")
    return ConfigurationProgress(configuration, plan.cells, waiting=list(plan.cells))


def record_of(progress: ConfigurationProgress, cell: Cell, value: float = 0.25) -> FoldRecord:
    recipe = progress.configuration.recipe
    stages = {name: f"key-{name}" for name in recipe.stages}
    scores = {f"{name}.{stage.keep}": value for name, stage in recipe.stages.items()} | {"race": 9.0}
    return FoldRecord(progress.configuration.id, cell.fold, cell.seed, stages, (), scores, 2.0, PROVENANCE)


def trial_of(plan: SearchPlan, cell: Cell) -> FoldTrial:
    return FoldTrial(plan.recipe, cell, plan.inputs)


def finish(core: Any, watcher: Any, plan: SearchPlan, cell: Cell) -> None:
    (progress,) = core.progress.values()
    watcher.started(trial_of(plan, cell))
    progress.finished[cell] = record_of(progress, cell)
    watcher.ended(trial_of(plan, cell), core)


def lines_of(console: VisibleConsole) -> list[str]:
    return console.export_text().splitlines()


SHAPES = {
    "folds": (("classifier", "topic", ONE_SEED), ["fold 0", "fold 1", "fold 2", "fold 3", "fold 4"], "folds"),
    "seeds": (("classifier", "topic", SEEDS_OF_ONE_SPLIT), ["seed 42", "seed 43", "seed 44"], "seeds"),
    "both": (
        ("regressor", "intimacy", FOLDS_AND_SEEDS),
        ["fold 0, seed 1", "fold 1, seed 1", "fold 0, seed 7", "fold 1, seed 7"],
        "cells",
    ),
}


@pytest.mark.parametrize(("plan", "names", "many"), SHAPES.values(), ids=SHAPES, indirect=["plan"])
def test_plain_lines_call_each_cell_by_what_tells_it_apart(plan: SearchPlan, names: list[str], many: str) -> None:
    console, core = VisibleConsole(width=200, record=True, file=io.StringIO()), StandIn(progress_of(plan))
    lines = PlainLines(console, core, plan, "searches/x", Limits(), verbose=True)  # type: ignore[arg-type]
    for cell in plan.cells:
        lines.progressed(trial_of(plan, cell), Progress("model", 0, cell.fold, 1, 4, 0.5))
        finish(core, lines, plan, cell)
    said = lines_of(console)
    told = [line for line in said if " in 2.0 s" in line]
    assert [name for line, name in zip(told, names, strict=True) if f" {name}: model " in line] == names
    assert (
        told[-1].endswith(f"{len(names)}/{2 * len(names)} {many} · elapsed 0:00 · about 0:0{2 * len(names)} left")
        or "left" in told[-1]
    )
    assert f"2 configurations × {len(names)} {many}" in said[0]
    assert any(f"{names[0]}: model step 1/4, 0.5000" in line for line in said)


@pytest.mark.parametrize(("plan", "names", "many"), SHAPES.values(), ids=SHAPES, indirect=["plan"])
def test_the_live_table_has_a_column_a_cell_or_counts_them(plan: SearchPlan, names: list[str], many: str) -> None:
    core = StandIn(progress_of(plan))
    console = VisibleConsole(width=160, height=40, record=True, file=io.StringIO())
    table = LiveTable(console, core, plan, "searches/x", Limits())  # type: ignore[arg-type]
    finish(core, table, plan, plan.cells[0])
    table.started(trial_of(plan, plan.cells[1]))
    table.progressed(trial_of(plan, plan.cells[1]), Progress("model", 0, plan.cells[1].fold, 3, 4))
    console.print(table._draw())
    said = lines_of(console)
    header = next(line for line in said if line.startswith("#"))
    row = next(line for line in said if " as given" in line)
    if many == "cells":
        assert "cells" in header
        assert f"1/4  {names[1]} mod 75%" in row
    else:
        assert all(name in header for name in names)
        assert "0.250" in row
        assert "mod 75%" in row
    assert any("mod: model" in line for line in said)


@pytest.mark.parametrize("plan", [("regressor", "intimacy", {"changes": ["score.metric=mae"]})], indirect=True)
def test_where_smaller_is_better_the_smallest_is_the_best(plan: SearchPlan) -> None:
    first, second = progress_of(plan), progress_of(plan)
    second.configuration = Configuration(plan.recipe.model_copy(update={"seeds": (9,)}), 1, "sampled")
    core = StandIn(first, second)
    core.progress = {"a": first, "b": second}
    first.state = second.state = "finished"
    first.score, second.score = 0.8, 0.5
    console = VisibleConsole(width=160, height=40, record=True, file=io.StringIO())
    console.print(LiveTable(console, core, plan, "x", Limits())._draw())  # type: ignore[arg-type]
    said = lines_of(console)
    assert any("0.5000 ★" in line for line in said)
    assert any(line.endswith("best 0.5000") for line in said)


@pytest.mark.parametrize("plan", [("classifier", "topic", ONE_SEED)], indirect=True)
def test_failures_and_those_given_up_are_told_once(plan: SearchPlan) -> None:
    progress = progress_of(plan)
    core = StandIn(progress)
    console = VisibleConsole(width=200, record=True, file=io.StringIO())
    lines = PlainLines(console, core, plan, "x", Limits(), verbose=False)  # type: ignore[arg-type]
    cell = plan.cells[1]
    progress.failure = FailureRecord(
        progress.configuration.id, cell.fold, cell.seed, 0, "ValueError", "no", "", PROVENANCE
    )
    progress.state = "infeasible"
    lines.ended(trial_of(plan, cell), core)  # type: ignore[arg-type]
    progress.failure, progress.state = None, "abandoned"
    progress.abandonment = Abandonment(
        progress.configuration.id, "model", plan.cells[:2], None, 0.1, 0.1, 0.1, "x", 0.5
    )
    lines.ended(trial_of(plan, plan.cells[2]), core)  # type: ignore[arg-type]
    lines.ended(trial_of(plan, plan.cells[3]), core)  # type: ignore[arg-type]
    said = lines_of(console)
    assert [line for line in said if "failed" in line] == [
        f"#0 {progress.configuration.id} fold 1: failed: ValueError: no"
    ]
    assert sum("stopped after 2 folds: expected 0.1000, best so far 0.5000" in line for line in said) == 1


@pytest.mark.parametrize("plan", [("classifier", "topic", ONE_SEED)], indirect=True)
def test_an_open_end_says_no_number_of_configurations(plan: SearchPlan) -> None:
    said = headline(plan, "x", Limits(60.0, until_converged=True, trials_given=False))
    assert "for 1:00 · until converged" in said
    assert "configurations" not in said
    assert Pace(None, lambda: 0.0, cells=plan.cells).line(StandIn()) == "0 folds · elapsed 0:00 · workers are starting"  # type: ignore[arg-type]


@pytest.mark.parametrize("plan", [("classifier", "topic", ONE_SEED)], indirect=True)
def test_the_score_to_come_is_not_called_honest_where_a_start_has_seen_what_is_scored(plan: SearchPlan) -> None:
    assert cell_columns_note(plan, {}).endswith("score: macro-F1 of model, cross-fitted over all folds")
    recipe = two_stages(sorter__start={"stage": "finder", "fold": "best"})
    said = cell_columns_note(replace(plan, recipe=recipe), {})
    assert (
        "cross-fitted over all folds, and too high all the same: sorter starts from finder’s best fold, which" in said
    )


@pytest.mark.parametrize("plan", [("classifier", "topic", ONE_SEED)], indirect=True)
def test_a_fold_trial_is_told_by_its_last_stage(plan: SearchPlan) -> None:
    record = record_of(progress_of(plan), plan.cells[0], 0.125)
    assert stage_value(record, plan.recipe) == 0.125
    assert stage_words(record, plan.recipe) == "model 0.1250"


@pytest.mark.parametrize(
    ("names", "short"),
    [
        (["detector", "classifier"], ["det", "cla"]),
        (["model"], ["mod"]),
        (["stage_one", "stage_two"], ["stage_o", "stage_t"]),
        (["a", "ab"], ["a", "ab"]),
        (["small", "smallest"], ["small", "smalle"]),
    ],
)
def test_stages_are_shortened_as_far_as_they_stay_told_apart(names: list[str], short: list[str]) -> None:
    assert list(short_names(names).values()) == short
