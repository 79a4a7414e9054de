"""The page is one safe file that never shows an absent number, and the same bytes each time."""

from __future__ import annotations

import json
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
from slmbench.render.board_static import draw_front
from slmbench.render.board_text import MOST_CHARACTERS, shown
from slmbench.render.board_ties import shown_places
from slmbench.render.label_placement import Box, place_labels
from slmbench.render.leaderboard import render_leaderboard
from slmbench.render.terminal import failures, summary_table
from slmbench.render.tradeoff_svg import NARROW, WIDE, tradeoff_svg
from slmbench.schema.base import Absent
from slmbench.schema.board import DevicePreset
from tests.unit.render.board_records import accuracy, family, job, measured, record

HOSTILE = '</script><script>alert("x")</script>"onmouseover=\'y\' {{ 7 * 7 }}'


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
    # The name of SVG's elements looks like an address, and is none.
    named = html.replace("http://www.w3.org/2000/svg", "")
    assert "http:" not in named and "https:" not in named and "//cdn" not in named
    assert not re.search(r"url\(|@import|fetch\(|XMLHttpRequest|sendBeacon", html)
    # Nothing from a record is read as markup or as code.
    assert not re.search(
        r"innerHTML|outerHTML|insertAdjacent|document\.write|eval\(|Function\(", html
    )
    page = Page(html)
    sources = [value for name, value in page.attributes if name in ("src", "href", "action")]
    assert sources == ["data:,"]
    assert "default-src 'none'" in html and "unsafe" not in html


def data_of(html: str) -> dict:
    """Return the page's data as its script reads it."""
    found = re.search(r'<script type="application/json" id="data">(.*?)</script>', html, re.DOTALL)
    assert found is not None
    return json.loads(found.group(1))


def unpacked(packed: object, count: int) -> list:
    return packed if isinstance(packed, list) else [packed] * count


def without_javascript(html: str) -> str:
    return html[html.index("<noscript>") : html.index("</noscript>")]


def test_no_value_is_shown_that_is_none(html: str) -> None:
    page = without_javascript(html)
    assert not re.findall(r"\b(?:nan|inf|infinity|undefined|none|null)\b", page, re.I)


def test_an_absent_number_is_never_a_number(html: str) -> None:
    made = board(family())
    absent = [cell.value for row in made.rows for cell in row.cells]
    count = sum(isinstance(value, Absent) for value in absent)
    cells = Page(without_javascript(html)).cells
    shown_absent = [(attrs, text) for attrs, text in cells if text.startswith("—")]
    assert len(shown_absent) == count > 12
    for attrs, text in shown_absent:
        assert "data-sort" not in attrs
        assert attrs["title"] and attrs["title"] in text
        assert attrs["tabindex"] == "0"


def test_the_data_holds_every_value_interval_and_reason(html: str) -> None:
    made, data = board(family()), data_of(html)
    count = len(made.rows)
    assert data["rows"]["label"] == [row.label for row in made.rows]
    for at, column in enumerate(data["columns"]):
        lists = {
            name: unpacked(column[name], count) for name in ("value", "low", "high", "why", "how")
        }
        for index, row in enumerate(made.rows):
            value = row.cells[at].value
            found = {name: each[index] for name, each in lists.items()}
            if isinstance(value, Absent):
                assert (found["value"], found["low"], found["high"]) == (None, None, None)
                assert data["texts"][found["why"]] == value.reason
                continue
            assert found["value"] == pytest.approx(value.value, rel=1e-6)
            assert data["texts"][found["how"]] == value.how
            if value.interval is None:
                assert found["low"] is None
            else:
                assert found["low"] == pytest.approx(value.interval.low, rel=1e-6)
                assert found["high"] == pytest.approx(value.interval.high, rel=1e-6)


def test_a_tie_is_never_shown_as_a_win() -> None:
    made = board([record("a", [accuracy("arc", 0.41)]), record("b", [accuracy("arc", 0.40)])])
    words = [{place.word for place in places} for places in shown_places(made)]
    assert words == [{"tied highest"}, {"tied"}]
    page = render_leaderboard(made)
    assert 'class="measured best' not in page
    assert all(set(unpacked(column["rank"], 2)) == {2, 3} for column in data_of(page)["columns"])
    apart = board([record("a", [accuracy("arc", 0.6)]), record("b", [accuracy("arc", 0.4)])])
    words = [{place.word for place in places} for places in shown_places(apart)]
    assert words == [{"best"}, {""}]


def test_the_budgets_a_buyer_names_are_found(html: str) -> None:
    found = {column["budget"]: column["metric"] for column in data_of(html)["columns"]}
    assert {kind: metric for kind, metric in found.items() if kind} == {
        "memory": "peak_resident_bytes",
        "time per output token": "tpot_s",
        "energy": "j_per_output_token",
        "toxicity": "expected_max_toxicity",
    }
    roles = {column["suite"]: column["role"] for column in data_of(html)["columns"]}
    assert roles["accuracy"] == roles["toxicity"] == roles["similarity"] == "capability"
    assert roles["latency"] == roles["energy"] == roles["memory"] == "resource"


def test_a_large_board_has_its_data_once() -> None:
    many = [record(f"m{number}", [accuracy("arc", 0.4)]) for number in range(60)]
    page = render_leaderboard(board(many))
    assert len(data_of(page)["rows"]["label"]) == 60
    assert "<td" not in without_javascript(page) and "60 models" in without_javascript(page)


def test_a_text_is_cut_and_its_directions_are_not_obeyed() -> None:
    assert shown("plain — ö 漢字") == "plain — ö 漢字"
    assert shown("a\u202egnp.exe\u2066\x00\ud800") == "a\ufffdgnp.exe\ufffd\ufffd\ufffd"
    cut = shown("x" * 2**20)
    assert len(cut) < MOST_CHARACTERS + 40 and "1,048,576 characters" in cut


def test_endless_texts_and_broken_signs_keep_the_page_small() -> None:
    long = "</script>\u202e\ud83d" + "y" * 2**20
    jobs = [
        accuracy(long, 0.4, notes=(long,)),
        job("memory", "chat", {"weight_bytes": measured(1e9, None, "bytes", how=long)}),
        job("energy", "chat", {}, "failed", reason=long),
    ]
    page = render_leaderboard(board([record(long, jobs)], title=long))
    assert len(page.encode()) < 400_000
    assert "\u202e" not in page and Page(page).tags.count("script") == 2


DEVICE = DevicePreset(
    name="phone", memory="host", total_bytes=6e9, system_bytes=3e9, runtime_bytes=0.0, source="<b>"
)


def test_devices_are_handed_to_the_page() -> None:
    (found,) = data_of(render_leaderboard(board(family(2)), [DEVICE]))["devices"]
    assert (found["name"], found["total"], found["system"]) == ("phone", 6e9, 3e9)


@pytest.mark.parametrize(("form", "head"), [("svg", b"<?xml"), ("png", b"\x89PNG")])
def test_a_picture_for_a_readme_is_the_same_each_time(form, head: bytes) -> None:
    picture = board(family()).pictures[0]
    drawn = draw_front(picture, form)
    assert drawn.startswith(head) and drawn == draw_front(picture, form)
    assert 5_000 < len(drawn) < 400_000
    hostile = picture.points[0].model_copy(update={"label": HOSTILE + "$x_1$\n"})
    assert b"<script" not in draw_front(picture.model_copy(update={"points": (hostile,)}), form)


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
    device = DEVICE.model_copy(update={"about": HOSTILE, "source": HOSTILE})
    page = render_leaderboard(made.model_copy(update={"title": HOSTILE}), [device])
    assert "<script>alert" not in page
    parsed = Page(page)
    assert parsed.tags.count("script") == 2
    assert not [name for name, _ in parsed.attributes if name.startswith("on")]
    assert "{{ 7 * 7 }}" in page
    assert HOSTILE in data_of(page)["rows"]["label"]


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
