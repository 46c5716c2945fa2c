"""The page as a reader has it: Chromium, a file:// path, no network, light and dark, wide and narrow."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.support.ui import Select, WebDriverWait

from tests.e2e.browser import NARROW, WIDE, Page, opened_browser
from tests.e2e.conftest import Searched
from tests.report.shapes import SHAPES
from tests.store.made_recipes import TWO_STAGES, recipe_of
from tests.store.made_store import made_store
from tune_polar.report.page import html_of
from tune_polar.report.page_context import PageContext, PageOptions

pytestmark = pytest.mark.e2e

HOSTILE = "<script>document.title='owned'</script>\"'&`😀\u202eevil\u2066"
RANGE = {"type": "float", "low": 0.0001, "high": 0.1, "log": True}
LR = "sorter.optimizer.lr"
ALWAYS = {"use", "believe", "better", "training", "cost", "provenance"}
# Of a search of two stages whose vote lets the labels' thresholds decide.
GATED = ALWAYS | {"why", "matters", "sensitive", "votes", "thresholds", "pipeline", "confusion"}


def tune_polar(folder: Path, *words: str) -> None:
    """The command of this checkout."""
    program = "import sys; from tune_polar.cli.main import main; sys.exit(main())"
    done = subprocess.run(
        [sys.executable, "-c", program, *words],
        cwd=folder,
        env=os.environ | {"HF_HUB_OFFLINE": "1"},
        capture_output=True,
        text=True,
        timeout=400,
        check=False,
    )
    assert done.returncode in (0, 1), done.stderr


def merged(folder: Path) -> None:
    for name, rate in (("a", 0.01), ("b", 0.02)):
        made = made_store(folder / name, recipe_of(TWO_STAGES), space={LR: RANGE})
        made.finish(made.configuration("published"), 0.4)
        made.finish(made.configuration({LR: rate}), 0.6)
    tune_polar(folder, "merge", "a", "b", "-o", "store")


def running(folder: Path) -> None:
    made = made_store(folder / "store", recipe_of(TWO_STAGES), trials=5)
    made.finish(made.configuration("published"), 0.5)
    made.finish(made.configuration({LR: 0.01}), 0.6, cells=made.cells[1:2])
    made.configuration({LR: 0.02})


def hostile(folder: Path) -> None:
    labels = [HOSTILE, "刻板印象", "كراهية"]
    sorter = {**TWO_STAGES["stages"]["sorter"], "task": {"type": "multilabel", "targets": labels}}
    values = {
        **TWO_STAGES,
        "description": HOSTILE,
        "data": {"labels": ["hurt", *labels]},
        "stages": {**TWO_STAGES["stages"], "sorter": sorter},
    }
    made = made_store(folder / "store", recipe_of(values), command=HOSTILE, created=HOSTILE)
    made.finish(made.configuration("published"), 0.4)
    made.finish(made.configuration({LR: 0.01}, origin=f"ablation:{HOSTILE}"), 0.7)
    made.fail(made.configuration({LR: 0.5}), HOSTILE, kind=HOSTILE)


def many(folder: Path) -> None:
    """Enough configurations for importances and curves."""
    made = made_store(folder / "store", recipe_of(TWO_STAGES), space={LR: RANGE}, trials=24)
    made.finish(made.configuration("published"), 0.3)
    for place in range(23):
        made.finish(made.configuration({LR: 0.0001 * 1000 ** (place / 22)}), 0.2 + place / 40)


FINISHED = "finished"  # a real search of the sample texts, and the page that it wrote itself
VARIANTS = {make.__name__: make for make in (running, merged, hostile, many)}
# What a page must bear beside them; of each other shape tests/report asks for every section.
SHAPED = (
    "one configuration",
    "all failed",
    "rich",
    "two seeds",
    "three classes",
    "regression",
    "five labels",
    "per language",
)


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Page]:
    with opened_browser(tmp_path_factory.mktemp("profile")) as page:
        yield page


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory, searched: Searched) -> Callable[[str], Path]:
    """The page of a variant, built once."""
    pages = {FINISHED: searched.folder / "store/report.html"}

    def build(name: str) -> Path:
        if name not in pages:
            folder = tmp_path_factory.mktemp(name.replace(" ", "-"))
            if name in VARIANTS:
                VARIANTS[name](folder)
            else:
                SHAPES[name](folder / "store")
            tune_polar(folder, "report", "store")
            pages[name] = folder / "store/report.html"
        return pages[name]

    return build


def check(page: Page) -> None:
    """Nothing to complain of, nothing wider than the window, nothing that shuts a reader out."""
    assert page.complaints() == []
    assert page.run("return document.documentElement.scrollWidth <= innerWidth")
    assert page.violations() == []


@pytest.mark.parametrize("name", [FINISHED, *VARIANTS, *SHAPED])
def test_every_section_is_there_in_both_themes_and_widths(
    browser: Page, built: Callable[[str], Path], name: str
) -> None:
    path = built(name)
    looks = ((False, WIDE), (True, NARROW), (True, WIDE), (False, NARROW))
    for dark, width in looks if name in (FINISHED, "hostile") else looks[:2]:
        browser.show(path, dark=dark, width=width)
        shown = browser.run(
            "return [...document.querySelectorAll('main > section')].map((s) => [s.id, s.innerText.length > 40])"
        )
        linked = browser.run("return [...document.querySelectorAll('nav a')].map((a) => a.hash.slice(1))")
        assert shown == [[section, True] for section in linked]
        assert set(linked) >= (GATED if name == FINISHED else ALWAYS)
        check(browser)
        if width == WIDE:
            browser.run("for (const details of document.querySelectorAll('details')) details.open = true")
            assert browser.violations() == [], "with everything unfolded"
        assert browser.driver.title.endswith("· tune-polar"), "no text of the data has run"


def test_a_configuration_is_followed_through_all_sections(browser: Page, built: Callable[[str], Path]) -> None:
    browser.show(built("many"))
    follow = browser.driver.find_element(By.ID, "follow")
    follow.send_keys(Keys.ARROW_DOWN)
    Select(follow).select_by_value("5")
    picked = "return [...new Set([...document.querySelectorAll('.picked')].map((e) => e.closest('section').id))]"
    assert browser.run(picked) == ["better", "sensitive", "cost", "provenance"]
    assert f"{LR} = " in browser.driver.find_element(By.ID, "followed").text
    assert browser.run("return [...document.querySelectorAll('.picked')].every((e) => e.dataset.c === '5')")
    browser.driver.find_element(By.TAG_NAME, "body").send_keys(Keys.ESCAPE)
    assert browser.run("return document.querySelectorAll('.picked').length") == 0

    browser.run(
        "document.querySelector('#sensitive [data-c=\"7\"]').dispatchEvent(new MouseEvent('click', {bubbles: true}))"
    )
    assert browser.run("return document.querySelector('#better tr.picked').dataset.c") == "7"
    assert browser.run("return document.getElementById('follow').value") == "7"
    assert browser.violations() == [], "with a configuration followed"
    assert browser.complaints() == []


@pytest.mark.parametrize(
    ("asked", "fits"),
    [
        ("published", lambda row: row[0] == "published"),
        ("lr>=0.01", lambda row: float(row[4]) >= 0.01),
        ("lr<0.01 no.", lambda row: float(row[4]) < 0.01 and row[0] != "published"),
        ("nothing-like-it", lambda row: False),
    ],
)
def test_the_filter_leaves_what_was_asked_for(
    browser: Page, built: Callable[[str], Path], asked: str, fits: Callable[[list[str]], bool]
) -> None:
    browser.show(built("many"))
    field = browser.driver.find_element(By.ID, "filter")
    field.clear()
    field.send_keys(asked)
    rows = browser.run("return JSON.parse(document.getElementById('configurations-data').textContent).rows")
    wanted = sorted(str(place) for place, row in enumerate(rows) if fits(row))
    shown = browser.run(
        "return [...document.querySelectorAll('#better .scores tbody tr')]"
        ".filter((row) => getComputedStyle(row).display !== 'none').map((row) => row.dataset.c)"
    )
    assert sorted(shown) == wanted
    assert browser.driver.find_element(By.ID, "filter-said").text == f"{len(wanted)} of {len(rows)} shown"
    dimmed = "return document.querySelectorAll('#sensitive svg [data-c].out').length"
    assert browser.run(dimmed) == len(rows) - len(wanted)


def test_the_settings_can_be_copied(browser: Page, built: Callable[[str], Path]) -> None:
    browser.show(built("one configuration"))
    browser.run("for (const details of document.querySelectorAll('details')) details.open = true")
    browser.driver.find_element(By.CSS_SELECTOR, ".copy").click()
    browser.driver.implicitly_wait(2)
    assert browser.driver.find_element(By.CSS_SELECTOR, ".copied").text.startswith(("Copied", "Selected"))


def test_the_keyboard_reaches_what_the_mouse_does(browser: Page, built: Callable[[str], Path]) -> None:
    browser.show(built("one configuration"))
    reached = []
    for _ in range(24):
        browser.driver.switch_to.active_element.send_keys(Keys.TAB)
        reached.append(browser.run("return document.activeElement.id || document.activeElement.className"))
    assert reached[0] == "skip"
    assert {"follow", "filter", "scroll"} <= set(reached)


def test_without_a_script_everything_is_said(browser: Page, built: Callable[[str], Path]) -> None:
    browser.show(built("many"), script=False)
    try:
        shown = browser.driver.find_element(By.TAG_NAME, "main").text
        assert ". Where does this come from?" in shown
        assert not browser.driver.find_element(By.CSS_SELECTOR, ".tools").is_displayed()
        assert not browser.driver.find_element(By.CSS_SELECTOR, ".copy").is_displayed()
    finally:
        browser.driver.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": False})


def test_several_stores_make_a_comparison(browser: Page, built: Callable[[str], Path], tmp_path: Path) -> None:
    stores = [str(built(name).parent) for name in ("one configuration", "many", "all failed")]
    tune_polar(tmp_path, "report", *stores, "-o", "both.html")
    for dark, width in ((False, WIDE), (True, NARROW)):
        browser.show(tmp_path / "both.html", dark=dark, width=width)
        check(browser)


@pytest.mark.shared
def test_a_page_of_predictions_alone_says_what_it_cannot(browser: Page, shared_dir: Path, tmp_path: Path) -> None:
    predictions = shared_dir / "data/smash/st3/eng.csv.gz"
    tune_polar(tmp_path, "decide", str(predictions), "--rounds", "100", "-o", "thresholds.html")
    for dark, width in ((False, WIDE), (True, NARROW)):
        browser.show(tmp_path / "thresholds.html", dark=dark, width=width)
        text = browser.driver.find_element(By.TAG_NAME, "main").text
        assert "Selected configuration" in text
        assert "What this page cannot say" in text
        check(browser)


def test_a_thousand_configurations_make_a_page_that_can_be_used(browser: Page, tmp_path: Path) -> None:
    benchmark = Path(__file__).resolve().parents[2] / "benchmarks/page_scale.py"
    path = tmp_path / "page.html"
    done = subprocess.run(
        [sys.executable, str(benchmark), "--page", str(path)], capture_output=True, text=True, timeout=500, check=False
    )
    print(done.stdout)
    assert done.returncode in (0, 1), done.stderr  # 1: slower than its target, as a busy machine may be
    assert path.stat().st_size < 5e6
    assert "1,000 configurations × 5 folds" in done.stdout
    for dark, width in ((False, WIDE), (True, NARROW)):
        browser.show(path, dark=dark, width=width)
        # axe looks at each of twenty thousand marks and rows; the first of each kind stand for the others.
        browser.run(
            "for (const e of document.querySelectorAll("
            "'svg [data-c], tbody tr:nth-child(n+12), #follow option:nth-child(n+12)')) e.remove()"
        )
        check(browser)
    browser.show(path)
    browser.driver.find_element(By.ID, "filter").send_keys("classifier.start=null")
    said = browser.driver.find_element(By.ID, "filter-said").text
    assert said.endswith(" of 1000 shown")
    assert 300 < int(said.split()[0]) < 700


def test_a_watched_page_reads_itself_anew_and_keeps_what_is_followed(browser: Page, tmp_path: Path) -> None:
    made = made_store(tmp_path / "store", recipe_of(TWO_STAGES), trials=5)
    made.finish(made.configuration("published"), 0.5)
    path = tmp_path / "page.html"
    path.write_text(html_of(PageContext(made.summary(), PageOptions(reload_seconds=1))), encoding="utf-8")
    made.finish(made.configuration({LR: 0.01}), 0.9)
    later = html_of(PageContext(made.summary()))
    browser.show(path)
    Select(browser.driver.find_element(By.ID, "follow")).select_by_value("0")
    path.write_text(later, encoding="utf-8")
    # It may have read the old page anew before.
    WebDriverWait(browser.driver, 20).until(
        lambda _: browser.run("return document.querySelectorAll('#follow option').length") == 3
    )
    assert browser.run("return document.getElementById('follow').value") == "1", "its rank has changed"
    assert browser.run("return document.querySelector('#better tr.picked').className").startswith("reference")
    assert browser.complaints() == []


@pytest.mark.parametrize(("ci", "ends"), [("true", pytest.fail.Exception), ("", pytest.skip.Exception)])
def test_without_a_browser_ci_fails_and_others_are_told(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, ci: str, ends: type[BaseException]
) -> None:
    monkeypatch.setenv("CI", ci)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(ends, match="chromium and chromedriver must be installed"), opened_browser(tmp_path):
        pass
