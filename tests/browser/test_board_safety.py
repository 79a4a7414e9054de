"""Hostile records, endless texts and the rules of accessibility, in a real browser."""

from __future__ import annotations

import csv
import io
from pathlib import Path

import pytest

from slmbench.schema.base import Absent
from tests.browser.board_pages import (
    names,
    quiet_page,
    settled,
    write_page,
)
from tests.unit.render.board_records import accuracy, family, job, measured, record

ATTACKS = (
    "</script><script>alert(1)</script>",
    "<img src=x onerror=alert(2)>",
    '"><svg onload=alert(3)>',
    "javascript:alert(4)",
    "<!--<script>",
    "]]>&lt;b&gt;{{ 7 * 7 }}${alert(5)}",
    "a\u202egnp.exe\u2066\u0000",
    "\u2028\u2029\ufeff",
    "__proto__",
    "=HYPERLINK(\"http://127.0.0.1/\",\"x\")",
    "+1+cmd|' /C calc'!A0",
    "@SUM(1)",
    "\t=1",
    "| a | b |\n| - | - |",
    "z" * 2**20,
)  # fmt: skip


def hostile(at: int, text: str) -> object:
    """Return a run that has the text in every field that a run can hold it in."""
    jobs = [
        accuracy("arc", 0.3 + 0.03 * at),
        accuracy(text, 0.4, notes=(text,)),
        job("memory", "chat", {"weight_bytes": measured(1e9 + at, None, "bytes", how=text)}),
        job("toxicity", text, {text: measured(0.1, 0.01, how=text, source=text)}),
        job(text, text, {text: Absent(reason=text), "x": measured(1.0, 0.1, unit=text)}),
        job("energy", "chat", {}, "failed", reason=text),
    ]
    made = record(text, jobs, status="failed", hardware=text, run_id=f"{at}{text}", weights=str(at))
    fingerprint = made.model.fingerprint.model_copy(update={"quantization": text})
    model = made.model.model_copy(
        update={"architecture": text, "dtype": text, "device": text, "fingerprint": fingerprint}
    )
    return made.model_copy(update={"model": model})


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> str:
    folder = tmp_path_factory.mktemp("hostile")
    address = write_page(folder, [hostile(at, text) for at, text in enumerate(ATTACKS)])
    assert (folder / "index.html").stat().st_size < 1_500_000
    return address


def test_nothing_from_a_record_runs_or_breaks_the_layout(browser, address: str) -> None:
    for width in (1280, 390):
        with quiet_page(browser, address, viewport={"width": width, "height": 900}) as page:
            assert len(names(page)) == len(ATTACKS)
            assert page.locator("main img, main script, main b svg").count() == 0
            assert page.evaluate("document.documentElement.scrollWidth") <= width
            tallest = (
                "Math.max(...[...document.querySelectorAll('#body tr')].map(r => r.offsetHeight))"
            )
            assert page.evaluate(tallest) < 260
            for cell in page.locator("#body td, #body th").all()[:60:4]:
                cell.focus()
            page.click("#weights summary")
            page.click("#heat")
            page.locator("details:visible > summary").last.click()
            settled(page)


def test_a_spreadsheet_gets_text_and_no_formula(browser, address: str) -> None:
    with quiet_page(browser, address) as page:
        with page.expect_download() as waiting:
            page.click("#download-csv")
        text = waiting.value.path().read_bytes().decode()
        with page.expect_download() as waiting:
            page.click("#download-md")
        markdown = waiting.value.path().read_text("utf-8")
    lines = list(csv.reader(io.StringIO(text, newline="")))
    assert {len(line) for line in lines} == {len(lines[0])}
    assert len(lines) == 1 + len(ATTACKS)
    for line in lines:
        for cell in line:
            bare = cell.lstrip()
            assert not bare.startswith(("=", "+", "@", "|", "%")), cell
            assert not bare.startswith("-") or float(bare) < 0
    assert "'=HYPERLINK" in text
    assert "<script" not in markdown and "<img" not in markdown
    assert len([line for line in markdown.splitlines() if line.startswith("|")]) == 2 + len(ATTACKS)


def test_a_name_cannot_turn_the_text_around_it(browser, tmp_path: Path) -> None:
    arabic = "\u0646\u0645\u0648\u0630\u062c"
    records = [record(arabic, [accuracy("arc", 0.5)]), record("b", [accuracy("arc", 0.3)])]
    with quiet_page(browser, write_page(tmp_path, records)) as page:
        assert arabic in names(page)
        assert "\u202e" not in page.content()
        verdict = page.locator("#advice .verdict")
        name = verdict.locator("bdi").bounding_box()
        # The word before the name still stands on its left.
        assert name["x"] > verdict.bounding_box()["x"] + 60


@pytest.mark.parametrize("fragment", ["", "#theme=dark&heat=1"])
def test_axe_finds_nothing_serious(browser, tmp_path: Path, fragment: str) -> None:
    axe_module = pytest.importorskip("axe_playwright_python.sync_playwright")
    with quiet_page(browser, write_page(tmp_path, family()) + fragment) as page:
        for summary in page.locator("details > summary:visible").all():
            summary.click()
        settled(page)
        found = axe_module.Axe().run(page).response["violations"]
    grave = [
        (each["id"], each["help"], [node["target"] for node in each["nodes"]][:4])
        for each in found
        if each["impact"] in ("serious", "critical")
    ]
    assert grave == []


def test_everything_can_be_done_by_keyboard(browser, tmp_path: Path) -> None:
    with quiet_page(browser, write_page(tmp_path, family())) as page:
        reached = set()
        for _ in range(90):
            page.keyboard.press("Tab")
            reached.add(
                page.evaluate(
                    "(document.activeElement.id || document.activeElement.className.baseVal"
                    " || document.activeElement.className || document.activeElement.tagName)"
                )
            )
        wanted = {"theme", "reset", "device", "add-budget", "budget-0", "x-axis", "y-axis", "area"}
        wanted |= {"filter", "heat", "scroll", "sort", "chip", "download-csv", "SUMMARY"}
        assert wanted <= reached, wanted - reached
