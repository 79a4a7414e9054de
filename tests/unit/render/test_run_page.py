"""The report of one run is one safe page, the same bytes each time; many samples lie beside it."""

from __future__ import annotations

import base64
import hashlib
import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
from markupsafe import Markup

from slmbench.analyse.run_marks import marked_jobs
from slmbench.analyse.run_report import run_report
from slmbench.cli.app import dispatch
from slmbench.render.run_page import render_run_page
from slmbench.render.sample_pages import MOST_INSIDE, browser_data
from slmbench.render.sample_view import SAMPLES, sample_group
from slmbench.schema.record import Origin
from slmbench.store import layout, tables
from tests.unit.analyse.run_report_runs import HOSTILE, SCRIPT, ReportRun, quiz, report_run
from tests.unit.render.test_compare_page import Page

pq = pytest.importorskip("pyarrow.parquet")


def data_of(run: ReportRun, save=None) -> Markup | None:
    groups = (
        sample_group(
            job.job, job.rules,
            zip(job.samples, job.marks, (job.texts.get(s.sample_id, []) for s in job.samples),
                strict=True),
        )
        for job in marked_jobs(run)
    )  # fmt: skip
    return browser_data(SAMPLES, groups, save, "page_samples")


def page_of(run: ReportRun) -> str:
    return render_run_page(run_report(run), data_of(run))


@pytest.fixture(scope="module")
def html() -> str:
    return page_of(report_run(text=HOSTILE))


def test_every_section_is_there_and_every_tag_is_closed(html: str) -> None:
    page = Page(html)
    assert page.open == []
    for words in ("What was run", "Not measured", "out of memory", "1 of 40 samples failed",
                  "Times of chat", "Load: chat", "Power", "key/value cache", "Toxicity",
                  "Calibration", "Environment", "timer_jitter_s", "Reproduce",
                  "Flags can't say models", "not measured", "higher is better"):  # fmt: skip
        assert words in page.text, words
    assert page.tags.count("svg") == 6


def test_a_plain_request_is_one_line_to_copy() -> None:
    assert "slmbench run --model hf:models/model --suite accuracy" in Page(plain_page()).text


def plain_page() -> str:
    run = report_run()
    model = run.record.model.spec.model_copy(update={"target": "models/model"})
    spec = run.record.spec.model_copy(update={"models": (model,)})
    return page_of(ReportRun(run.record.model_copy(update={"spec": spec}), run.kept))


def test_hostile_text_stays_text(html: str) -> None:
    page = Page(html)
    assert "img" not in page.tags
    assert not [name for name, _ in page.attributes if name.startswith("on")]
    assert not [v for _, v in page.attributes if v and v.startswith("javascript:")]
    assert SCRIPT in page.text and "49" not in re.findall(r"\{\{.*?\}\}", page.text)
    assert page.tags.count("script") == 2
    title = html[html.index("<title>") : html.index("</title>")]
    assert "\u202e" not in title and "\x00" not in title


def test_only_our_script_may_run(html: str) -> None:
    policy = re.search(r'Content-Security-Policy" content="([^"]*)"', html).group(1)
    text = re.findall(r"<script>(.*?)</script>", html, re.DOTALL)
    assert len(text) == 1
    digest = base64.b64encode(hashlib.sha256(text[0].encode()).digest()).decode()
    assert f"script-src 'sha256-{digest}'; " in policy.replace("&#39;", "'")
    assert "default-src 'none'" in policy.replace("&#39;", "'")
    assert "http:" not in html and "https:" not in html and "@import" not in html


def test_the_samples_are_data_that_ends_no_script(html: str) -> None:
    found = re.search(r'<script type="application/json"[^>]*>(.*?)</script>', html, re.DOTALL)
    data = json.loads(found.group(1))
    assert data["total"] == 43 and [each[1] for each in data["groups"]] == [40, 3]
    assert data["groups"][0][2] == "wrong: acc is 0"
    title, marks, facts, parts = data["items"][0]
    assert title == f"item 0 {HOSTILE}"[: len(title)] and marks == 1
    assert ["acc", "0"] in facts and ["tokens in", "12"] in facts
    assert ["log-likelihoods (nats)", "-1.250 (greatest), -2.500"] in facts
    assert dict(parts)["output"] == f"Answer 0 {HOSTILE}"
    assert dict(data["items"][1][3])["why it failed"] == f"the server hung up {HOSTILE}"
    assert dict(data["items"][40][3])["text 2 of 2, toxicity 0.9"] == "text 0 1"


def test_many_samples_go_into_files_in_order() -> None:
    files: dict[str, str] = {}
    run = report_run(MOST_INSIDE + 1)
    data = json.loads(data_of(run, files.__setitem__))
    assert "items" not in data and data["folder"] == "page_samples"
    assert data["total"] == MOST_INSIDE + 4 and data["starts"] == [0, 200, 400]
    items = []
    for number in range(3):
        call = re.fullmatch(rf"slmbenchSamples\({number}, (.*)\);\n", files[f"{number}.js"], re.S)
        items += json.loads(call.group(1))
    marks, names = re.fullmatch(
        r'slmbenchIndex\("([^"]*)", (.*)\);\n', files["index.js"], re.S
    ).groups()
    assert [ord(mark) - 64 for mark in marks] == [item[1] for item in items]
    assert json.loads(names) == [item[0] for item in items]
    assert len(items) == data["total"] and set(files) == {"0.js", "1.js", "2.js", "index.js"}


def test_long_texts_make_small_files() -> None:
    files: dict[str, str] = {}
    samples = [each.model_copy(update={"output": "x" * 300_000}) for each in quiz(20)]
    run = report_run(20)
    run.kept["accuracy.quiz"] = samples
    data = json.loads(data_of(run, files.__setitem__))
    assert len(data["starts"]) > 15 and max(map(len, files.values())) < 900_000


def test_halves_of_characters_do_not_stop_it(html: str) -> None:
    page = page_of(report_run(text="half \ud800 here"))
    assert page.encode("utf-8") and "half ? here" in page


def test_the_bytes_do_not_depend_on_the_process() -> None:
    code = (
        "import sys\n"
        "from tests.unit.render.test_run_page import page_of, report_run\n"
        "sys.stdout.write(page_of(report_run(text='x')))\n"
        "assert not {'torch', 'transformers', 'matplotlib.pyplot'} & set(sys.modules)\n"
    )
    made = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, encoding="utf-8", check=True
    )
    assert made.stdout == page_of(report_run(text="x"))


def test_an_imported_run_tells_its_origin_and_no_command() -> None:
    run = report_run()
    origin = Origin(tool="lm-eval 0.4.3", form="lm-eval", files={"r.json": "ab" * 32},
                    citation="a paper")  # fmt: skip
    record = run.record.model_copy(update={"origin": origin})
    page = Page(page_of(ReportRun(record, run.kept)))
    for words in ("Origin", "lm-eval 0.4.3", "r.json", "abab", "a paper"):
        assert words in page.text, words
    assert "slmbench run" not in page.text
    asked = ("answers of the same model", "chat template", "items of each task", "few-shot")
    assert [words in page.text for words in asked] == [False, False, False, True]
    own = Page(page_of(run))
    assert all(words in own.text for words in asked)
    limited = record.model_copy(update={"spec": record.spec.model_copy(update={"limit": 20})})
    assert "the first 20" in Page(page_of(ReportRun(limited, run.kept))).text


def test_a_run_without_words_has_no_browser() -> None:
    run = report_run()
    page = Page(
        render_run_page(run_report(ReportRun(run.record, {})), data_of(ReportRun(run.record, {})))
    )
    assert "script" not in page.tags and "No sample of this run" in page.text


def stored(run: ReportRun, place: Path) -> Path:
    for job, samples in run.kept.items():
        path = place / layout.SAMPLES / layout.file_name(job)
        path.parent.mkdir(parents=True, exist_ok=True)
        pq.write_table(tables.samples_to_table(samples), path)
    (place / layout.RECORD).write_text(run.record.model_dump_json(), "utf-8")
    return place


def test_the_command_writes_page_and_files_and_replaces_them(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    many, few = stored(report_run(520), tmp_path / "many"), stored(report_run(5), tmp_path / "few")
    page, folder = tmp_path / "out" / "my page.html", tmp_path / "out" / "my page_samples"
    assert dispatch(["report", str(many), "-o", str(page), "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["page"] == str(page) and told["samples_folder"] == str(folder)
    assert sorted(path.name for path in folder.iterdir()) == ["0.js", "1.js", "2.js", "index.js"]
    assert "my%20page_samples" in page.read_text("utf-8")
    assert "'self'" in page.read_text("utf-8").replace("&#39;", "'")
    (folder / "mine.txt").write_text("kept")
    assert dispatch(["report", str(few), "-o", str(page)]) == 0
    assert [path.name for path in folder.iterdir()] == ["mine.txt"]
    assert "'self'" not in page.read_text("utf-8").replace("&#39;", "'")


def test_labels_and_tags_are_told(tmp_path: Path) -> None:
    run = report_run(5, "x")
    spec = run.record.spec.model_copy(update={"labels": {"commit": "abc123"}})
    record = run.record.model_copy(update={"spec": spec})
    place = stored(ReportRun(record, run.kept), tmp_path / "store" / record.run_id)
    assert dispatch(["tag", str(place), "the-best", "--store", str(tmp_path / "store")]) == 0
    page = tmp_path / "page.html"
    assert dispatch(["report", str(place), "-o", str(page)]) == 0
    html = page.read_text("utf-8")
    for name, text in (("label commit", "abc123"), ("tag", "the-best")):
        assert f"<dt>{name}</dt><dd>{text}</dd>" in html


def test_a_page_is_an_html_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert dispatch(["report", "x", "-o", str(tmp_path / "page.pdf")]) == 2
    assert "name a FILE.html" in capsys.readouterr().err
