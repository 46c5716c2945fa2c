"""TP010, starts that have seen what is validated, and TP011, sets that published values were chosen on."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.store.made_recipes import TWO_STAGES, recipe_of, two_stages
from tests.store.made_store import finished_store, made_store
from tune_polar.api.best import best_of
from tune_polar.cli.result_json import result_json
from tune_polar.evaluate.coded_checks import Check, checks_of
from tune_polar.evaluate.correction import TWO_FINISHED, TWO_HONEST, choice_of, corrected_best
from tune_polar.evaluate.expected_score import ahead_of
from tune_polar.evaluate.search_ensembles import ONE_HONEST, ensembles_of
from tune_polar.evaluate.summary import SearchSummary

BEST = {"stage": "finder", "fold": "best"}
SEEN = "sorter starts from finder’s best fold, which was trained on texts that are scored here (TP010)"


def check(summary: SearchSummary, code: str) -> Check:
    return next(found for found in checks_of(summary) if found.code == code)


def chained(**changes: object):
    """A third stage between the two, which starts from the best fold; the last starts from the same fold of it."""
    middle = {**TWO_STAGES["stages"]["sorter"], "start": BEST}
    last = {**TWO_STAGES["stages"]["sorter"], "start": {"stage": "middle"}}
    return recipe_of({**TWO_STAGES, "stages": {**TWO_STAGES["stages"], "middle": middle, "sorter": last}}, **changes)


def test_tp010_a_start_of_another_fold(tmp_path):
    summary = finished_store(tmp_path / "s", two_stages(sorter__start=BEST)).summary()
    found = check(summary, "TP010")
    assert (found.verdict, found.messages) == (
        "fires",
        (
            "sorter starts from finder’s best fold, which was trained on texts that other folds validate on: scores of "
            "kinds, system are too high, by how much is not known (in every configuration with a score). For honest "
            "ones set `sorter.start.fold: same`",
        ),
    )
    assert check(finished_store(tmp_path / "same", two_stages()).summary(), "TP010").verdict == "silent"


def test_tp010_through_a_chain_of_starts(tmp_path):
    found = check(finished_store(tmp_path / "s", chained()).summary(), "TP010")
    assert found.verdict == "fires"
    assert found.messages[0].startswith("sorter starts from middle, which starts from finder’s best fold, which was ")
    assert found.messages[0].endswith("For honest ones set `middle.start.fold: same`")
    honest = chained(middle__start={"stage": "finder", "fold": "same"})
    assert check(finished_store(tmp_path / "same", honest).summary(), "TP010").verdict == "silent"


@pytest.mark.parametrize(
    ("folds", "seeds", "verdict"),
    [
        ({"plan": "leave_groups_out", "by": "language"}, (42,), "fires"),
        ({"count": 2}, (1, 2), "fires"),
        ({"plan": "holdout"}, (42,), "silent"),  # of one fold the best is its own
        ({"plan": "holdout"}, (1, 2), "silent"),
    ],
)
def test_tp010_wherever_there_are_several_folds(tmp_path, folds, seeds, verdict):
    recipe = recipe_of({**TWO_STAGES, "folds": folds}, sorter__start=BEST, seeds=seeds)
    summary = finished_store(tmp_path / "s", recipe).summary()
    assert check(summary, "TP010").verdict == verdict
    assert (ahead_of(summary) == SEEN) == (verdict == "fires")


def test_tp010_names_what_the_published_folds_allow(tmp_path):
    decide = {"vote": TWO_STAGES["decide"]["vote"], "kinds": TWO_STAGES["decide"]["kinds"]}
    stages = {**TWO_STAGES["stages"], "sorter": {**TWO_STAGES["stages"]["sorter"], "start": BEST}}
    folds, score = {"plan": "paper", "count": 3}, {"of": "kinds"}
    paper = recipe_of({**TWO_STAGES, "stages": stages, "folds": folds, "decide": decide, "score": score})
    (message,) = check(finished_store(tmp_path / "s", paper).summary(), "TP010").messages
    assert "scores of kinds are too high" in message
    assert message.endswith("set `sorter.start.fold: same` and `folds.plan: stratified`, or `sorter.start: null`")


def test_what_is_not_honest_foretells_nothing(tmp_path):
    summary = finished_store(tmp_path / "s", two_stages(sorter__start=BEST)).summary()
    assert ahead_of(summary) == SEEN
    assert corrected_best(summary) == SEEN
    assert check(summary, "TP007").messages == (SEEN,)
    best = best_of(summary)
    assert (best.flaw, best.expected, best.prediction, best.corrected) == (SEEN, None, None, None)
    report = ensembles_of(summary)
    assert (report.flaw, report.corrected) == (SEEN, SEEN)
    told = result_json(summary, None, None)
    assert told["ahead"] == told["correction"] == {"not_applicable": SEEN}
    assert [each["start_has_seen"] for each in told["configurations"]] == [["sorter"]] * 3


def test_tp002_still_takes_off_the_luck_of_the_choice(tmp_path):
    """Seven equal configurations, and an interval without zero: two folds vary little."""
    made = made_store(tmp_path / "s", two_stages(sorter__start=BEST, folds__count=2), seed=36)
    for place in range(7):
        made.finish(made.configuration({"sorter.optimizer.lr": 0.002 * place} if place else "published"), 0.4)
    found = check(made.summary(), "TP002")
    assert found.verdict == "fires"
    assert "owed to having been chosen as the best, 95% interval +" in found.messages[0]


def mixed(folder, skill: float) -> SearchSummary:
    """Two honest configurations, and one that starts from the best fold, of ``skill``."""
    made = finished_store(folder, two_stages(), (0.5, 0.6))
    made.finish(made.configuration({"sorter.start.fold": "best"}), skill)
    return made.summary()


def test_tp010_goes_by_the_configuration(tmp_path):
    summary = mixed(tmp_path / "s", 0.95)
    seen, second = summary.finished[0], summary.finished[1]
    assert seen.configuration.point == {"sorter.start.fold": "best"}
    (message,) = check(summary, "TP010").messages
    assert (
        f"(in 1 of 3 configurations with a score: {seen.configuration.id}, the winner among them; the best" in message
    )
    assert f"the best honest one is {second.configuration.id} with {second.scores.score:.3f})" in message
    assert ahead_of(summary) == SEEN
    flags = [row["start_has_seen"] for row in result_json(summary, None, None)["configurations"]]
    assert flags == [[], [], ["sorter"]]


def test_an_honest_winner_is_corrected_and_combined_among_honest_configurations(tmp_path):
    summary = mixed(tmp_path / "s", 0.2)
    alone = replace(summary, configurations=summary.configurations[:2])
    seen = summary.configurations[2]
    (message,) = check(summary, "TP010").messages
    assert f"(in 1 of 3 configurations with a score: {seen.configuration.id})." in message
    assert choice_of(summary).configurations == 2
    assert corrected_best(summary).corrected == corrected_best(alone).corrected
    assert ahead_of(summary).new_rows.estimate == ahead_of(alone).new_rows.estimate
    report = ensembles_of(summary)
    assert not report.flaw
    assert seen.configuration.id not in report.names


def test_an_honest_choice_among_one_says_why_it_is_not_corrected(tmp_path):
    """The others have finished too: their starts have seen what is scored."""
    made = finished_store(tmp_path / "s", two_stages(), (0.9,))
    for place, skill in enumerate((0.2, 0.25, 0.3)):
        made.finish(made.configuration({"sorter.start.fold": "best", "sorter.optimizer.lr": 0.01 + place}), skill)
    summary = made.summary()
    assert not summary.best.seen_starts()
    assert corrected_best(summary) == TWO_HONEST
    assert "needs two configurations whose starts have not seen texts that are scored here (TP010)" in TWO_HONEST
    assert ensembles_of(summary) == ONE_HONEST
    alone = replace(summary, configurations=summary.configurations[:1])
    assert corrected_best(alone) == TWO_FINISHED


def test_tp010_names_no_other_where_the_winners_own_score_is_honest(tmp_path):
    """The score is of the vote, whose stage starts from none; the other decisions rest on the start."""
    recipe = recipe_of({**TWO_STAGES, "score": {"of": "vote"}}, sorter__start=BEST)
    made = finished_store(tmp_path / "s", recipe)
    summary = made.summary()
    assert not summary.best.seen_starts()
    (message,) = check(summary, "TP010").messages
    assert "scores of kinds, system are too high" in message
    assert "the best honest one" not in message


# -- TP011 ------------------------------------------------------------------------------------------------------------

LR = "sorter.optimizer.lr"
EVALUATED = {**TWO_STAGES["data"], "evaluate": {"later": {"path": "data/Sbic-test.csv"}, "other": {"path": "o.csv"}}}


def chosen(**sets: tuple[str, ...]):
    return recipe_of({**TWO_STAGES, "data": EVALUATED}, chosen_on=sets)


def test_tp011_a_set_that_values_were_chosen_on(tmp_path):
    summary = finished_store(tmp_path / "s", chosen(dev=(LR,), sbic=(LR,), ihc=(LR,)), (0.9, 0.5)).summary()
    found = check(summary, "TP011")
    which = f"(in 1 of 2 configurations with a score: {summary.best.configuration.id}, the winner among them)"
    rest = "scores on it are too high. Choose the value on validation rows, by a search space with its key"
    assert found.verdict == "fires"
    assert set(found.messages) == {
        f"{LR} = 0.001 was chosen by scores on {name}, as the recipe says {which}: where {split} here is of these "
        f"rows, {rest}"
        for name, split in (("dev", "dev"), ("sbic", "later"))
    }


@pytest.mark.parametrize(
    ("sets", "verdict"), [({}, "not applicable"), ({"ihc": (LR,)}, "silent"), ({"made": (LR,)}, "fires")]
)
def test_tp011_where_no_set_is_called_so(tmp_path, sets, verdict):
    assert check(finished_store(tmp_path / "s", chosen(**sets)).summary(), "TP011").verdict == verdict


def test_tp011_nobody_chose_anything_on_the_embedded_sample(tmp_path):
    summary = finished_store(tmp_path / "s", chosen(dev=(LR,), later=(LR,))).summary()
    sample = replace(summary, facts=replace(summary.facts, data_path=None))
    (message,) = check(sample, "TP011").messages
    assert "where later here is of these rows" in message


def test_tp011_does_not_speak_of_values_that_the_search_chose(tmp_path):
    made = made_store(tmp_path / "s", chosen(dev=(LR,)))
    made.finish(made.configuration({LR: 0.02}), 0.9)
    assert check(made.summary(), "TP011").verdict == "not applicable"
