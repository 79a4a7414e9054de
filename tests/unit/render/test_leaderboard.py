"""The page is one safe file that never shows an absent number, and the same bytes each time."""

from __future__ import annotations

import re
import subprocess
import sys
from html.parser import HTMLParser

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.console import Console

from slmbench.analyse.board import board
from slmbench.render.axis_scale import fit_scale
from slmbench.render.label_placement import Box, place_labels
from slmbench.render.leaderboard import render_leaderboard
from slmbench.render.terminal import failures, summary_table
from slmbench.render.tradeoff_svg import NARROW, WIDE, tradeoff_svg
from slmbench.schema.base import Absent
from tests.unit.render.board_records import accuracy, family, job, measured, record

HOSTILE = '<script>alert("x")</script>"onmouseover=\'y\' {{ 7 * 7 }}'


class Page(HTMLParser):
    """Collects the table's cells with their attributes and text, and every tag's name."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str | None]] = []
        self.cells: list[tuple[dict[str, str | None], str]] = []
        self._open = False
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += attrs
        if tag == "td":
            self._open = True
            self.cells.append((dict(attrs), ""))

    def handle_endtag(self, tag: str) -> None:
        self._open = self._open and tag != "td"

    def handle_data(self, data: str) -> None:
        if self._open:
            attrs, text = self.cells[-1]
            self.cells[-1] = (attrs, text + data)


@pytest.fixture(scope="module")
def html() -> str:
    return render_leaderboard(board(family()))


def test_the_same_board_gives_the_same_bytes(html: str) -> None:
    assert render_leaderboard(board(list(reversed(family())))) == html


def test_the_bytes_do_not_depend_on_the_process(html: str) -> None:
    code = (
        "from slmbench.analyse.board import board\n"
        "from slmbench.render.leaderboard import render_leaderboard\n"
        "from tests.unit.render.board_records import family\n"
        "import sys\n"
        "assert not {'torch', 'transformers', 'lm_eval', 'matplotlib'} & set(sys.modules)\n"
        "sys.stdout.write(render_leaderboard(board(family())))\n"
    )
    made = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, encoding="utf-8", check=True
    )
    assert made.stdout == html


def test_the_page_asks_no_network(html: str) -> None:
    assert "http:" not in html and "https:" not in html and "//cdn" not in html
    assert not re.search(r"url\(|@import|fetch\(|XMLHttpRequest|sendBeacon", html)
    page = Page(html)
    sources = [value for name, value in page.attributes if name in ("src", "href", "action")]
    assert sources == ["data:,"]
    assert "default-src 'none'" in html


def test_no_value_is_shown_that_is_none(html: str) -> None:
    before_script = html.partition("<script>")[0]
    found = re.findall(r"\b(?:nan|inf|infinity|undefined|none|null)\b", before_script, re.I)
    style = html[html.index("<style>") : html.index("</style>")]
    assert len(found) == len(re.findall(r"\bnone\b", style)) + html.count("default-src 'none'") + (
        html.count('aria-sort="none"')
    )


def test_an_absent_number_is_never_a_number(html: str) -> None:
    made = board(family())
    absent = [cell.value for row in made.rows for cell in row.cells]
    count = sum(isinstance(value, Absent) for value in absent)
    shown = [(attrs, text) for attrs, text in Page(html).cells if text.startswith("—")]
    assert len(shown) == count > 12
    for attrs, text in shown:
        assert "data-sort" not in attrs
        assert attrs["title"] and attrs["title"] in text
        assert attrs["tabindex"] == "0"


def test_every_model_and_every_failure_is_on_the_page(html: str) -> None:
    for one in family():
        assert one.model.name in html
    assert "out of memory after 512 tokens" in html


def test_names_and_reasons_are_escaped() -> None:
    jobs = [
        accuracy(HOSTILE, 0.4),
        job("memory", HOSTILE, {"weight_bytes": measured(1e9, None, "bytes", how=HOSTILE)}),
        job(HOSTILE, "chat", {HOSTILE: Absent(reason=HOSTILE)}),
        job("energy", "chat", {}, "failed", reason=HOSTILE, notes=(HOSTILE,)),
    ]
    hostile = record(HOSTILE, jobs, status="failed", hardware=HOSTILE)
    made = board([hostile, record("b", jobs[:2])])
    assert made.pictures
    page = render_leaderboard(made.model_copy(update={"title": HOSTILE}))
    assert "<script>alert" not in page
    parsed = Page(page)
    assert parsed.tags.count("script") == 1
    assert not [name for name, _ in parsed.attributes if name.startswith("on")]
    assert "{{ 7 * 7 }}" in page


@pytest.mark.parametrize(
    "records", [[], [record("a", status="running")], [record("a", [accuracy("arc", 0.4)])]]
)
def test_small_boards_render(records: list) -> None:
    assert "<table" in render_leaderboard(board(records))


@pytest.mark.parametrize("size", [WIDE, NARROW])
def test_a_picture_shows_every_point_and_its_labels_do_not_overlap(size) -> None:
    for picture in board(family()).pictures:
        svg = tradeoff_svg(picture, size)
        assert svg.count("<circle") == len(picture.points)
        assert tradeoff_svg(picture, size) == svg


ANCHORS = st.lists(
    st.tuples(st.floats(60, 380), st.floats(30, 300), st.floats(6, 220)),
    max_size=20,
)


@settings(max_examples=60, deadline=None)
@given(ANCHORS)
def test_labels_never_cover_a_label_or_a_point(anchors: list[tuple[float, float, float]]) -> None:
    area = Box(50, 20, 400, 320)
    placed = [place for place in place_labels(anchors, area, 12.0) if place is not None]
    for index, place in enumerate(placed):
        assert place.box.inside(area)
        assert not any(place.box.overlaps(other.box) for other in placed[:index])
        assert not any(place.box.overlaps(Box(x - 5, y - 5, x + 5, y + 5)) for x, y, _ in anchors)


@settings(deadline=None)
@given(
    st.lists(st.floats(1e-9, 1e13), min_size=1, max_size=9),
    st.sampled_from(["bytes", "s", "J", ""]),
    st.booleans(),
)
def test_a_scale_holds_its_values_and_has_few_ticks(
    values: list[float], unit: str, logarithmic: bool
) -> None:
    scale = fit_scale(values, (50.0, 400.0), unit, 7, may_be_logarithmic=logarithmic)
    assert all(scale.low <= value <= scale.high for value in values)
    assert all(
        scale.low <= tick * (1 + 1e-9) and tick <= scale.high * (1 + 1e-9) for tick in scale.ticks
    )
    assert 1 <= len(scale.ticks) <= 9
    assert all(49.9 <= scale.position(value) <= 400.1 for value in values)
    if logarithmic and max(values) > 10 * min(values):
        assert scale.logarithmic


def _printed(table: object) -> str:
    console = Console(width=160, record=True, file=None, quiet=False, color_system=None)
    with console.capture() as captured:
        console.print(table)
    return captured.get()


def test_the_terminal_shows_numbers_and_the_reasons_for_none() -> None:
    one = record(
        "[bold]m[/bold]",
        [
            job("latency", "chat", {"ttft_s": measured(0.05, 0.01, "s", how="clock")}),
            job("energy", "chat", {"j_per_request": Absent(reason="no [red]sensor[/red]")}),
        ],
    )
    text = _printed(summary_table(one))
    assert "[bold]m[/bold]" in text
    assert "latency/chat/ttft_s" in text and "50 ms" in text and "40 ms – 60 ms" in text
    assert "— " in text and "no [red]sensor[/red]" in text
    assert failures(one) is None


def test_the_terminal_lists_failed_jobs_and_lost_samples() -> None:
    one = record(
        "m",
        [
            job("accuracy", "arc", {}, "failed", reason="out of memory"),
            job("accuracy", "piqa", {}, "pending"),
            accuracy("boolq", 0.5, failed_count=2),
        ],
    )
    text = _printed(failures(one))
    assert "out of memory" in text
    assert "not finished" in text
    assert "2 of 200 samples failed" in text
