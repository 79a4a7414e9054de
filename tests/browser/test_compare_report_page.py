"""The page of a comparison in a real browser: quiet, no network, readable in both schemes."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from slmbench.render.compare_page import render_compare_page
from tests.browser.board_pages import shows
from tests.unit.render.compare_page_runs import HOSTILE, pair


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> str:
    path: Path = tmp_path_factory.mktemp("compare") / "report.html"
    path.write_text(render_compare_page(*pair()), encoding="utf-8")
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
    opened.on("dialog", lambda dialog: troubles.append(f"dialog: {dialog.message}"))
    opened.goto(address)
    yield opened
    opened.close()
    assert troubles == []
    assert [url for url in asked if not url.startswith("data:")] == [address]


def test_pictures_are_seen_and_drawn_in_the_schemes_colours(page) -> None:
    pictures = page.locator("figure svg")
    assert pictures.count() == 4
    ink = page.evaluate("getComputedStyle(document.body).color")
    for picture in pictures.all():
        box = picture.bounding_box()
        assert box["width"] > 400 and box["height"] > 40
    label = page.locator("figure svg text", has_text="accuracy/quiz/acc").first
    assert label.evaluate("each => getComputedStyle(each).fill") == ink
    # What is drawn stays inside its picture.
    frame, text = pictures.first.bounding_box(), label.bounding_box()
    assert frame["x"] <= text["x"] and text["x"] + text["width"] <= frame["x"] + frame["width"]


def test_flips_have_a_browser(page) -> None:
    page.wait_for_selector("#samples-list[aria-busy=false]")
    assert page.inner_text("#samples-status") == "30 of 30"
    lost, gained = page.locator(".chip").all()
    assert lost.inner_text() == "correct to wrong 30" and gained.inner_text().endswith(" 0")
    page.focus("#samples-list")
    page.keyboard.press("ArrowDown")
    shown = page.locator("#samples-detail")
    name = page.locator("#samples-list .name").nth(1).inner_text()
    shows(shown.locator("h3").first, name)
    assert "<script>" in shown.inner_text() and shown.locator("script").count() == 0
    for word in ("asked", "target", "baseline", "candidate"):
        assert shown.get_by_role("heading", name=word).count() == 1
    assert not page.locator("details[data-plain-samples]").first.is_visible()


def test_the_title_is_text(page) -> None:
    assert HOSTILE.split()[0] in page.inner_text("h1")


def test_a_phone_has_no_sideways_scroll(page) -> None:
    page.set_viewport_size({"width": 360, "height": 740})
    assert page.evaluate("document.documentElement.scrollWidth") <= 360
