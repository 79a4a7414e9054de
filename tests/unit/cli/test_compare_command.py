"""``slmbench compare``: which pages it writes, and that it says so of any other."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from slmbench.cli.app import dispatch

GOLDEN = str(Path(__file__).resolve().parents[2] / "golden" / "records_v1")


def test_another_kind_of_file_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "report.pdf"
    assert dispatch(["compare", GOLDEN, GOLDEN, "-o", str(path)]) == 2
    assert "FILE.html" in capsys.readouterr().err and not path.exists()


def test_a_recorded_run_against_itself_is_a_page(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "report.html"
    arguments = ["compare", GOLDEN, GOLDEN, "--json", "--compression", "-o", str(path)]
    assert dispatch(arguments) == 0
    document = json.loads(capsys.readouterr().out)
    assert {"rows", "flips", "ratios", "compression"} <= set(document)
    assert all(each["ratio"] == 1.0 for each in document["ratios"])
    assert all(each["lost_count"] == each["gained_count"] == 0 for each in document["flips"])
    assert "--reference BASE" in document["compression"]["notes"][0]
    page = path.read_text("utf-8")
    assert "--reference BASE" in page and "Every metric" in page


@pytest.mark.parametrize("name", ["report.md", "report.html"])
def test_a_page_is_the_same_twice(tmp_path: Path, name: str) -> None:
    found = []
    for folder in ("one", "two"):
        path = tmp_path / folder / name
        assert dispatch(["compare", GOLDEN, GOLDEN, "-o", str(path)]) == 0
        found.append(path.read_bytes())
    assert found[0] == found[1]
