"""The page of real runs of every suite, opened in real Chromium from disk."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.conftest import slmbench

pytest.importorskip("torch")
pytest.importorskip("lm_eval")

_MODELS = ("pico", "nano", "micro")
_SUITES = ("accuracy", "toxicity", "similarity", "latency", "energy", "memory")


@pytest.fixture(scope="module")
def page_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The leaderboard of the demo's models and suites, few items each."""
    folder = tmp_path_factory.mktemp("demo")
    done = slmbench("run", "demo", "--limit", 6, "--store", "runs", cwd=folder)
    assert done.code == 0, done.err
    assert slmbench("leaderboard", "runs", "-o", "board", cwd=folder).code == 0
    return folder / "board" / "index.html"


def test_every_model_with_every_suite_and_no_request(browser, page_file: Path) -> None:
    page = browser.new_page()
    errors: list[str] = []
    requests: list[str] = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.on("console", lambda m: errors.append(m.text) if m.type == "error" else None)
    page.on("request", lambda request: requests.append(request.url))
    page.goto(page_file.as_uri())
    text = page.inner_text("body")
    page.close()
    assert errors == []
    assert requests == [page_file.as_uri()]
    for name in (*_MODELS, *_SUITES):
        assert name in text.lower(), name
