"""The page of a comparison is one safe file, the same bytes each time, light without a page."""

from __future__ import annotations

import base64
import hashlib
import json
import re
import subprocess
import sys
from html.parser import HTMLParser

import pytest

from slmbench.render.compare_forest import MOST_ROWS, difference_rows, ratio_rows
from slmbench.render.compare_page import render_compare_page
from slmbench.render.compare_text import render_compare_markdown, render_compare_text
from slmbench.schema.curves import Curves
from tests.unit.render.compare_page_runs import HOSTILE, pair


class Page(HTMLParser):
    """Collects every tag's name, every attribute, and whether each tag is closed."""

    VOID = ("meta", "link", "br", "hr", "img", "input")

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str | None]] = []
        self.open: list[str] = []
        self.text = ""
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += attrs
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += attrs

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data


@pytest.fixture(scope="module")
def html() -> str:
    return render_compare_page(*pair())


@pytest.fixture(scope="module")
def page(html: str) -> Page:
    return Page(html)


def test_every_section_is_there_and_every_tag_is_closed(page: Page) -> None:
    assert page.open == []
    for words in ("Compression report", "What was kept", "Next-token distributions",
                  "What it saves", "Differences", "Ratios", "Times of chat", "Reliability",
                  "Every metric", "Flips", "Items whose outcome changed"):  # fmt: skip
        assert words in page.text, words
    assert page.tags.count("svg") == 4
    assert page.tags.count("details") == 1


def test_hostile_text_stays_text(html: str, page: Page) -> None:
    # The flips' data, and our own script.
    assert page.tags.count("script") == 2 and len(re.findall("<script", html)) == 2
    assert not [name for name, _ in page.attributes if name.startswith("on")]
    assert HOSTILE in page.text
    assert "49" not in re.findall(r"\{\{.*?\}\}", page.text)


def test_the_page_asks_no_network_and_runs_only_our_script(html: str, page: Page) -> None:
    policy = next(v for _, v in page.attributes if v and v.startswith("default-src"))
    (script,) = re.findall(r"<script>(.*?)</script>", html, re.DOTALL)
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    assert policy.startswith("default-src 'none'; ") and f"script-src 'sha256-{digest}';" in policy
    assert "http:" not in html and "https:" not in html
    assert not re.search(r"@import|fetch\(|XMLHttpRequest", html)
    assert all(match.startswith("#") for match in re.findall(r"url\(([^)]*)\)", html))
    links = [value for name, value in page.attributes if name in ("href", "src", "xlink:href")]
    assert all(link is None or link.startswith(("#", "data:")) for link in links)
    assert ("http-equiv", "Content-Security-Policy") in page.attributes


def test_pictures_are_drawn_in_the_pages_colours(html: str) -> None:
    for variable in ("--ink", "--muted", "--old", "--new", "--bad-ink", "--good"):
        assert f"var({variable})" in html, variable
    drawings = re.findall(r"<svg.*?</svg>", html, re.DOTALL)
    assert not re.search(r"(?:fill|stroke): #0[1-7]{1}0", "".join(drawings))
    ids = [name for each in drawings for name in re.findall(r' id="([^"]+)"', each)]
    assert len(ids) == len(set(ids))


def test_the_bytes_do_not_depend_on_the_process(html: str) -> None:
    code = (
        "import sys\n"
        "from slmbench.render.compare_page import render_compare_page\n"
        "from tests.unit.render.compare_page_runs import pair\n"
        "sys.stdout.write(render_compare_page(*pair()))\n"
        "assert not {'torch', 'transformers', 'matplotlib.pyplot'} & set(sys.modules)\n"
    )
    made = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, encoding="utf-8", check=True
    )
    assert made.stdout == html


def test_without_a_page_no_matplotlib_is_loaded() -> None:
    code = (
        "import sys\nimport slmbench.cli.compare\n"
        "assert not {'matplotlib', 'torch', 'jinja2'} & set(sys.modules)\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_many_flips_are_capped_and_told() -> None:
    comparison, curves = pair(right=20)
    page = render_compare_page(comparison, curves)
    assert page.count('<article class="item">') == 30
    assert "70 items, the first 30 are here" in page
    (data,) = re.findall(r'id="samples-data">(.*?)</script>', page, re.DOTALL)
    told = json.loads(data)
    assert told["total"] == 30 and told["marks"] == ["correct to wrong", "wrong to correct"]
    assert "70 correct to wrong" in told["groups"][0][2]
    assert [name for name, _ in told["items"][0][3]] == ["asked", "target", "baseline", "candidate"]


def test_many_rows_are_capped_and_told() -> None:
    comparison, _ = pair()
    (row,) = [each for each in comparison.rows if each.metric == "acc"]
    rows = tuple(row.model_copy(update={"task": f"t{i}"}) for i in range(MOST_ROWS + 5))
    page = render_compare_page(comparison.model_copy(update={"rows": rows}), Curves())
    assert f"The first {MOST_ROWS} of {MOST_ROWS + 5} are drawn." in page


def test_only_shares_with_an_interval_share_the_axis_of_differences() -> None:
    comparison, _ = pair()
    (row,) = difference_rows(comparison)
    assert row.label == "accuracy/quiz/acc" and row.reading == "worse"
    (ratio,) = ratio_rows(comparison.ratios)
    assert ratio.label == "latency/chat/ttft_s" and ratio.reading == "better"


def test_a_comparison_of_nothing_but_refusals_is_a_page_too() -> None:
    comparison, _ = pair()
    bare = {"rows": (), "flips": (), "ratios": (), "compression": None}
    page = Page(render_compare_page(comparison.model_copy(update=bare), Curves()))
    assert page.open == [] and "svg" not in page.tags and "script" not in page.tags


def test_text_and_markdown_tell_flips_ratios_and_the_report() -> None:
    comparison, _ = pair()
    text, markdown = render_compare_text(comparison), render_compare_markdown(comparison)
    for words in ("Items whose outcome changed", "Resources, candidate over baseline",
                  "Compression report", "kl_divergence", "0.5 [0.", "0.5x"):  # fmt: skip
        assert words in text and words in markdown, words
    assert "(the first 5 of 30)" in markdown and "(the first 5" not in text
    assert "<script" not in markdown
    assert all(line.count(" | ") >= 4 for line in markdown.splitlines() if line.startswith("| "))
