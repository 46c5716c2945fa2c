"""What to do next: gain, what going on would gain, and narrower ranges that a command takes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from tests.report.outline import Answer
from tests.report.shapes import SHAPES
from tests.store.made_recipes import two_stages
from tests.store.made_store import finished_store
from tune_polar.recipe.narrowed import narrowed
from tune_polar.recipe.space import FloatParameter, IntParameter
from tune_polar.recipe.space_file import load_space
from tune_polar.report.importances import further_gain, learned, measured_importances
from tune_polar.report.next_steps import gain_sentence, narrowed_yaml, narrower, next_lines
from tune_polar.report.page_context import PageContext
from tune_polar.stats.importance import Importance
from tune_polar.stats.intervals import Interval

PageOf = Callable[[str], PageContext]


def test_the_gain_is_the_paired_difference(page_of: PageOf) -> None:
    page = page_of("rich")
    difference = page.difference(page.best)
    sentence = gain_sentence(page)
    assert sentence.startswith(f"The search gained {difference.text} points over the published configuration")
    assert f"95% interval {difference.interval}" in sentence


@pytest.mark.parametrize("shape", ["ablation", "nothing", "one configuration", "reference unfinished"])
def test_where_there_is_no_gain_to_tell_nothing_is_said(page_of: PageOf, shape: str) -> None:
    assert gain_sentence(page_of(shape)) == ""


def test_a_winner_that_is_the_reference_gained_nothing(tmp_path: Path) -> None:
    page = PageContext(finished_store(tmp_path / "s", two_stages(), skills=(0.9, 0.1, 0.2)).summary())
    assert gain_sentence(page) == (
        "The search gained nothing over the published configuration: none of the 2 other configurations with a score "
        "did better."
    )


def test_few_configurations_say_how_many_are_needed(page_of: PageOf) -> None:
    use, line = next_lines(page_of("two stages"))
    assert use.startswith("To use the winner: `tune-polar predict STORE new.csv")
    assert "3 configurations can be learnt from, and 10 are needed" in line
    assert "--trials 10`" in line


def test_many_say_what_going_on_would_gain_on_page_too(page_of: PageOf) -> None:
    page = page_of("rich")
    lines = next_lines(page)
    assert lines[1].startswith(
        ("Going on to twice as many is expected to gain +", "What going on would gain cannot be told")
    )
    assert set(lines) <= set(Answer(page, "use").texts)


@pytest.mark.parametrize("shape", SHAPES)
def test_every_shape_says_something_or_nothing(page_of: PageOf, shape: str) -> None:
    page = page_of(shape)
    assert all(line.endswith(".") for line in next_lines(page))
    assert (narrowed_yaml(page) is None) == (narrower(page) == ())


def test_those_stopped_early_are_learned_from(page_of: PageOf) -> None:
    page = page_of("rich")
    data = page.learned
    assert data.stopped == 1
    assert len(data.rows) == 24
    without = learned(page.scored, (), page.trained, page.cells)
    row = data.scores[-1]
    predicted = page.summary.abandoned[0][1].predicted
    pooled = np.mean([scores.score for _, scores in page.scored]) - without.scores.mean()
    assert row.mean() == pytest.approx(predicted - pooled)
    np.testing.assert_allclose(row - row.mean(), without.scores.mean(axis=0) - without.scores.mean())


def test_equal_scores_say_nothing_of_settings(page_of: PageOf) -> None:
    page = page_of("rich")
    scores = 0.3 + 1e-17 * np.arange(page.learned.scores.size).reshape(page.learned.scores.shape)
    data = replace(page.learned, scores=scores * (1 + np.finfo(float).eps * (np.arange(len(scores)) % 3))[:, None])
    assert str(measured_importances(data, page.trained)).startswith("Not applicable: all 24 configurations score the")
    assert "score the same" in str(further_gain(data, page.trained, page.best, page.metric))


def test_no_more_is_promised_than_there_is_to_gain(page_of: PageOf) -> None:
    page = page_of("rich")
    assert not isinstance(page.further, str)
    left = 1 - page.scored[0][1].score
    assert 0 <= page.further.gain <= page.further.interval.high <= left


def test_a_search_that_waits_is_gone_on_with_before_it_is_doubled(page_of: PageOf) -> None:
    page = page_of("rich")
    assert not page.summary.is_complete
    line = next_lines(page)[1]
    assert line.endswith(
        "Go on with `tune-polar resume STORE`, for 25 of 26 planned have ended, and then with "
        "`tune-polar resume STORE --trials 52`."
    )


def told(page: PageContext, name: str) -> PageContext:
    """As ``page``, with one setting that stands out."""
    clear = Importance(name, 0.9, Interval(0.8, 0.95, 0.9))
    found = replace(page.importances, parameters=(clear,))
    other = PageContext(page.summary)
    other.__dict__["importances"] = found
    return other


def test_a_narrower_space_is_one_that_a_search_takes(page_of: PageOf, tmp_path: Path) -> None:
    page = told(page_of("rich"), "sorter.optimizer.lr")
    (each,) = narrower(page)
    assert each.key == "sorter.optimizer.lr"
    least, most = each.before
    low, high = each.after
    assert least <= low < high <= most
    assert np.log(high / low) <= 0.8 * np.log(most / least)
    assert low <= page.best.configuration.recipe.stages["sorter"].optimizer.lr <= high
    path = tmp_path / "narrowed.yaml"
    path.write_text(narrowed_yaml(page) or "", encoding="utf-8")
    space = load_space(str(path), page.recipe, "published")
    before = page.summary.facts.searched
    assert space.name == f"{before.name}-narrowed"
    assert set(space.parameters) == set(before.parameters)
    assert (space.parameters[each.key].low, space.parameters[each.key].high) == each.after
    others = {key: parameter for key, parameter in space.parameters.items() if key != each.key}
    assert others == {key: parameter for key, parameter in before.parameters.items() if key != each.key}
    line = next_lines(page, page.summary.url)[-1]
    assert "sorter.optimizer.lr to " in line
    assert "--space" in line
    assert f"--try {page.summary.url}" in line
    assert f"--space {page.summary.url}/narrowed.yaml" in line
    line = next_lines(page, "s3://bucket/mine/st3")[-1]
    assert "--space searches/st3/narrowed.yaml --try s3://bucket/mine/st3" in line, "where a search leaves it"


def test_a_column_of_a_vector_is_not_narrowed_alone(page_of: PageOf) -> None:
    assert narrower(told(page_of("rich"), "sorter.losses.asymmetric.gamma_negative.x")) == ()


@pytest.mark.parametrize(
    ("parameter", "ends", "found"),
    [
        (FloatParameter(type="float", low=1e-4, high=1e-1, log=True), (2.34567e-3, 5e-3), (0.00235, 0.005)),
        (FloatParameter(type="float", low=0.0, high=6.0, step=0.5), (1.2, 2.1), (1.0, 2.5)),
        (FloatParameter(type="float", low=0.0, high=1.0), (-0.5, 3.0), (0.0, 1.0)),
        (IntParameter(type="int", low=1, high=30), (3.2, 7.7), (3, 8)),
        (IntParameter(type="int", low=1, high=99, step=2), (4.0, 8.0), (3, 9)),
    ],
)
def test_a_range_is_narrowed_on_its_grid(parameter, ends, found) -> None:
    after = narrowed(parameter, *ends)
    assert (after.low, after.high) == found
    assert type(parameter).model_validate(after.model_dump()) == after
