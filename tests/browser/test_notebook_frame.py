"""A leaderboard inside a notebook's page: it is drawn, it is quiet, and it reaches nothing."""

from __future__ import annotations

from pathlib import Path

import slmbench

GOLDEN = Path(__file__).resolve().parents[1] / "golden" / "records_v1"


def test_the_frame_shows_the_board_and_reaches_nothing_around_it(browser, tmp_path: Path) -> None:
    output = slmbench.load(GOLDEN).leaderboard("Inline board")._repr_html_()
    page_file = tmp_path / "notebook.html"
    page_file.write_text(
        f"<!doctype html><title>secret</title><div class='output'>{output}</div>", "utf-8"
    )
    troubles: list[str] = []
    asked: list[str] = []
    page = browser.new_page(viewport={"width": 1200, "height": 900})
    page.on("console", lambda message: troubles.append(f"console: {message.text}"))
    page.on("pageerror", lambda error: troubles.append(f"page error: {error}"))
    page.on("request", lambda request: asked.append(request.url))
    page.goto(page_file.as_uri())
    inner = page.frame_locator("iframe")
    inner.get_by_role("heading", name="Inline board").wait_for()
    inner.locator("#board", has_text="golden").wait_for()
    assert page.locator("iframe").bounding_box()["height"] >= 700
    (frame,) = page.main_frame.child_frames
    reached = frame.evaluate(
        "() => { try { return parent.document.title } catch (error) { return error.name } }"
    )
    page.close()
    assert reached == "SecurityError"
    assert troubles == []
    assert [url for url in asked if not url.startswith(("data:", "about:"))] == [page_file.as_uri()]
