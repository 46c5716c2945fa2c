"""Page, end of a search, `status` and its JSON, and the winner's file give the same numbers of one store."""

from __future__ import annotations

import html
import io
import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.store.made_recipes import one_vote, regression, three_classes, two_stages
from tests.store.made_store import MadeStore, made_store
from tune_polar.api.consoles import VisibleConsole
from tune_polar.cli.ending import print_ending
from tune_polar.recipe.recipe import Recipe
from tune_polar.report.reading import READ_IN_FULL, summary_for_page

Run = Callable[..., Any]


def made(folder: Path, recipe: Recipe, configurations: int) -> MadeStore:
    """So many finished configurations, the better the later, and the recipe itself."""
    store = made_store(folder, recipe, trials=configurations + 1)
    store.finish(store.configuration("as given"), skill=0.4)
    key = f"{next(iter(recipe.stages))}.optimizer.lr"
    for place in range(configurations):
        share = place / configurations
        store.finish(store.configuration({key: 0.0001 * 1000**share}), skill=0.3 + 0.4 * share)
    return store


def text_of(page: str) -> str:
    """What a reader sees of a page, in one line."""
    without = re.sub(r"<(script|style).*?</\1>", " ", page, flags=re.DOTALL)
    return " ".join(html.unescape(re.sub(r"<[^>]+>", "", re.sub(r"</t[dh]>|</p>|</li>", " ", without))).split())


def end_of_search(store: MadeStore) -> str:
    """What its end prints, in one line; printed of what a search reads when it ends."""
    console = VisibleConsole(width=140, record=True, file=io.StringIO())
    print_ending(console, summary_for_page(store.store), None, None)
    return " ".join(console.export_text().split())


def is_rounded(shown: str, number: float) -> bool:
    """Whether ``shown`` is the number with fewer digits."""
    digits = len(shown.partition(".")[2])
    return abs(float(shown.replace("−", "-")) - number) <= 0.5000001 * 10.0**-digits


SAID = (
    r"rows like these it will score (−?\d+\.\d+) to (−?\d+\.\d+), in nine cases of ten \(90% prediction interval",
    r"it scores (−?\d+\.\d+) \(90% interval of the expectation (−?\d+\.\d+) to (−?\d+\.\d+)\)",
    r"The best score as measured is (−?\d+\.\d+)\. Corrected .* it is (−?\d+\.\d+)\. ?",
)


@pytest.mark.parametrize(
    ("recipe", "configurations"), [(two_stages, 2), (one_vote, 2), (three_classes, 2), (regression, READ_IN_FULL + 4)]
)
def test_page_terminal_and_json_agree(
    run: Run, tmp_path: Path, recipe: Callable[[], Recipe], configurations: int
) -> None:
    store = made(tmp_path / "store", recipe(), configurations)
    told = json.loads(run("status", "store", "--json").out)
    assert run("report", "store", "-o", "page.html").code == 0
    texts = [text_of((tmp_path / "page.html").read_text()), end_of_search(store)]

    next_rows, expected, correction = (tuple(_only(pattern, text) for text in texts) for pattern in SAID)
    ahead, corrected = told["ahead"], told["correction"]
    interval, expectation = ahead["prediction"][0], ahead["expectation"][0]
    assert interval["level"] == expectation["level"] == 0.9
    for said, numbers in (
        (next_rows, (interval["low"], interval["high"])),
        (expected, (ahead["estimate"], expectation["low"], expectation["high"])),
        (correction, (corrected["raw_best"], corrected["corrected"])),
    ):
        assert said[0] == said[1], "the page and the terminal say the same"
        assert all(map(is_rounded, said[0], numbers)), "and so does the JSON"
    best = next(each for each in told["configurations"] if each["id"] == told["best"])
    assert best["score"] == pytest.approx(corrected["raw_best"], abs=1e-12)
    (score,) = _only(rf"\b{best['id'][:8]} [a-z ]+ (−?\d+\.\d+) ±", " ".join(run("status", "store").out.split()))
    assert is_rounded(score, best["score"])
    assert score in texts[0]
    assert score in texts[1]
    ensembles = told["ensemble"].get("ensembles", [])
    for gain in (each["gain"] for each in ensembles if each["kind"] == "greedy"):
        said = [_only(r"An ensemble (?:of|is)[^:]*: ([+−]\d+\.?\d*)", text)[0] for text in texts]
        assert said[0] == said[1]
        assert is_rounded(said[0].replace("+", ""), gain * told["metric"]["factor"])


def _only(pattern: str, text: str) -> tuple[str, ...]:
    found = re.search(pattern, text)
    assert found is not None, (pattern, text)
    return found.groups()
