"""What a mark means, where a number is from, what a rank rests on; and boards that lack things."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from slmbench.schema.base import Absent
from tests.browser.board_pages import names, quiet_page, settled, write_board, write_page
from tests.browser.golden_board import golden_records
from tests.unit.render.board_records import job, measured, record
from tests.unit.render.test_board_words import with_ranks


@pytest.fixture(scope="module")
def marked_address(tmp_path_factory: pytest.TempPathFactory) -> str:
    return write_page(tmp_path_factory.mktemp("marked"), golden_records())


@pytest.fixture
def marked(browser: Any, marked_address: str) -> Iterator[Any]:
    with quiet_page(browser, marked_address) as page:
        yield page


def test_every_mark_in_the_table_has_its_word_in_the_key(marked: Any) -> None:
    def kinds(within: str) -> set[str]:
        return set(
            marked.locator(f"{within} .badge").evaluate_all("all => all.map(e => e.className)")
        )

    used = kinds("#body")
    assert {"badge estimated", "badge imported", "badge protocol", "badge fallback"} <= used
    assert used <= kinds(".key")
    key = marked.locator("section:has(#board) .key").inner_text()
    for word in ("estimated", "by another tool", "other prompts", "weaker scorer", "no number"):
        assert word in key


@pytest.mark.parametrize(
    ("kind", "reason"),
    [
        ("imported", "measured by lm-eval 0.4.9, whose file was imported"),
        ("protocol", "examples in each prompt"),
        ("estimated", "not measured by an instrument"),
        ("fallback", "weaker than a toxicity classifier"),
    ],
)
def test_a_mark_tells_its_reason_to_pointer_and_keyboard(
    marked: Any, kind: str, reason: str
) -> None:
    cell = marked.locator(f"#body td:has(.badge.{kind})").first
    cell.hover()
    assert reason in marked.inner_text("#tip")
    marked.mouse.move(0, 0)
    marked.keyboard.press("Escape")
    # The arrow keys reach the cell from the table's one tab stop.
    down, right = cell.evaluate("each => [each.parentElement.rowIndex - 3, each.cellIndex]")
    marked.locator("#body [tabindex='0']").focus()
    for key, count in (("Control+Home", 1), ("ArrowDown", down), ("ArrowRight", right)):
        for _ in range(count):
            marked.keyboard.press(key)
    assert reason in marked.inner_text("#tip")


def test_a_number_from_elsewhere_says_where_it_is_from(marked: Any) -> None:
    row = marked.locator("#body tr", has_text="pebble-1.2b")
    assert "from lm-eval 0.4.9" in row.locator("th").inner_text()
    row.locator("th").focus()
    assert "from: lm-eval 0.4.9" in marked.inner_text("#tip")
    row.locator("td:has(.badge.imported)").nth(1).focus()
    tip = marked.inner_text("#tip")
    assert "from: lm-eval 0.4.9" in tip and "n not told" in tip and "n = 0" not in tip
    own = marked.locator("#body tr", has_text="meadow").locator("th")
    assert "from" not in own.inner_text()
    marked.fill("#filter", "lm-eval")
    settled(marked)
    assert names(marked) == ["pebble-1.2b"]


def test_a_score_from_elsewhere_is_not_ranked_among_the_others(marked: Any) -> None:
    advice = marked.inner_text("#advice")
    assert "rank 1 – 2 of 5, by overlap of the intervals" in advice
    assert "1 score comes from elsewhere" in advice
    assert marked.inner_text("#rank-key") == "ranks: by overlap of the intervals"


def test_the_picture_marks_what_is_not_like_the_others(marked: Any) -> None:
    dashed = marked.locator("#stage .point.marked")
    assert dashed.count() == 1 and "pebble-1.2b" in dashed.get_attribute("aria-label")
    legend = marked.inner_text("#legend")
    assert "measured by another tool" in legend and "but others may be there instead" in legend
    # The two that tie are not drawn as sure of their place, and their words say so.
    told = marked.locator("#stage .point.open").evaluate_all("all => all.map(e => e.ariaLabel)")
    assert {text.partition(";")[0] for text in told} == {"harbour-4b-instruct", "meadow-3.8b"}
    assert all("others may be there instead" in text for text in told)


def text_of(page: Any, form: str) -> str:
    with page.expect_download() as waiting:
        page.click(f"#download-{form}")
    return waiting.value.path().read_text("utf-8")


def test_ranks_that_are_paired_are_shown_as_such_and_a_tie_is_no_win(
    browser: Any, tmp_path: Path
) -> None:
    # By overlap the first three are tied; item by item the third is shown to be worse.
    address = write_board(tmp_path, with_ranks((1, 2), (1, 2), (3, 3), (4, 4)))
    with quiet_page(browser, address) as page:
        advice = page.inner_text("#advice")
        assert "Tied: m0" in advice and "1 other: m1." in advice and "m2" not in advice
        assert "rank 1 – 2 of 4, paired by item" in advice
        assert page.inner_text("#rank-key") == "ranks: paired by item"
        assert page.locator("#body td.best").count() == 0
        tied = page.locator("#body tr:has(td.tied) .name").all_inner_texts()
        assert tied == ["m0", "m1"]
        page.locator("#body tr", has_text="m1").locator("td").last.focus()
        assert "none is shown to be better, paired by item" in page.inner_text("#tip")
        assert "rank 1 – 2 of 4, paired by item" in page.inner_text("#tip")
        lines = list(csv.DictReader(io.StringIO(text_of(page, "csv"))))
        told = [line["accuracy/arc/acc_norm remarks"] for line in lines]
        assert told[0] == "tied with the best; rank 1 – 2 of 4, paired by item"
        assert told[2] == "rank 3 of 4, paired by item"
        cells = [each["cells"] for each in json.loads(text_of(page, "json"))["rows"]]
        found = [each["accuracy/arc/acc_norm"] for each in cells]
        assert [(each["rank"], each["ranks"]) for each in found] == [
            ("tied", [1, 2]), ("tied", [1, 2]), ("", [3, 3]), ("", [4, 4])
        ]  # fmt: skip
        assert {each["ranked"] for each in found} == {"paired by item"}
        markdown = text_of(page, "md")
        assert "tied with the best; rank 1 – 2 of 4" in markdown and ") best" not in markdown


def test_weights_of_your_own_are_ranked_by_overlap(browser: Any, tmp_path: Path) -> None:
    address = write_board(tmp_path, with_ranks((1, 1), (2, 3), (2, 3), (4, 4)))
    with quiet_page(browser, address) as page:
        assert "Recommended: m0." in page.inner_text("#advice")
        assert page.locator("#body td.best").count() > 0
        page.click("#weights summary")
        boxes = page.locator("#weight-list input")
        for at in range(boxes.count()):
            boxes.nth(at).fill("1")
        settled(page)
        assert "by overlap of the intervals" in page.inner_text("#advice")
        # What the items tell apart, the intervals do not.
        assert "Tied: m0" in page.inner_text("#advice")


def similar(name: str, value: float) -> Any:
    chrf = measured(value, 0.8, how="sacrebleu chrF2 2.4")
    jobs = [
        job("similarity", "summaries", {"chrf": chrf}),
        job("latency", "chat", {"tpot_s": measured(0.02, 0.001, "s")}),
    ]
    return record(name, jobs)


def lone(values: dict[str, Any], suite: str = "similarity") -> Any:
    return record("only", [job(suite, "summaries", values)])


NOTHING = Absent(reason="the scorer was not there")
UNSURE = measured(44.0, None, how="sacrebleu chrF2 2.4")
BOARDS = {
    "similarity": ([similar("a", 44.0), similar("b", 40.0)], "Recommended: a."),
    "tie": ([similar("a", 44.0), similar("b", 43.5)], "Tied: a has the highest score"),
    "one model": ([similar("a", 44.0)], "The only one left: a."),
    "toxicity": (
        [lone({"toxic_fraction": measured(0.1, 0.02)}, "toxicity")], "The only one left: only."
    ),
    "no interval": ([lone({"chrf": UNSURE}), similar("b", 40.0)], "Highest score: only."),
    "no capability": (
        [lone({"tpot_s": measured(0.02, 0.001, "s")}, "latency")], "no number of what a model"
    ),
    "one without": ([lone({"chrf": NOTHING}), similar("b", 40.0)], "Recommended: b."),
    "all missing": ([lone({"chrf": NOTHING})], "No model can be recommended"),
}  # fmt: skip


@pytest.mark.parametrize("name", BOARDS)
def test_any_capability_can_be_recommended_by(browser: Any, tmp_path: Path, name: str) -> None:
    records, words = BOARDS[name]
    with quiet_page(browser, write_page(tmp_path, records)) as page:
        advice = page.inner_text("#advice")
        assert words in advice
        can_weigh = "No model can" not in advice
        assert page.locator("#weights").is_visible() is can_weigh
