"""Open a leaderboard page as a reader would, and hold it to silence: no error and no request."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from slmbench.analyse.board import board
from slmbench.render.leaderboard import render_leaderboard
from slmbench.schema.board import Board, DevicePreset
from slmbench.schema.record import RunRecord

PHONE = DevicePreset(
    name="phone-6gb", about="A phone.", memory="host", total_bytes=6 * 2**30,
    system_bytes=3 * 2**30, runtime_bytes=2e8, source="An assumption.",
)  # fmt: skip


def write_page(folder: Path, records: Sequence[RunRecord]) -> str:
    """Write the page of some runs and return its address on disk."""
    return write_board(folder, board(records))


def write_board(folder: Path, made: Board) -> str:
    """Write the page of a board and return its address on disk."""
    path = folder / "index.html"
    path.write_text(render_leaderboard(made, [PHONE]), encoding="utf-8")
    return path.as_uri()


@contextmanager
def quiet_page(browser: Any, address: str, **options: Any) -> Iterator[Any]:
    """Open a page offline; at the end, hold it to no error, no dialog and no request of its own."""
    options.setdefault("viewport", {"width": 1280, "height": 900})
    context = browser.new_context(offline=True, **options)
    opened = context.new_page()
    troubles: list[str] = []
    asked: list[str] = []
    opened.on("console", lambda message: troubles.append(f"console: {message.text}"))
    opened.on("pageerror", lambda error: troubles.append(f"page error: {error}"))
    opened.on("dialog", lambda dialog: troubles.append(f"dialog: {dialog.message}"))
    opened.on("request", lambda request: asked.append(request.url))
    opened.goto(address)
    opened.wait_for_selector("#stage > *", state="attached")
    yield opened
    context.close()
    assert troubles == []
    outside = [url for url in asked if not url.startswith(("data:", "blob:"))]
    assert [url.partition("#")[0] for url in outside] == [address.partition("#")[0]] * len(outside)


def settled(page: Any) -> None:
    """Wait until what a control asked for is drawn: two frames and what follows them."""
    page.evaluate(
        "new Promise((done) => requestAnimationFrame(() => requestAnimationFrame("
        "() => setTimeout(() => setTimeout(done)))))"
    )


def names(page: Any) -> list[str]:
    """Return the names of the rows in the table, from the top."""
    return page.locator("#body tr:not(.spacer) .name").all_inner_texts()


def column_at(page: Any, path: str) -> int:
    """Return the number of the table's column whose head sorts by this id; the name is 0."""
    return page.evaluate(
        "id => [...document.querySelectorAll('#head .metrics .sort')]"
        ".findIndex((each) => each.dataset.sort === id) + 1",
        path,
    )


def cells(page: Any, position: int) -> list[str]:
    """Return what stands first in a column's cells: the value, or the sign of an absent one."""
    return page.evaluate(
        "at => [...document.querySelectorAll('#body tr:not(.spacer)')].map((row) =>"
        "(row.cells[at].querySelector('.value') ?? row.cells[at].firstChild).textContent)",
        position,
    )


def set_budget(page: Any, kind: str, step: int) -> str:
    """Move the slider of a kind of budget to a step and return what it says then."""
    line = page.locator(".budget", has_text=kind)
    line.locator("input").evaluate(
        "(input, step) => { input.value = step;"
        " input.dispatchEvent(new Event('input', { bubbles: true })); }",
        step,
    )
    settled(page)
    return line.locator("output").inner_text()


def shows(locator: Any, text: str) -> None:
    """Wait until an element has a text.

    Not by `wait_for_function`: the pages' policy forbids the eval with which it looks again.
    """
    from playwright.sync_api import expect

    expect(locator).to_have_text(text)
