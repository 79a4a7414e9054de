"""A store may be any URL that fsspec opens: written run by run, read, resumed."""

from __future__ import annotations

from pathlib import Path

import fsspec
import pytest

from slmbench import pipeline
from slmbench.cli.progress import Bars
from slmbench.errors import SaveError
from slmbench.plan.spec_file import make_spec
from slmbench.store.reader import list_runs

_SPEC = make_spec(
    {"models": ["fake:away"], "suites": ["toxicity", "latency"], "limit": 3},
    ("fake",),
    "the test",
)


@pytest.fixture
def url(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setenv("SLMBENCH_CACHE", str(tmp_path / "slmbench"))
    fs = fsspec.filesystem("memory")
    if fs.exists("/away"):
        fs.rm("/away", recursive=True)
    return "memory://away/runs"


def test_written_read_and_resumed(url: str, tmp_path: Path) -> None:
    (record,) = pipeline.run(_SPEC, url, Bars(quiet=True))
    (run,) = list_runs(url)
    assert run.record == record
    assert len(run.samples("toxicity/everyday")) == 3
    assert run.raw("tokens", "latency/chat")
    # Another machine: nothing local, the store has it all.
    (tmp_path / "slmbench").rename(tmp_path / "elsewhere")
    (again,) = pipeline.run(_SPEC, url, Bars(quiet=True), resume=True)
    assert again == record
    assert len(list_runs(url)) == 1
    page = pipeline.rank([url], str(tmp_path / "board"))
    assert "away" in page.read_text()


def test_a_store_that_refuses_loses_nothing(
    url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise PermissionError("access denied")

    with monkeypatch.context() as patch:
        patch.setattr(fsspec.implementations.memory.MemoryFileSystem, "put_file", refuse)
        with pytest.raises(SaveError, match="access denied"):
            pipeline.run(_SPEC, url, Bars(quiet=True))
    (record,) = pipeline.run(_SPEC, url, Bars(quiet=True), resume=True)
    assert record.status == "done"
    (run,) = list_runs(url)
    assert run.record == record
