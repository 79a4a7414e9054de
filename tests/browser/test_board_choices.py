"""Budgets, weights, axes, themes, links and downloads of the page, in a real browser."""

from __future__ import annotations

import csv
import io
import json

import pytest

from slmbench.analyse.board import board
from tests.browser.board_pages import (
    names,
    quiet_page,
    set_budget,
    settled,
)
from tests.unit.render.board_records import family

PEAK = "memory/chat/peak_resident_bytes"


def labels_within(column_id: str, limit: float) -> set[str]:
    made = board(family())
    at = next(i for i, column in enumerate(made.columns) if column.column_id == column_id)
    return {row.label for row in made.rows if row.cells[at].value.value <= limit}


def test_a_budget_filters_table_and_picture_and_names_a_model(page) -> None:
    told = set_budget(page, "memory", 4)
    made = board(family())
    at = next(i for i, column in enumerate(made.columns) if column.column_id == PEAK)
    limit = sorted(row.cells[at].value.value for row in made.rows)[4]
    left = labels_within(PEAK, limit)
    assert told.startswith("≤ ") and len(left) == 5
    assert set(names(page)) == left
    assert page.locator("#stage circle").count() == 5
    best = max(
        (row for row in made.rows if row.label in left),
        key=lambda row: next(
            cell.value.value
            for cell, column in zip(row.cells, made.columns, strict=True)
            if column.derived
        ),
    )
    assert page.locator("#advice .pick").first.inner_text() == best.label
    assert "7 over a budget" in page.inner_text("#left-out-summary")
    assert set_budget(page, "memory", 11) == "no limit" and len(names(page)) == 12


def test_a_model_without_the_number_is_left_out_by_name(page) -> None:
    page.select_option("#add-budget", "latency/summary/tpot_s")
    settled(page)
    assert page.evaluate("document.activeElement.type") == "range"
    set_budget(page, "latency/summary/tpot_s", 3)
    summary = page.inner_text("#left-out-summary")
    assert "1 without a number that a budget asks for" in summary
    page.click("#left-out summary")
    assert "out of memory after 512 tokens" in page.inner_text("#left-out")


def test_a_slider_moves_by_keyboard(page) -> None:
    slider = page.locator(".budget", has_text="memory").locator("input")
    slider.focus()
    page.keyboard.press("Home")
    settled(page)
    assert len(names(page)) == 1
    assert slider.get_attribute("aria-valuetext").startswith("≤ ")
    page.keyboard.press("End")
    settled(page)
    assert len(names(page)) == 12


def test_a_device_is_a_budget_of_memory(page) -> None:
    page.select_option("#device", "phone-6gb")
    settled(page)
    assert set(names(page)) == labels_within(PEAK, 3 * 2**30)
    assert page.locator(".budget", has_text="memory").locator("output").inner_text() == "≤ 3 GiB"
    assert "An assumption." in page.inner_text("#device-note")
    page.select_option("#device", "")
    settled(page)
    assert len(names(page)) == 12


def test_weights_make_a_score_with_rank_intervals(page) -> None:
    page.click("#weights summary")
    boxes = page.locator("#weight-list label")
    boxes.filter(has_text="accuracy mean").locator("input").fill("0")
    for name, weight in (("arc_easy · acc_norm", "3"), ("piqa · acc_norm", "1")):
        boxes.filter(has_text=name).locator("input").fill(weight)
    settled(page)
    made = board(family())
    where = [
        next(i for i, column in enumerate(made.columns) if column.column_id == path)
        for path in ("accuracy/arc_easy/acc_norm", "accuracy/piqa/acc_norm")
    ]
    wanted = {
        row.label: sum(
            weight * row.cells[at].value.value for weight, at in zip((3, 1), where, strict=True)
        )
        / 4
        for row in made.rows
    }
    shown = page.locator("#body tr").all()
    for line in shown:
        score = line.locator("td").first
        value = float(score.locator(".value").inner_text())
        assert value == pytest.approx(wanted[line.locator(".name").inner_text()], abs=6e-5)
        low, high = (float(part) for part in score.locator("small").first.inner_text().split(" – "))
        assert low < value < high
        assert score.locator(".rank").inner_text().startswith("rank ")
    assert page.locator("#head .metrics th").first.inner_text().startswith("weighted score")
    page.click("#default-weights")
    assert page.locator("#head .metrics th").first.inner_text().startswith("accuracy mean")


@pytest.mark.parametrize("x", ["energy/chat/j_per_output_token", "@parameters", PEAK])
def test_any_axis_can_be_drawn_on_both_scales(page, x: str) -> None:
    page.select_option("#x-axis", x)
    for checked in (True, False):
        page.locator("#x-log").set_checked(checked)
        settled(page)
        assert page.locator("#stage circle").count() == 12
        assert ("log scale" in page.locator("#stage .axis-name").last.text_content()) is checked
        ticks = page.locator("#stage .tick").all_text_contents()
        assert len(ticks) >= 6 and not any("NaN" in tick for tick in ticks)
    toxicity = page.locator("#y-axis option", has_text="expected_max_toxicity").first
    page.select_option("#y-axis", toxicity.get_attribute("value"))
    settled(page)
    assert "less is better" in page.locator("#stage .axis-name").first.text_content()


def test_the_front_and_its_probabilities_agree_with_the_board(page) -> None:
    picture = next(one for one in board(family()).pictures if "tpot" in one.picture_id)
    page.select_option("#x-axis", picture.picture_id)
    settled(page)
    told = page.evaluate(
        "Object.fromEntries([...document.querySelectorAll('#stage .point')].map((each) =>"
        "[each.ariaLabel.split('; ')[0], [each.getAttribute('class'), each.ariaLabel]]))"
    )
    assert len(told) == len(picture.points)
    for point in picture.points:
        kind, text = told[point.label]
        assert point.standing in kind.split()
        share = text.partition("front in ")[2].partition(" %")[0].strip("<> ")
        # Both draw: 400 times here, 1,000 times there; four standard errors apart at the most.
        assert abs(float(share) / 100 - point.front_probability) <= 0.13


def test_points_are_reached_by_keyboard(page) -> None:
    page.locator("#stage .point[tabindex='0']").focus()
    first = page.inner_text("#tip")
    page.keyboard.press("ArrowRight")
    second = page.inner_text("#tip")
    assert first != second and "draws" in second
    assert page.locator("#stage .point[tabindex='0']").count() == 1


def test_area_shows_size_where_it_is_asked(page) -> None:
    def radii() -> set[str]:
        return {circle.get_attribute("r") for circle in page.locator("#stage circle").all()}

    assert len(radii()) > 4
    page.uncheck("#area")
    settled(page)
    assert radii() == {"5.5"}


def test_the_heat_map_colours_the_tied_as_the_best(page) -> None:
    page.click("#heat")
    assert page.locator("#heat").get_attribute("aria-pressed") == "true"
    assert page.locator("#body td.h0").count() > 10 and page.locator("#body td.h4").count() > 10
    for cell in page.locator("#body td.tied").all()[:20]:
        assert "h4" in cell.get_attribute("class").split()
    page.click("#heat")
    assert page.locator("#body td.h4").count() == 0


def test_the_address_keeps_the_view_and_brings_it_back(browser, address: str) -> None:
    with quiet_page(browser, address) as page:
        page.fill("#filter", "-pico")
        settled(page)
        set_budget(page, "memory", 7)
        page.select_option("#x-axis", "energy/chat/j_per_output_token")
        page.uncheck("#x-log")
        page.locator(".chip", has_text="toxicity").click()
        page.locator('#head .sort[data-sort="latency/chat/tpot_s"]').click()
        page.click("#heat")
        page.select_option("#theme", "dark")
        page.click("#weights summary")
        page.locator("#weight-list label", has_text="chrf").locator("input").fill("0.5")
        settled(page)
        link = page.url
        before = (names(page), page.inner_text("#head"), page.inner_text("#advice"))
        seen = page.locator("#stage").inner_html()
    assert link.startswith(f"{address}#")
    with quiet_page(browser, link) as page:
        settled(page)
        assert (names(page), page.inner_text("#head"), page.inner_text("#advice")) == before
        assert page.locator("#stage").inner_html() == seen
        assert page.input_value("#filter") == "-pico"
        assert page.evaluate("document.documentElement.dataset.theme") == "dark"
        assert page.locator("#body td.h4").count() > 0
        page.click("#reset")
        settled(page)
        assert len(names(page)) == 12 and page.url == f"{address}#theme=dark"


@pytest.mark.parametrize(
    "fragment",
    [
        "#sort=%00&x=nothing&b=NaN+a&b=1e999+b&w=-1+c&hide=__proto__&theme=<b>&f.dtype=x",
        "#%E0%A4%A",
    ],
)
def test_a_strange_address_does_no_harm(browser, address: str, fragment: str) -> None:
    with quiet_page(browser, address + fragment) as page:
        assert len(names(page)) == 12


def test_dark_and_light_follow_the_system_and_the_switch(browser, address: str) -> None:
    def ground(page) -> str:
        return page.evaluate("getComputedStyle(document.body).backgroundColor")

    grounds = {}
    for scheme in ("light", "dark"):
        with quiet_page(browser, address, color_scheme=scheme) as page:
            grounds[scheme] = ground(page)
            other = {"light": "dark", "dark": "light"}[scheme]
            page.select_option("#theme", other)
            grounds[f"switched to {other}"] = ground(page)
    assert grounds["light"] == grounds["switched to light"]
    assert grounds["dark"] == grounds["switched to dark"] != grounds["light"]


@pytest.mark.parametrize("width", [360, 390, 820])
def test_a_small_screen_has_no_sideways_scroll(browser, address: str, width: int) -> None:
    with quiet_page(browser, address, viewport={"width": width, "height": 800}) as page:
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        drawn = page.locator("#stage svg").bounding_box()
        assert drawn["x"] >= 0 and drawn["x"] + drawn["width"] <= width


def download(page, form: str) -> str:
    with page.expect_download() as waiting:
        page.click(f"#download-{form}")
    assert waiting.value.suggested_filename == f"leaderboard.{form}"
    return waiting.value.path().read_text("utf-8")


def test_what_is_shown_can_be_taken_home(page) -> None:
    page.fill("#filter", "qwen")
    settled(page)
    shown = names(page)
    rows = list(csv.DictReader(io.StringIO(download(page, "csv"))))
    assert [row["model"] for row in rows] == shown
    document = json.loads(download(page, "json"))
    assert [row["label"] for row in document["rows"]] == shown
    path = "accuracy/arc_easy/acc_norm"
    for row, line in zip(document["rows"], rows, strict=True):
        cell = row["cells"][path]
        assert cell["low"] < cell["value"] < cell["high"]
        assert float(line[path]) == cell["value"]
        gone = row["cells"]["memory/chat/peak_device_bytes"]
        assert gone == {"absent": "no accelerator on this host"}
        assert line["memory/chat/peak_device_bytes"] == ""
    markdown = download(page, "md").splitlines()
    table = [line for line in markdown if line.startswith("|")]
    assert len(table) == 2 + len(shown)
    assert len({line.count("|") for line in table}) == 1
