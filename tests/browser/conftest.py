"""One real Chromium for the tests of a file; where there is none they skip, with the reason."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from typing import Any

import pytest

from tests.browser.board_pages import quiet_page, write_page
from tests.unit.render.board_records import family

CHROMIUM = os.environ.get("SLMBENCH_CHROMIUM") or shutil.which("chromium")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if "tests/browser/" in item.path.as_posix():
            item.add_marker(pytest.mark.browser)


# Not for the whole session: while Playwright waits, no other test may run an event loop.
@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    if CHROMIUM is None:
        pytest.skip("no chromium on PATH and SLMBENCH_CHROMIUM is not set")
    with playwright.sync_playwright() as driver:
        started = driver.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield started
        started.close()


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A leaderboard of a family of models, on disk; a file of other pages has its own."""
    return write_page(tmp_path_factory.mktemp("board"), family())


@pytest.fixture
def page(browser: Any, address: str) -> Iterator[Any]:
    with quiet_page(browser, address) as opened:
        yield opened
