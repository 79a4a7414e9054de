"""The page looks as it did when a person last found it good, on a screen, a tablet and a phone."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from tests.browser.board_pages import quiet_page, settled, write_board
from tests.browser.golden_board import FOLDER, VIEWS, Shot, golden_board, troubles


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> str:
    return write_board(tmp_path_factory.mktemp("golden"), golden_board())


def shot(browser: Any, address: str, view: str, change: str = "") -> Shot:
    """Take a view's picture, after a change that a script makes to the page."""
    width, scheme = VIEWS[view]
    size = {"width": width, "height": 900}
    with quiet_page(browser, address, viewport=size, color_scheme=scheme) as page:
        settled(page)
        if change:
            page.evaluate(change)
        assert change or page.evaluate("document.documentElement.scrollWidth") == width
        return Shot.of(page)


@pytest.mark.parametrize("view", VIEWS)
def test_the_page_looks_as_it_did(browser: Any, address: str, view: str) -> None:
    assert troubles(shot(browser, address, view), Shot.kept(view)) == []


@pytest.mark.parametrize(
    ("view", "font"),
    [("1440", "Liberation Serif, serif"), ("390", "Liberation Sans, Arial, sans-serif")],
)
def test_another_font_makes_no_trouble(browser: Any, address: str, view: str, font: str) -> None:
    change = f"document.body.style.fontFamily = '{font}'"
    assert troubles(shot(browser, address, view, change), Shot.kept(view)) == []


SECTION = "document.querySelector('section:has(#{})')"
BREAKS = {
    "the picture is gone": "document.querySelector('#stage').style.visibility = 'hidden'",
    "a section is gone": f"{SECTION.format('board')}.hidden = true",
    "a section covers another": f"{SECTION.format('board')}.style.marginTop = '-140px'",
    "no number can be seen": "document.querySelector('#body').style.visibility = 'hidden'",
    "wider than the screen": f"{SECTION.format('stage')}.style.width = '1800px'",
}


@pytest.mark.parametrize("what", BREAKS)
def test_what_is_missing_or_overlaps_is_found(browser: Any, address: str, what: str) -> None:
    assert troubles(shot(browser, address, "390", BREAKS[what]), Shot.kept("390"))


def test_the_other_scheme_and_an_empty_picture_are_told_apart() -> None:
    kept = Shot.kept("1440")
    assert troubles(kept, kept) == []
    assert len(troubles(Shot.kept("dark"), kept)) > 5
    ground = kept.image.getpixel((5, 5))
    empty = Shot(Image.new("RGB", kept.image.size, ground), kept.boxes)
    assert len(troubles(empty, kept)) > 5


def test_the_golden_pictures_stay_small() -> None:
    assert sum(Path(each).stat().st_size for each in FOLDER.iterdir()) < 400_000
