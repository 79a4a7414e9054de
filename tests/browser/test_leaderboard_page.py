"""The table of the page in a real browser: it works, it is quiet, and it asks no network."""

from __future__ import annotations

from pathlib import Path

import pytest

from slmbench.analyse.board import board
from tests.bench.board_page import synthetic
from tests.browser.board_pages import (
    cells,
    column_at,
    names,
    quiet_page,
    settled,
    write_page,
)
from tests.unit.render.board_records import accuracy, family, record

TPOT = "latency/summary/tpot_s"


def sort_by(page, column: str) -> str:
    head = page.locator(f'#head .sort[data-sort="{column}"]')
    head.click()
    return head.locator("xpath=..").get_attribute("aria-sort")


def seconds(text: str) -> float:
    number, unit = text.split(" ")
    return float(number) * {"us": 1e-6, "ms": 1e-3, "s": 1.0}[unit]


def test_every_model_and_every_suite_is_there_with_its_interval(page) -> None:
    assert sorted(names(page)) == sorted(one.model.name for one in family())
    suites = page.locator("#head .suites th:not(.corner)").all_inner_texts()
    wanted = ["score", "accuracy", "toxicity", "similarity", "latency", "energy", "memory"]
    assert [suite.lower() for suite in suites] == wanted
    for cell in page.locator("#body td.measured").all()[:40]:
        assert cell.locator("small").first.inner_text().strip()


def test_numbers_print_as_everywhere_else(page) -> None:
    made = board(family())
    shown = {row.label: row for row in made.rows}
    at = next(i for i, each in enumerate(made.columns) if each.column_id == TPOT)
    position = column_at(page, TPOT)
    for name, text in zip(names(page), cells(page, position), strict=True):
        value = shown[name].cells[at].value
        if value.kind == "measured":
            assert seconds(text) == pytest.approx(value.value, rel=1e-3)
        else:
            assert text == "—"


def test_numbers_sort_both_ways_with_absent_ones_last(page) -> None:
    position = column_at(page, TPOT)
    assert sort_by(page, TPOT) == "ascending"
    up = cells(page, position)
    assert up[-1] == "—"
    assert [seconds(text) for text in up[:-1]] == sorted(seconds(text) for text in up[:-1])
    assert sort_by(page, TPOT) == "descending"
    assert cells(page, position) == [*up[:-1][::-1], "—"]
    # The focus is still on the head.
    assert page.evaluate("document.activeElement.dataset.sort") == TPOT


def test_where_higher_is_better_the_first_click_puts_the_highest_first(page) -> None:
    assert sort_by(page, "accuracy/arc_easy/acc_norm") == "descending"


def test_names_sort_both_ways_and_by_keyboard(page) -> None:
    page.locator("#head .corner button").focus()
    page.keyboard.press("Enter")
    up = names(page)
    assert up == sorted(up, key=str.lower)
    page.keyboard.press("Space")
    assert names(page) == up[::-1]


def test_the_search_keeps_matching_models(page) -> None:
    for text, count in (("QWEN", 3), ("qwen -4b", 2), ("no such model", 0), ("", 12)):
        page.fill("#filter", text)
        settled(page)
        assert len(names(page)) == count
        told = page.inner_text("#count")
        assert told == ("12 models" if count == 12 else f"{count} of 12 models shown")
    assert page.locator("#stage circle").count() == 12


def test_suites_and_columns_can_be_chosen(page) -> None:
    def shown() -> int:
        return page.locator("#head .metrics th").count()

    before = shown()
    chip = page.locator(".chip", has_text="latency")
    chip.click()
    assert chip.get_attribute("aria-pressed") == "false" and shown() == before - 8
    chip.click()
    assert shown() == before
    page.locator("summary", has_text="Choose columns").click()
    page.locator("#columns label", has_text="arc_easy · acc_norm").locator("input").uncheck()
    assert shown() == before - 1 and column_at(page, "accuracy/arc_easy/acc_norm") == 0


def test_a_tie_is_marked_and_never_shown_as_a_win(browser, tmp_path: Path) -> None:
    tied = [record("a", [accuracy("arc", 0.41)]), record("b", [accuracy("arc", 0.40)])]
    with quiet_page(browser, write_page(tmp_path, tied)) as page:
        assert page.locator("#body td.tied").count() == 4
        assert page.locator("#body td.best").count() == 0
        assert "Tied:" in page.inner_text("#advice") and "rank 1 – 2" in page.inner_text("#advice")


@pytest.mark.parametrize("reach", ["hover", "focus"])
def test_an_absent_cell_tells_its_reason(page, reach: str) -> None:
    absent = page.locator("#body td.absent").first
    page.mouse.move(0, 0)
    getattr(absent, reach)()
    assert page.locator("#tip").is_visible()
    reason = page.inner_text("#tip").partition("not measured: ")[2].strip()
    assert reason and reason in absent.inner_text()
    assert absent.get_attribute("aria-describedby") == "tip"
    page.keyboard.press("Escape")
    assert not page.locator("#tip").is_visible()


def test_a_measured_cell_tells_where_it_comes_from(page) -> None:
    page.locator("#body td:has(.badge.estimated)").first.focus()
    tip = page.inner_text("#tip")
    for part in ("95 % interval", "n = 200", "how: estimated", "not measured by an instrument"):
        assert part in tip


def test_arrow_keys_move_between_cells(page) -> None:
    page.locator("#body [tabindex='0']").focus()
    for key in ("ArrowRight", "ArrowDown", "End", "Control+Home"):
        page.keyboard.press(key)
    place = "[document.activeElement.parentElement.rowIndex, document.activeElement.cellIndex]"
    assert page.evaluate(place) == [3, 0]
    assert page.locator("#body [tabindex='0']").count() == 1


def test_the_head_and_the_first_column_stay_in_sight(page) -> None:
    page.evaluate("document.querySelector('#scroll').scrollTo(900, 200)")
    corner = page.locator("#board .corner").bounding_box()
    frame = page.locator("#scroll").bounding_box()
    assert abs(corner["x"] - frame["x"]) < 3
    assert abs(corner["y"] - frame["y"]) < 3


def test_without_javascript_the_first_picture_and_all_numbers_are_there(browser, address) -> None:
    context = browser.new_context(java_script_enabled=False)
    opened = context.new_page()
    opened.goto(address)
    assert opened.locator("figure svg:visible").count() == 1
    assert opened.locator(".board tbody tr:visible").count() == 12
    assert not opened.locator("#filter").is_visible()
    context.close()


def test_on_paper_every_model_is_there(page) -> None:
    page.emulate_media(media="print")
    page.evaluate("window.dispatchEvent(new Event('beforeprint'))")
    assert page.locator("#body tr:visible").count() == 12
    assert not page.locator("#filter").is_visible()
    assert page.evaluate("document.documentElement.scrollWidth") <= 1280


def many(count: int) -> list:
    return [
        record(f"model-{at}", [accuracy("arc", 0.3 + 0.6 * at / count)], weights=f"w{at}")
        for at in range(count)
    ]


def test_of_a_long_table_only_the_rows_in_sight_are_drawn(browser, tmp_path: Path) -> None:
    with quiet_page(browser, write_page(tmp_path, many(300))) as page:
        assert 10 < len(names(page)) < 60
        assert names(page)[0] == "model-299"
        page.evaluate("document.querySelector('#scroll').scrollTo(0, 1e6)")
        settled(page)
        assert names(page)[-1] == "model-0"
        page.locator("#body [tabindex='0'], #body th").last.focus()
        page.keyboard.press("Control+Home")
        assert names(page)[0] == "model-299"
        assert "model-299" in page.evaluate("document.activeElement.innerText")
        page.keyboard.press("Control+End")
        assert page.evaluate("document.activeElement.parentElement.ariaRowIndex") == "303"
        heights = page.evaluate(
            "[...document.querySelectorAll('#body tr:not(.spacer)')].map((row) => row.offsetHeight)"
        )
        assert set(heights) == {58}
        page.evaluate("window.dispatchEvent(new Event('beforeprint'))")
        assert len(names(page)) == 300


def test_of_a_wide_long_table_only_the_columns_in_sight_are_drawn(browser, tmp_path: Path) -> None:
    with quiet_page(browser, write_page(tmp_path, synthetic(210))) as page:
        assert page.locator("#head .metrics th").count() == 41
        assert page.locator("#body tr[aria-rowindex='4'] td").count() < 15
        page.locator("#body [tabindex='0']").focus()
        page.keyboard.press("End")
        assert page.evaluate("document.activeElement.ariaColIndex") == "42"
        last = page.locator("#head .metrics th").last.bounding_box()
        there = page.locator("#body td:focus").bounding_box()
        assert abs(last["x"] - there["x"]) < 2 and there["width"] == last["width"]
        page.keyboard.press("Home")
        page.keyboard.press("ArrowRight")
        assert page.evaluate("document.activeElement.ariaColIndex") == "2"


@pytest.mark.parametrize("records", [[], [record("a", status="running")]])
def test_a_board_of_nothing_is_quiet(browser, tmp_path: Path, records: list) -> None:
    with quiet_page(browser, write_page(tmp_path, records)) as page:
        page.fill("#filter", "x")
        settled(page)
        assert "o model" in page.inner_text("#body") and page.inner_text("#advice")
