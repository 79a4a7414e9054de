"""The latency suite's arithmetic, on rounds whose token times were chosen by hand."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from slmbench.backends.fake import Fake
from slmbench.execute.context import JobContext
from slmbench.plan.tasks import local_tasks
from slmbench.ports import Generation, Sampling, Tokens
from slmbench.schema.base import Absent, Measured, Measurement
from slmbench.schema.model_spec import ModelSpec
from slmbench.schema.plan import Job, TaskRef
from slmbench.schema.record import JobResult
from slmbench.suites.latency import Latency
from slmbench.suites.process_age import process_age
from slmbench.suites.run_queue import RunQueue
from tests.contract.memory_context import MemoryContext

#: Round and request -> the times of its tokens.
Script = Callable[[int, int], tuple[float, ...]]


class Scripted(Fake):
    """The fake model, with token times that a test wrote down."""

    def __init__(self, script: Script) -> None:
        super().__init__(ModelSpec(backend="fake", target="scripted"), "scripted")
        self._script = script
        self.rounds = 0

    def generate(self, prompts: list[Tokens], how: Sampling, k: int) -> list[list[Generation]]:  # type: ignore[override]
        number, self.rounds = self.rounds, self.rounds + 1
        rows = super().generate(prompts, how, k)
        return [
            [replace(each, token_times_s=self._script(number, i)) for each in row]
            for i, row in enumerate(rows)
        ]


def workload(folder: Path, **numbers: int) -> Job:
    lines = {"prompt_tokens": 4, "output_tokens": 3, "batch_size": 1, "warmup": 0, "repeats": 10}
    text = "\n".join(f"{key}: {value}" for key, value in {**lines, **numbers}.items())
    (folder / "text.txt").write_text("some words of a text that is long enough for two prompts")
    path = folder / "mine.yaml"
    path.write_text(f"workload: mine\nversion: 1\ntext: text.txt\n{text}\n")
    task = TaskRef(name="mine", kind="workload", path=str(path))
    return Job(job_id="latency/mine", suite="latency", task=task)


def run(job: Job, backend: Fake) -> tuple[JobResult, dict[str, Measurement]]:
    context = MemoryContext()
    result = Latency().run(job, backend, context)
    assert context.progressed[-1][0] == context.progressed[-1][1]
    return result, {each.metric: each.value for each in result.metrics}


def number(value: Measurement) -> float:
    assert isinstance(value, Measured), value
    return value.value


def test_the_definitions_by_hand(tmp_path: Path) -> None:
    """Round r: first token at 0.2 + r/1000, then gaps of 0.1 and 0.3."""
    backend = Scripted(lambda r, _: (0.2 + r / 1000, 0.3 + r / 1000, 0.6 + r / 1000))
    _, found = run(workload(tmp_path), backend)
    assert number(found["ttft_s"]) == number(found["ttft_s@p50"]) == pytest.approx(0.2045)
    assert number(found["tpot_s"]) == pytest.approx(0.2)
    assert number(found["e2e_s"]) == pytest.approx(0.6045)
    assert number(found["prefill_tokens_per_s"]) == pytest.approx(4 / 0.2045, rel=1e-3)
    assert number(found["decode_tokens_per_s"]) == pytest.approx(2 / 0.4)
    gaps = found["itl_s"]
    assert isinstance(gaps, Measured) and gaps.n == 20 and gaps.interval is not None
    assert gaps.value == pytest.approx(0.2)
    assert gaps.interval.low >= 0.1 - 1e-9 and gaps.interval.high <= 0.3 + 1e-9
    assert number(found["tokenizer_encode_s"]) >= 0 and number(found["tokenizer_decode_s"]) >= 0


def test_requests_of_a_batch_may_have_times_of_their_own(tmp_path: Path) -> None:
    """Request 0 at 0.1, 0.2, 0.3 and request 1 at 0.3, 0.5, 0.7, as behind a server."""
    backend = Scripted(lambda _, i: ((0.1, 0.2, 0.3), (0.3, 0.5, 0.7))[i])
    result, found = run(workload(tmp_path, batch_size=2), backend)
    assert number(found["ttft_s"]) == pytest.approx(0.2)
    assert number(found["e2e_s"]) == pytest.approx(0.5)
    assert number(found["tpot_s"]) == pytest.approx(0.15)
    # Eight prompt tokens by 0.3 s; four further tokens from 0.1 to 0.7 s.
    assert number(found["prefill_tokens_per_s"]) == pytest.approx(8 / 0.3)
    assert number(found["decode_tokens_per_s"]) == pytest.approx(4 / 0.6)
    gaps = found["itl_s"]
    assert isinstance(gaps, Measured) and gaps.n == 10 * 4
    assert gaps.value == pytest.approx(np.median([0.1, 0.1, 0.2, 0.2]))
    assert len(result.raw["tokens"]) == 10 * 2 * 3


def test_requests_that_move_in_step_are_one_reading(tmp_path: Path) -> None:
    _, found = run(workload(tmp_path, batch_size=2), Scripted(lambda _, i: (0.1, 0.2, 0.3)))
    gaps = found["itl_s"]
    assert isinstance(gaps, Measured) and gaps.n == 10 * 2


@pytest.mark.parametrize(
    ("repeats", "measured"),
    [(5, set()), (6, {"@p50"}), (36, {"@p50", "@p90"}), (72, {"@p50", "@p90", "@p95"}),
     (368, {"@p50", "@p90", "@p95", "@p99"})],
)  # fmt: skip
def test_a_quantile_has_an_interval_or_the_number_it_lacks(
    tmp_path: Path, repeats: int, measured: set[str]
) -> None:
    draw = np.random.default_rng(0)
    firsts = draw.normal(0.2, 0.001, 1000).tolist()
    backend = Scripted(lambda r, _: (firsts[r], firsts[r] + 0.1, firsts[r] + 0.2))
    _, found = run(workload(tmp_path, repeats=repeats), backend)
    for suffix, needed in (("@p50", 6), ("@p90", 36), ("@p95", 72), ("@p99", 368)):
        value = found[f"ttft_s{suffix}"]
        if suffix in measured:
            assert isinstance(value, Measured) and value.interval is not None
            assert value.n == repeats
        else:
            assert isinstance(value, Absent) and f"at least {needed} rounds" in value.reason


def slow_until(settled: int) -> Script:
    def script(r: int, _: int) -> tuple[float, ...]:
        slow = 0.5 if r < settled else 0.0
        return (0.1 + slow, 0.2 + slow + r % 2 / 1000, 0.3 + slow + r % 3 / 1000)

    return script


@pytest.mark.parametrize(("settled", "warmup", "dropped"), [(0, 0, 0), (0, 2, 2), (4, 2, 4)])
def test_rounds_are_dropped_until_the_times_settle(
    tmp_path: Path, settled: int, warmup: int, dropped: int
) -> None:
    backend = Scripted(slow_until(settled))
    result, found = run(workload(tmp_path, warmup=warmup, repeats=12), backend)
    assert result.details["warm_up"]["dropped_rounds"] == dropped
    assert result.details["warm_up"]["is_settled"] is True
    assert not any("settled" in note for note in result.notes)
    assert len(result.samples) == 12 and backend.rounds == 12 + dropped
    assert number(found["ttft_s"]) == pytest.approx(0.1)
    rows = result.raw["tokens"]
    assert {row["round"] for row in rows if row["warmup"]} == set(range(dropped))
    assert isinstance(found["ttft_s"], Measured)
    assert f"after {dropped} warm-up rounds" in (found["ttft_s"].source or "")


def test_times_that_never_settle_are_told_of(tmp_path: Path) -> None:
    """Every five rounds a new level, for ever."""
    backend = Scripted(lambda r, _: (1.0 + r // 5, 2.0 + r // 5, 3.0 + r // 5))
    result, found = run(workload(tmp_path, repeats=12), backend)
    assert result.details["warm_up"]["is_settled"] is False
    assert backend.rounds == 36 and len(result.samples) == 12
    assert "had not settled after 36 rounds" in result.notes[0]
    assert isinstance(found["ttft_s"], Measured)


def test_a_cold_start_is_of_a_process_that_did_nothing_else(tmp_path: Path) -> None:
    backend = Scripted(lambda *_: (0.1, 0.2, 0.3))
    spec = MemoryContext().spec
    for before, expected in ((0, Measured), (2, Absent), (None, Absent)):
        context = JobContext(spec, {}, lambda _: None)
        context.jobs_before = before
        result = Latency().run(workload(tmp_path), backend, context)
        (value,) = [each.value for each in result.metrics if each.metric == "cold_start_s"]
        age = process_age()
        if isinstance(age, Absent):
            assert value == age
            continue
        assert isinstance(value, expected)
        if isinstance(value, Measured):
            assert 0.1 < value.value < age + 0.2
        elif isinstance(value, Absent) and before:
            assert "2 other jobs" in value.reason


def test_a_servers_tokenizer_is_elsewhere() -> None:
    backend = Scripted(lambda *_: tuple(0.1 * (i + 1) for i in range(32)))
    backend.info = replace(backend.info, is_remote=True)
    job = Job(job_id="latency/chat", suite="latency", task=local_tasks()["chat"])
    _, found = run(job, backend)
    for name in ("tokenizer_encode_s", "tokenizer_decode_s", "cold_start_s", "load_s"):
        assert isinstance(found[name], Absent)
    # 20 rounds of 31 gaps are enough for a gap's p99, though not for a first token's.
    assert isinstance(found["itl_s@p99"], Measured) and isinstance(found["ttft_s@p99"], Absent)


def test_the_share_of_time_that_others_had_the_cpu_is_recorded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(RunQueue, "waited_s", lambda _: 0.03)
    result, _ = run(workload(tmp_path), Scripted(lambda *_: (0.1, 0.2, 0.3)))
    assert result.details["waited_share"] == pytest.approx(0.1)
    assert [each.scores["waited_s"] for each in result.samples] == [0.03] * 10
    assert any("others had the CPU for 10% of the counted rounds' time" in n for n in result.notes)
    monkeypatch.setattr(RunQueue, "waited_s", lambda _: None)
    result, _ = run(workload(tmp_path), Scripted(lambda *_: (0.1, 0.2, 0.3)))
    assert result.details["waited_share"] is None
    assert not any("waited_s" in each.scores for each in result.samples) and not result.notes
