"""The page in a real browser: it works, it is quiet, and it asks no network."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from slmbench.analyse.board import board
from slmbench.render.leaderboard import render_leaderboard
from tests.unit.render.board_records import family, record

playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
CHROMIUM = os.environ.get("SLMBENCH_CHROMIUM") or shutil.which("chromium")
MEAN, NAMES = 1, 0

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(
        CHROMIUM is None, reason="no chromium on PATH and SLMBENCH_CHROMIUM is not set"
    ),
]


@pytest.fixture(scope="module")
def browser() -> Iterator:
    with playwright.sync_playwright() as driver:
        chromium = driver.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield chromium
        chromium.close()


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> str:
    path: Path = tmp_path_factory.mktemp("board") / "leaderboard.html"
    path.write_text(render_leaderboard(board(family())), encoding="utf-8")
    return path.as_uri()


@pytest.fixture(params=["light", "dark"])
def page(browser, address: str, request: pytest.FixtureRequest) -> Iterator:
    """Open the page; at the end, hold it to no error and no request but for itself."""
    opened = browser.new_page(color_scheme=request.param, viewport={"width": 1280, "height": 900})
    troubles: list[str] = []
    asked: list[str] = []
    opened.on("console", lambda message: troubles.append(f"console: {message.text}"))
    opened.on("pageerror", lambda error: troubles.append(f"page error: {error}"))
    opened.on("request", lambda request: asked.append(request.url))
    opened.goto(address)
    yield opened
    opened.close()
    assert troubles == []
    assert [url for url in asked if not url.startswith("data:")] == [address]


def names(page) -> list[str]:
    return page.locator("#board tbody tr:visible .name").all_inner_texts()


def numbers(page, position: int) -> list[float | None]:
    return page.evaluate(
        "position => Array.from(document.querySelectorAll('#board tbody tr')).map(row => {"
        "const text = row.cells[position].dataset.sort;"
        "return text === undefined ? null : Number(text); })",
        position,
    )


def column_of(page, path: str) -> int:
    paths = [f"{c.task}/{c.metric}" for c in board(family()).columns]
    return paths.index(path) + 1


def sort_by(page, position: int) -> str:
    head = page.locator("#board th[aria-sort]").nth(position)
    head.locator("button").click()
    return head.get_attribute("aria-sort")


def test_every_model_and_every_suite_is_visible(page) -> None:
    assert sorted(names(page)) == sorted(one.model.name for one in family())
    suites = page.locator("#board .suites th[data-suite]").all_inner_texts()
    wanted = ["accuracy", "toxicity", "similarity", "latency", "energy", "memory"]
    assert [suite.lower() for suite in suites] == wanted


def test_numbers_sort_both_ways_with_absent_ones_last(page) -> None:
    position = column_of(page, "summary/tpot_s")
    assert sort_by(page, position) == "ascending"
    up = numbers(page, position)
    assert up[:-1] == sorted(up[:-1]) and up[-1] is None
    assert sort_by(page, position) == "descending"
    down = numbers(page, position)
    assert down[:-1] == sorted(down[:-1], reverse=True) and down[-1] is None


def test_where_higher_is_better_the_first_click_puts_the_highest_first(page) -> None:
    assert sort_by(page, column_of(page, "arc_easy/acc_norm")) == "descending"


def test_names_sort_both_ways_and_by_keyboard(page) -> None:
    page.locator("#board .corner button").focus()
    page.keyboard.press("Enter")
    up = names(page)
    assert up == sorted(up, key=str.lower)
    page.keyboard.press("Space")
    assert names(page) == up[::-1]
    assert page.locator("#board th[aria-sort=descending]").count() == 1


def test_the_filter_keeps_matching_models(page) -> None:
    page.fill("#filter", "QWEN")
    assert len(names(page)) == 3
    assert all("Qwen" in name for name in names(page))
    assert page.inner_text("#count") == "3 of 12 shown"
    page.fill("#filter", "no such model")
    assert names(page) == []
    page.fill("#filter", "")
    assert len(names(page)) == 12


def test_a_suite_can_be_hidden_and_shown_again(page) -> None:
    chip = page.locator(".chip", has_text="latency")
    before = page.locator("#board td:visible").count()
    chip.click()
    assert chip.get_attribute("aria-pressed") == "false"
    assert page.locator("#board td:visible").count() == before - 12 * 8
    chip.click()
    assert page.locator("#board td:visible").count() == before


def test_the_axis_switches_the_picture(page) -> None:
    options = page.locator("#axis option").all()
    assert len(options) == 5
    for option in options:
        page.select_option("#axis", option.get_attribute("value"))
        shown = page.locator("figure.picture:visible")
        assert shown.count() == 1
        assert shown.get_attribute("id") == option.get_attribute("value")
        assert shown.locator("svg.wide circle").count() >= 11


def test_labels_of_a_picture_do_not_overlap_in_the_browsers_own_font(page) -> None:
    boxes = [label.bounding_box() for label in page.locator("svg.wide:visible .label").all()]
    assert len(boxes) == 12
    for index, one in enumerate(boxes):
        for other in boxes[:index]:
            apart = (
                one["x"] + one["width"] <= other["x"]
                or other["x"] + other["width"] <= one["x"]
                or one["y"] + one["height"] <= other["y"] + 3
                or other["y"] + other["height"] <= one["y"] + 3
            )
            assert apart, (one, other)


def test_an_absent_cell_tells_its_reason_on_hover_and_on_focus(page) -> None:
    absent = page.locator("#board td.absent").first
    for reach in (absent.hover, absent.focus):
        page.mouse.move(0, 0)
        reach()
        assert page.locator(".tip").is_visible()
        assert page.inner_text(".tip").strip() in absent.inner_text()
        page.keyboard.press("Escape")
        assert not page.locator(".tip").is_visible()


def test_arrow_keys_move_between_cells(page) -> None:
    page.locator("#board tbody [tabindex='0']").focus()
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowDown")
    place = page.evaluate(
        "[document.activeElement.parentElement.sectionRowIndex, document.activeElement.cellIndex]"
    )
    assert place == [1, 1]


def test_the_head_and_the_first_column_stay_in_sight(page) -> None:
    page.evaluate("document.querySelector('.scroll').scrollTo(900, 200)")
    corner = page.locator("#board .corner").bounding_box()
    frame = page.locator(".scroll").bounding_box()
    assert abs(corner["x"] - frame["x"]) < 3
    assert abs(corner["y"] - frame["y"]) < 3


def test_a_phone_has_no_sideways_scroll_and_a_picture_of_its_own(page) -> None:
    page.set_viewport_size({"width": 360, "height": 740})
    assert page.evaluate("document.documentElement.scrollWidth") <= 360
    assert page.locator("svg.narrow:visible").count() == 1
    assert page.locator("svg.wide:visible").count() == 0


def test_dark_and_light_differ(browser, address: str) -> None:
    grounds = set()
    for scheme in ("light", "dark"):
        opened = browser.new_page(color_scheme=scheme)
        opened.goto(address)
        grounds.add(opened.evaluate("getComputedStyle(document.body).backgroundColor"))
        opened.close()
    assert len(grounds) == 2


def test_without_javascript_the_first_picture_and_all_numbers_are_there(browser, address) -> None:
    context = browser.new_context(java_script_enabled=False)
    opened = context.new_page()
    opened.goto(address)
    assert opened.locator("figure.picture:visible").count() == 1
    assert opened.locator("#board tbody tr:visible").count() == 12
    assert not opened.locator("#filter").is_visible()
    context.close()


def test_an_empty_and_a_hostile_board_run_without_an_error(browser, tmp_path: Path) -> None:
    hostile = record("<img src=x onerror=alert(1)>", status="running")
    for number, records in enumerate(([], [hostile])):
        path = tmp_path / f"{number}.html"
        path.write_text(render_leaderboard(board(records)), encoding="utf-8")
        opened = browser.new_page()
        troubles: list[str] = []
        opened.on("pageerror", lambda error, seen=troubles: seen.append(str(error)))
        opened.on("dialog", lambda dialog, seen=troubles: seen.append(dialog.message))
        opened.goto(path.as_uri())
        opened.fill("#filter", "x")
        opened.close()
        assert troubles == []
