"""What to use, what it scores and whether that is better: the page's numbers are those of the records."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from statistics import fmean, stdev

import numpy as np
import pytest

from tests.report.outline import Answer
from tests.store.made_recipes import one_vote, recipe_of, two_stages
from tests.store.made_store import MadeStore, finished_store, made_store
from tune_polar.api.consoles import VisibleConsole
from tune_polar.cli.ending import print_ending
from tune_polar.cli.result_json import result_json
from tune_polar.decide.metrics import metric_named
from tune_polar.evaluate.configuration_scores import AlternativeScores, Scores
from tune_polar.evaluate.outcome import outcome_of
from tune_polar.report.correction import alarm_lines, correction_sentence, shown_ahead, worth_sentences
from tune_polar.report.difference import CellDifference, cell_difference, winner_sentences
from tune_polar.report.numbers import decimals_for, fixed, with_error
from tune_polar.report.page_context import PageContext
from tune_polar.report.sections.believe import EXPLANATIONS
from tune_polar.report.words import CellWords
from tune_polar.stats.bbc_cv import BbcCv
from tune_polar.stats.paired import fold_paired
from tune_polar.store.failures import WORKER_LOST

PageOf = Callable[[str], PageContext]
Made = Callable[[str], MadeStore]
AHEAD = ("expected on average", "on the next {} rows")
LR = "sorter.optimizer.lr"


def scores_of(page: PageContext, place: int = 0) -> Scores:
    return page.scored[place][1]


# What to use


def test_the_winner_stands_beside_the_configuration_to_compare_with(page_of: PageOf) -> None:
    page = page_of("two stages")
    facts, won, given = Answer(page, "use").facts, scores_of(page), scores_of(page, 1)
    assert facts["Winner: no. 1"] == with_error(won.score, stdev(won.best.cell_scores))
    assert facts["Published"] == with_error(given.score, stdev(given.best.cell_scores))
    deltas = np.subtract(won.best.cell_scores, given.best.cell_scores)
    mean, error = 100 * deltas.mean(), 100 * deltas.std(ddof=1) / len(deltas) ** 0.5
    assert facts["Difference, fold by fold"] == f"{mean:+.1f} ± {error:.1f}"


def test_the_reference_as_winner_has_the_next_best_beside_it(tmp_path: Path) -> None:
    made = finished_store(tmp_path / "store", two_stages(), skills=(0.8, 0.2))
    found = Answer(PageContext(made.summary()), "use")
    assert list(found.facts)[:2] == ["Winner: published", "Next: no. 1"]
    assert "The one other configuration that finished did not do better than the published one." in found.texts


@pytest.mark.parametrize(
    ("shape", "said"),
    [
        ("one configuration", "Only the published configuration has finished, so there is nothing to compare it with"),
        ("reference unfinished", "The configuration as given has no score (open, 1 of 3 folds), so whether"),
        ("one cell", "One fold alone says nothing of noise, so no difference is claimed."),
    ],
)
def test_no_more_is_claimed_than_can_be_compared(page_of: PageOf, shape: str, said: str) -> None:
    assert any(text.startswith(said) for text in Answer(page_of(shape), "use").texts)


def test_without_the_recipe_itself_nothing_is_compared(tmp_path: Path) -> None:
    made = made_store(tmp_path / "store", two_stages())
    made.finish(made.configuration({LR: 0.01}))
    assert any("is not part of this search" in text for text in Answer(PageContext(made.summary()), "use").texts)


def test_a_recipe_of_ones_own_is_called_as_given(tmp_path: Path) -> None:
    made = made_store(tmp_path / "store", two_stages())
    made.finish(made.configuration("as given"), 0.4)
    made.finish(made.configuration({LR: 0.01}), 0.8)
    page = PageContext(made.summary())
    found = [Answer(page, name) for name in ("use", "better", "sensitive", "pipeline")]
    text = "\n".join((*found[0].facts, *(str(each.blocks) for each in found)))
    assert "As given" in text
    assert "− as given" in text
    assert "ublished" not in text


@pytest.mark.parametrize(
    ("shape", "names"),
    [
        ("two stages", ["inside folds", "fold-tuned", "cross-fitted", *AHEAD, "as written"]),
        ("five labels", ["inside folds", "fold-tuned", "cross-fitted", *AHEAD]),
        ("regression", ["as decided", *AHEAD]),
        ("two seeds", ["inside folds", "fold-tuned", "cross-fitted", *AHEAD, "as written"]),
    ],
)
def test_the_ladder_holds_every_way_of_choosing(page_of: PageOf, shape: str, names: list[str]) -> None:
    page = page_of(shape)
    judgement, ahead = page.won.judged.scored, page.ahead
    assert not isinstance(ahead, str)
    names = [name.format(ahead.new_rows.rows) for name in names]
    rungs = {"inside folds": "inside_folds", "fold-tuned": "fold_tuned", "as written": "as_written"}
    ladder = Answer(page, "use").table("The winner’s")
    assert [name for name in ladder if not name.startswith(("dev", "test", "later"))] == names
    decimals = decimals_for(stdev(judgement.cross_fitted.cell_scores))
    for name, row in ladder.items():
        if name in names and not name.startswith("on the next"):
            rung = rungs.get(name, "cross_fitted")
            value = ahead.new_rows.estimate if name == AHEAD[0] else judgement.ladder[rung].score  # type: ignore[index]
            assert row["Value"] == fixed(value, decimals), name
    for split, of in judgement.splits.items():
        row = ladder[f"{split}, fold-tuned" if page.won.graph.scored.chooses else split]
        assert row["Value"] == fixed(of["fold_tuned"].score, decimals)
        assert row["Scored on"].startswith(f"{split} rows")
    assert all(name.startswith(("dev", "expected", "cross-fitted")) or "oracle" not in name for name in ladder)


def test_dev_alone_is_ever_chosen_on(page_of: PageOf) -> None:
    ladder = Answer(page_of("two stages"), "use").table("The winner’s")
    assert [name for name in ladder if "oracle" in name] == ["dev, oracle"]
    assert ladder["test, fold-tuned"]["Settings chosen on"] == "all out-of-fold rows"


def test_without_dev_or_rivals_the_ladder_says_why(page_of: PageOf) -> None:
    assert Answer(page_of("no dev"), "use").table("The winner’s")["dev"]["Uncertainty"] == "no dev split with gold"
    alone = Answer(page_of("one configuration"), "use").table("The winner’s")
    assert alone["corrected"]["Uncertainty"].startswith("not applicable: needs two configurations")


def test_what_ran_is_counted(page_of: PageOf, made: Made) -> None:
    facts = Answer(page_of("rich"), "use").facts
    assert facts["Configurations"] == "23 finished, 1 stopped early, 1 failed and 1 open, of 26 planned"
    assert facts["Data"] == "made (120 train, 40 dev and 30 test rows)"
    assert facts["Folds"] == "3, stratified plan"
    assert facts["Training time"].endswith("over 71 fold trials")
    assert facts["Score"] == "macro-F1 of system (kinds where vote says yes, nothing elsewhere), on all rows"


def test_an_open_search_says_so_and_an_ended_one_does_not(fresh: Made) -> None:
    made = fresh("two stages")
    assert not any("has not come to its end" in text for text in Answer(PageContext(made.summary()), "use").texts)
    made.configuration({LR: 0.09})
    assert "3 of 4 planned" in Answer(PageContext(made.summary()), "use").texts[0]


@pytest.mark.parametrize(
    ("shape", "said"),
    [
        ("nothing", "Not enough data: no configuration has been proposed yet."),
        ("all failed", "Not enough data: 2 configurations have failed and none has finished all its folds."),
    ],
)
def test_nothing_finished_says_what_is_missing(page_of: PageOf, shape: str, said: str) -> None:
    assert any(text.startswith(said) for text in Answer(page_of(shape), "use").texts)


# Can it be believed


def test_every_check_is_shown_and_explained(page_of: PageOf) -> None:
    page = page_of("rich")
    assert set(EXPLANATIONS) == {check.code for check in page.checks}
    rows = Answer(page, "believe").table("Every check")
    for check in page.checks:
        row = rows[f"{check.code} {check.title} ({EXPLANATIONS[check.code]})"]
        assert {"fires": "look here", "silent": "nothing found"}.get(check.verdict, check.verdict) == row["Verdict"]
        assert all(message in row["What was found"] for message in check.messages)


def test_no_interval_leaves_the_metrics_range(tmp_path: Path) -> None:
    """The curvature that is added back to draws of 1 would lead beyond all right."""
    task = {"type": "multilabel", "targets": ["a", "b"]}
    about = {
        "recipe": "two",
        "data": {"labels": ["a", "b"]},
        "folds": {"count": 3},
        "stages": {"model": {"task": task}},
        "decide": {"model": {"type": "threshold", "of": "model", "rule": "max_f1"}},
    }
    page = PageContext(finished_store(tmp_path / "store", recipe_of(about), (1.0, 0.9), rows=60, dev=0).summary())
    found = page.corrected
    assert not isinstance(found, str)
    assert found.curvature > 0
    assert found.interval.high <= found.draws.max() <= 1.0
    assert not isinstance(page.ahead, str)
    assert page.ahead.new_rows.draws.max() <= 1.0
    span = Answer(page, "use").table("The winner’s ")["expected on average"]["Uncertainty"]
    assert float(span.split(" (")[0].split(" to ")[1]) <= 1.0
    assert span.endswith("(90% interval of the expectation)")


def test_the_correction_is_that_of_the_records(page_of: PageOf, fresh: Made) -> None:
    page = page_of("rich")
    found = page.corrected
    assert isinstance(found, BbcCv)
    sentence = correction_sentence(page)
    assert sentence in Answer(page, "use").texts
    decimals = decimals_for((found.interval.high - found.interval.low) / (2 * 1.645))
    for value in (found.raw_best, found.corrected):
        assert fixed(value, decimals) in sentence
    assert "BBC-CV" in sentence


def test_the_next_rows_come_first_and_every_interval_has_its_name(page_of: PageOf) -> None:
    page = page_of("rich")
    assert not isinstance(page.ahead, str)
    new, answer = page.ahead.new_rows, Answer(page, "use")
    shown = shown_ahead(new)
    first, second, *_ = worth_sentences(page)
    place = answer.texts.index(first)
    assert answer.texts[place + 1] == second
    prediction, expected = new.interval(0.9), new.expected(0.9)
    assert f"{shown(prediction.low)} to {shown(prediction.high)}, in nine cases of ten (90% prediction" in first
    assert "`tune-polar report STORE --new-rows N`" in first
    assert f"(90% interval of the expectation {shown(expected.low)} to {shown(expected.high)}" in second
    table = answer.table("The winner’s ")
    row = table[f"on the next {new.rows} rows"]
    ends = " to ".join(page.shown(end) for end in (prediction.low, prediction.high))
    assert row["Uncertainty"] == f"{ends} (90% prediction interval)"
    for split in page.ahead.splits:
        ends = " to ".join(page.shown(end) for end in (split.ahead.interval(0.9).low, split.ahead.interval(0.9).high))
        said = [each["Uncertainty"] for name, each in table.items() if name.startswith(split.name)]
        assert f"expected {ends} (90% prediction interval)" in said


def test_a_split_whose_models_broke_is_the_first_thing_on_page_and_terminal(tmp_path: Path) -> None:
    made = finished_store(tmp_path / "store", one_vote(), (0.5,) * 4, rows=400, dev=300)
    summary, sound = made.summary(), PageContext(made.summary())
    assert not alarm_lines(sound)
    gold = summary.gold.splits["dev"]
    turned = {
        name: replace(column, values=np.array(column.values)[::-1].copy()) for name, column in gold.columns.items()
    }
    wrong = replace(summary.gold, splits={**summary.gold.splits, "dev": replace(gold, columns=turned)})
    outcomes = tuple(
        replace(
            row,
            outcome=outcome_of(row.configuration.recipe, wrong.splits, row.predictions.cells, summary.alternatives),
        )
        for row in summary.configurations
        if row.predictions is not None
    )
    broken = PageContext(replace(summary, gold=wrong, configurations=outcomes))
    (said,) = alarm_lines(broken)
    assert said[0].startswith("dev scores 0.")
    assert "far worse than expected: 90% prediction interval for its 300 rows" in said[0]
    assert any("it is the split, not this model" in line for line in said)
    assert Answer(broken, "use").texts[0] == f"TP007 labelled split far from what was expected: {said[0]}"
    (check,) = [each for each in broken.checks if each.code == "TP007"]
    assert check.verdict == "fires"
    console = VisibleConsole(record=True, width=300)
    print_ending(console, broken.summary, None, None)
    assert console.export_text().strip().startswith("TP007 labelled split far from what was expected: dev scores 0.")
    (split,) = result_json(broken.summary, None, None)["splits"]
    assert (split["code"], split["fires"]) == ("TP007", True)
    assert split["causes"][0]["verdict"] == "found"


# Is it really better


def test_configurations_are_ranked_with_their_cells(page_of: PageOf) -> None:
    page = page_of("two seeds")
    found = Answer(page, "better")
    (table,) = [each for each in found.tables if each.caption.startswith("Finished")]
    decimals = decimals_for(page.noise)
    for row, (configuration, scores) in zip(table.texts, page.scored, strict=True):
        assert row[1] == f"{page.index.name(configuration)} ({configuration.configuration.id})"
        assert row[2] == fixed(scores.score, decimals)
        assert row[6].split() == [fixed(score, decimals) for score in scores.best.cell_scores]
    assert [row.kind for row in table.laid_out] == ["", "reference", ""]
    assert table.columns[4] == "− published"
    assert table.columns[6] == "Cells"
    (strips,) = found.figures
    assert strips.count("<circle") == 2 * 6
    assert strips.count("reference-point") == 6


def test_the_matrix_holds_paired_differences(page_of: PageOf) -> None:
    page = page_of("two stages")
    matrix = Answer(page, "better").table("Row minus column")
    names = [page.index.name(row) for row, _ in page.scored]
    assert list(matrix) == names[:-1]
    cells = [scores.by_cell(page.cells.cells) for _, scores in page.scored]
    for one, other in ((0, 1), (0, 2), (1, 2)):
        paired = fold_paired(cells[one], cells[other], planned_folds=3)
        assert matrix[names[one]][names[other]].split()[0] == f"{100 * paired.difference:+.1f}".replace("-", "−")
    assert Answer(page, "better").texts[2].startswith("Of 3 pairs of the top configurations")


def test_the_reference_is_always_in_the_matrix_and_many_are_folded_away(tmp_path: Path) -> None:
    made = made_store(tmp_path / "store", two_stages(), trials=45, rows=60)
    made.finish(made.configuration("published"), 0.0)
    for number in range(1, 45):
        made.finish(made.configuration({LR: 0.0021 * number}), 0.6)
    page = PageContext(made.summary())
    assert page.scored[-1][0] is page.reference
    found = Answer(page, "better")
    matrix = found.table("Row minus column")
    assert len(matrix) == 8
    assert list(next(iter(matrix.values())))[-1] == "published"
    assert [len(each.rows) for each in found.tables if "inished configurations" in each.caption] == [40, 5]
    assert found.figures[0].count("<g data-c=") == 25
    assert any("the best 24 of 45" in each.note for each in found.blocks if hasattr(each, "note"))


def test_one_configuration_alone_is_compared_with_nothing(page_of: PageOf) -> None:
    for shape, needed in (("one configuration", "two configurations with all folds"), ("one cell", "two folds")):
        texts = Answer(page_of(shape), "better").texts
        assert f"Not enough data: {needed} are needed to compare any." in texts


def test_merged_configurations_of_one_number_have_distinct_names(page_of: PageOf) -> None:
    summary = page_of("two stages").summary
    twins = tuple(
        replace(row, configuration=replace(row.configuration, number=1)) if row.configuration.number else row
        for row in summary.configurations
    )
    names = [entry.name for entry in PageContext(replace(summary, configurations=twins)).index.entries]
    assert len(set(names)) == len(names) == 3
    assert sum(name.startswith("no. 1 (") for name in names) == 2


def test_reasons_for_a_missing_score(fresh: Made) -> None:
    made = fresh("two stages")
    made.finish(made.configuration({LR: 0.011}), 0.5, cells=made.cells[1:2])
    lost = made.configuration({LR: 0.012})
    made.fail(lost, "\n  worker gone \nmore", kind=WORKER_LOST, cell=made.cells[2])
    made.fail(made.configuration({LR: 0.013}), "x" * 999)
    damaged = made.finish(made.configuration({LR: 0.014}), 0.5)
    key = made.key(damaged, "sorter", made.cells[1])
    (made.folder / "stages" / f"{key}.safetensors").write_bytes(b"torn")
    rows = list(Answer(PageContext(made.summary()), "better").table("Failed: ").values())
    assert [row["State"] for row in rows] == ["open", "open", "failed", "open"]
    assert rows[0]["Why"] == "Not finished: folds 0 and 2."
    assert rows[0]["Folds"] == "1 of 3"
    assert rows[1]["Why"].splitlines()[0].strip() == f"Fold 2: {WORKER_LOST}: worker gone"
    assert rows[1]["Why"].splitlines()[1] == "Not finished: folds 0, 1 and 2."
    assert rows[2]["Why"].endswith("x…")
    assert len(rows[2]["Why"]) < 300
    assert rows[3]["Why"].startswith("A stage record is missing or damaged: fold 1.")


# Differences


def made_scores(cells: CellWords, cell_scores: tuple[float, ...]) -> Scores:
    best = AlternativeScores({}, {}, fmean(cell_scores), cell_scores)
    return Scores("macro_f1", cells.cells[: len(cell_scores)], (best,), best.score, {})


@pytest.fixture
def folds(page_of: PageOf) -> CellWords:
    return page_of("two stages").cells


def between(folds: CellWords, ours: tuple[float, ...], theirs: tuple[float, ...], metric: str) -> CellDifference | None:
    first, second = made_scores(folds, ours), made_scores(folds, theirs)
    return cell_difference(first, second, folds, metric_named(metric))


def test_differences_are_paired_by_hand(folds: CellWords) -> None:
    found = between(folds, (0.50, 0.60, 0.70), (0.49, 0.57, 0.69), "macro_f1")
    assert found is not None
    deltas = [0.01, 0.03, 0.01]
    assert found.mean == pytest.approx(fmean(deltas))
    assert found.standard_error == pytest.approx(stdev(deltas) / 3**0.5)
    assert found.better_in == 3
    assert found.text == "+1.7 ± 0.7"


@pytest.mark.parametrize(
    ("metric", "other", "verdict", "said"),
    [
        ("macro_f1", (0.40, 0.50, 0.60), "better", "excludes zero"),
        ("macro_f1", (0.60, 0.70, 0.80), "worse", "other side of zero"),
        ("macro_f1", (0.45, 0.65, 0.69), "within", "cannot tell the two apart, which does not make them equal"),
        ("macro_f1", (0.48, 0.60, 0.67), "within", "does not make them equal."),
        ("mae", (0.40, 0.50, 0.60), "worse", "other side of zero"),
        ("mae", (0.60, 0.70, 0.80), "better", "excludes zero"),
    ],
)
def test_the_sentence_claims_no_more_than_the_interval(
    folds: CellWords, metric: str, other: tuple[float, ...], verdict: str, said: str
) -> None:
    found = between(folds, (0.501, 0.599, 0.702), other, metric)
    assert found is not None
    assert found.verdict == verdict
    sentences = winner_sentences(found, 7, "as given", folds)
    assert said in sentences[1]
    assert "best of 7 scores" in sentences[2]
    assert ("keeps the configuration as given" in sentences[1]) == (verdict == "within" and found.is_within_error)
    assert ("F1 points" in sentences[0]) == (metric == "macro_f1")


def test_one_cell_in_common_is_no_difference(folds: CellWords) -> None:
    assert between(folds, (0.5,), (0.5, 0.6, 0.7), "macro_f1") is None
    assert between(folds, (0.5, 0.6), (0.5, 0.6, 0.7), "macro_f1") is not None
