"""A turn gives the numbers the latency suite gives, and energy where there is a counter."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from slmbench.backends.fake import Fake
from slmbench.execute.turns import Turns, peaks, round_scores
from slmbench.meters.replay import Replay
from slmbench.ports import Meter
from slmbench.schema.base import Absent
from slmbench.schema.model_spec import ModelSpec
from slmbench.schema.plan import Job, TaskRef
from slmbench.suites.latency import Latency
from slmbench.suites.timed_rounds import Round
from slmbench.suites.workload_file import load_workload
from tests.contract.memory_context import NO_COUNTER, MemoryContext


class CountedContext(MemoryContext):
    """A host whose energy counter is a recording of two windows."""

    def meter(self, name: str, **options: Any) -> Meter | Absent:
        if name != "zeus":
            return super().meter(name, **options)
        row = {"reading": "energy_j", "unit": "J", "how": "counter"}
        return Replay(trace=[{**row, "window": "1", "value": "6"},
                             {**row, "window": "2", "value": ""}])  # fmt: skip


@pytest.fixture
def job(tmp_path: Path) -> Job:
    (tmp_path / "text.txt").write_text("a text that is long enough for two prompts of ten bytes")
    path = tmp_path / "tiny.yaml"
    path.write_text(
        "{workload: tiny, version: 1, text: text.txt, prompt_tokens: 10, output_tokens: 4, "
        "batch_size: 2, warmup: 3, repeats: 2}\n"
    )
    task = TaskRef(name="tiny", kind="workload", path=str(path))
    return Job(job_id="latency/tiny", suite="latency", task=task)


def backend() -> Fake:
    return Fake(ModelSpec(backend="fake", target="x"), "x")


def test_a_round_is_scored_as_the_latency_suite_scores_it(job: Job) -> None:
    result = Latency().run(job, backend(), MemoryContext())
    workload, _ = load_workload(Path(job.task.path or ""))
    rows = [row for row in result.raw["tokens"] if not row["warmup"]]
    first = min(int(row["round"]) for row in rows)
    for number, sample in enumerate(result.samples):
        own = [row for row in rows if row["round"] == first + number]
        times = tuple(
            tuple(float(row["time_s"]) for row in own if row["request"] == request)
            for request in range(2)
        )
        scores = round_scores(workload, Round(times, None, None))
        assert scores and scores == {name: sample.scores[name] for name in scores}


def test_a_turn_without_a_counter_is_one_round_and_says_why_there_is_no_energy(job: Job) -> None:
    context = MemoryContext()
    turns = Turns(job, backend(), context)
    assert context.progressed == [(1, 3), (2, 3), (3, 3)]
    ready = turns.described()
    assert ready["workload"]["workload"] == "tiny" and all(ready["fingerprints"].values())
    taken = turns.take()
    (times,) = taken["token_times_s"]
    assert [len(request) for request in times] == [4, 4]
    assert taken["scores"]["ttft_s"] == pytest.approx((times[0][0] + times[1][0]) / 2)
    assert taken["elapsed_s"] >= taken["scores"]["e2e_s"] > 0
    assert set(taken["unscored"]) == {"j_per_output_token", "j_per_request"}
    assert all(NO_COUNTER in reason for reason in taken["unscored"].values())


def test_a_counted_turn_lasts_long_enough_and_shares_its_joules_out(job: Job) -> None:
    turns = Turns(job, backend(), CountedContext())
    taken = turns.take()
    rounds = len(taken["token_times_s"])
    assert taken["elapsed_s"] >= 0.5 and rounds > 1
    assert taken["scores"]["j_per_request"] == pytest.approx(6.0 / (2 * rounds))
    assert taken["scores"]["j_per_output_token"] == pytest.approx(6.0 / (2 * rounds * 4))
    assert taken["unscored"] == {}
    second = turns.take()
    assert "j_per_request" not in second["scores"]
    assert "no value" in second["unscored"]["j_per_request"]


def test_the_peaks_are_of_this_process() -> None:
    read = peaks(backend(), MemoryContext())["memory"]
    assert read["peak_resident_bytes"]["value"] > 10 * 2**20
    assert set(read) == {"peak_resident_bytes", "peak_device_bytes"}
