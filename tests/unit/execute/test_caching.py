"""Which answers may be kept, under which model's key, and what a record says of it."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from slmbench.backends.fake import Fake
from slmbench.backends.request_cache import CachedBackend
from slmbench.execute import caching
from slmbench.execute.caching import CACHED_SUITES, may_keep, model_key, prune, run_job
from slmbench.execute.context import JobContext
from slmbench.meters.environment import environment
from slmbench.ports import Backend, Context
from slmbench.schema.model_spec import ModelSpec
from slmbench.schema.plan import Job, TaskRef
from slmbench.schema.record import JobResult, ModelFingerprint
from slmbench.schema.spec import SUITES, RunSpec

MODEL = ModelSpec(backend="fake", target="one")
PRINT = ModelFingerprint(weights="w", tokenizer="t", chat_template="", dtype="auto",
                         quantization="")  # fmt: skip


class Asking:
    """A suite that asks three pairs, one of them twice, and notes whom it asked."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.asked: Backend | None = None

    def run(self, job: Job, backend: Backend, context: Context) -> JobResult:
        self.asked = backend
        scores = backend.loglikelihood([([1], [2]), ([1], [3]), ([1], [2])])
        return JobResult(metrics=(), notes=("its own",), details={"scores": scores})


def ask(suite: str = "accuracy", model: ModelSpec = MODEL, **spec: Any) -> tuple[JobResult, Asking]:
    asking = Asking(suite)
    context = JobContext(RunSpec(models=(model,), **spec), {}, lambda message: None)
    job = Job(job_id=f"{suite}/x", suite=suite, task=TaskRef(name="x", kind="accuracy"))
    return run_job(asking, job, Fake(model, model.target), context, PRINT), asking


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("SLMBENCH_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache" / "requests"


def test_the_record_says_what_came_from_the_cache() -> None:
    (cold, _), (warm, _) = ask(), ask()
    assert cold.details["cache"] == {"hits": 0, "misses": 2} and cold.notes == ("its own",)
    assert warm.details["cache"] == {"hits": 2, "misses": 0}
    assert warm.details["scores"] == cold.details["scores"]
    assert warm.notes == (
        "its own",
        "2 of 2 answers came from the request cache, so the job's time is not the model's speed",
    )


@pytest.mark.parametrize("suite", sorted(set(SUITES) - CACHED_SUITES))
def test_what_measures_time_asks_the_model_itself(suite: str, folder: Path) -> None:
    result, asking = ask(suite)
    assert isinstance(asking.asked, Fake) and "cache" not in result.details
    assert not folder.exists()


def test_every_suite_that_is_cached_is_one_of_ours() -> None:
    # Whole distributions are too large to keep; the others measure the model at work.
    assert set(SUITES) - CACHED_SUITES == {"fidelity", "latency", "load", "energy", "memory"}


def test_no_cache_asks_the_model_itself(folder: Path) -> None:
    result, asking = ask(cache=False)
    assert isinstance(asking.asked, Fake) and "cache" not in result.details
    assert not folder.exists()


@pytest.mark.parametrize(
    ("model", "weights"),
    [
        (ModelSpec(backend="fake", target="one"), ""),
        (ModelSpec(backend="server", target="one"), "w"),
        (ModelSpec(backend="fake", target="one", trust_remote_code=True), "w"),
    ],
    ids=("no fingerprint", "only a name", "code of its own"),
)
def test_a_model_that_is_not_known_to_the_byte_is_not_kept(model: ModelSpec, weights: str) -> None:
    assert may_keep("accuracy", MODEL, PRINT)
    assert not may_keep("accuracy", model, PRINT.model_copy(update={"weights": weights}))


@pytest.mark.parametrize("part", [*ModelFingerprint.model_fields])
def test_another_fingerprint_is_another_key(part: str) -> None:
    other = PRINT.model_copy(update={part: "other"})
    backend = Fake(MODEL, "one")
    assert model_key(MODEL, other, backend) != model_key(MODEL, PRINT, backend)


@pytest.mark.parametrize(
    "change",
    [{"backend": "hf"}, {"dtype": "float16"}, {"device": "cpu"}, {"batch_size": 1},
     {"max_length": 64}, {"threads": 1}, {"add_bos_token": True}, {"revision": "x"}],
    ids=str,
)  # fmt: skip
def test_a_model_run_otherwise_is_another_key(change: dict[str, Any]) -> None:
    other = MODEL.model_copy(update=change)
    keys = {model_key(model, PRINT, Fake(model, "one")) for model in (MODEL, other)}
    assert len(keys) == 2


def test_what_a_model_is_called_is_not_part_of_the_key() -> None:
    backend = Fake(MODEL, "one")
    other = MODEL.model_copy(update={"name": "other", "target": "elsewhere"})
    assert model_key(other, PRINT, backend) == model_key(MODEL, PRINT, backend)


def _as_loaded(backend: Backend, monkeypatch: pytest.MonkeyPatch) -> None:
    from dataclasses import replace

    backend.info = replace(backend.info, dtype="bfloat16")


def _hardware(backend: Backend, monkeypatch: pytest.MonkeyPatch) -> None:
    found = environment().model_copy(update={"hardware_hash": "other"})
    monkeypatch.setattr(caching, "environment", lambda: found)


def _software(backend: Backend, monkeypatch: pytest.MonkeyPatch) -> None:
    found = environment().model_copy(update={"software_hash": "other"})
    monkeypatch.setattr(caching, "environment", lambda: found)


@pytest.mark.parametrize("change", [_as_loaded, _hardware, _software])
def test_another_way_of_answering_is_another_key(
    change: Callable[[Backend, pytest.MonkeyPatch], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    backend = Fake(MODEL, "one")
    before = model_key(MODEL, PRINT, backend)
    caching._host.cache_clear()
    assert model_key(MODEL, PRINT, backend) == before
    change(backend, monkeypatch)
    caching._host.cache_clear()
    assert model_key(MODEL, PRINT, backend) != before
    caching._host.cache_clear()


def test_how_long_it_took_to_load_is_not_part_of_the_key() -> None:
    from dataclasses import replace

    backend = Fake(MODEL, "one")
    before = model_key(MODEL, PRINT, backend)
    backend.info = replace(backend.info, load_s=9.0)
    assert model_key(MODEL, PRINT, backend) == before


def test_a_cache_that_fails_is_a_note(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("SLMBENCH_CACHE", str(tmp_path / "file"))
    result, asking = ask()
    assert isinstance(asking.asked, CachedBackend)
    assert result.details["cache"] == {"hits": 0, "misses": 2}
    assert result.notes[1:] == (
        "the request cache failed (Not a directory); what it lacked was computed",
    )


def test_a_user_without_a_home_has_no_cache(monkeypatch: pytest.MonkeyPatch) -> None:
    def nowhere() -> Path:
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.setattr(caching, "cache_dir", nowhere)
    result, _ = ask()
    assert "cache" not in result.details and len(result.details["scores"]) == 3


def test_answers_that_nobody_asks_for_are_deleted_after_a_season(tmp_path: Path) -> None:
    old, used, mine = (tmp_path / f"{name}.sqlite" for name in ("old", "used", "mine"))
    for file in (old, used, mine):
        file.write_bytes(b"")
    season = 91 * 24 * 3600
    for file in (old, mine):
        os.utime(file, (file.stat().st_mtime - season,) * 2)
    prune(tmp_path, keep=mine)
    assert not old.exists() and used.exists() and mine.exists()
    prune(tmp_path, keep=used)
    assert mine.exists(), "it was used just now"
    prune(tmp_path / "nowhere", keep=mine)
