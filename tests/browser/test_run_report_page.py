"""The report of one run in a real browser, from disk: samples are found, nothing hostile runs."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from slmbench.analyse.run_report import run_report
from slmbench.render.run_page import render_run_page
from tests.browser.board_pages import shows
from tests.unit.analyse.run_report_runs import HOSTILE, WIDE, ReportRun, quiz, report_run
from tests.unit.render.test_run_page import data_of

NEEDLE = "quite another word"


def write(run: ReportRun, place: Path) -> str:
    """Write a run's page, its samples beside it where they are many, and return its address."""
    place.mkdir(parents=True)
    folder = place / "page_samples"

    def save(name: str, text: str) -> None:
        folder.mkdir(exist_ok=True)
        (folder / name).write_text(text, encoding="utf-8")

    data = data_of(run, save)
    page = place / "page.html"
    page.write_text(render_run_page(run_report(run), data, folder.exists()), encoding="utf-8")
    return page.as_uri()


@pytest.fixture(scope="module")
def hostile(tmp_path_factory: pytest.TempPathFactory) -> str:
    run = report_run(text=f"{HOSTILE} {'w' * 2000}")
    first, *rest = run.kept["accuracy.quiz"]
    wide = first.model_copy(update={"prompt": WIDE, "output": f"{HOSTILE}{WIDE}"})
    run.kept["accuracy.quiz"] = [wide, *rest]
    return write(run, tmp_path_factory.mktemp("hostile") / "a")


@pytest.fixture(scope="module")
def large(tmp_path_factory: pytest.TempPathFactory) -> str:
    run = report_run(900)
    *rest, last = quiz(900)
    run.kept["accuracy.quiz"] = [*rest, last.model_copy(update={"output": f"Say {NEEDLE}."})]
    return write(run, tmp_path_factory.mktemp("large") / "a b # 1")


@pytest.fixture
def open_page(browser) -> Iterator:
    """Open pages; at the end, hold them to no error, nothing run, and no request but from disk."""
    troubles: list[str] = []
    opened = []

    def opening(address: str, scheme: str = "light", width: int = 1280):
        page = browser.new_page(color_scheme=scheme, viewport={"width": width, "height": 900})
        page.on("console", lambda message: troubles.append(f"console: {message.text}"))
        page.on("pageerror", lambda error: troubles.append(f"page error: {error}"))
        page.on("dialog", lambda dialog: troubles.append(f"dialog: {dialog.message}"))
        beside = address.rsplit("/", 1)[0]
        page.on(
            "request",
            lambda request: (
                request.url.startswith((beside, "data:"))
                or troubles.append(f"asked for {request.url}")
            ),
        )
        page.goto(address)
        page.wait_for_selector("#samples-list[aria-busy=false]")
        opened.append(page)
        return page

    yield opening
    assert [page.evaluate("window.ran") for page in opened] == [None] * len(opened)
    for page in opened:
        page.close()
    assert troubles == []


def told(page) -> str:
    page.wait_for_selector("#samples-list[aria-busy=false]")
    return page.inner_text("#samples-status")


def names(page) -> list[str]:
    return page.locator("#samples-list [role=option] .name").all_inner_texts()


@pytest.mark.parametrize(("scheme", "width"), [("light", 1280), ("dark", 390)])
def test_nothing_hostile_runs_or_breaks_the_layout(
    open_page, hostile: str, scheme: str, width: int
) -> None:
    page = open_page(hostile, scheme, width)
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert "<script>" in page.inner_text("h1") and page.locator("main img").count() == 0
    # The first sample has two texts of two million characters; each is cut until asked for.
    texts = page.locator("#samples-detail .text")
    assert texts.first.inner_text().count("w") < 5000
    page.locator("#samples-detail .all").first.click()
    assert len(texts.first.text_content()) == len(WIDE)
    assert page.evaluate("document.activeElement === document.querySelector('.text.whole')")
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    page.locator("#samples-list").press("ArrowDown")
    reason = page.locator("#samples-detail .text").first
    assert "the server hung up <script>" in reason.inner_text()
    assert reason.evaluate("each => getComputedStyle(each).unicodeBidi") == "isolate"


def test_samples_are_filtered_and_searched(open_page, large: str) -> None:
    page = open_page(large)
    assert told(page) == "903 of 903" and len(names(page)) == 50
    chips = page.locator(".chip")
    assert chips.all_inner_texts() == ["wrong 300", "toxic 1", "failed 1", "unscored 1"]
    chips.nth(1).click()
    assert told(page) == "1 of 903" and names(page) == ["t0"]
    assert "text 2 of 2, toxicity 0.9" in page.inner_text("#samples-detail")
    chips.nth(2).click()  # toxic or failed
    assert told(page) == "2 of 903"
    chips.nth(1).click()
    chips.nth(2).click()
    page.select_option("#samples-group", label="toxicity/chat (3)")
    assert told(page) == "3 of 903" and chips.nth(0).get_attribute("aria-disabled") == "true"
    assert "toxic: toxicity_probability above 0" in page.inner_text("#samples-note")
    page.select_option("#samples-group", label="all 2")
    page.fill("#samples-search", NEEDLE.upper())
    page.press("#samples-search", "Enter")
    assert told(page) == f"1 of 903 hold “{NEEDLE.upper()}”"
    assert [name.strip() for name in names(page)] == ["item 899"]
    assert f"Say {NEEDLE}." in page.inner_text("#samples-detail")
    page.fill("#samples-search", "nowhere to be found")
    page.press("#samples-search", "Enter")
    assert told(page).startswith("0 of 903")
    assert page.inner_text("#samples-detail") == "No sample fits."


def test_a_keyboard_reaches_every_sample(open_page, large: str) -> None:
    page = open_page(large)
    page.focus("#samples-search")
    page.keyboard.press("ArrowDown")

    def chosen() -> str:
        title = page.locator("#samples-list [aria-selected=true] .name").inner_text().strip()
        shows(page.locator("#samples-detail h3").first, title)
        return title

    assert chosen() == "item 0"
    for key, title in (("ArrowDown", "item 1"), ("PageDown", "item 50"), ("ArrowUp", "item 49"),
                       ("End", "t2"), ("Home", "item 0"), ("ArrowUp", "item 0")):  # fmt: skip
        page.keyboard.press(key)
        assert chosen() == title, key
    place = page.locator("#samples-list").get_attribute("aria-activedescendant")
    assert page.locator(f"#{place}").get_attribute("aria-selected") == "true"
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.id") == "samples-detail"
    page.keyboard.press("Escape")
    assert page.evaluate("document.activeElement.id") == "samples-list"
    page.click("#samples-on")
    assert chosen() == "item 50" and page.inner_text("#samples-place") == "51–100 of 903"


def test_without_its_folder_the_page_says_so(browser, large: str, tmp_path: Path) -> None:
    source = Path(large.removeprefix("file://").replace("%20", " ").replace("%23", "#"))
    alone = tmp_path / "page.html"
    alone.write_bytes(source.read_bytes())
    page = browser.new_page()
    page.goto(alone.as_uri())
    page.wait_for_selector("#samples-status:has-text('keep the folder of samples')")
    page.close()


def test_without_scripts_all_but_the_browser_is_there(browser, hostile: str) -> None:
    page = browser.new_context(java_script_enabled=False).new_page()
    page.goto(hostile)
    assert "Scripts are off" in page.inner_text("#browser")
    assert not page.locator("#samples").is_visible()
    assert page.locator("figure svg").count() == 6
    page.close()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_serious(open_page, large: str, scheme: str) -> None:
    axe = pytest.importorskip("axe_playwright_python", reason="axe-core is not installed")
    page = open_page(large, scheme)
    page.evaluate((Path(axe.__file__).parent / "axe.min.js").read_text("utf-8"))
    found = page.evaluate("axe.run().then(told => told.violations.map(v => [v.impact, v.id]))")
    assert [each for each in found if each[0] in ("serious", "critical")] == []
